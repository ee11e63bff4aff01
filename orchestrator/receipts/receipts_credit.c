#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "orchestrator/receipts/receipts_internal.h"
#include "run/log.h"

#define WORLD         "world:receipts" /* where receipts' money comes from, in the ledger */
#define OTHER_POINTER "the receipt is for another payment pointer"
#define BUSY          "too many receipts at once: try again"
#define TOO_LARGE     "receipt amount exceeds max 64 bit signed integer"
#define NOT_KEPT      "the receipt cannot be stored now: try again"

static void count(struct receipts *r, enum receipt_verdict v)
{
    static const enum receipts_count counts[] = {
        [RECEIPT_GOOD] = COUNT_GOOD,           [RECEIPT_TOO_LONG] = COUNT_TOO_LONG,
        [RECEIPT_MALFORMED] = COUNT_MALFORMED, [RECEIPT_VERSION] = COUNT_VERSION,
        [RECEIPT_HMAC] = COUNT_HMAC,           [RECEIPT_EXPIRED] = COUNT_EXPIRED,
    };
    r->counts[counts[v]]++;
}

static void op_refuse(struct op *op, enum receipt_verdict v)
{
    count(op->receipts, v);
    op_answer(op, receipt_status(v), receipt_words(v));
}

/* --- the ledger --- */

/* Less than one of the ledger's smallest units can be new: then nothing moves, and nothing is wrong
 * with the receipt. */
static bool is_progress(struct op *op)
{
    struct receipts *r = op->receipts;
    return r->nonces != NULL && nonces_counted(r->nonces, &op->receipt) &&
           r->scale > r->ledger_scale;
}

/* Of what a service refuses there is a source of its own, if it has ever been credited. */
static bool is_again(const struct op *op, const struct ledger_answer *a)
{
    return a->mark > 0 && (op->is_refused || a->mark == op->total);
}

static void on_booked(void *arg, const struct ledger_answer *a)
{
    struct op *op = arg;
    bool progress = a->err == ERR_OK && is_progress(op);
    bool again = a->err == ERR_OK && a->amount == 0 && is_again(op, a);
    if (a->err == ERR_OK && (a->amount > 0 || progress || again)) {
        const struct receipts_outcome o = {.http_status = 200,
                                           .text = "",
                                           .amount = a->amount,
                                           .balance = a->balance,
                                           .again = again && !progress};
        receipts_fn *fn = op->fn;
        void *fn_arg = op->arg;
        count(op->receipts, RECEIPT_GOOD);
        op_end(op);
        fn(fn_arg, &o);
        return;
    }
    switch (a->err) {
    case ERR_OK:
    case ERR_AUTH: /* another account has had that stream's first receipt */
        op_refuse(op, RECEIPT_EXPIRED);
        return;
    case ERR_LIMIT:
        op_answer(op, 409, "balance cannot exceed max 64 bit signed integer");
        return;
    default:
        op_answer(op, 409, NOT_KEPT);
    }
}

void receipts_book(struct op *op)
{
    const struct ledger_request q = {
        .op = LEDGER_CREDIT,
        .account = op->account,
        .other = WORLD,
        .key = op->key,
        .total = op->total,
    };
    if (op->receipts->closing) {
        op_answer(op, 503, STOPPING);
        return;
    }
    op->is_booked = true;
    ledger_ask(op->receipts->ledger, &q, on_booked, op);
}

/* --- an account's receipt --- */

static void on_claimed(void *arg, bool kept)
{
    struct op *op = arg;
    nonces_settle_claim(op->receipts->nonces, &op->receipt, kept);
    if (!kept) {
        op_answer(op, 409, NOT_KEPT);
        return;
    }
    receipts_book(op);
}

static void name_source(const struct op *op, const char *kind, char *out)
{
    size_t n = (size_t)snprintf(out, LEDGER_KEY_MAX, "%s:", kind);
    for (size_t i = 0; i < sizeof op->receipt.nonce; i++) {
        n += (size_t)snprintf(out + n, LEDGER_KEY_MAX - n, "%02x", op->receipt.nonce[i]);
    }
    (void)snprintf(out + n, LEDGER_KEY_MAX - n, ":%u", op->receipt.stream);
}

/* What the page says that it has paid to may be wrong by an honest mistake: then it is told, before
 * the receipt counts. */
static bool is_claimed_right(const struct receipts *r, const char *claimed, const char *endpoint)
{
    const struct pointer *is = pointers_find(&r->pointers, span_cstr(endpoint));
    return is != NULL &&
           (claimed[0] == '\0' || pointers_find_claimed(&r->pointers, span_cstr(claimed)) == is);
}

static void credit_here(struct op *op, struct span text, const char *claimed)
{
    struct receipts *r = op->receipts;
    const char *endpoint;
    bool known = false;
    int64_t now_ms = clock_wall_ms();
    enum receipt_verdict v =
        verify_check(r->nonces, text, now_ms, &r->lines, &op->receipt, &endpoint);
    if (v == RECEIPT_GOOD && !is_claimed_right(r, claimed, endpoint)) {
        receipts_write(r, NULL, NULL);
        r->counts[COUNT_OTHER_POINTER]++;
        op_answer(op, 400, OTHER_POINTER);
        return;
    }
    if (v == RECEIPT_GOOD &&
        receipt_convert(op->receipt.total, r->scale, r->ledger_scale, &op->total) != ERR_OK) {
        receipts_write(r, NULL, NULL);
        op_answer(op, 409, TOO_LARGE);
        return;
    }
    v = v == RECEIPT_GOOD ? nonces_claim(r->nonces, &op->receipt, now_ms, &r->lines, &known) : v;
    if (v != RECEIPT_GOOD) {
        receipts_write(r, NULL, NULL);
        op_refuse(op, v);
        return;
    }
    name_source(op, "stream", op->key);
    receipts_write(r, known ? NULL : on_claimed, op);
    if (known) {
        receipts_book(op);
    }
}

void receipts_credit(struct receipts *r, const char *account, struct span text, const char *claimed,
                     receipts_fn *fn, void *arg)
{
    if (strlen(account) >= LEDGER_NAME_MAX) {
        receipts_refuse(fn, arg, 400, "the account's name is too long");
        return;
    }
    struct op *op = op_begin(r, arg);
    if (op == NULL) {
        receipts_refuse(fn, arg, 503, BUSY);
        return;
    }
    op->fn = fn;
    (void)snprintf(op->account, sizeof op->account, "%s", account);
    if (r->nonces == NULL) {
        receipts_ask_service(op, text);
    } else {
        credit_here(op, text, claimed);
    }
}

/* --- a receipt for whoever asks --- */

static void on_taken(void *arg, bool kept)
{
    struct op *op = arg;
    nonces_settle(op->receipts->nonces, &op->receipt, kept);
    if (!kept) {
        op_answer(op, 409, NOT_KEPT);
        return;
    }
    count(op->receipts, RECEIPT_GOOD);
    op_answer(op, 200, op->answer);
}

void receipts_verify(struct receipts *r, struct span text, receipts_fn *fn, void *arg)
{
    uint64_t amount;
    struct op *op = op_begin(r, arg);
    if (op == NULL) {
        receipts_refuse(fn, arg, 503, BUSY);
        return;
    }
    op->fn = fn;
    enum receipt_verdict v = verify_receipt(r->nonces, text, clock_wall_ms(), &r->lines,
                                            &op->receipt, &amount, op->answer);
    if (v == RECEIPT_GOOD) {
        receipts_write(r, on_taken, op);
        return;
    }
    receipts_write(r, NULL, NULL);
    op_refuse(op, v);
}

/* --- a service of somebody else's --- */

/* Words of a stranger, for a person: short, and without what a terminal would do. */
static void copy_words(struct span body, char *out, size_t size)
{
    size_t n = 0;
    for (; n < body.len && n + 1 < size && body.data[n] != '\n'; n++) {
        out[n] = body.data[n] >= 0x20 && body.data[n] < 0x7f ? (char)body.data[n] : '?';
    }
    out[n] = '\0';
}

/* The service's amount is what was new to it. As the difference of two totals it is converted
 * without a loss, whatever the receipts before it were rounded to. */
static enum err service_total(const struct op *op, uint64_t amount, uint64_t *ret_total)
{
    const struct receipts *r = op->receipts;
    uint64_t after, before;
    if (amount > op->receipt.total) {
        return ERR_PROTO;
    }
    enum err e = receipt_convert(op->receipt.total, r->scale, r->ledger_scale, &after);
    if (e == ERR_OK) {
        e = receipt_convert(op->receipt.total - amount, r->scale, r->ledger_scale, &before);
    }
    if (e == ERR_OK) {
        *ret_total = after - before;
    }
    return e;
}

/* What the service said is new in this receipt. */
static void name_part(struct op *op)
{
    char source[LEDGER_KEY_MAX];
    name_source(op, "service", source);
    (void)snprintf(op->key, sizeof op->key, "%.200s:%" PRIu64, source, op->receipt.total);
}

static void take_answer(struct op *op, struct span body)
{
    struct verify_answer a;
    if (verify_read_answer(body, &a) != ERR_OK) {
        op_answer(op, 502, "the receipt service has not answered as such a service does");
        return;
    }
    if (pointers_find(&op->receipts->pointers, span_cstr(a.endpoint)) == NULL) {
        op->receipts->counts[COUNT_OTHER_POINTER]++;
        op_answer(op, 400, OTHER_POINTER);
        return;
    }
    enum err e = service_total(op, a.amount, &op->total);
    if (e != ERR_OK) {
        log_warn("receipts", "service",
                 "the receipt service tells of an amount of %" PRIu64
                 " that cannot be credited: its receipt says %" PRIu64 " in all",
                 a.amount, op->receipt.total);
        op_answer(op, e == ERR_LIMIT ? 409 : 502,
                  e == ERR_LIMIT ? TOO_LARGE : "the receipt service tells of a wrong amount");
        return;
    }
    name_part(op);
    receipts_book(op);
}

static void on_service(void *arg, const struct http_client_result *h)
{
    struct op *op = arg;
    op->call = NULL;
    op->receipts->n_asked--;
    if (h->err != ERR_OK || h->status >= 500) {
        if (receipts_tell_failure(op->receipts)) {
            log_warn("receipts", "service", "the receipt service has not answered: %s (status %d)",
                     h->why, h->status);
        }
        op_answer(op, receipts_status_of(h->err), "the receipt service does not answer now");
        return;
    }
    if (h->status == 400 && span_equal(h->body, span_cstr(receipt_words(RECEIPT_EXPIRED)))) {
        op->is_refused = true;
        name_part(op);
        receipts_book(op);
        return;
    }
    if (h->status != 200) {
        char words[RECEIPTS_TEXT_SIZE / 2];
        copy_words(h->body, words, sizeof words);
        op->receipts->counts[COUNT_EXPIRED] += h->status == 400;
        op_answer(op, h->status == 409 || h->status == 413 ? h->status : 400, words);
        return;
    }
    take_answer(op, h->body);
}

void receipts_ask_service(struct op *op, struct span text)
{
    struct receipts *r = op->receipts;
    char body[RECEIPT_TEXT_MAX + 1];
    enum receipt_verdict v = receipt_parse(text, &op->receipt);
    if (v != RECEIPT_GOOD) {
        op_refuse(op, v);
        return;
    }
    if (r->n_asked == RECEIPTS_ASKED_MAX) {
        op_answer(op, 503, BUSY);
        return;
    }
    (void)snprintf(body, sizeof body, "%.*s", (int)text.len, (const char *)text.data);
    const struct http_client_request q = {
        .url = r->service,
        .body = body,
        .content_type = "text/plain",
        .timeout_ms = r->timeout_ms,
        .answer_max_bytes = SPSP_ANSWER_MAX,
        .no_redirects = true,
    };
    r->n_asked++;
    op->call = http_client_send(r->http, &q, on_service, op);
}
