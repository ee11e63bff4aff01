#include "broadcaster/jobs/orch_webhook.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "run/http_client.h"
#include "run/log.h"

#define TIMEOUT_MS       3000
#define AGAIN_MS         5000 /* after a failure, unless the refresh is due before */
#define ANSWER_MAX_BYTES (64 * 1024)

_Static_assert(HTTP_CLIENT_WHY_MAX <= ORCH_LIST_WHY_MAX, "its words go into the same text");

struct orch_webhook {
    struct http_client *http;
    struct http_client_call *call; /* NULL: none is open */
    struct loop_timer *timer;
    char *url;
    int64_t refresh_ms;
    orch_webhook_fn *fn;
    void *arg;
    uint64_t lists, failures;
    char error[ORCH_LIST_WHY_MAX]; /* "": the last answer was taken */
};

static void failed(struct orch_webhook *w, const char *why)
{
    w->failures++;
    if (strcmp(w->error, why) != 0) {
        log_warn("uplink", "orch_webhook",
                 "-orchWebhookUrl gave no list of orchestrators: %s; those that are known stay in "
                 "use",
                 why);
    }
    snprintf(w->error, sizeof w->error, "%s", why);
}

static void on_answer(void *arg, const struct http_client_result *r)
{
    struct orch_webhook *w = arg;
    struct orch_list *list = mem_alloc(sizeof *list);
    char why[ORCH_LIST_WHY_MAX] = "";
    w->call = NULL;
    enum err e = r->err;
    if (e == ERR_OK) {
        e = orch_list_read(r->status, r->body, list, why);
    } else {
        snprintf(why, sizeof why, "%s", r->why);
    }
    if (e == ERR_OK) {
        if (w->error[0] != '\0') {
            log_info("uplink", "orch_webhook", "-orchWebhookUrl answers again");
        }
        w->lists++;
        w->error[0] = '\0';
        w->fn(w->arg, list);
    } else {
        failed(w, why);
    }
    int64_t wait_ms = e == ERR_OK || w->refresh_ms < AGAIN_MS ? w->refresh_ms : AGAIN_MS;
    loop_timer_start(w->timer, wait_ms, 0);
    mem_free(list);
}

static void ask(void *arg)
{
    struct orch_webhook *w = arg;
    struct http_client_request r = {
        .url = w->url,
        .timeout_ms = TIMEOUT_MS,
        .answer_max_bytes = ANSWER_MAX_BYTES,
    };
    w->call = http_client_send(w->http, &r, on_answer, w);
}

enum err orch_webhook_create(struct loop *l, const char *url, int64_t refresh_ms,
                             orch_webhook_fn *fn, void *arg, struct orch_webhook **ret_webhook,
                             char *ret_why)
{
    enum err e = http_client_check_url(url, ret_why);
    if (e != ERR_OK) {
        return e;
    }
    struct orch_webhook *w = mem_alloc(sizeof *w);
    w->http = http_client_create(l);
    w->timer = loop_timer_create(l, ask, w);
    w->url = mem_strdup(url);
    w->refresh_ms = refresh_ms;
    w->fn = fn;
    w->arg = arg;
    ask(w);
    *ret_webhook = w;
    return ERR_OK;
}

void orch_webhook_destroy(struct orch_webhook *w)
{
    if (w == NULL) {
        return;
    }
    loop_timer_destroy(w->timer);
    if (w->call != NULL) {
        http_client_cancel(w->call);
    }
    http_client_destroy(w->http);
    explicit_bzero(w->url, strlen(w->url));
    mem_free(w->url);
    mem_free(w);
}

struct json *orch_webhook_status(const struct orch_webhook *w)
{
    struct json *j = json_new_object();
    json_set_int(j, "lists", (int64_t)w->lists);
    json_set_int(j, "failures", (int64_t)w->failures);
    json_set_str(j, "error", w->error[0] != '\0' ? w->error : NULL);
    return j;
}
