#include "broadcaster/media/media_list.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/hls/json_put.h"
#include "broadcaster/media/media_path.h"

#define END            "]}\n"
#define ROOM_FIRST     64
#define NANOSECONDS_MS 1000000

static void entry_fini(struct media_entry *e)
{
    mem_free(e->path);
}

void media_entries_fini(struct media_entries *list)
{
    for (size_t i = 0; i < list->count; i++) {
        entry_fini(&list->items[i]);
    }
    mem_free(list->items);
    *list = (struct media_entries){.count = 0};
}

enum err media_entries_add(struct media_entries *list, char *path, const struct media_stat *stat,
                           int64_t changed_ms)
{
    if (list->count == list->room) {
        size_t room = list->room > 0 ? 2 * list->room : ROOM_FIRST;
        struct media_entry *items = mem_try_realloc(list->items, room * sizeof *items);
        if (items == NULL) {
            return ERR_NOMEM;
        }
        list->items = items;
        list->room = room;
    }
    const struct media_type *type = media_type_of(path);
    list->items[list->count++] = (struct media_entry){
        .path = path,
        .type = type,
        .stat = *stat,
        .state = type->kind == MEDIA_KIND_PLAYLIST ? MEDIA_BLIND : MEDIA_NEW,
        .changed_ms = changed_ms,
    };
    return ERR_OK;
}

/* --- once all are in there --- */

static int by_path(const void *a, const void *b)
{
    const struct media_entry *x = a;
    const struct media_entry *y = b;
    return strcmp(x->path, y->path);
}

static size_t folder_len(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (size_t)(slash + 1 - path) : 0;
}

static bool same_folder(const char *a, const char *b)
{
    size_t n = folder_len(a);
    return n == folder_len(b) && memcmp(a, b, n) == 0;
}

/* By folder, the playlists of each first. */
static int by_folder(const void *a, const void *b)
{
    const struct media_entry *x = a;
    const struct media_entry *y = b;
    size_t n = folder_len(x->path), m = folder_len(y->path);
    int d = memcmp(x->path, y->path, n < m ? n : m);
    if (d == 0) {
        d = (n > m) - (n < m);
    }
    bool px = x->type->kind == MEDIA_KIND_PLAYLIST, py = y->type->kind == MEDIA_KIND_PLAYLIST;
    return d != 0 ? d : (int)py - (int)px;
}

static void drop_pieces(struct media_entries *list)
{
    size_t kept = 0;
    const struct media_entry *playlist = NULL;
    qsort(list->items, list->count, sizeof list->items[0], by_folder);
    for (size_t i = 0; i < list->count; i++) {
        struct media_entry *e = &list->items[i];
        bool beside = playlist != NULL && same_folder(playlist->path, e->path);
        if (beside && e->type->piece_too) {
            entry_fini(e);
            continue;
        }
        list->items[kept] = *e;
        if (e->type->kind == MEDIA_KIND_PLAYLIST) {
            playlist = &list->items[kept];
        }
        kept++;
    }
    list->count = kept;
}

void media_entries_settle(struct media_entries *list, const struct media_entries *before)
{
    if (list->count == 0) {
        return;
    }
    drop_pieces(list);
    qsort(list->items, list->count, sizeof list->items[0], by_path);
    for (size_t i = 0; i < list->count; i++) {
        struct media_entry *e = &list->items[i];
        const struct media_entry *old = media_entries_find(before, e->path);
        if (old != NULL && media_stat_equal(&old->stat, &e->stat)) {
            e->state = old->again ? MEDIA_NEW : old->state;
            e->again = old->again;
            e->facts = old->facts;
            e->changed_ms = old->changed_ms;
        }
    }
}

bool media_entries_equal(const struct media_entries *a, const struct media_entries *b)
{
    if (a->count != b->count || a->truncated != b->truncated || a->folders != b->folders ||
        a->skipped != b->skipped) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        const struct media_entry *x = &a->items[i], *y = &b->items[i];
        if (strcmp(x->path, y->path) != 0 || x->state != y->state ||
            !media_stat_equal(&x->stat, &y->stat)) {
            return false;
        }
    }
    return true;
}

const struct media_entry *media_entries_find(const struct media_entries *list, const char *path)
{
    const struct media_entry key = {.path = (char *)(uintptr_t)path};
    return list->count > 0 ? bsearch(&key, list->items, list->count, sizeof list->items[0], by_path)
                           : NULL;
}

const struct media_entry *media_entries_first_video(const struct media_entries *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct media_entry *e = &list->items[i];
        if (e->type->kind == MEDIA_KIND_VIDEO && e->state == MEDIA_READ) {
            return e;
        }
    }
    return NULL;
}

/* --- /media.json --- */

static enum err put_number(struct buf *out, const char *key, int64_t v)
{
    enum err e = buf_printf(out, ",\"%s\":", key);
    if (e != ERR_OK) {
        return e;
    }
    return v > 0 ? buf_printf(out, "%" PRId64, v) : json_put_text(out, "null");
}

static enum err put_milli(struct buf *out, const char *key, int64_t v)
{
    enum err e = buf_printf(out, ",\"%s\":", key);
    if (e != ERR_OK) {
        return e;
    }
    return v > 0 ? json_put_milli(out, v) : json_put_text(out, "null");
}

static enum err put_text(struct buf *out, const char *key, const char *text)
{
    enum err e = buf_printf(out, ",\"%s\":", key);
    return e == ERR_OK ? json_put_string_or_null(out, text) : e;
}

static enum err put_names(struct buf *out, const struct media_entry *m)
{
    enum err e = json_put_text(out, "{\"name\":");
    e = e == ERR_OK ? json_put_string(out, m->path) : e;
    e = e == ERR_OK ? put_text(out, "title", m->facts.title) : e;
    e = e == ERR_OK ? json_put_text(out, ",\"url\":\"") : e;
    e = e == ERR_OK ? media_path_put_url(out, MEDIA_FILES_URL, m->path) : e;
    e = e == ERR_OK ? json_put_text(out, "\"") : e;
    return e == ERR_OK ? put_text(out, "type", m->type->type) : e;
}

static enum err put_facts(struct buf *out, const struct media_entry *m)
{
    static const char *const states[] = {[MEDIA_NEW] = "new",
                                         [MEDIA_READ] = "ready",
                                         [MEDIA_UNREADABLE] = "unreadable",
                                         [MEDIA_BLIND] = "ready"};
    const struct media_facts *f = &m->facts;
    enum err e = put_text(out, "state", states[m->state]);
    e = e == ERR_OK ? buf_printf(out, ",\"size\":%" PRIu64 ",\"modified\":", m->stat.size) : e;
    e = e == ERR_OK ? json_put_time(out, m->stat.modified_ns / NANOSECONDS_MS) : e;
    e = e == ERR_OK ? put_milli(out, "duration_s", f->duration_ms) : e;
    e = e == ERR_OK ? put_number(out, "bandwidth", f->bitrate_bps) : e;
    e = e == ERR_OK ? put_text(out, "video_codec", f->video_codec) : e;
    e = e == ERR_OK ? put_text(out, "audio_codec", f->audio_codec) : e;
    e = e == ERR_OK ? put_number(out, "width", f->width) : e;
    e = e == ERR_OK ? put_number(out, "height", f->height) : e;
    e = e == ERR_OK ? put_milli(out, "fps", f->fps_milli) : e;
    return e == ERR_OK ? buf_put_u8(out, '}') : e;
}

enum err media_json(struct buf *out, const struct media_entries *list)
{
    size_t begin = out->len;
    enum err e =
        buf_printf(out, "{\"complete\":%s,\"media\":[", list->truncated ? "false" : "true");
    for (size_t i = 0; i < list->count && e == ERR_OK; i++) {
        size_t before = out->len;
        e = i > 0 ? buf_put_u8(out, ',') : ERR_OK;
        e = e == ERR_OK ? put_names(out, &list->items[i]) : e;
        e = e == ERR_OK ? put_facts(out, &list->items[i]) : e;
        if (e == ERR_LIMIT || (e == ERR_OK && out->max - out->len < strlen(END))) {
            out->len = before;
            e = ERR_OK;
            break;
        }
    }
    e = e == ERR_OK ? json_put_text(out, END) : e;
    if (e != ERR_OK) {
        out->len = begin;
    }
    return e;
}
