#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "orchestrator/ledger/ledger_book.h"
#include "orchestrator/receipts/receipts_internal.h"
#include "run/log.h"

#define WORLD "world:receipts" /* where receipts' money comes from, in the ledger */

static void count(struct receipts *r, enum receipt_verdict v)
{
    static const enum receipts_count counts[] = {
        [RECEIPT_GOOD] = COUNT_GOOD,           [RECEIPT_TOO_LONG] = COUNT_TOO_LONG,
        [RECEIPT_MALFORMED] = COUNT_MALFORMED, [RECEIPT_VERSION] = COUNT_VERSION,
        [RECEIPT_HMAC] = COUNT_HMAC,           [RECEIPT_EXPIRED] = COUNT_EXPIRED,
    };
    r->counts[counts[v]]++;
}

void op_refuse(struct op *op, enum receipt_verdict v)
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
    receipts_intent_booked(op, a);
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

void op_name_source(const struct op *op, const char *kind, char *out)
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
    op_name_source(op, "stream", op->key);
    receipts_write(r, known ? NULL : on_claimed, op);
    if (known) {
        receipts_book(op);
    }
}

void receipts_credit(struct receipts *r, const char *account, struct span text, const char *claimed,
                     receipts_fn *fn, void *arg)
{
    if (!ledger_name_is_valid(account)) {
        receipts_refuse(fn, arg, 400, "the account's name is too long, or no text");
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
