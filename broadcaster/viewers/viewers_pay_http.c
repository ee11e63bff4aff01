/* The addresses where pages learn of money and bring it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broadcaster/paywall/money.h"
#include "broadcaster/paywall/pay_post.h"
#include "broadcaster/viewers/viewers_answer_internal.h"
#include "broadcaster/viewers/viewers_pay_internal.h"
#include "broadcaster/viewers/viewers_serve.h"

#define ACCOUNT    "/account.json"
#define CONFIG     "/config.js"
#define RECEIPT    "/verifyReceipt"
#define WALLET     "/monetization"
#define SPSP_TYPE  "application/spsp4+json"
#define WAIT_MAX_S 60
#define NUMBER_MAX 32
#define TOO_MANY   "Too many requests of this address: try again in a minute."

bool viewers_pay_is(const char *url)
{
    return strcmp(url, ACCOUNT) == 0 || strcmp(url, CONFIG) == 0 || strcmp(url, RECEIPT) == 0 ||
           strcmp(url, WALLET) == 0 || strncmp(url, PAY_POST_QUERY, strlen(PAY_POST_QUERY)) == 0;
}

static enum viewers_pay_result say(struct answer *a, int status, const char *text)
{
    pay_answer_begin(a, status, NULL);
    answer_say(a, status, "%s", text, "");
    a->cache_control = "no-store";
    a->takes_posts = true;
    return VIEWERS_PAY_ANSWERED;
}

static enum viewers_pay_result say_later(struct answer *a, int status, const char *text)
{
    enum viewers_pay_result result = say(a, status, text);
    a->retry_s = VIEWERS_PAY_RETRY_S;
    return result;
}

static const char *path_of(const struct viewer_request *request, char *text, size_t size)
{
    const uint8_t *end = memchr(request->target.data, '?', request->target.len);
    size_t n = end != NULL ? (size_t)(end - request->target.data) : request->target.len;
    snprintf(text, size, "%.*s", (int)n, (const char *)request->target.data);
    return text;
}

/* --- /account.json --- */

static uint64_t number_of(struct span target, const char *name, uint64_t max, uint64_t otherwise)
{
    char text[NUMBER_MAX];
    uint64_t v;
    return pay_who_parameter(target, name, text, sizeof text) &&
                   span_decimal(span_cstr(text), max, &v)
               ? v
               : otherwise;
}

static struct toll toll_asked(const struct viewers_pay *p, struct span target)
{
    char name[PRICES_NAME_MAX + 1];
    if (pay_who_parameter(target, "stream", name, sizeof name)) {
        return prices_of_stream(p->config.prices, name);
    }
    if (pay_who_parameter(target, "file", name, sizeof name)) {
        return prices_of_file(p->config.prices, name);
    }
    return p->config.terms.toll;
}

static enum viewers_pay_result give_account(struct pay_request *r,
                                            const struct viewer_request *request, struct answer *a)
{
    struct toll t = toll_asked(r->pay, request->target);
    struct pay_state s = {.toll = &t, .token = r->who.token, .account = r->who.account};
    if (r->who.known) {
        enum paywall_verdict v = pay_account(r);
        if (v != PAYWALL_PAID) {
            return say_later(a, v == PAYWALL_MANY ? 429 : 503, "Not now: try again in a minute.");
        }
        uint64_t version = number_of(request->target, "version", UINT64_MAX, 0);
        uint64_t wait_s = number_of(request->target, "wait", WAIT_MAX_S, 0);
        bool over = r->waited && (r->waiter.late || r->waiter.left);
        r->waited = true;
        if (!over && paywall_watch(r->account, version, (int64_t)wait_s * 1000, &r->waiter)) {
            return VIEWERS_PAY_HELD;
        }
        s.balance = paywall_balance(r->account);
        s.missing = paywall_missing(r->account);
    }
    pay_answer_begin(a, 200, "application/json");
    pay_answer_end(a, pay_text_account(&a->text, &r->pay->config.terms, &s), &r->who);
    return VIEWERS_PAY_ANSWERED;
}

static enum viewers_pay_result give_config(struct pay_request *r, struct answer *a)
{
    const struct pay_who nobody = {0};
    pay_answer_begin(a, 200, "application/javascript");
    pay_answer_end(a, pay_text_config(&a->text, &r->pay->config.terms), &nobody);
    if (a->status == 200) {
        a->cache_control = "max-age=60";
    }
    return VIEWERS_PAY_ANSWERED;
}

/* --- what is posted --- */

static void on_hold(struct paywall_waiter *w)
{
    pay_hold(((const struct paywall_question *)w)->owner);
}

static void on_resume(struct paywall_waiter *w)
{
    const struct pay_request *r = ((const struct paywall_question *)w)->owner;
    serve_resume(r->connection);
}

static enum viewers_pay_result ask(struct pay_request *r, enum link_pay_kind kind, const char *key,
                                   const char *text, struct answer *a)
{
    r->asked = mem_try_alloc(sizeof *r->asked);
    if (r->asked == NULL) {
        return say(a, 503, "The server is short of memory; try again in a moment.");
    }
    struct paywall_question *q = &r->asked->question;
    snprintf(r->asked->text, sizeof r->asked->text, "%s", text);
    q->waiter.hold = on_hold;
    q->waiter.resume = on_resume;
    q->owner = r;
    q->kind = kind;
    q->account = kind == LINK_PAY_QUERY ? "" : r->who.account;
    q->key = key;
    q->text = r->asked->text;
    return paywall_ask(r->pay->config.paywall, q)
               ? VIEWERS_PAY_HELD
               : say(a, 503, "The server is stopping; try again in a moment.");
}

static bool may_query(struct pay_request *r)
{
    struct viewers_pay *p = r->pay;
    struct paywall_from from = pay_from(p, watch_client(r->watched));
    pthread_mutex_lock(&p->lock);
    bool ok = rates_take(p->queries, from.address, clock_mono_ms());
    pthread_mutex_unlock(&p->lock);
    return ok;
}

/* Many who pay may share an address, and tell of payments each second: those whose accounts have
 * money do not use up what is there for the others. */
static bool may_tell(struct pay_request *r)
{
    struct viewers_pay *p = r->pay;
    struct paywall_from from = pay_from(p, watch_client(r->watched));
    int64_t now_ms = clock_mono_ms();
    bool pays = paywall_pays(p->config.paywall, r->who.account);
    struct span name = span_cstr(r->who.account);
    uint64_t account = audience_hash(&p->salt, name, span_of(NULL, 0));
    pthread_mutex_lock(&p->lock);
    bool ok = (pays && rates_take(p->payers, account, now_ms) &&
               rates_take(p->payers_address, from.address, now_ms)) ||
              rates_take(p->posts, from.address, now_ms);
    pthread_mutex_unlock(&p->lock);
    return ok;
}

/* Both kinds of payment are told of by JSON. */
static enum viewers_pay_result take_post(struct pay_request *r, bool receipt, struct answer *a)
{
    const struct viewers_pay *p = r->pay;
    struct pay_post post;
    enum viewers_pay_result result;
    const char *fault =
        pay_post_read(buf_span(&r->posted), receipt ? PAY_POST_RECEIPT : PAY_POST_WALLET,
                      &p->config.terms, &post);
    if (fault != NULL) {
        return say(a, 400, fault);
    }
    pay_who_override(&p->config.who, post.token, post.user_id, &r->who);
    if (!r->who.known) {
        result = say(a, 403, "No account: send the cookie of /account.json, or its token");
        pay_answer_end(a, ERR_OK, &r->who);
    } else if (!may_tell(r)) {
        result = say_later(a, 429, TOO_MANY);
    } else {
        (void)pay_account(r); /* so that it hears of the balance; credited is the payment anyhow */
        result = ask(r, receipt ? LINK_PAY_RECEIPT : LINK_PAY_WALLET,
                     p->config.terms.payment_pointer, post.text, a);
    }
    pay_post_fini(&post);
    return result;
}

/* The known pages take the body for the new balance when it is a number. */
static enum viewers_pay_result answer_post(struct pay_request *r, struct answer *a)
{
    const struct paywall_question *q = &r->asked->question;
    bool credited = q->status == LINK_PAY_OK;
    char text[MONEY_TEXT_MAX];
    if (!credited) {
        int status = q->http_status >= 400 && q->http_status < 600 ? q->http_status : 400;
        status = q->status == LINK_PAY_UNAVAILABLE || q->status == LINK_PAY_OFF ? 503 : status;
        return say(a, status, q->says[0] != '\0' ? q->says : "That is not credited.");
    }
    uint64_t total = r->account != NULL ? paywall_balance(r->account).total : q->balance;
    money_format(total, r->pay->config.terms.scale, text);
    return say(a, 200, text);
}

/* --- /receipts/ --- */

static enum viewers_pay_result take_query(struct pay_request *r,
                                          const struct viewer_request *request, struct answer *a)
{
    char path[VIEWERS_PAY_BODY_MAX], pointer[PAY_POST_POINTER_MAX];
    path_of(request, path, sizeof path);
    if (request->accept == NULL || strstr(request->accept, SPSP_TYPE) == NULL) {
        return say(a, 404, "Here wallets ask by SPSP: Accept: " SPSP_TYPE);
    }
    if (!pay_post_read_query(span_cstr(path), &r->pay->config.terms, pointer)) {
        return say(a, 404, "That payment pointer is not this server's.");
    }
    return may_query(r) ? ask(r, LINK_PAY_QUERY, "", pointer, a) : say_later(a, 429, TOO_MANY);
}

static enum viewers_pay_result answer_query(struct pay_request *r, struct answer *a)
{
    const struct paywall_question *q = &r->asked->question;
    const struct pay_who nobody = {0};
    if (q->status != LINK_PAY_OK || q->body_len == 0) {
        int status = q->http_status >= 400 && q->http_status < 600 ? q->http_status : 503;
        return say(a, status, q->says[0] != '\0' ? q->says : "The wallet cannot be asked now.");
    }
    pay_answer_begin(a, q->http_status >= 200 ? q->http_status : 200, SPSP_TYPE);
    pay_answer_end(a, buf_put(&a->text, span_of(q->body, q->body_len)), &nobody);
    return VIEWERS_PAY_ANSWERED;
}

/* --- all of them --- */

static bool is(const struct viewer_request *request, const char *method)
{
    return strcmp(request->method, method) == 0;
}

static enum viewers_pay_result answer_asked(struct pay_request *r, struct answer *a)
{
    return r->asked->question.kind == LINK_PAY_QUERY ? answer_query(r, a) : answer_post(r, a);
}

static enum viewers_pay_result answer_whole(struct pay_request *r,
                                            const struct viewer_request *request, struct answer *a)
{
    char path[VIEWERS_PAY_BODY_MAX];
    path_of(request, path, sizeof path);
    bool reads = is(request, "GET") || is(request, "HEAD"), posts = is(request, "POST");
    if (r->asked != NULL) {
        return answer_asked(r, a);
    }
    if (is(request, "OPTIONS")) {
        pay_answer_begin(a, 204, NULL);
        a->takes_posts = true;
        return VIEWERS_PAY_ANSWERED;
    }
    if (posts && (strcmp(path, RECEIPT) == 0 || strcmp(path, WALLET) == 0)) {
        return take_post(r, strcmp(path, RECEIPT) == 0, a);
    }
    if (reads && strcmp(path, ACCOUNT) == 0) {
        return give_account(r, request, a);
    }
    if (reads && strcmp(path, CONFIG) == 0) {
        return give_config(r, a);
    }
    if ((reads || posts) && strncmp(path, PAY_POST_QUERY, strlen(PAY_POST_QUERY)) == 0) {
        return take_query(r, request, a);
    }
    return say(a, 405, "That method is not for this address.");
}

static bool announces_too_much(struct MHD_Connection *connection)
{
    const char *length =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    uint64_t n;
    return length != NULL && !span_decimal(span_cstr(length), VIEWERS_PAY_BODY_MAX, &n);
}

/* The library ends the connection when a request that may have a body is answered at its first
 * call. */
enum viewers_pay_result viewers_pay_request(struct viewers_pay *p,
                                            const struct viewers_pay_call *call, struct answer *a)
{
    struct pay_request *r = call->watched != NULL
                                ? pay_request_of(p, call->connection, call->watched, call->request)
                                : NULL;
    if (r == NULL) {
        return VIEWERS_PAY_BROKEN;
    }
    if (call->first) {
        return announces_too_much(call->connection)
                   ? say(a, 413, "That body is too long: 8192 bytes at most.")
                   : VIEWERS_PAY_MORE;
    }
    if (*call->upload_size > 0) {
        enum err e = buf_put(&r->posted, span_of(call->upload, *call->upload_size));
        *call->upload_size = 0;
        watch_body(call->watched, r->posted.len);
        return e == ERR_OK ? VIEWERS_PAY_MORE : VIEWERS_PAY_BROKEN;
    }
    return answer_whole(r, call->request, a);
}
