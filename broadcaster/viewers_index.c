#include "broadcaster/viewers_index.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broadcaster/content_index.h"
#include "broadcaster/hls.h"
#include "broadcaster/index_json.h"
#include "broadcaster/playlist.h"

#define PLAIN_TEXT   "text/plain; charset=utf-8"
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

/* When even that finds no memory, the body stays empty. */
static void say(struct answer *a, int status, const char *sentence)
{
    a->status = status;
    a->content_type = PLAIN_TEXT;
    if (buf_printf(&a->text, "%s\n", sentence) != ERR_OK) {
        buf_clear(&a->text);
    }
}

static void give_content(struct viewers_index *x, struct answer *a, enum index_form form)
{
    if (x->content == NULL) {
        say(a, 404, "This server does not tell which streams it has: play /stream/ID.m3u8.");
        return;
    }
    enum err e = content_index_get(x->content, form, clock_mono_ms(), clock_wall_ms(), &a->blob);
    if (e == ERR_OK) {
        a->status = 200;
        a->kind = form == INDEX_PLAYLIST ? ANSWER_PLAYLIST : ANSWER_OTHER;
        a->content_type = form == INDEX_PLAYLIST ? PLAYLIST_TYPE : INDEX_JSON_TYPE;
    } else if (e == ERR_NOENT) {
        say(a, 404, "No stream is live now that MPEG-TS can carry: see /streams.json.");
    } else {
        say(a, 503, "The server is short of memory; try again in a moment.");
    }
}

bool viewers_index_answer(struct viewers_index *x, struct answer *a, const char *method,
                          struct span target)
{
    struct hls_ask ask = hls_parse(target);
    bool get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    bool ours = ask.what == HLS_STREAMS || ask.what == HLS_INDEX;
    if (!get || !ours) {
        return false;
    }
    *a = (struct answer){.cache_control = CACHE_SHORT};
    buf_init(&a->text, SENTENCE_MAX);
    buf_init(&a->location, SENTENCE_MAX);
    give_content(x, a, ask.what == HLS_STREAMS ? INDEX_JSON : INDEX_PLAYLIST);
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
