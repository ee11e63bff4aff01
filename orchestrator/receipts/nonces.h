/* The nonces that were given out: for which endpoint, made with which seed, when they were last of
 * use, and how much of each of their streams has been taken already. One that is not used for the
 * time to live is over. Bounded in number: the oldest that never brought anything go first.
 *
 * What changes is put as lines into a journal; a journal read from its start makes the same table
 * again. Pure; one thread. Times are milliseconds of the wall clock. */
#ifndef ORCHESTRATOR_RECEIPTS_NONCES_H
#define ORCHESTRATOR_RECEIPTS_NONCES_H

#include "base/buf.h"
#include "orchestrator/receipts/receipt.h"
#include "orchestrator/receipts/seeds.h"

#define NONCES_MAX           65536
#define NONCES_STREAMS_PER   4 /* streams in all, for each nonce there may be */
#define NONCES_ENDPOINT_SIZE 256
#define NONCES_LINE_MAX      (NONCES_ENDPOINT_SIZE + 120)
#define NONCES_JOURNAL_MAX   (NONCES_MAX * (size_t)NONCES_LINE_MAX * 2)
#define NONCES_USE_KEPT_EVERY                                                                      \
    16 /* parts of the time to live: how exact the journal is about it                             \
        */

struct nonces;

/* Borrows the seeds; max: 1 to NONCES_MAX. Gives. */
struct nonces *nonces_create(const struct seeds *seeds, int64_t ttl_ms, size_t max);
void nonces_destroy(struct nonces *n); /* takes NULL */

/* A nonce has been given out for an endpoint (fewer than NONCES_ENDPOINT_SIZE bytes, no blanks),
 * with the secret of the first seed. ERR_NOMEM: nothing has changed. */
enum err nonces_add(struct nonces *n, const unsigned char *nonce, const char *endpoint,
                    int64_t now_ms, struct buf *journal) CHECKED;

/* RECEIPT_HMAC; RECEIPT_EXPIRED: not given out, over, or a total of 0; RECEIPT_GOOD: renewed;
 * ret_endpoint is borrowed until the next call that is not const. */
enum receipt_verdict nonces_check(struct nonces *n, const struct receipt *r, int64_t now_ms,
                                  struct buf *journal, const char **ret_endpoint) CHECKED;

/* A stream's receipts are either counted here, for whoever asks what is new, or by an account that
 * gets it: who comes first has the stream. Both after nonces_check has said RECEIPT_GOOD.
 *
 * nonces_take: what is over the highest total so far; RECEIPT_EXPIRED: nothing is, or the stream is
 * an account's. It counts at once; nonces_settle says whether its journal line was kept, and takes
 * it back if not. What is taken and not settled is settled in the same order. */
enum receipt_verdict nonces_take(struct nonces *n, const struct receipt *r, int64_t now_ms,
                                 struct buf *journal, uint64_t *ret_amount) CHECKED;
void nonces_settle(struct nonces *n, const struct receipt *r, bool kept);

/* The stream is an account's from now on; *ret_known: that is settled already, and no line was
 * put. */
enum receipt_verdict nonces_claim(struct nonces *n, const struct receipt *r, int64_t now_ms,
                                  struct buf *journal, bool *ret_known) CHECKED;
void nonces_settle_claim(struct nonces *n, const struct receipt *r, bool kept);

/* An account's receipt has counted: true when its total is higher than all before it, since this
 * table was made. */
bool nonces_counted(struct nonces *n, const struct receipt *r);

size_t nonces_count(const struct nonces *n);

/* The whole table as a journal, without what is not settled yet. ERR_NOMEM, ERR_LIMIT. */
enum err nonces_save(const struct nonces *n, struct buf *out) CHECKED;

/* Reads a journal; a last line without its end does not count, and nonces of unknown seeds are left
 * out (*ret_strangers: how many). ERR_PROTO: *ret_line is none of ours; ERR_NOMEM. */
enum err nonces_load(struct nonces *n, struct span journal, int64_t now_ms, size_t *ret_strangers,
                     size_t *ret_line) CHECKED;

#endif
