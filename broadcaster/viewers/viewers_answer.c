#include "broadcaster/viewers/viewers_answer_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/hls/hls.h"
#include "broadcaster/hls/playlist.h"
#include "broadcaster/hls/playlist_live.h"
#include "broadcaster/media/media.h"
#include "broadcaster/pack/packager.h"
#include "broadcaster/viewers/gzip.h"
#include "run/log.h"

#define PLAIN_TEXT   "text/plain; charset=utf-8"
#define SEGMENT_TYPE "video/mp2t" /* RFC 3555 */

/* A playlist may be kept for half a target duration, also an ended one, since its publisher may
 * come back; what is not here may be here soon; a number never gets other bytes. */
#define CACHE_SHORT   "max-age=1"
#define CACHE_SEGMENT "public, max-age=3600, immutable"
#define CACHE_STATIC  "max-age=60"
#define CACHE_NEVER   "no-store"
#define CACHE_ASK     "no-cache" /* kept, and asked about each time */

#define LOCATION_MAX (1024 + HLS_QUERY_MAX)

static const char front_text[] =
    "This is a broadcaster of the Streaming Back-End: live streams over HLS.\n"
    "\n"
    "/stream/ID.m3u8               a stream in all its renditions\n"
    "/stream/current.m3u8          the newest stream, where that is switched on\n"
    "/stream/ID/RENDITION.m3u8     one rendition: source, P360p30fps16x9, ...\n"
    "/stream/ID/live.m3u8          the stream in fMP4, picture and sound apart\n"
    "/streams.json                 which streams there are, where the server tells\n"
    "/stream/index.m3u8            all of them in one playlist\n"
    "/media/FILE                   a media file, where there are some\n"
    "/media.json                   which media files there are\n"
    "/video                        the first video of them\n"
    "/healthz                      says ok\n"
    "\n"
    "Give such an address to a player (hls.js, Safari, VLC, ffplay).\n";

/* Sets status and a line of text; when even that finds no memory, the body stays empty. */
void answer_say(struct answer *a, int status, const char *format, const char *one, const char *two)
{
    enum err e = buf_printf(&a->text, format, one, two);
    if (e == ERR_OK) {
        e = buf_put_u8(&a->text, '\n');
    }
    a->status = status;
    a->content_type = PLAIN_TEXT;
    a->cache_control = status == 200 ? CACHE_STATIC : status >= 500 ? CACHE_NEVER : CACHE_SHORT;
    if (e != ERR_OK) {
        buf_clear(&a->text);
    }
}

void answer_no_memory(struct answer *a)
{
    buf_clear(&a->text);
    answer_say(a, 503, "The server is short of memory; try again in a moment.", "", "");
}

void answer_playlist(struct answer *a, enum err e)
{
    if (e != ERR_OK) {
        answer_no_memory(a);
        return;
    }
    a->kind = ANSWER_PLAYLIST;
    a->status = 200;
    a->content_type = PLAYLIST_TYPE;
    a->cache_control = CACHE_SHORT;
}

void answer_playlist_age(struct answer *a, const struct window *w)
{
    if (a->status == 200 && w->target_duration_s < 2) {
        a->cache_control = CACHE_ASK; /* half of it is less than a second */
    }
}

enum err answer_page(struct buf *text, enum err e, struct window_page *ret_page)
{
    struct window_page page = {0};
    if (e == ERR_OK) {
        e = packager_give(text, &page.plain);
    }
    buf_fini(text);
    if (e != ERR_OK) {
        return e;
    }
    page.tag = http_tag_of(blob_span(page.plain));
    if (gzip_blob(page.plain, &page.gzip) != ERR_OK) {
        page.gzip = NULL; /* the plain form is good for everybody */
    }
    *ret_page = page;
    return ERR_OK;
}

void answer_playlist_kept(struct answer *a, struct blob *plain, struct blob *gzip, uint64_t tag)
{
    answer_playlist(a, ERR_OK);
    a->blob = plain;
    a->gzip = gzip;
    a->tag = tag;
}

/* The one form that is kept for all has no viewer's own query in it. */
void answer_put_query(struct answer *a, const struct hls_ask *ask)
{
    if (a->kind != ANSWER_PLAYLIST || ask->query[0] == '\0') {
        return;
    }
    struct buf text;
    buf_init(&text, ANSWER_TEXT_MAX);
    struct span plain = a->blob != NULL ? blob_span(a->blob) : buf_span(&a->text);
    enum err e = playlist_put_with_query(&text, plain, ask->query);
    blob_unref(a->blob);
    blob_unref(a->gzip);
    a->blob = NULL;
    a->gzip = NULL;
    a->tag = 0;
    buf_fini(&a->text);
    a->text = text;
    if (e != ERR_OK) {
        a->kind = ANSWER_OTHER;
        answer_no_memory(a);
    }
}

/* The id that is meant. A stream that is really called "current" can be had where the newest one
 * is not on offer. */
void answer_resolve(struct board *board, struct hls_ask *ask)
{
    char id[sizeof ask->id] = "";
    if (ask->current && board_current(board, id, sizeof id) == ERR_OK) {
        memcpy(ask->id, id, sizeof id);
    }
}

void answer_no_stream(struct answer *a, const struct hls_ask *ask)
{
    if (ask->current) {
        answer_say(a, 404,
                   "There is no current stream: none is live, or this server does not tell.", "",
                   "");
    } else {
        answer_say(a, 404, "There is no stream \"%s\" here now.", ask->id, "");
    }
}

/* "... play /stream/ID/live.m3u8", for what MPEG-TS cannot carry. */
static void say_live_only(struct answer *a, const struct hls_ask *ask)
{
    struct buf path;
    buf_init(&path, LOCATION_MAX);
    if (playlist_put_live_path(&path, ask->id) != ERR_OK || buf_put_u8(&path, 0) != ERR_OK) {
        answer_no_memory(a);
    } else {
        answer_say(a, 404, "%s by MPEG-TS: play %s instead.",
                   hls_is_audio(ask->rendition) ? "A track of sound alone is not carried"
                   : ask->rendition[0] != '\0'  ? "This rendition's codec cannot be carried"
                                                : "This stream's codecs cannot be carried",
                   (const char *)path.data);
    }
    buf_fini(&path);
}

/* Those that have a segment. */
static size_t keep_whole(const struct variant *from, size_t n, struct variant *ret_list)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (!from[i].parts_only) {
            ret_list[kept++] = from[i];
        }
    }
    return kept;
}

static size_t whole_variants(struct board *board, const char *id, struct variant *ret_list)
{
    size_t n = board_variants(board, id, ret_list, BOARD_RENDITIONS_MAX);
    return keep_whole(ret_list, n, ret_list);
}

/* ERR_STATE: there is no segment yet. */
static enum err make_master(const struct lineup *l, void *arg, struct window_page *ret_page)
{
    const struct hls_ask *ask = arg;
    struct variant list[BOARD_RENDITIONS_MAX];
    struct buf text;
    size_t all;
    const struct variant *from = lineup_variants(l, &all);
    size_t n = keep_whole(from, all, list);
    buf_init(&text, ANSWER_TEXT_MAX);
    return answer_page(&text, n > 0 ? playlist_master(&text, ask->id, list, n) : ERR_STATE,
                       ret_page);
}

enum err answer_master(struct answer *a, struct board *board, enum lineup_text which,
                       lineup_make_fn *make, struct hls_ask *ask)
{
    struct window_page page = {0};
    struct lineup *l = board_lineup(board, ask->id);
    enum err e = l != NULL ? lineup_text(l, which, make, ask, &page) : ERR_STATE;
    lineup_unref(l);
    if (e == ERR_OK) {
        answer_playlist_kept(a, page.plain, page.gzip, page.tag);
    } else if (e == ERR_STATE) {
        answer_no_stream(a, ask);
    } else if (e != ERR_NOENT) {
        answer_playlist(a, e);
    }
    return e;
}

static void give_master(struct answer *a, struct board *board, struct hls_ask *ask)
{
    answer_resolve(board, ask);
    if (answer_master(a, board, LINEUP_CLASSIC, make_master, ask) == ERR_NOENT) {
        say_live_only(a, ask);
    }
}

static bool any_in_ts(const struct variant *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i].ts != VARIANT_TS_NOTHING) {
            return true;
        }
    }
    return false;
}

static void give_redirect(struct answer *a, struct board *board, struct hls_ask *ask)
{
    struct variant list[BOARD_RENDITIONS_MAX];
    const char *to = ask->current ? "current" : ask->id;
    struct hls_ask meant = *ask;
    answer_resolve(board, &meant);
    size_t n = whole_variants(board, meant.id, list);
    if (n == 0) {
        answer_no_stream(a, ask);
        return;
    }
    enum err e = any_in_ts(list, n) && !hls_is_index(to)
                     ? playlist_put_master_path(&a->location, to)
                     : playlist_put_live_path(&a->location, to);
    if (e == ERR_OK && ask->query[0] != '\0') {
        e = buf_printf(&a->location, "?%s", ask->query);
    }
    if (e != ERR_OK || buf_put_u8(&a->location, '\0') != ERR_OK) {
        answer_no_memory(a);
    } else {
        answer_say(a, 302, "The stream is at %s.", (const char *)a->location.data, "");
    }
}

/* NULL, with the answer given, when there is no such rendition. Gives. */
struct window *answer_window(struct answer *a, struct board *board, const struct hls_ask *ask)
{
    struct variant any;
    struct window *w = board_window(board, ask->id, ask->rendition);
    if (w == NULL && board_variants(board, ask->id, &any, 1) == 0) {
        answer_say(a, 404, "There is no stream \"%s\" here now.", ask->id, "");
    } else if (w == NULL) {
        answer_say(a, 404, "Stream \"%s\" has no rendition \"%s\" now.", ask->id, ask->rendition);
    }
    return w;
}

static bool in_ts(struct board *board, const struct hls_ask *ask)
{
    struct variant list[BOARD_RENDITIONS_MAX];
    size_t n = board_variants(board, ask->id, list, BOARD_RENDITIONS_MAX);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i].name, ask->rendition) == 0) {
            return list[i].ts != VARIANT_TS_NOTHING;
        }
    }
    return true;
}

struct classic {
    const struct hls_ask *ask;
    bool dated;
};

static enum err make_classic(const struct window *w, void *arg, struct window_page *ret_page)
{
    const struct classic *c = arg;
    struct buf text;
    buf_init(&text, ANSWER_TEXT_MAX);
    return answer_page(&text, playlist_media(&text, c->ask->id, c->ask->rendition, w, c->dated),
                       ret_page);
}

static void give_media(struct answer *a, struct board *board, const struct hls_ask *ask, bool dated)
{
    struct window *w = answer_window(a, board, ask);
    if (w != NULL && w->listed == 0) {
        answer_say(a, 404, "Rendition \"%s\" of stream \"%s\" has no segment yet.", ask->rendition,
                   ask->id);
    } else if (w != NULL && !in_ts(board, ask)) {
        say_live_only(a, ask);
    } else if (w != NULL) {
        struct classic classic = {ask, dated};
        struct window_page page = {0};
        enum err e = window_text(w, WINDOW_TEXT_CLASSIC, make_classic, &classic, &page);
        if (e == ERR_OK) {
            answer_playlist_kept(a, page.plain, page.gzip, page.tag);
        } else {
            answer_playlist(a, e);
        }
        answer_playlist_age(a, w);
    }
    window_unref(w);
}

static void say_no_segment(struct answer *a, const struct window *w, const struct hls_ask *ask)
{
    bool late = w->count > 0 && ask->msn < segment_info(w->segments[0])->msn;
    bool early = w->count > 0 && ask->msn > segment_info(w->segments[w->count - 1])->msn;
    answer_say(a, 404,
               late ? "That segment of rendition \"%s\" of stream \"%s\" is too old: it has gone."
               : early ? "That segment of rendition \"%s\" of stream \"%s\" is not there yet."
                       : "Rendition \"%s\" of stream \"%s\" does not have that segment.",
               ask->rendition, ask->id);
}

/* --- what there is of a segment --- */

static const struct answer_form form_ts = {SEGMENT_TS, packager_mpegts, SEGMENT_TYPE};
static const struct answer_form forms_video[] = {
    {SEGMENT_VIDEO, packager_cmaf_video, "video/iso.segment"},
    {SEGMENT_VIDEO_INIT, packager_cmaf_video_init, "video/mp4"},
};
static const struct answer_form forms_audio[] = {
    {SEGMENT_AUDIO, packager_cmaf_audio, "audio/mp4"},
    {SEGMENT_AUDIO_INIT, packager_cmaf_audio_init, "audio/mp4"},
};

const struct answer_form *answer_form_of(const struct hls_ask *ask)
{
    if (ask->what == HLS_SEGMENT) {
        return &form_ts;
    }
    bool init = ask->what == HLS_LIVE_INIT || ask->what == HLS_LIVE_MEDIA;
    return hls_is_audio(ask->rendition) ? &forms_audio[init] : &forms_video[init];
}

/* A number never gets other bytes in one publication; the times tell those of the next one. */
static uint64_t container_tag(const struct segment *s, const struct hls_ask *ask,
                              const struct blob *blob)
{
    const struct segment_info *info = segment_info(s);
    const uint64_t numbers[] = {info->msn, (uint64_t)ask->what, blob_span(blob).len,
                                (uint64_t)info->start, (uint64_t)info->made_at_ms};
    if (ask->what == HLS_LIVE_INIT) {
        return ask->hash; /* many segments have the same */
    }
    return http_tag_of_numbers(numbers, sizeof numbers / sizeof numbers[0]);
}

void answer_found(struct answer *a, struct blob *blob, const struct hls_ask *ask, uint64_t tag)
{
    a->blob = blob;
    a->kind = ask->what == HLS_LIVE_INIT ? ANSWER_OTHER : ANSWER_SEGMENT;
    a->status = 200;
    a->content_type = answer_form_of(ask)->type;
    a->cache_control = CACHE_SEGMENT;
    a->ranges = true;
    a->tag = tag;
}

void answer_costs(struct answer *a, const struct hls_ask *ask, int64_t until)
{
    if (ask->what != HLS_LIVE_INIT) {
        snprintf(a->media.id, sizeof a->media.id, "%s", ask->id);
        a->media.msn = ask->msn;
        a->media.until = until;
    }
}

void answer_container(struct answer *a, struct segment *s, const struct hls_ask *ask)
{
    const struct answer_form *form = answer_form_of(ask);
    struct blob *blob = NULL;
    enum err e = segment_container(s, form->form, form->make, &blob);
    if (e == ERR_OK) {
        answer_found(a, blob, ask, container_tag(s, ask, blob));
        answer_costs(a, ask, segment_info(s)->duration);
    } else if (e == ERR_NOENT) {
        answer_say(a, 404, "That segment of rendition \"%s\" of stream \"%s\" is missing: a gap.",
                   ask->rendition, ask->id);
    } else if (e == ERR_UNSUPPORTED) {
        say_live_only(a, ask);
    } else if (e == ERR_NOMEM) {
        answer_no_memory(a);
    } else {
        log_warn("viewers", "packaging_failed", "stream=%s rendition=%s msn=%" PRIu64 " why=\"%s\"",
                 ask->id, ask->rendition, segment_info(s)->msn, err_text(e));
        answer_say(a, 500, "That segment of rendition \"%s\" of stream \"%s\" cannot be packaged.",
                   ask->rendition, ask->id);
    }
}

/* The sound of all renditions is the source's. */
const char *answer_live_name(const struct hls_ask *ask)
{
    return strcmp(ask->rendition, HLS_AUDIO) == 0 ? BOARD_SOURCE : ask->rendition;
}

struct window *answer_live_window(struct answer *a, struct board *board, const struct hls_ask *ask)
{
    struct hls_ask meant = *ask;
    snprintf(meant.rendition, sizeof meant.rendition, "%s", answer_live_name(ask));
    board_ask_parts(board, ask->id);
    return answer_window(a, board, &meant);
}

static void give_segment(struct answer *a, struct board *board, const struct hls_ask *ask)
{
    struct window *w =
        ask->what == HLS_SEGMENT ? answer_window(a, board, ask) : answer_live_window(a, board, ask);
    if (w == NULL) {
        return;
    }
    struct segment *s = window_find(w, ask->msn);
    if (ask->what == HLS_SEGMENT && hls_is_audio(ask->rendition)) {
        say_live_only(a, ask);
    } else if (s != NULL) {
        answer_container(a, s, ask);
    } else {
        say_no_segment(a, w, ask);
    }
    window_unref(w);
}

static void give(struct answer *a, struct board *board, struct hls_ask *ask,
                 const struct viewer_request *request)
{
    switch (ask->what) {
    case HLS_FRONT:
        answer_say(a, 200, "%s", front_text, "");
        break;
    case HLS_HEALTH:
        answer_say(a, 200, "ok", "", "");
        a->cache_control = CACHE_NEVER;
        break;
    case HLS_MASTER:
        give_master(a, board, ask);
        break;
    case HLS_REDIRECT:
        give_redirect(a, board, ask);
        break;
    case HLS_MEDIA:
        give_media(a, board, ask, request->dated);
        break;
    case HLS_SEGMENT:
    case HLS_LIVE_SEGMENT:
        give_segment(a, board, ask);
        break;
    case HLS_LIVE_MASTER:
        answer_live_master(a, board, ask);
        break;
    case HLS_LIVE_MEDIA:
        answer_live_media(a, board, ask, request->wait);
        break;
    case HLS_LIVE_PART:
        answer_live_part(a, board, ask, request->wait);
        break;
    case HLS_LIVE_INIT:
        answer_live_init(a, board, ask);
        break;
    case HLS_MULTI:
    case HLS_EMBED:
    case HLS_PUBLISH:
    case HLS_DEMO:
    case HLS_ASSET:
        answer_say(a, 404, "There is nothing here: streams are at /stream/ID.m3u8.", "", "");
        break;
    case HLS_STREAMS:
    case HLS_INDEX:
    case HLS_POSTER: /* viewers_index.c answers these */
        answer_say(a, 404, "There is no index here: streams are at /stream/ID.m3u8.", "", "");
        break;
    case HLS_UNKNOWN:
        answer_say(a, 404, "%s", ask->why, "");
        break;
    case HLS_BAD:
        answer_say(a, 400, "%s", ask->why, "");
        break;
    }
}

void answer_init(struct answer *a, struct board *board, const struct viewer_request *request)
{
    const char *method = request->method;
    *a = (struct answer){.cache_control = CACHE_SHORT};
    buf_init(&a->text, ANSWER_TEXT_MAX);
    buf_init(&a->location, LOCATION_MAX);
    if (strcmp(method, "OPTIONS") == 0) {
        a->status = 204;
    } else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        answer_say(a, 405, "Only GET, HEAD and OPTIONS are understood here.", "", "");
    } else {
        struct hls_ask ask = *request->ask;
        give(a, board, &ask, request);
        answer_put_query(a, &ask);
        answer_select(a, request);
    }
}

void answer_fini(struct answer *a)
{
    blob_unref(a->blob);
    blob_unref(a->gzip);
    media_file_close(a->file);
    buf_fini(&a->text);
    buf_fini(&a->location);
}
