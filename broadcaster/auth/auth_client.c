#include "broadcaster/auth/auth_client.h"

#include <stdio.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "run/http_client.h"
#include "run/log.h"

#define NOTICE_AGAIN_MS 1000
#define NOTICE_TRIES    2
#define JSON_TYPE       "application/json"

struct auth_client {
    struct loop *loop;
    struct http_client *http;
    char *url; /* may hold a secret */
    int64_t timeout_ms;
    struct list notices;
    size_t n_notices;
    struct auth_counters counters;
};

struct auth_call {
    struct auth_client *client;
    struct http_client_call *http;
    auth_fn *fn;
    void *arg;
};

struct notice {
    struct list node;
    struct auth_client *client;
    struct http_client_call *http; /* NULL while it waits for its second try */
    struct loop_timer *again;
    char *body;
    int tries;
};

enum err auth_client_create(struct loop *l, const char *url, int64_t timeout_ms,
                            struct auth_client **ret_client, char *ret_why)
{
    enum err e = http_client_check_url(url, ret_why);
    if (e != ERR_OK) {
        return e;
    }
    struct auth_client *c = mem_alloc(sizeof *c);
    c->loop = l;
    c->http = http_client_create(l);
    c->url = mem_strdup(url);
    c->timeout_ms = timeout_ms;
    list_init(&c->notices);
    histogram_init(&c->counters.took, HISTOGRAM_SHORT);
    *ret_client = c;
    return ERR_OK;
}

static struct http_client_call *post(struct auth_client *c, const char *body, http_client_fn *fn,
                                     void *arg)
{
    struct http_client_request r = {
        .url = c->url,
        .body = body,
        .content_type = JSON_TYPE,
        .timeout_ms = c->timeout_ms,
        .answer_max_bytes = AUTH_ANSWER_MAX,
    };
    return http_client_send(c->http, &r, fn, arg);
}

/* --- questions --- */

static void on_answer(void *arg, const struct http_client_result *r)
{
    struct auth_call *call = arg;
    struct auth_counters *n = &call->client->counters;
    struct auth_answer answer;
    char why[AUTH_WHY_MAX] = "";
    histogram_observe(&n->took, r->took_ms * 1000);
    enum err e = r->err;
    if (e == ERR_OK) {
        e = auth_answer_read(r->status, r->body, &answer, why);
    } else {
        snprintf(why, sizeof why, "%s", r->why);
        e = e == ERR_AUTH ? ERR_IO : e; /* of its certificate: no verdict */
    }
    (*(e == ERR_OK ? &n->allowed : e == ERR_AUTH ? &n->denied : &n->failed))++;
    call->fn(call->arg, e, e == ERR_OK ? &answer : NULL, auth_maybe_yes(e, r->sent, r->status),
             why);
    mem_free(call);
}

struct auth_call *auth_client_ask(struct auth_client *c, const struct auth_session *s,
                                  const char *url, auth_fn *fn, void *arg)
{
    struct auth_call *call = mem_alloc(sizeof *call);
    char *body = auth_question(s, url);
    call->client = c;
    call->fn = fn;
    call->arg = arg;
    call->http = post(c, body, on_answer, call);
    mem_free(body);
    return call;
}

void auth_client_cancel(struct auth_call *call)
{
    http_client_cancel(call->http);
    mem_free(call);
}

/* --- notices --- */

static void notice_destroy(struct notice *n)
{
    list_remove(&n->node);
    n->client->n_notices--;
    loop_timer_destroy(n->again);
    mem_free(n->body);
    mem_free(n);
}

static void on_told(void *arg, const struct http_client_result *r)
{
    struct notice *n = arg;
    struct auth_client *c = n->client;
    n->http = NULL;
    if (r->err == ERR_OK && r->status < 500) {
        c->counters.told++;
    } else if (n->tries < NOTICE_TRIES) {
        loop_timer_start(n->again, NOTICE_AGAIN_MS, 0);
        return;
    } else {
        c->counters.untold++;
        log_warn("auth", "end_not_told",
                 "status=%d reason=\"the webhook was not told of an end: %s\"", r->status,
                 r->err == ERR_OK ? "it failed" : r->why);
    }
    notice_destroy(n);
}

static void send_notice(void *arg)
{
    struct notice *n = arg;
    n->tries++;
    n->http = post(n->client, n->body, on_told, n);
}

void auth_client_tell_end(struct auth_client *c, const struct auth_session *s,
                          const char *manifest_id, int64_t seconds, const char *reason)
{
    if (c->n_notices >= AUTH_NOTICES_MAX) {
        c->counters.untold++;
        log_warn("auth", "end_not_told",
                 "stream=%s reason=\"the webhook is too slow: %d notices are under way\"",
                 manifest_id, AUTH_NOTICES_MAX);
        return;
    }
    struct notice *n = mem_alloc(sizeof *n);
    n->client = c;
    n->again = loop_timer_create(c->loop, send_notice, n);
    n->body = auth_end_notice(s, manifest_id, seconds, reason);
    list_push_back(&c->notices, &n->node);
    c->n_notices++;
    send_notice(n);
}

bool auth_client_idle(const struct auth_client *c)
{
    return c->n_notices == 0;
}

const struct auth_counters *auth_client_counters(const struct auth_client *c)
{
    return &c->counters;
}

void auth_client_destroy(struct auth_client *c)
{
    if (c == NULL) {
        return;
    }
    LIST_EACH (&c->notices, node, next) {
        struct notice *n = LIST_ITEM(node, struct notice, node);
        if (n->http != NULL) {
            http_client_cancel(n->http);
        }
        notice_destroy(n);
    }
    http_client_destroy(c->http);
    explicit_bzero(c->url, strlen(c->url));
    mem_free(c->url);
    mem_free(c);
}
