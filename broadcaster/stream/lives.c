#include "broadcaster/stream/lives.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/id.h"
#include "base/mem.h"
#include "run/log.h"
#include "run/private_file.h"

#define LINE_MAX_BYTES (ID_MAX + 2)

struct lives {
    char *dir;
    int folder;              /* -1: there is none */
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
    int fd = openat(l->folder, LIVES_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (f == NULL) {
        if (errno != ENOENT) {
            log_warn("lives", "no_file", "cannot read %s/" LIVES_FILE ": %s", l->dir,
                     strerror(errno));
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

struct lives *lives_open(const char *dir)
{
    struct lives *l = mem_alloc(sizeof *l);
    l->dir = mem_strdup(dir);
    l->ids = mem_alloc(LIVES_MAX * sizeof l->ids[0]);
    l->folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    l->unwritable = l->folder < 0;
    if (l->unwritable) {
        log_warn("lives", "no_folder", "cannot open %s: %s", dir, strerror(errno));
        return l;
    }
    read_file(l);
    return l;
}

void lives_close(struct lives *l)
{
    if (l != NULL) {
        if (l->folder >= 0) {
            close(l->folder);
        }
        mem_free(l->dir);
        mem_free(l->ids);
        mem_free(l);
    }
}

static enum err write_file(const struct lives *l)
{
    struct buf text;
    buf_init(&text, (size_t)LIVES_MAX * LINE_MAX_BYTES);
    enum err e = ERR_OK;
    for (size_t i = 0; i < l->n && e == ERR_OK; i++) {
        e = buf_printf(&text, "%s\n", l->ids[i]);
    }
    if (e == ERR_OK) {
        e = private_file_put(l->folder, LIVES_FILE, buf_span(&text));
    }
    buf_fini(&text);
    return e;
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
    if (!known && !l->unwritable && write_file(l) != ERR_OK) {
        l->unwritable = true;
        log_warn("lives", "not_written",
                 "%s/" LIVES_FILE
                 ": %s; after a restart players that held a stream may have to load it anew",
                 l->dir, strerror(errno));
    }
}
