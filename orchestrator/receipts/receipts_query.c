#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "orchestrator/receipts/receipts_internal.h"
#include "run/log.h"

static void refuse(receipts_query_fn *fn, void *arg, int status, const char *text)
{
    const struct receipts_reply reply = {.http_status = status,
                                         .content_type = "text/plain; charset=utf-8",
                                         .body = span_cstr(text)};
    fn(arg, &reply);
}

/* --- the wallet's answer --- */

static void on_kept(void *arg, bool kept)
{
    struct op *op = arg;
    if (!kept) {
        op_reply(op, 503, "payments cannot be taken now: try again");
        return;
    }
    struct buf body = op->body;
    const struct receipts_reply reply = {
        .http_status = 200, .content_type = SPSP_TYPE, .body = buf_span(&body)};
    receipts_query_fn *fn = op->query_fn;
    void *fn_arg = op->arg;
    buf_init(&op->body, 0);
    op_end(op);
    fn(fn_arg, &reply);
    buf_fini(&body);
}

static void give_out(struct op *op, struct span body)
{
    struct receipts *r = op->receipts;
    if (buf_put(&op->body, body) != ERR_OK ||
        nonces_add(r->nonces, op->nonce, op->endpoint, clock_wall_ms(), &r->lines) != ERR_OK) {
        buf_clear(&r->lines);
        op_reply(op, 503, "payments cannot be taken now: try again");
        return;
    }
    receipts_write(r, on_kept, op);
}

/* Logged, for it is the operator's own wallet. */
static void fail(struct op *op, int status, const char *why)
{
    if (receipts_tell_failure(op->receipts)) {
        log_warn("receipts", "wallet", "the wallet of %s cannot be paid to: %s", op->endpoint, why);
    }
    op_reply(op, status, why);
}

static void on_wallet(void *arg, const struct http_client_result *h)
{
    struct op *op = arg;
    op->call = NULL;
    op->receipts->n_asked--;
    if (h->err != ERR_OK) {
        fail(op, receipts_status_of(h->err), h->why);
        return;
    }
    if (h->status != 200) {
        fail(op, h->status == 404 ? 404 : 502,
             h->status == 404                      ? "the wallet knows no such payment pointer"
             : h->status >= 300 && h->status < 400 ? "the wallet redirects, which is not followed"
                                                   : "the wallet refuses to answer");
        return;
    }
    switch (spsp_read(h->body)) {
    case SPSP_GOOD:
        give_out(op, h->body);
        return;
    case SPSP_NO_RECEIPTS:
        fail(op, 409, "the wallet gives no receipts");
        return;
    default:
        fail(op, 502, "the wallet's answer is none of SPSP");
    }
}

/* --- the question --- */

static void ask_wallet(struct op *op, const char *url)
{
    struct receipts *r = op->receipts;
    unsigned char secret[RECEIPT_SECRET_BYTES];
    char nonce64[RECEIPT_BASE64_SIZE], secret64[RECEIPT_BASE64_SIZE];
    receipt_nonce(op->nonce);
    receipt_secret(&r->seeds.items[0].key, op->nonce, secret);
    receipt_base64(span_of(op->nonce, sizeof op->nonce), nonce64);
    receipt_base64(span_of(secret, sizeof secret), secret64);
    const struct http_client_header headers[] = {
        {"Accept", SPSP_TYPE},
        {"Receipt-Nonce", nonce64},
        {"Receipt-Secret", secret64},
    };
    const struct http_client_request q = {
        .url = url,
        .timeout_ms = r->timeout_ms,
        .answer_max_bytes = SPSP_ANSWER_MAX,
        .headers = headers,
        .n_headers = sizeof headers / sizeof headers[0],
        .no_redirects = true,
        .public_only = !r->allow_http,
    };
    r->n_asked++;
    op->call = http_client_send(r->http, &q, on_wallet, op);
    explicit_bzero(secret, sizeof secret);
    explicit_bzero(secret64, sizeof secret64);
}

static const struct pointer *find(const struct receipts *r, struct span text, char *ret_written)
{
    const struct pointer *p = pointers_find(&r->pointers, text);
    if (p != NULL) {
        (void)snprintf(ret_written, POINTER_SIZE, "%.*s", (int)text.len, (const char *)text.data);
        return p;
    }
    return pointer_decode(text, ret_written, POINTER_SIZE) == ERR_OK
               ? pointers_find(&r->pointers, span_cstr(ret_written))
               : NULL;
}

void receipts_query(struct receipts *r, struct span pointer, receipts_query_fn *fn, void *arg)
{
    char written[POINTER_SIZE];
    const struct pointer *p = find(r, pointer, written);
    if (p == NULL || r->nonces == NULL) {
        r->counts[COUNT_QUERIES_NOT_OURS]++;
        refuse(fn, arg, 404,
               p == NULL ? "not a payment pointer of this place"
                         : "another service takes the payments of this place");
        return;
    }
    struct op *op = r->n_asked < RECEIPTS_ASKED_MAX ? op_begin(r, arg) : NULL;
    r->counts[COUNT_QUERIES]++;
    if (op == NULL) {
        r->counts[COUNT_QUERIES_FAILED]++;
        refuse(fn, arg, 503, "too many questions at once: try again");
        return;
    }
    op->query_fn = fn;
    (void)snprintf(op->endpoint, sizeof op->endpoint, "%s", written);
    ask_wallet(op, p->url);
}
