#include "broadcaster/viewers_answer.h"

#include <inttypes.h>
#include <string.h>

#include "broadcaster/hls.h"
#include "broadcaster/packager.h"
#include "broadcaster/playlist.h"
#include "run/log.h"

#define PLAIN_TEXT   "text/plain; charset=utf-8"
#define SEGMENT_TYPE "video/mp2t" /* RFC 3555 */

/* A playlist may be kept for half a target duration; what is not here may be here soon; a number
 * never gets other bytes. */
#define CACHE_SHORT   "max-age=1"
#define CACHE_SEGMENT "public, max-age=3600, immutable"
#define CACHE_STATIC  "max-age=60"

#define LOCATION_MAX 1024

static const char front_text[] =
    "This is a broadcaster of the Streaming Back-End: live streams over HLS.\n"
    "\n"
    "/stream/ID.m3u8               a stream in all its renditions\n"
    "/stream/current.m3u8          the newest stream, where that is switched on\n"
    "/stream/ID/RENDITION.m3u8     one rendition: source, P360p30fps16x9, ...\n"
    "/healthz                      says ok\n"
    "\n"
    "Give such an address to a player (hls.js, Safari, VLC, ffplay).\n";

/* Sets status and a line of text; when even that finds no memory, the body stays empty. */
static void say(struct answer *a, int status, const char *format, const char *one, const char *two)
{
    enum err e = buf_printf(&a->text, format, one, two);
    if (e == ERR_OK) {
        e = buf_put_u8(&a->text, '\n');
    }
    a->status = status;
    a->content_type = PLAIN_TEXT;
    a->cache_control = status == 200 ? CACHE_STATIC : CACHE_SHORT;
    if (e != ERR_OK) {
        buf_clear(&a->text);
    }
}

static void say_no_memory(struct answer *a)
{
    buf_clear(&a->text);
    say(a, 503, "The server is short of memory; try again in a moment.", "", "");
}

static void give_text(struct answer *a, enum err e)
{
    if (e != ERR_OK) {
        say_no_memory(a);
        return;
    }
    a->kind = ANSWER_PLAYLIST;
    a->status = 200;
    a->content_type = PLAYLIST_TYPE;
    a->cache_control = CACHE_SHORT;
}

/* The id that is meant. A stream that is really called "current" can be had where the newest one
 * is not on offer. */
static void resolve(struct board *board, struct hls_ask *ask)
{
    char id[sizeof ask->id] = "";
    if (ask->current && board_current(board, id, sizeof id) == ERR_OK) {
        memcpy(ask->id, id, sizeof id);
    }
}

static void say_no_stream(struct answer *a, const struct hls_ask *ask)
{
    if (ask->current) {
        say(a, 404, "There is no current stream: none is live, or this server does not tell.", "",
            "");
    } else {
        say(a, 404, "There is no stream \"%s\" here now.", ask->id, "");
    }
}

static void give_master(struct answer *a, struct board *board, struct hls_ask *ask)
{
    struct variant list[BOARD_RENDITIONS_MAX];
    resolve(board, ask);
    size_t n = board_variants(board, ask->id, list, BOARD_RENDITIONS_MAX);
    if (n == 0) {
        say_no_stream(a, ask);
    } else {
        give_text(a, playlist_master(&a->text, ask->id, list, n));
    }
}

static void give_redirect(struct answer *a, struct board *board, struct hls_ask *ask)
{
    struct variant any;
    const char *to = ask->current ? "current" : ask->id;
    struct hls_ask meant = *ask;
    resolve(board, &meant);
    if (board_variants(board, meant.id, &any, 1) == 0) {
        say_no_stream(a, ask);
    } else if (playlist_put_master_path(&a->location, to) != ERR_OK ||
               buf_put_u8(&a->location, '\0') != ERR_OK) {
        say_no_memory(a);
    } else {
        say(a, 302, "The stream is at %s.", (const char *)a->location.data, "");
    }
}

/* NULL, with the answer given, when there is no such rendition. Gives. */
static struct window *find_window(struct answer *a, struct board *board, const struct hls_ask *ask)
{
    struct variant any;
    struct window *w = board_window(board, ask->id, ask->rendition);
    if (w == NULL && board_variants(board, ask->id, &any, 1) == 0) {
        say(a, 404, "There is no stream \"%s\" here now.", ask->id, "");
    } else if (w == NULL) {
        say(a, 404, "Stream \"%s\" has no rendition \"%s\" now.", ask->id, ask->rendition);
    }
    return w;
}

static void give_media(struct answer *a, struct board *board, const struct hls_ask *ask)
{
    struct window *w = find_window(a, board, ask);
    if (w != NULL && w->listed == 0) {
        say(a, 404, "Rendition \"%s\" of stream \"%s\" has no segment yet.", ask->rendition,
            ask->id);
    } else if (w != NULL) {
        give_text(a, playlist_media(&a->text, ask->id, ask->rendition, w));
    }
    window_unref(w);
}

static void say_no_segment(struct answer *a, const struct window *w, const struct hls_ask *ask)
{
    bool late = w->count > 0 && ask->msn < segment_info(w->segments[0])->msn;
    bool early = w->count > 0 && ask->msn > segment_info(w->segments[w->count - 1])->msn;
    say(a, 404,
        late    ? "That segment of rendition \"%s\" of stream \"%s\" is too old: it has gone."
        : early ? "That segment of rendition \"%s\" of stream \"%s\" is not there yet."
                : "Rendition \"%s\" of stream \"%s\" does not have that segment.",
        ask->rendition, ask->id);
}

static void give_container(struct answer *a, struct segment *s, const struct hls_ask *ask)
{
    enum err e = segment_container(s, packager_mpegts, &a->blob);
    if (e == ERR_OK) {
        a->kind = ANSWER_SEGMENT;
        a->status = 200;
        a->content_type = SEGMENT_TYPE;
        a->cache_control = CACHE_SEGMENT;
    } else if (e == ERR_NOENT) {
        say(a, 404, "That segment of rendition \"%s\" of stream \"%s\" is missing: a gap.",
            ask->rendition, ask->id);
    } else if (e == ERR_NOMEM) {
        say_no_memory(a);
    } else {
        log_warn("viewers", "packaging_failed", "stream=%s rendition=%s msn=%" PRIu64 " why=\"%s\"",
                 ask->id, ask->rendition, ask->msn, err_text(e));
        say(a, 500, "That segment of rendition \"%s\" of stream \"%s\" cannot be packaged.",
            ask->rendition, ask->id);
    }
}

static void give_segment(struct answer *a, struct board *board, const struct hls_ask *ask)
{
    struct window *w = find_window(a, board, ask);
    if (w == NULL) {
        return;
    }
    struct segment *s = window_find(w, ask->msn);
    if (s != NULL) {
        give_container(a, s, ask);
    } else {
        say_no_segment(a, w, ask);
    }
    window_unref(w);
}

static void give(struct answer *a, struct board *board, struct hls_ask *ask)
{
    switch (ask->what) {
    case HLS_FRONT:
        say(a, 200, "%s", front_text, "");
        break;
    case HLS_HEALTH:
        say(a, 200, "ok", "", "");
        a->cache_control = "no-store";
        break;
    case HLS_MASTER:
        give_master(a, board, ask);
        break;
    case HLS_REDIRECT:
        give_redirect(a, board, ask);
        break;
    case HLS_MEDIA:
        give_media(a, board, ask);
        break;
    case HLS_SEGMENT:
        give_segment(a, board, ask);
        break;
    case HLS_UNKNOWN:
        say(a, 404, "%s", ask->why, "");
        break;
    case HLS_BAD:
        say(a, 400, "%s", ask->why, "");
        break;
    }
}

void answer_init(struct answer *a, struct board *board, const char *method, struct span target)
{
    *a = (struct answer){.cache_control = CACHE_SHORT};
    buf_init(&a->text, ANSWER_TEXT_MAX);
    buf_init(&a->location, LOCATION_MAX);
    if (strcmp(method, "OPTIONS") == 0) {
        a->status = 204;
    } else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        say(a, 405, "Only GET, HEAD and OPTIONS are understood here.", "", "");
    } else {
        struct hls_ask ask = hls_parse(target);
        give(a, board, &ask);
    }
}

void answer_fini(struct answer *a)
{
    blob_unref(a->blob);
    buf_fini(&a->text);
    buf_fini(&a->location);
}
