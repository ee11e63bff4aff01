#include "orchestrator/receipts/intents.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "orchestrator/ledger/ledger_book.h"

/* One line for each change:
 *   receipt intents 1                       the first line
 *   ask RECEIPT ACCOUNT                     the service is asked
 *   got RECEIPT BASE ACCOUNT                it has counted what is over BASE
 *   end RECEIPT ACCOUNT
 *   counted RECEIPT                         of a stream, this receipt or a later one was counted */
#define FIRST_LINE "receipt intents 1"

/* The receipt with the highest total of its stream that the service has counted. */
struct stream {
    struct list node;
    struct receipt receipt;
    char text[RECEIPT_TEXT_MAX + 1];
};

struct intents {
    struct list open, streams; /* oldest first */
    size_t n_open, n_streams;
};

struct intents *intents_create(void)
{
    struct intents *n = mem_alloc(sizeof *n);
    list_init(&n->open);
    list_init(&n->streams);
    return n;
}

static void drop(struct intents *n, struct intent *it)
{
    list_remove(&it->node);
    n->n_open--;
    mem_free(it);
}

static void drop_stream(struct intents *n, struct stream *s)
{
    list_remove(&s->node);
    n->n_streams--;
    mem_free(s);
}

void intents_destroy(struct intents *n)
{
    if (n == NULL) {
        return;
    }
    LIST_EACH (&n->open, it, next) {
        drop(n, LIST_ITEM(it, struct intent, node));
    }
    LIST_EACH (&n->streams, it, next) {
        drop_stream(n, LIST_ITEM(it, struct stream, node));
    }
    mem_free(n);
}

static bool same_stream(const struct receipt *a, const struct receipt *b)
{
    return a->stream == b->stream && memcmp(a->nonce, b->nonce, sizeof a->nonce) == 0;
}

static struct stream *stream_of(const struct intents *n, const struct receipt *r)
{
    LIST_EACH (&n->streams, it, next) {
        struct stream *s = LIST_ITEM(it, struct stream, node);
        if (same_stream(&s->receipt, r)) {
            return s;
        }
    }
    return NULL;
}

static void note_counted(struct intents *n, const struct receipt *r, const char *text)
{
    struct stream *s = stream_of(n, r);
    if (s == NULL) {
        if (n->n_streams == INTENTS_STREAMS_MAX) {
            drop_stream(n, LIST_ITEM(n->streams.next, struct stream, node));
        }
        s = mem_alloc(sizeof *s);
        list_init(&s->node);
        n->n_streams++;
    }
    if (r->total >= s->receipt.total) {
        s->receipt = *r;
        (void)snprintf(s->text, sizeof s->text, "%s", text);
    }
    list_remove(&s->node);
    list_push_back(&n->streams, &s->node);
}

struct intent *intents_find(const struct intents *n, struct span text, const char *account)
{
    LIST_EACH (&n->open, it, next) {
        struct intent *i = LIST_ITEM(it, struct intent, node);
        if (span_equal(text, span_cstr(i->text)) && strcmp(i->account, account) == 0) {
            return i;
        }
    }
    return NULL;
}

static enum err write_end(const struct intent *it, struct buf *journal)
{
    return buf_printf(journal, "end %s %s\n", it->text, it->account);
}

/* The end is written, so that a journal never has more without one than there may be. */
static enum err make_room(struct intents *n, struct buf *journal)
{
    if (n->n_open < INTENTS_MAX) {
        return ERR_OK;
    }
    LIST_EACH (&n->open, it, next) {
        struct intent *i = LIST_ITEM(it, struct intent, node);
        if (i->is_waiting && !i->is_open && !i->is_got) {
            enum err e = write_end(i, journal);
            if (e == ERR_OK) {
                drop(n, i);
            }
            return e;
        }
    }
    return ERR_LIMIT;
}

static struct intent *add(struct intents *n, struct span text, const struct receipt *r,
                          const char *account)
{
    if (n->n_open == INTENTS_MAX || text.len > RECEIPT_TEXT_MAX) {
        return NULL;
    }
    struct intent *it = mem_alloc(sizeof *it);
    list_init(&it->node);
    it->receipt = *r;
    memcpy(it->text, text.data, text.len);
    (void)snprintf(it->account, sizeof it->account, "%s", account);
    list_push_back(&n->open, &it->node);
    n->n_open++;
    return it;
}

struct intent *intents_ask(struct intents *n, struct span text, const struct receipt *r,
                           const char *account, struct buf *journal)
{
    struct intent *it = make_room(n, journal) == ERR_OK ? add(n, text, r, account) : NULL;
    if (it != NULL && buf_printf(journal, "ask %s %s\n", it->text, it->account) != ERR_OK) {
        drop(n, it);
        return NULL;
    }
    return it;
}

static enum err write_got(const struct intent *it, struct buf *journal)
{
    return buf_printf(journal, "got %s %" PRIu64 " %s\n", it->text, it->base, it->account);
}

/* The service counts a stream upwards: whoever ended where the next one begins was counted. */
static struct intent *find_lost(const struct intents *n, const struct intent *next)
{
    LIST_EACH (&n->open, it, tmp) {
        struct intent *i = LIST_ITEM(it, struct intent, node);
        if (!i->is_got && i != next && same_stream(&i->receipt, &next->receipt) &&
            i->receipt.total == next->base && strcmp(i->account, next->account) == 0) {
            return i;
        }
    }
    return NULL;
}

enum err intents_got(struct intents *n, struct intent *it, uint64_t base, struct buf *journal)
{
    uint64_t counted = intents_counted(n, &it->receipt);
    it->base = base;
    it->is_got = true;
    enum err e = write_got(it, journal);
    struct intent *lost = find_lost(n, it);
    if (e == ERR_OK && lost != NULL && counted < lost->receipt.total) {
        lost->base = counted;
        lost->is_got = true;
        e = write_got(lost, journal);
    }
    note_counted(n, &it->receipt, it->text);
    return e;
}

enum err intents_end(struct intents *n, struct intent *it, struct buf *journal)
{
    enum err e = write_end(it, journal);
    drop(n, it);
    return e;
}

uint64_t intents_counted(const struct intents *n, const struct receipt *r)
{
    const struct stream *s = stream_of(n, r);
    return s != NULL ? s->receipt.total : 0;
}

struct intent *intents_left(const struct intents *n)
{
    LIST_EACH (&n->open, it, next) {
        struct intent *i = LIST_ITEM(it, struct intent, node);
        if (!i->is_open && (!i->is_waiting || i->is_got)) {
            return i;
        }
    }
    return NULL;
}

size_t intents_count(const struct intents *n)
{
    return n->n_open;
}

/* --- the journal --- */

enum err intents_save(const struct intents *n, struct buf *out)
{
    enum err e = buf_printf(out, "%s\n", FIRST_LINE);
    LIST_EACH (&n->streams, it, next) {
        const struct stream *s = LIST_ITEM(it, const struct stream, node);
        e = e == ERR_OK ? buf_printf(out, "counted %s\n", s->text) : e;
    }
    LIST_EACH (&n->open, it, next) {
        const struct intent *i = LIST_ITEM(it, const struct intent, node);
        e = e == ERR_OK ? buf_printf(out, "ask %s %s\n", i->text, i->account) : e;
        e = e == ERR_OK && i->is_got ? write_got(i, out) : e;
    }
    return e;
}

static struct span take_word(struct span *rest)
{
    size_t n = 0;
    while (n < rest->len && rest->data[n] != ' ') {
        n++;
    }
    struct span word = span_of(rest->data, n);
    n += n < rest->len ? 1 : 0;
    *rest = span_of(rest->data + n, rest->len - n);
    return word;
}

static enum err load_change(struct intents *n, struct span what, struct span text,
                            const struct receipt *r, struct span rest)
{
    uint64_t base = 0;
    char account[LEDGER_NAME_MAX];
    bool got = span_equal(what, span_cstr("got"));
    if ((got && !span_decimal(take_word(&rest), r->total, &base)) || rest.len == 0 ||
        rest.len >= sizeof account || memchr(rest.data, '\0', rest.len) != NULL) {
        return ERR_PROTO;
    }
    memcpy(account, rest.data, rest.len);
    account[rest.len] = '\0';
    if (!ledger_name_is_valid(account)) { /* it would not be the same when it is read again */
        return ERR_PROTO;
    }
    struct intent *it = intents_find(n, text, account);
    if (span_equal(what, span_cstr("ask"))) {
        return it != NULL || add(n, text, r, account) != NULL ? ERR_OK : ERR_LIMIT;
    }
    if (!got && !span_equal(what, span_cstr("end"))) {
        return ERR_PROTO;
    }
    if (got && it != NULL) {
        it->is_got = true;
        it->base = base;
        note_counted(n, r, it->text);
    } else if (it != NULL) {
        drop(n, it);
    }
    return ERR_OK;
}

static enum err load_line(struct intents *n, struct span line)
{
    struct receipt r;
    char kept[RECEIPT_TEXT_MAX + 1] = "";
    struct span what = take_word(&line), text = take_word(&line);
    if (text.len > RECEIPT_TEXT_MAX || receipt_parse(text, &r) != RECEIPT_GOOD) {
        return ERR_PROTO;
    }
    if (span_equal(what, span_cstr("counted")) && line.len == 0) {
        memcpy(kept, text.data, text.len);
        note_counted(n, &r, kept);
        return ERR_OK;
    }
    return load_change(n, what, text, &r, line);
}

enum err intents_load(struct intents *n, struct span journal, size_t *ret_line)
{
    while (journal.len > 0 && journal.data[journal.len - 1] != '\n') {
        journal.len--;
    }
    for (size_t number = 1; journal.len > 0; number++) {
        struct span line = span_take_line(&journal);
        enum err e = number > 1                                ? load_line(n, line)
                     : span_equal(line, span_cstr(FIRST_LINE)) ? ERR_OK
                                                               : ERR_PROTO;
        if (e != ERR_OK) {
            *ret_line = number;
            return e;
        }
    }
    return ERR_OK;
}
