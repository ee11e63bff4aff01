/* The journal of what a receipt service is asked about: what is read can be written, and that reads
 * as the same again; what changes then is in the journal, too. */
#include <stdlib.h>
#include <string.h>

#include "orchestrator/receipts/intents.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok) {
        abort();
    }
}

static struct intents *load(struct span journal)
{
    size_t line = 0;
    struct intents *n = intents_create();
    if (intents_load(n, journal, &line) == ERR_OK) {
        return n;
    }
    must(line > 0);
    intents_destroy(n);
    return NULL;
}

static struct intents *load_again(const struct intents *n, struct buf *ret_journal)
{
    buf_init(ret_journal, INTENTS_JOURNAL_MAX);
    must(intents_save(n, ret_journal) == ERR_OK);
    struct intents *again = load(buf_span(ret_journal));
    must(again != NULL && intents_count(again) == intents_count(n));
    return again;
}

/* Takes up what is left, as a start does. */
static void go_on(struct intents *n, struct buf *journal)
{
    struct intent *it = intents_left(n);
    size_t before = intents_count(n);
    if (it == NULL) {
        return;
    }
    struct receipt r = it->receipt;
    must(it->base <= r.total && it->account[0] != '\0');
    must(intents_find(n, span_cstr(it->text), it->account) == it);
    if (!it->is_got) {
        uint64_t base = intents_counted(n, &r) < r.total ? intents_counted(n, &r) : r.total;
        must(intents_got(n, it, base, journal) == ERR_OK);
        must(it->is_got && intents_counted(n, &r) >= r.total && intents_count(n) == before);
    } else {
        must(intents_end(n, it, journal) == ERR_OK);
        must(intents_count(n) == before - 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf once, twice, last;
    struct intents *n = load(span_of(data, size));
    if (n == NULL) {
        return 0;
    }
    struct intents *again = load_again(n, &once); /* streams are in their last order from here on */
    struct intents *same = load_again(again, &twice);
    go_on(same, &twice);
    struct intents *after = load(buf_span(&twice));
    must(after != NULL && intents_count(after) == intents_count(same));
    buf_init(&last, INTENTS_JOURNAL_MAX);
    buf_clear(&once);
    must(intents_save(same, &once) == ERR_OK && intents_save(after, &last) == ERR_OK);
    must(span_equal(buf_span(&once), buf_span(&last)));
    intents_destroy(n);
    intents_destroy(again);
    intents_destroy(same);
    intents_destroy(after);
    buf_fini(&once);
    buf_fini(&twice);
    buf_fini(&last);
    return 0;
}
