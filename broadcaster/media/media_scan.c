#include "broadcaster/media/media_scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broadcaster/media/media_path.h"

#define SETTLED_MS     1000
#define NANOSECONDS_MS 1000000

struct walk {
    const struct media_scan *scan;
    struct media_entries *out;
    char path[MEDIA_PATH_MAX + 1]; /* of the folder, with a slash at the end; "": the outermost */
    int64_t now_ms, wall_ms;
    int depth;
};

static enum err walk_folder(struct walk *w, int fd);

/* False: there is no room for the name. */
static bool enter(struct walk *w, const char *name, const char *end, size_t *ret_before)
{
    size_t before = strlen(w->path);
    size_t room = sizeof w->path - before;
    int n = snprintf(w->path + before, room, "%s%s", name, end);
    if (n < 0 || (size_t)n >= room) {
        w->path[before] = '\0';
        return false;
    }
    *ret_before = before;
    return true;
}

/* What was touched a moment ago may still grow; a clock that was set back proves nothing. */
static int64_t changed_at(const struct walk *w, const struct media_stat *stat)
{
    int64_t age_ms = w->wall_ms - stat->modified_ns / NANOSECONDS_MS;
    return age_ms >= SETTLED_MS ? INT64_MIN : w->now_ms;
}

static enum err add_file(struct walk *w, const char *name, const struct media_stat *stat)
{
    size_t before;
    enum media_kind kind = media_type_of(name)->kind;
    if (kind == MEDIA_KIND_OTHER || kind == MEDIA_KIND_PIECE) {
        return ERR_OK;
    }
    if (w->out->count == MEDIA_LISTED_MAX) {
        w->out->truncated = true;
        return ERR_OK;
    }
    if (!enter(w, name, "", &before)) {
        w->out->skipped++;
        return ERR_OK;
    }
    char *path = mem_strdup(w->path);
    w->path[before] = '\0';
    enum err e = media_entries_add(w->out, path, stat, changed_at(w, stat));
    if (e != ERR_OK) {
        mem_free(path);
    }
    return e;
}

static enum err add_folder(struct walk *w, int parent, const char *name)
{
    size_t before;
    int fd;
    if (w->depth == MEDIA_DEPTH_MAX || w->out->folders == MEDIA_FOLDERS_MAX) {
        w->out->truncated = true;
        return ERR_OK;
    }
    if (!enter(w, name, "/", &before)) {
        w->out->skipped++;
        return ERR_OK;
    }
    /* One that may not be read, or has gone meanwhile, has no files for viewers either. */
    enum err e = ERR_OK;
    if (media_open_folder(parent, name, &fd) == ERR_OK) {
        w->depth++;
        e = walk_folder(w, fd);
        w->depth--;
    }
    w->path[before] = '\0';
    return e;
}

static enum err add_name(struct walk *w, int folder, const char *name)
{
    struct media_stat stat;
    bool is_folder = false;
    if (name[0] == '.') {
        return ERR_OK;
    }
    if (!media_path_is_name(name)) {
        w->out->skipped++;
        return ERR_OK;
    }
    enum err e = media_stat_at(folder, name, &stat, &is_folder);
    if (e == ERR_OK) {
        return add_file(w, name, &stat);
    }
    return is_folder ? add_folder(w, folder, name) : ERR_OK;
}

/* Takes fd. */
static enum err walk_folder(struct walk *w, int fd)
{
    /* Before its names are read: what comes meanwhile is told. */
    w->scan->on_folder(w->scan->arg, fd);
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        close(fd);
        return ERR_NOMEM;
    }
    w->out->folders++;
    enum err e = ERR_OK;
    for (struct dirent *d; e == ERR_OK && (d = readdir(dir)) != NULL;) {
        e = atomic_load(w->scan->cancel) ? ERR_CLOSED : add_name(w, fd, d->d_name);
    }
    closedir(dir);
    return e;
}

enum err media_scan(const struct media_scan *scan, struct media_entries *ret_entries)
{
    struct media_entries out = {.count = 0};
    struct walk w = {
        .scan = scan,
        .out = &out,
        .now_ms = clock_mono_ms(),
        .wall_ms = clock_wall_ms(),
    };
    int fd = -1;
    enum err e = media_open_folder(scan->root, ".", &fd);
    if (e == ERR_OK) {
        e = walk_folder(&w, fd);
    }
    if (e != ERR_OK) {
        media_entries_fini(&out);
        return e;
    }
    *ret_entries = out;
    return ERR_OK;
}
