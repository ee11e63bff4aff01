#include "broadcaster/media/media.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "broadcaster/viewers/http_tag.h"
#include "run/json.h"
#include "run/metrics.h"

struct media {
    struct media_catalog *catalog;
    int max_open;
    uint64_t video_bytes;
    atomic_int open;
    atomic_ullong opened, refused;
};

static const char *why_of(enum err e)
{
    switch (e) {
    case ERR_NOENT:
        return "is not there";
    case ERR_AUTH:
        return "may not be read by this user";
    case ERR_UNSUPPORTED:
        return "is not a folder";
    case ERR_LIMIT:
        return "cannot be opened: too many files are open";
    default:
        return "cannot be opened";
    }
}

enum err media_create(const struct media_config *config, struct media **ret_media,
                      const char **ret_why)
{
    struct media_catalog *catalog = NULL;
    enum err e = media_catalog_create(config->folder, &catalog);
    if (e != ERR_OK) {
        *ret_why = why_of(e);
        return e;
    }
    struct media *m = mem_alloc(sizeof *m);
    m->catalog = catalog;
    m->max_open = config->max_open;
    m->video_bytes = config->video_bytes;
    *ret_media = m;
    return ERR_OK;
}

void media_destroy(struct media *m)
{
    if (m != NULL) {
        media_catalog_destroy(m->catalog);
        mem_free(m);
    }
}

struct media_catalog *media_catalog_of(struct media *m)
{
    return m->catalog;
}

uint64_t media_video_bytes(const struct media *m)
{
    return m->video_bytes;
}

/* --- files --- */

enum err media_file_open(struct media *m, const char *path, struct media_file **ret_file)
{
    if (atomic_fetch_add(&m->open, 1) >= m->max_open) {
        atomic_fetch_sub(&m->open, 1);
        atomic_fetch_add(&m->refused, 1);
        return ERR_LIMIT;
    }
    struct media_file *f = mem_try_alloc(sizeof *f);
    enum err e = f != NULL ? media_catalog_open(m->catalog, path, &f->fd, &f->stat) : ERR_NOMEM;
    if (e != ERR_OK) {
        mem_free(f);
        atomic_fetch_sub(&m->open, 1);
        atomic_fetch_add(&m->refused, e == ERR_LIMIT);
        return e;
    }
    f->media = m;
    snprintf(f->path, sizeof f->path, "%s", path);
    atomic_fetch_add(&m->opened, 1);
    *ret_file = f;
    return ERR_OK;
}

void media_file_close(struct media_file *f)
{
    if (f == NULL) {
        return;
    }
    if (f->fd >= 0) {
        close(f->fd);
    }
    atomic_fetch_sub(&f->media->open, 1);
    mem_free(f);
}

int media_file_take(struct media_file *f)
{
    int fd = f->fd;
    f->fd = -1;
    return fd;
}

uint64_t media_file_tag(const struct media_file *f)
{
    const uint64_t numbers[] = {f->stat.inode, f->stat.size, (uint64_t)f->stat.modified_ns};
    return http_tag_of_numbers(numbers, sizeof numbers / sizeof numbers[0]);
}

/* --- reports --- */

void media_status(struct media *m, struct json *ret_object)
{
    struct media_catalog_figures f = media_catalog_figures(m->catalog);
    struct json *o = json_new_object();
    json_set_int(o, "files", (int64_t)f.listed);
    json_set_int(o, "folders", (int64_t)f.folders);
    json_set_int(o, "bytes", (int64_t)f.bytes);
    json_set_int(o, "waiting", (int64_t)f.waiting);
    json_set_int(o, "unreadable", (int64_t)f.unreadable);
    json_set_int(o, "no_address", (int64_t)f.skipped);
    json_set_bool(o, "complete", !f.truncated);
    json_set_bool(o, "folder_missing", f.missing);
    json_set_bool(o, "watched", f.watched);
    json_set_int(o, "open", atomic_load(&m->open));
    json_set_int(o, "requests", (int64_t)atomic_load(&m->opened));
    json_set_int(o, "refused", (int64_t)atomic_load(&m->refused));
    json_set(ret_object, "media", o);
}

void media_metrics(struct media *m, struct metrics *ret_metrics)
{
    struct media_catalog_figures f = media_catalog_figures(m->catalog);
    metrics_one(ret_metrics, METRIC_GAUGE, "sbe_media_files", "Media files that are listed.",
                (double)f.listed);
    metrics_one(ret_metrics, METRIC_GAUGE, "sbe_media_waiting",
                "Media files that have not been read yet.", (double)f.waiting);
    metrics_one(ret_metrics, METRIC_GAUGE, "sbe_media_unreadable",
                "Media files that could not be read.", (double)f.unreadable);
    metrics_one(ret_metrics, METRIC_GAUGE, "sbe_media_folder_missing",
                "1 while the folder of media files is not there.", f.missing ? 1 : 0);
    metrics_one(ret_metrics, METRIC_GAUGE, "sbe_media_open", "Media files that are being sent.",
                (double)atomic_load(&m->open));
    metrics_one(ret_metrics, METRIC_COUNTER, "sbe_media_requests_total",
                "Requests for media files that are there.", (double)atomic_load(&m->opened));
    metrics_one(ret_metrics, METRIC_COUNTER, "sbe_media_refused_total",
                "Requests for media files while too many were open.",
                (double)atomic_load(&m->refused));
}
