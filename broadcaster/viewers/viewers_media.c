#include "broadcaster/viewers/viewers_media.h"

#include <string.h>

#include "base/clock.h"
#include "broadcaster/viewers/viewers_answer_internal.h"

#define SENTENCE_MAX (2 * MEDIA_PATH_MAX)
#define NANOSECONDS  1000000000
#define MILLISECONDS 1000

/* A file may become another one; what is cached is asked about by its tag then. */
#define CACHE_FILE  "public, max-age=60"
#define CACHE_SHORT "max-age=1"

static void say_why(struct answer *a, enum err e, const char *path)
{
    switch (e) {
    case ERR_NOENT:
        answer_say(a, 404, "There is no media file \"%s\" here now.", path, "");
        break;
    case ERR_UNSUPPORTED:
        answer_say(a, 404, "\"%s\" is no file: /media.json lists what can be played.", path, "");
        break;
    case ERR_AUTH:
        answer_say(a, 403, "The server may not read the media file \"%s\".", path, "");
        break;
    case ERR_LIMIT:
        answer_say(a, 503, "Too many media files are being sent; try again in a moment.", "", "");
        break;
    case ERR_NOMEM:
        answer_no_memory(a);
        break;
    default:
        answer_say(a, 500, "The media file \"%s\" cannot be read now.", path, "");
        break;
    }
}

static void give_file(struct media *m, struct answer *a, const char *path)
{
    enum err e = media_file_open(m, path, &a->file);
    if (e != ERR_OK) {
        say_why(a, e, path);
        return;
    }
    const struct media_type *type = media_type_of(path);
    int64_t modified_s = a->file->stat.modified_ns / NANOSECONDS;
    a->status = 200;
    a->content_type = type->type;
    a->cache_control = type->kind == MEDIA_KIND_PLAYLIST ? CACHE_SHORT : CACHE_FILE;
    a->ranges = true;
    a->tag = media_file_tag(a->file);
    if (modified_s > 0) {
        /* Within a second there may be several, and all have the same date (RFC 9110, 8.8.2.2). */
        a->modified_s = modified_s;
        a->modified_surely = clock_wall_ms() / MILLISECONDS - modified_s > 1;
    }
}

static void say_not_yet(struct answer *a)
{
    answer_say(a, 503,
               "The server has not looked through its media files yet; try again in a "
               "moment.",
               "", "");
}

static void give_video(struct media *m, struct answer *a)
{
    char path[MEDIA_PATH_MAX + 1];
    enum err e = media_catalog_first_video(media_catalog_of(m), path);
    if (e == ERR_AGAIN) {
        say_not_yet(a);
    } else if (e != ERR_OK) {
        answer_say(a, 404, "There is no video among the media files here.", "", "");
    } else {
        give_file(m, a, path);
        a->part_max = media_video_bytes(m);
    }
}

static void give_list(struct media *m, bool listed, struct answer *a)
{
    struct media_text text;
    if (!listed) {
        answer_say(a, 404, "This server does not tell which media files it has: play /media/FILE.",
                   "", "");
        return;
    }
    enum err e = media_catalog_text(media_catalog_of(m), &text);
    if (e == ERR_OK) {
        a->status = 200;
        a->content_type = MEDIA_JSON_TYPE;
        a->blob = text.plain;
        a->gzip = text.gzip;
        a->tag = text.tag;
    } else if (e == ERR_AGAIN) {
        say_not_yet(a);
    } else {
        answer_no_memory(a);
    }
}

static void give(struct media *m, bool listed, const struct media_ask *ask, struct answer *a)
{
    if (ask->what == MEDIA_BAD || ask->what == MEDIA_UNKNOWN) {
        answer_say(a, ask->what == MEDIA_BAD ? 400 : 404, "%s", ask->why, "");
    } else if (m == NULL) {
        answer_say(a, 404, "This server has no media files: streams are at /stream/ID.m3u8.", "",
                   "");
    } else if (ask->what == MEDIA_FILE) {
        give_file(m, a, ask->path);
    } else if (ask->what == MEDIA_VIDEO) {
        give_video(m, a);
    } else if (ask->what == MEDIA_LIST) {
        give_list(m, listed, a);
    } else {
        answer_say(a, 404, "This server has no pages: the file is at /media/%s.", ask->path, "");
    }
}

bool viewers_media_answer(struct media *media, bool listed, const struct viewer_request *request,
                          struct answer *a)
{
    struct media_ask ask = media_path_parse(request->target);
    bool get = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
    if (!get || ask.what == MEDIA_NONE) {
        return false;
    }
    *a = (struct answer){.cache_control = CACHE_SHORT};
    buf_init(&a->text, SENTENCE_MAX);
    buf_init(&a->location, SENTENCE_MAX);
    give(media, listed, &ask, a);
    answer_select(a, request);
    return true;
}
