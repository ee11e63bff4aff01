/* What the table of nonces and its journal share. */
#ifndef ORCHESTRATOR_RECEIPTS_NONCES_INTERNAL_H
#define ORCHESTRATOR_RECEIPTS_NONCES_INTERNAL_H

#include "base/list.h"
#include "orchestrator/receipts/nonces.h"

struct nonce_stream {
    uint8_t id;
    bool is_account; /* the ledger counts it */
    bool is_counted; /* it is counted here */
    uint64_t total;  /* the highest that was taken */
    uint64_t kept;   /* the highest in the journal; of an account's: whether it is there (1) */
};

struct nonce {
    struct list node; /* of `fresh` or `used`, oldest first */
    struct nonce *next;
    unsigned char bytes[RECEIPT_NONCE_BYTES];
    const struct seed *seed;
    int64_t used_ms;
    int64_t kept_ms; /* the last use that the journal has */
    struct nonce_stream *streams;
    size_t n_streams;
    char endpoint[];
};

struct nonces {
    const struct seeds *seeds;
    int64_t ttl_ms;
    size_t max, count, n_streams;
    struct nonce **buckets;
    size_t n_buckets;        /* a power of two */
    struct list fresh, used; /* those without streams, and with */
};

struct nonce_facts {
    const unsigned char *bytes;
    const struct seed *seed;
    int64_t used_ms;
    const char *endpoint;
};

struct nonce *nonces_find(const struct nonces *n, const unsigned char *bytes);
void nonces_drop_over(struct nonces *n, int64_t now_ms);
bool nonce_is_over(const struct nonces *n, const struct nonce *it, int64_t now_ms);
struct nonce *nonces_insert(struct nonces *n, const struct nonce_facts *f, int64_t now_ms);
struct nonce_stream *nonce_stream(const struct nonce *it, uint8_t id);
struct nonce_stream *nonce_stream_make(struct nonces *n, struct nonce *it, uint8_t id);
void nonce_use(struct nonces *n, struct nonce *it, int64_t now_ms);

enum err nonce_write(const struct nonce *it, struct buf *journal) CHECKED;
enum err nonce_write_use(const struct nonce *it, struct buf *journal) CHECKED;
enum err nonce_write_mark(const struct nonce *it, uint8_t stream, uint64_t total,
                          struct buf *journal) CHECKED;
enum err nonce_write_claim(const struct nonce *it, uint8_t stream, struct buf *journal) CHECKED;

#endif
