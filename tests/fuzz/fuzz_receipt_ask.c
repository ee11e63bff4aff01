/* A request to the receipt server: lines with its method, path and Accept header, then its body. It
 * is refused in words, or names an account that the ledger takes. */
#include <stdlib.h>
#include <string.h>

#include "orchestrator/ledger/ledger_book.h"
#include "orchestrator/receipts/receipt_ask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok) {
        abort();
    }
}

static void check(const struct http_request *r, bool verifies)
{
    struct receipt_ask q;
    receipt_ask_read(r, verifies, &q);
    bool balance = q.kind == RECEIPT_ASK_CREDIT || q.kind == RECEIPT_ASK_SPEND;
    must(q.kind <= RECEIPT_ASK_POINTER);
    must(q.kind != RECEIPT_ASK_REFUSED || (q.status >= 400 && q.text[0] != '\0'));
    must(q.kind != RECEIPT_ASK_VERIFY || verifies);
    must(q.kind != RECEIPT_ASK_POINTER || r->path[0] == '/');
    if (balance) {
        must(strncmp(q.account, "balance:", 8) == 0 && q.account[8] != '\0');
        must(ledger_name_is_valid(q.account) && q.amount <= LEDGER_MONEY_MAX);
    }
}

static const char *next_line(char **at)
{
    char *line = *at;
    *at += strcspn(*at, "\n");
    *at += **at == '\n' ? (**at = '\0', 1) : 0;
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *at = text;
    must(text != NULL);
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    struct http_request r = {.query = "", .remote = "127.0.0.1"};
    r.method = next_line(&at);
    r.path = next_line(&at);
    r.accept = next_line(&at);
    r.accept = r.accept[0] != '\0' ? r.accept : NULL;
    r.body = span_of(at, size - (size_t)(at - text));
    check(&r, false);
    check(&r, true);
    free(text);
    return 0;
}
