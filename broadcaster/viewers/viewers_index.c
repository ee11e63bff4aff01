#include "broadcaster/viewers/viewers_index.h"

#include <microhttpd.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broadcaster/hls/content_index.h"
#include "broadcaster/hls/index_json.h"
#include "broadcaster/hls/playlist.h"
#include "broadcaster/jobs/rung_audience.h"
#include "broadcaster/viewers/http_tag.h"
#include "broadcaster/viewers/posters.h"
#include "broadcaster/viewers/viewers_answer_internal.h"
#include "broadcaster/viewers/viewers_serve.h"

#define CACHE_POSTER "public, max-age=3"
#define CACHE_SHORT  "max-age=1"
#define SENTENCE_MAX 1024
#define AGENT_MAX    256 /* bytes that tell viewers apart */

struct viewers_index {
    struct board *board;
    struct content_index *content; /* NULL: not told */
    struct posters *posters;
    struct rung_audience *rungs;
};

static void hold(void *connection)
{
    MHD_suspend_connection(connection);
}

static void resume(void *connection)
{
    serve_resume(connection);
}

struct viewers_index *viewers_index_create(struct board *board, bool listed)
{
    static const struct posters_callbacks callbacks = {hold, resume};
    struct posters *posters = posters_create(&callbacks, POSTERS_KEPT_MS);
    if (posters == NULL) {
        return NULL;
    }
    struct viewers_index *x = mem_alloc(sizeof *x);
    x->board = board;
    x->content = listed ? content_index_create(board) : NULL;
    x->posters = posters;
    x->rungs = rung_audience_create();
    return x;
}

void viewers_index_stop(struct viewers_index *x)
{
    posters_stop(x->posters);
}

void viewers_index_destroy(struct viewers_index *x)
{
    if (x != NULL) {
        content_index_destroy(x->content);
        posters_destroy(x->posters);
        rung_audience_destroy(x->rungs);
        mem_free(x);
    }
}

static void give_content(struct viewers_index *x, struct answer *a, enum index_form form)
{
    if (x->content == NULL) {
        answer_say(a, 404, "This server does not tell which streams it has: play /stream/ID.m3u8.",
                   "", "");
        return;
    }
    struct index_text text;
    enum err e = content_index_get(x->content, form, clock_mono_ms(), clock_wall_ms(), &text);
    if (e == ERR_OK) {
        a->blob = text.plain;
        a->gzip = text.gzip;
        a->tag = text.tag;
        a->status = 200;
        a->kind = form == INDEX_PLAYLIST ? ANSWER_PLAYLIST : ANSWER_OTHER;
        a->content_type = form == INDEX_PLAYLIST ? PLAYLIST_TYPE : INDEX_JSON_TYPE;
    } else if (e == ERR_NOENT) {
        answer_say(a, 404, "No stream is live now that MPEG-TS can carry: see /streams.json.", "",
                   "");
    } else {
        answer_no_memory(a);
    }
}

/* The newest segment with a picture that can be decoded by itself; borrowed from w. */
static struct segment *newest_picture(const struct window *w)
{
    for (size_t i = w->count; i > 0; i--) {
        if (poster_has(w->segments[i - 1])) {
            return w->segments[i - 1];
        }
    }
    return NULL;
}

static void give_poster(struct answer *a, const struct hls_ask *ask, enum err e, struct blob *jpeg,
                        uint64_t msn)
{
    if (e == ERR_OK) {
        a->status = 200;
        a->blob = jpeg;
        a->tag = http_tag_of_numbers(&msn, 1);
        a->content_type = POSTER_TYPE;
        a->cache_control = CACHE_POSTER;
    } else if (e == ERR_NOMEM) {
        answer_no_memory(a);
    } else if (e == ERR_STATE || e == ERR_CLOSED) {
        answer_say(a, 503, "Too many wait for posters; try again in a moment.", "", "");
    } else {
        answer_say(a, 404, "There is no poster of stream \"%s\": its picture %s.", ask->id,
                   e == ERR_UNSUPPORTED ? "has no decoder here"
                   : e == ERR_LIMIT     ? "is too large"
                                        : "cannot be decoded");
    }
}

/* False: the connection is held. */
static bool find_poster(struct viewers_index *x, struct MHD_Connection *c, struct hls_ask *ask,
                        struct answer *a)
{
    answer_resolve(x->board, ask);
    struct window *w = board_window(x->board, ask->id, BOARD_SOURCE);
    struct segment *s = w != NULL ? newest_picture(w) : NULL;
    enum err e = ERR_OK;
    if (w == NULL) {
        answer_no_stream(a, ask);
    } else if (s == NULL) {
        answer_say(a, 404, "There is no poster of stream \"%s\": it has no picture now.", ask->id,
                   "");
    } else {
        struct blob *jpeg = NULL;
        uint64_t msn = 0;
        e = posters_get(x->posters, ask->id, s, c, &jpeg, &msn);
        if (e != ERR_AGAIN) {
            give_poster(a, ask, e, jpeg, msn);
        }
    }
    window_unref(w);
    return e != ERR_AGAIN;
}

enum index_answer viewers_index_answer(struct viewers_index *x, struct MHD_Connection *c,
                                       const struct viewer_request *request, struct answer *a)
{
    enum hls_what what = request->ask->what;
    bool get = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
    bool ours = what == HLS_STREAMS || what == HLS_INDEX || what == HLS_POSTER;
    if (!get || !ours) {
        return INDEX_NOT_MINE;
    }
    struct hls_ask ask = *request->ask;
    *a = (struct answer){.cache_control = CACHE_SHORT};
    buf_init(&a->text, SENTENCE_MAX);
    buf_init(&a->location, SENTENCE_MAX);
    if (ask.what != HLS_POSTER) {
        give_content(x, a, ask.what == HLS_STREAMS ? INDEX_JSON : INDEX_PLAYLIST);
        answer_put_query(a, &ask);
    } else if (!find_poster(x, c, &ask, a)) {
        answer_fini(a);
        return INDEX_HELD;
    }
    answer_select(a, request);
    return INDEX_ANSWERED;
}

void viewers_index_saw(struct viewers_index *x, struct MHD_Connection *c,
                       const struct client *client, const struct hls_ask *ask)
{
    if (ask->id[0] == '\0' || ask->current) {
        return;
    }
    const char *agent = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_USER_AGENT);
    agent = agent != NULL ? agent : "";
    struct span address = span_of(client->address, sizeof client->address);
    struct span kind = span_of((const uint8_t *)agent, strnlen(agent, AGENT_MAX));
    int64_t now_ms = clock_mono_ms();
    if (x->content != NULL) {
        content_index_saw(x->content, ask->id, address, kind, now_ms);
    }
    if (ask->rendition[0] != '\0') {
        rung_audience_saw(x->rungs, ask->id, ask->rendition, address, kind, now_ms);
    }
}

unsigned viewers_index_count(struct viewers_index *x, const char *id, const char *rendition)
{
    return rung_audience_count(x->rungs, id, rendition, clock_mono_ms());
}
