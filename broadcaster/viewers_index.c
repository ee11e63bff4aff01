#include "broadcaster/viewers_index.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broadcaster/content_index.h"
#include "broadcaster/index_json.h"
#include "broadcaster/playlist.h"
#include "broadcaster/viewers_answer_internal.h"

#define CACHE_SHORT  "max-age=1"
#define SENTENCE_MAX 1024
#define AGENT_MAX    256 /* bytes that tell viewers apart */

struct viewers_index {
    struct board *board;
    struct content_index *content; /* NULL: not told */
};

struct viewers_index *viewers_index_create(struct board *board, bool listed)
{
    struct viewers_index *x = mem_alloc(sizeof *x);
    x->board = board;
    x->content = listed ? content_index_create(board) : NULL;
    return x;
}

void viewers_index_destroy(struct viewers_index *x)
{
    if (x != NULL) {
        content_index_destroy(x->content);
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

bool viewers_index_answer(struct viewers_index *x, struct answer *a,
                          const struct viewer_request *request)
{
    const char *method = request->method;
    struct hls_ask ask = hls_parse(request->target);
    bool get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    bool ours = ask.what == HLS_STREAMS || ask.what == HLS_INDEX;
    if (!get || !ours) {
        return false;
    }
    *a = (struct answer){.cache_control = CACHE_SHORT};
    buf_init(&a->text, SENTENCE_MAX);
    buf_init(&a->location, SENTENCE_MAX);
    give_content(x, a, ask.what == HLS_STREAMS ? INDEX_JSON : INDEX_PLAYLIST);
    answer_select(a, request);
    return true;
}

/* The address alone: a port is another one for each connection. */
static struct span address_of(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
        return span_of((const uint8_t *)&in->sin_addr, sizeof in->sin_addr);
    }
    if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)sa;
        return span_of((const uint8_t *)&in->sin6_addr, sizeof in->sin6_addr);
    }
    return span_of(NULL, 0);
}

void viewers_index_saw(struct viewers_index *x, struct MHD_Connection *c, struct span target)
{
    struct hls_ask ask = hls_parse(target);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (x->content == NULL || ask.id[0] == '\0' || ask.current || info == NULL ||
        info->client_addr == NULL) {
        return;
    }
    const char *agent = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_USER_AGENT);
    agent = agent != NULL ? agent : "";
    content_index_saw(x->content, ask.id, address_of(info->client_addr),
                      span_of((const uint8_t *)agent, strnlen(agent, AGENT_MAX)), clock_mono_ms());
}
