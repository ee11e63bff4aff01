/* STREAM receipts (Interledger RFC 0039): what a sender of money shows as proof that the receiver
 * has got it. 58 bytes: version 1, the nonce of a payment connection, the number of a stream in it,
 * what this stream has received in all, and an HMAC-SHA256 over these with a secret that is derived
 * from a seed of ours and the nonce, and known to the receiver's wallet alone. Pure; any thread. */
#ifndef ORCHESTRATOR_RECEIPTS_RECEIPT_H
#define ORCHESTRATOR_RECEIPTS_RECEIPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

#define RECEIPT_BYTES        58
#define RECEIPT_SIGNED_BYTES 26 /* the HMAC's message */
#define RECEIPT_TEXT_MAX     80 /* bytes of its base64 */
#define RECEIPT_NONCE_BYTES  16
#define RECEIPT_SECRET_BYTES 32
#define RECEIPT_SEED_MIN     16 /* bytes */
#define RECEIPT_SEED_MAX     64
#define RECEIPT_BASE64_SIZE  45 /* of a nonce or secret in base64, with the NUL */

struct receipt {
    unsigned char nonce[RECEIPT_NONCE_BYTES];
    uint8_t stream;
    uint64_t total; /* received so far, in the receiver's smallest unit */
    unsigned char bytes[RECEIPT_BYTES];
};

/* In the order in which they are looked for. */
enum receipt_verdict {
    RECEIPT_GOOD,
    RECEIPT_TOO_LONG,  /* more than RECEIPT_TEXT_MAX */
    RECEIPT_MALFORMED, /* no base64 of 58 bytes */
    RECEIPT_VERSION,
    RECEIPT_HMAC,
    RECEIPT_EXPIRED, /* a nonce that was not given out or is over, or a total that is not new */
};

/* What the known verifier says: "receipt malformed", and its HTTP status. */
const char *receipt_words(enum receipt_verdict v);
int receipt_status(enum receipt_verdict v);

/* Reads base64, base64url, padded or not; white space between does not count. All but the HMAC is
 * looked at. Writes *ret_receipt only when it is RECEIPT_GOOD. */
enum receipt_verdict receipt_parse(struct span text, struct receipt *ret_receipt) CHECKED;

/* What nonces' secrets are derived from: HMAC-SHA256(seed, "receipt_secret"). */
struct receipt_key {
    unsigned char bytes[RECEIPT_SECRET_BYTES];
};
void receipt_key_of_seed(struct span seed, struct receipt_key *ret_key);

/* HMAC-SHA256(key, nonce). */
void receipt_secret(const struct receipt_key *key, const unsigned char *nonce,
                    unsigned char ret_secret[RECEIPT_SECRET_BYTES]);

/* Whether who signed it knows the secret; takes as long whatever the answer. */
bool receipt_is_signed(const struct receipt *r, const struct receipt_key *key);

/* A random nonce. */
void receipt_nonce(unsigned char ret_nonce[RECEIPT_NONCE_BYTES]);

/* Standard base64 with padding of at most 32 bytes, as in the headers Receipt-Nonce and
 * Receipt-Secret; out holds RECEIPT_BASE64_SIZE. */
void receipt_base64(struct span bytes, char *out);

/* Reads base64 of either alphabet. ERR_PROTO: it is none; ERR_LIMIT: more than size bytes. */
enum err receipt_unbase64(struct span text, unsigned char *ret_bytes, size_t size,
                          size_t *ret_len) CHECKED;

/* A total in units of 10^-from as one in units of 10^-to, rounded down: of growing totals the
 * differences lose nothing. ERR_LIMIT: above what an int64_t holds. Scales: 0 to 18. */
enum err receipt_convert(uint64_t total, int from, int to, uint64_t *ret_total) CHECKED;

#endif
