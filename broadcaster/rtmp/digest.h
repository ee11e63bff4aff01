/* The digests that Flash clients and their kin put into handshake blocks, and look for in the
 * server's: HMAC-SHA256 under two well-known keys, at a place that four bytes of the block name.
 * They prove nothing to us (the keys are public), but clients that send one expect one. The
 * published specification leaves them out; the constants are those that all servers share. Pure. */
#ifndef BROADCASTER_RTMP_DIGEST_H
#define BROADCASTER_RTMP_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define DIGEST_BLOCK_BYTES 1536
#define DIGEST_BYTES       32

enum digest_signer { DIGEST_CLIENT, DIGEST_SERVER };

/* Where the four bytes stand from which the place follows: both are in use. */
enum digest_schema { DIGEST_SCHEMA_SECOND_HALF, DIGEST_SCHEMA_FIRST_HALF, DIGEST_SCHEMAS_ };

/* Looks for that signer's digest in C1 or S1, in both schemas. *ret_digest is inside of the block.
 * ERR_NOENT: there is none. */
enum err digest_find(const uint8_t *block, enum digest_signer signer,
                     enum digest_schema *ret_schema, const uint8_t **ret_digest) CHECKED;

/* Puts the signer's digest into its own C1 or S1. */
void digest_sign(uint8_t *block, enum digest_signer signer, enum digest_schema schema);

/* C2 and S2 end with a digest made from the other side's one. */
void digest_sign_answer(uint8_t *block, enum digest_signer signer, const uint8_t *others_digest);
bool digest_check_answer(const uint8_t *block, enum digest_signer signer,
                         const uint8_t *others_digest);

#endif
