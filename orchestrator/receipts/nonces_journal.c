#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "orchestrator/receipts/nonces_internal.h"

/* One line for each change:
 *   receipt nonces 1                        the first line
 *   nonce NONCE SEED MS ENDPOINT            given out
 *   used NONCE MS                           renewed
 *   mark NONCE STREAM TOTAL MS              taken up to this total
 *   account NONCE STREAM MS                 counted by the ledger */
#define FIRST_LINE "receipt nonces 1"
#define HEX_SIZE   (2 * RECEIPT_NONCE_BYTES + 1)
#define WORDS_MAX  5

static void to_hex(const unsigned char *bytes, char *out)
{
    for (size_t i = 0; i < RECEIPT_NONCE_BYTES; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    }
}

enum err nonce_write(const struct nonce *it, struct buf *journal)
{
    char hex[HEX_SIZE];
    to_hex(it->bytes, hex);
    return buf_printf(journal, "nonce %s %016" PRIx64 " %" PRId64 " %s\n", hex, it->seed->id,
                      it->used_ms, it->endpoint);
}

enum err nonce_write_use(const struct nonce *it, struct buf *journal)
{
    char hex[HEX_SIZE];
    to_hex(it->bytes, hex);
    return buf_printf(journal, "used %s %" PRId64 "\n", hex, it->used_ms);
}

enum err nonce_write_mark(const struct nonce *it, uint8_t stream, uint64_t total,
                          struct buf *journal)
{
    char hex[HEX_SIZE];
    to_hex(it->bytes, hex);
    return buf_printf(journal, "mark %s %u %" PRIu64 " %" PRId64 "\n", hex, stream, total,
                      it->used_ms);
}

enum err nonce_write_claim(const struct nonce *it, uint8_t stream, struct buf *journal)
{
    char hex[HEX_SIZE];
    to_hex(it->bytes, hex);
    return buf_printf(journal, "account %s %u %" PRId64 "\n", hex, stream, it->used_ms);
}

static enum err save_list(const struct list *l, struct buf *out)
{
    enum err e = ERR_OK;
    for (const struct list *at = l->next; at != l && e == ERR_OK; at = at->next) {
        const struct nonce *it = LIST_ITEM(at, const struct nonce, node);
        e = nonce_write(it, out);
        for (size_t i = 0; i < it->n_streams && e == ERR_OK; i++) {
            const struct nonce_stream *s = &it->streams[i];
            e = s->kept == 0    ? ERR_OK
                : s->is_account ? nonce_write_claim(it, s->id, out)
                                : nonce_write_mark(it, s->id, s->kept, out);
        }
    }
    return e;
}

enum err nonces_save(const struct nonces *n, struct buf *out)
{
    enum err e = buf_printf(out, "%s\n", FIRST_LINE);
    e = e == ERR_OK ? save_list(&n->fresh, out) : e;
    return e == ERR_OK ? save_list(&n->used, out) : e;
}

/* --- reading --- */

struct words {
    struct span items[WORDS_MAX];
    size_t n;
};

static bool split(struct span line, struct words *ret_words)
{
    ret_words->n = 0;
    while (ret_words->n < WORDS_MAX) {
        size_t n = 0;
        while (n < line.len && line.data[n] != ' ') {
            n++;
        }
        ret_words->items[ret_words->n++] = span_of(line.data, n);
        if (n == line.len) {
            return true;
        }
        line = span_of(line.data + n + 1, line.len - n - 1);
    }
    return false;
}

static bool hex_digit(uint8_t c, unsigned *ret_v)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')) {
        *ret_v = (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
        return true;
    }
    return false;
}

static bool from_hex(struct span text, unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n && text.len == 2 * n; i++) {
        unsigned high, low;
        if (!hex_digit(text.data[2 * i], &high) || !hex_digit(text.data[2 * i + 1], &low)) {
            return false;
        }
        bytes[i] = (unsigned char)(high << 4 | low);
    }
    return text.len == 2 * n;
}

static const struct seed *seed_of(const struct nonces *n, const unsigned char *id_bytes)
{
    uint64_t id = 0;
    for (size_t i = 0; i < sizeof id; i++) {
        id = id << 8 | id_bytes[i];
    }
    for (size_t i = 0; i < n->seeds->n; i++) {
        if (n->seeds->items[i].id == id) {
            return &n->seeds->items[i];
        }
    }
    return NULL;
}

/* No pointer of ours has others. */
static bool is_printable(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] <= 0x20 || text.data[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

static enum err load_nonce(struct nonces *n, const struct words *w, int64_t now_ms,
                           size_t *strangers)
{
    unsigned char bytes[RECEIPT_NONCE_BYTES], seed[sizeof(uint64_t)];
    char endpoint[NONCES_ENDPOINT_SIZE];
    uint64_t at_ms;
    if (w->n != 5 || !from_hex(w->items[1], bytes, sizeof bytes) ||
        !from_hex(w->items[2], seed, sizeof seed) ||
        !span_decimal(w->items[3], INT64_MAX, &at_ms) || w->items[4].len >= sizeof endpoint ||
        !is_printable(w->items[4])) {
        return ERR_PROTO;
    }
    (void)snprintf(endpoint, sizeof endpoint, "%.*s", (int)w->items[4].len,
                   (const char *)w->items[4].data);
    const struct nonce_facts f = {
        .bytes = bytes,
        .seed = seed_of(n, seed),
        .used_ms = (int64_t)at_ms < now_ms ? (int64_t)at_ms : now_ms, /* the clock went back */
        .endpoint = endpoint,
    };
    if (f.seed == NULL) {
        (*strangers)++;
        return ERR_OK;
    }
    if (nonces_find(n, bytes) != NULL) { /* it was in the whole table, and came once more behind */
        return ERR_OK;
    }
    /* What is over can only be told at the end: a later line may have renewed it. */
    return nonces_insert(n, &f, 0) != NULL ? ERR_OK : ERR_NOMEM;
}

static enum err load_stream(struct nonces *n, struct nonce *it, const struct words *w, bool mark)
{
    uint64_t id, total = 0;
    if (!span_decimal(w->items[2], UINT8_MAX, &id) ||
        (mark && (!span_decimal(w->items[3], UINT64_MAX, &total) || total == 0))) {
        return ERR_PROTO;
    }
    struct nonce_stream *s = nonce_stream_make(n, it, (uint8_t)id);
    if (s == NULL) {
        return ERR_NOMEM;
    }
    s->is_account = !mark;
    s->is_counted = mark;
    s->total = total > s->total ? total : s->total;
    s->kept = mark ? s->total : 1;
    return ERR_OK;
}

/* Of a nonce that is not there any more nothing has to be known. */
static enum err load_use(struct nonces *n, const struct words *w, int64_t now_ms)
{
    unsigned char bytes[RECEIPT_NONCE_BYTES];
    uint64_t at_ms;
    bool mark = span_equal(w->items[0], span_cstr("mark"));
    bool account = span_equal(w->items[0], span_cstr("account"));
    bool used = span_equal(w->items[0], span_cstr("used"));
    size_t words = mark ? 5 : account ? 4 : 3;
    if (!(mark || account || used) || w->n != words ||
        !from_hex(w->items[1], bytes, sizeof bytes) ||
        !span_decimal(w->items[words - 1], INT64_MAX, &at_ms)) {
        return ERR_PROTO;
    }
    struct nonce *it = nonces_find(n, bytes);
    if (it == NULL) {
        return ERR_OK;
    }
    enum err e = used ? ERR_OK : load_stream(n, it, w, mark);
    if (e == ERR_OK) {
        nonce_use(n, it, (int64_t)at_ms < now_ms ? (int64_t)at_ms : now_ms);
        it->kept_ms = it->used_ms;
    }
    return e;
}

static enum err load_line(struct nonces *n, struct span line, int64_t now_ms, size_t *strangers)
{
    struct words w;
    if (!split(line, &w)) {
        return ERR_PROTO;
    }
    return span_equal(w.items[0], span_cstr("nonce")) ? load_nonce(n, &w, now_ms, strangers)
                                                      : load_use(n, &w, now_ms);
}

enum err nonces_load(struct nonces *n, struct span journal, int64_t now_ms, size_t *ret_strangers,
                     size_t *ret_line)
{
    size_t strangers = 0;
    while (journal.len > 0 && journal.data[journal.len - 1] != '\n') {
        journal.len--;
    }
    for (size_t number = 1; journal.len > 0; number++) {
        struct span line = span_take_line(&journal);
        enum err e = number == 1 && !span_equal(line, span_cstr(FIRST_LINE)) ? ERR_PROTO
                     : number == 1                                           ? ERR_OK
                                   : load_line(n, line, now_ms, &strangers);
        if (e != ERR_OK) {
            *ret_line = number;
            return e;
        }
    }
    nonces_drop_over(n, now_ms);
    *ret_strangers = strangers;
    return ERR_OK;
}
