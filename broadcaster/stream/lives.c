#include "broadcaster/stream/lives.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "base/mem.h"
#include "run/log.h"

#define LINE_MAX_BYTES (ID_MAX + 2)

struct lives {
    char *path;
    char (*ids)[ID_MAX + 1]; /* the one begun last stands last */
    size_t n;
    bool unwritable; /* and said so */
};

static void append(struct lives *l, const char *id)
{
    if (l->n == LIVES_MAX) {
        l->n--;
        memmove(l->ids[0], l->ids[1], l->n * sizeof l->ids[0]);
    }
    snprintf(l->ids[l->n++], sizeof l->ids[0], "%s", id);
}

static void read_file(struct lives *l)
{
    char line[LINE_MAX_BYTES + 1];
    FILE *f = fopen(l->path, "re");
    if (f == NULL) {
        if (errno != ENOENT) {
            log_warn("lives", "no_file", "cannot read %s: %s", l->path, strerror(errno));
        }
        return;
    }
    while (fgets(line, sizeof line, f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (id_valid(span_cstr(line))) {
            append(l, line);
        }
    }
    fclose(f);
}

struct lives *lives_open(const char *path)
{
    struct lives *l = mem_alloc(sizeof *l);
    size_t size = strlen(path) + 1;
    l->path = mem_alloc(size);
    memcpy(l->path, path, size);
    l->ids = mem_alloc(LIVES_MAX * sizeof l->ids[0]);
    read_file(l);
    return l;
}

void lives_close(struct lives *l)
{
    if (l != NULL) {
        mem_free(l->path);
        mem_free(l->ids);
        mem_free(l);
    }
}

/* Whole or not at all: a half-written file would forget streams. */
static bool write_file(const struct lives *l)
{
    char temp[4096];
    if (snprintf(temp, sizeof temp, "%s.new", l->path) >= (int)sizeof temp) {
        errno = ENAMETOOLONG;
        return false;
    }
    FILE *f = fopen(temp, "we");
    if (f == NULL) {
        return false;
    }
    bool good = true;
    for (size_t i = 0; i < l->n && good; i++) {
        good = fprintf(f, "%s\n", l->ids[i]) > 0;
    }
    good = fclose(f) == 0 && good;
    return good && rename(temp, l->path) == 0;
}

static size_t find(const struct lives *l, const char *id)
{
    size_t i = 0;
    while (i < l->n && strcmp(l->ids[i], id) != 0) {
        i++;
    }
    return i;
}

bool lives_known(const struct lives *l, const char *id)
{
    return find(l, id) < l->n;
}

void lives_note(struct lives *l, const char *id)
{
    size_t i = find(l, id);
    bool known = i < l->n;
    if (known) {
        l->n--;
        memmove(l->ids[i], l->ids[i + 1], (l->n - i) * sizeof l->ids[0]);
    }
    append(l, id);
    if (!known && !l->unwritable && !write_file(l)) {
        l->unwritable = true;
        log_warn("lives", "not_written",
                 "%s: %s; after a restart players that held a stream may have to load it anew",
                 l->path, strerror(errno));
    }
}
