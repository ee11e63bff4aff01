/* Receipts that a service of somebody else's verifies: intents.h says what is noted of them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "orchestrator/receipts/receipts_internal.h"
#include "run/log.h"

/* --- what is left open --- */

/* Nothing is lost when it cannot be written: then it is asked once more after a crash. */
static void end_intent(struct op *op)
{
    struct receipts *r = op->receipts;
    if (op->intent == NULL) {
        return;
    }
    enum err e = intents_end(r->intents, op->intent, &r->lines);
    op->intent = NULL;
    if (e == ERR_OK && !r->closing) {
        receipts_write(r, NULL, NULL);
    }
    buf_clear(&r->lines);
}

void receipts_intent_booked(struct op *op, const struct ledger_answer *a)
{
    if (op->intent == NULL) {
        return;
    }
    if (a->err == ERR_OK || a->err == ERR_AUTH || a->err == ERR_LIMIT) {
        end_intent(op);
        loop_timer_start(op->receipts->again, 0,
                         RECEIPTS_RETRY_MS); /* one before it may be known */
    }
}

static void end_refused(struct op *op, int status, const char *text)
{
    end_intent(op);
    op_answer(op, status, text);
}

/* --- asking --- */

/* Words of a stranger, for a person: short, and without what a terminal would do. */
static void copy_words(struct span body, char *out, size_t size)
{
    size_t n = 0;
    for (; n < body.len && n + 1 < size && body.data[n] != '\n'; n++) {
        out[n] = body.data[n] >= 0x20 && body.data[n] < 0x7f ? (char)body.data[n] : '?';
    }
    out[n] = '\0';
}

/* As the difference of two totals it is converted without a loss, whatever the receipts before it
 * were rounded to. */
static enum err total_of(const struct op *op, uint64_t *ret_total)
{
    const struct receipts *r = op->receipts;
    uint64_t after, before;
    enum err e = receipt_convert(op->receipt.total, r->scale, r->ledger_scale, &after);
    if (e == ERR_OK) {
        e = receipt_convert(op->intent->base, r->scale, r->ledger_scale, &before);
    }
    if (e == ERR_OK) {
        *ret_total = after - before;
    }
    return e;
}

static void name_part(struct op *op)
{
    char source[LEDGER_KEY_MAX];
    op_name_source(op, "service", source);
    (void)snprintf(op->key, sizeof op->key, "%.200s:%" PRIu64, source, op->receipt.total);
}

static void book_got(struct op *op)
{
    if (total_of(op, &op->total) != ERR_OK) {
        end_refused(op, 409, TOO_LARGE);
        return;
    }
    name_part(op);
    receipts_book(op);
}

static void on_got(void *arg, bool kept)
{
    struct op *op = arg;
    if (!kept) {
        op_answer(op, 409, NOT_KEPT); /* it is asked anew later */
        return;
    }
    book_got(op);
}

/* The service has counted it from base on: that is kept before anything is credited. */
static void note_got(struct op *op, uint64_t base)
{
    struct receipts *r = op->receipts;
    if (intents_got(r->intents, op->intent, base, &r->lines) != ERR_OK) {
        buf_clear(&r->lines);
        op_answer(op, 409, NOT_KEPT);
        return;
    }
    receipts_write(r, on_got, op);
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
        end_refused(op, 400, OTHER_POINTER);
        return;
    }
    if (a.amount > op->receipt.total) {
        log_warn("receipts", "service",
                 "the receipt service tells of an amount of %" PRIu64
                 " that cannot be credited: its receipt says %" PRIu64 " in all",
                 a.amount, op->receipt.total);
        end_refused(op, 502, "the receipt service tells of a wrong amount");
        return;
    }
    note_got(op, op->receipt.total - a.amount);
}

/* The service knows it already. Asked before, with the answer lost, it was counted then, for us:
 * where the service has said before that the stream's money is ours. Else it may have been credited
 * here, and is only shown again. */
static void take_expired(struct op *op)
{
    struct receipts *r = op->receipts;
    uint64_t counted = intents_counted(r->intents, &op->receipt);
    if (op->is_late && counted > 0 && counted < op->receipt.total) {
        note_got(op, counted);
        return;
    }
    if (op->is_late && counted == 0) {
        log_warn("receipts", "service",
                 "the answer to a stream's first receipt was lost: what it brought (%" PRIu64
                 " at most) is credited to account=%s with the stream's next receipt",
                 op->receipt.total, op->account);
        op->intent->is_waiting = true;
        op_refuse(op, RECEIPT_EXPIRED);
        return;
    }
    op->is_refused = true;
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
        take_expired(op);
        return;
    }
    if (h->status != 200) {
        char words[RECEIPTS_TEXT_SIZE / 2];
        copy_words(h->body, words, sizeof words);
        end_refused(op, h->status == 409 || h->status == 413 ? h->status : 400, words);
        return;
    }
    take_answer(op, h->body);
}

static void send(struct op *op)
{
    struct receipts *r = op->receipts;
    const struct http_client_request q = {
        .url = r->service,
        .body = op->intent->text,
        .content_type = "text/plain",
        .timeout_ms = r->timeout_ms,
        .answer_max_bytes = SPSP_ANSWER_MAX,
        .no_redirects = true,
    };
    if (r->closing) {
        op_answer(op, 503, STOPPING);
        return;
    }
    if (r->n_asked == RECEIPTS_ASKED_MAX) {
        op_answer(op, 503, BUSY);
        return;
    }
    r->n_asked++;
    op->call = http_client_send(r->http, &q, on_service, op);
}

static void on_asked(void *arg, bool kept)
{
    struct op *op = arg;
    if (!kept) {
        end_refused(op, 409, NOT_KEPT);
        return;
    }
    send(op);
}

static void take_up(struct op *op, struct intent *it)
{
    op->intent = it;
    op->receipt = it->receipt;
    it->is_open = true;
}

/* White space between does not count, and would in a line. */
static struct span without_blanks(struct span text, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] > ' ') {
            out[n++] = (char)text.data[i];
        }
    }
    return span_of((const uint8_t *)out, n);
}

void receipts_ask_service(struct op *op, struct span text)
{
    struct receipts *r = op->receipts;
    struct receipt receipt;
    char space[RECEIPT_TEXT_MAX];
    enum receipt_verdict v = receipt_parse(text, &receipt);
    if (v != RECEIPT_GOOD) {
        op_refuse(op, v);
        return;
    }
    text = without_blanks(text, space);
    struct intent *it = intents_find(r->intents, text, op->account);
    op->is_late = it != NULL;
    if (r->n_asked == RECEIPTS_ASKED_MAX || (op->is_late && it->is_open)) {
        op_answer(op, 503, BUSY);
        return;
    }
    it = op->is_late ? it : intents_ask(r->intents, text, &receipt, op->account, &r->lines);
    if (it == NULL) {
        receipts_write(r, NULL, NULL); /* what gave way */
        op_answer(op, 503, BUSY);
        return;
    }
    take_up(op, it);
    if (!op->is_late) {
        receipts_write(r, on_asked, op);
    } else if (it->is_got) {
        book_got(op);
    } else {
        send(op);
    }
}

/* --- asking anew --- */

/* One after the other, the oldest first: a stream is counted upwards. */
static void on_retried(void *arg, const struct receipts_outcome *o)
{
    struct receipts *r = arg;
    r->is_retrying = false;
    if (o->http_status == 200 && o->amount > 0) {
        log_info("receipts", "service", "a receipt whose answer was lost has brought %" PRIu64,
                 o->amount);
    }
    if (o->http_status < 500 && o->http_status != 409) {
        receipts_retry(r);
    }
}

void receipts_retry(void *arg)
{
    struct receipts *r = arg;
    struct intent *it = intents_left(r->intents);
    struct op *op = it != NULL && !r->is_retrying && !r->closing ? op_begin(r, r) : NULL;
    if (op == NULL) {
        return;
    }
    char text[RECEIPT_TEXT_MAX + 1];
    (void)snprintf(text, sizeof text, "%s", it->text);
    (void)snprintf(op->account, sizeof op->account, "%s", it->account);
    op->fn = on_retried;
    r->is_retrying = true;
    receipts_ask_service(op, span_cstr(text));
}
