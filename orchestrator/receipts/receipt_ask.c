#include "orchestrator/receipts/receipt_ask.h"

#include <stdio.h>
#include <string.h>

#include "orchestrator/ledger/ledger_book.h"
#include "orchestrator/receipts/pointer.h"
#include "orchestrator/receipts/spsp.h"

#define BALANCES      "/balances/"
#define CREDIT        ":creditReceipt"
#define SPEND         ":spend"
#define SPEND_MAX     19 /* digits */
#define ACCOUNT_KIND  "balance:"
#define NOT_FOUND     "Not Found"
#define TOO_LARGE     "request entity too large"
#define SPEND_TOO_BIG "spend amount exceeds max 64 bit signed integer"

static void refuse(struct receipt_ask *q, int status, const char *text)
{
    q->kind = RECEIPT_ASK_REFUSED;
    q->status = status;
    q->text = text;
}

static bool ends(struct span text, const char *with, struct span *ret_rest)
{
    size_t n = strlen(with);
    if (text.len <= n || memcmp(text.data + text.len - n, with, n) != 0) {
        return false;
    }
    *ret_rest = span_of(text.data, text.len - n);
    return true;
}

/* An id is any one part of a path. */
static bool name_account(struct span id, char *out)
{
    size_t n = strlen(ACCOUNT_KIND);
    (void)snprintf(out, LEDGER_NAME_MAX, "%s", ACCOUNT_KIND);
    return pointer_decode(id, out + n, LEDGER_NAME_MAX - n) == ERR_OK &&
           memchr(id.data, '/', id.len) == NULL && ledger_name_is_valid(out);
}

static void read_spend(struct span body, struct receipt_ask *q)
{
    if (body.len > SPEND_MAX) {
        refuse(q, 413, TOO_LARGE);
    } else if (!span_decimal(body, UINT64_MAX, &q->amount)) {
        refuse(q, 400, "spend amount is not a whole number");
    } else if (q->amount > LEDGER_MONEY_MAX) {
        refuse(q, 409, SPEND_TOO_BIG);
    } else {
        q->kind = RECEIPT_ASK_SPEND;
    }
}

static void read_balance(const struct http_request *r, struct receipt_ask *q)
{
    struct span rest = span_cstr(r->path + strlen(BALANCES)), id;
    bool credits = ends(rest, CREDIT, &id);
    if ((!credits && !ends(rest, SPEND, &id)) || !name_account(id, q->account)) {
        refuse(q, 404, NOT_FOUND);
    } else if (credits) {
        q->kind = RECEIPT_ASK_CREDIT;
    } else {
        read_spend(r->body, q);
    }
}

void receipt_ask_read(const struct http_request *r, bool verifies, struct receipt_ask *ret_ask)
{
    struct receipt_ask q = {.text = ""};
    bool post = strcmp(r->method, "POST") == 0;
    if (strcmp(r->method, "OPTIONS") == 0) {
        q.kind = RECEIPT_ASK_PREFLIGHT;
    } else if (post && strcmp(r->path, "/verify") == 0 && verifies) {
        q.kind = RECEIPT_ASK_VERIFY;
    } else if (post && strncmp(r->path, BALANCES, strlen(BALANCES)) == 0) {
        read_balance(r, &q);
    } else if (strcmp(r->method, "GET") == 0 && r->path[0] == '/' && spsp_accepted(r->accept)) {
        q.kind = RECEIPT_ASK_POINTER;
    } else {
        refuse(&q, 404, NOT_FOUND);
    }
    *ret_ask = q;
}
