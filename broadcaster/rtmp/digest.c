#include "broadcaster/rtmp/digest.h"

#include <sodium.h>
#include <string.h>

#define NAME_CLIENT    "Genuine Adobe Flash Player 001"
#define NAME_SERVER    "Genuine Adobe Flash Media Server 001"
#define KEY_BYTES_MAX  (sizeof NAME_SERVER - 1 + sizeof key_tail)
#define POINTER_FIRST  8   /* behind time and version */
#define POINTER_SECOND 772 /* behind the first half of what is left */
#define POINTER_BYTES  4
#define PLACES         728 /* 764 bytes of a half, less the pointer and the digest */

static const uint8_t key_tail[32] = {
    0xf0, 0xee, 0xc2, 0x4a, 0x80, 0x68, 0xbe, 0xe8, 0x2e, 0x00, 0xd0, 0xd1, 0x02, 0x9e, 0x7e, 0x57,
    0x6e, 0xec, 0x5d, 0x2d, 0x29, 0x80, 0x6f, 0xab, 0x93, 0xb8, 0xe6, 0x36, 0xcf, 0xeb, 0x31, 0xae};

struct key {
    uint8_t bytes[KEY_BYTES_MAX];
    size_t len;
};

/* Blocks are signed with the name alone, answers with the tail behind it. */
static struct key key_of(enum digest_signer signer, bool answer)
{
    const char *name = signer == DIGEST_CLIENT ? NAME_CLIENT : NAME_SERVER;
    struct key k = {.len = strlen(name)};
    memcpy(k.bytes, name, k.len);
    if (answer) {
        memcpy(k.bytes + k.len, key_tail, sizeof key_tail);
        k.len += sizeof key_tail;
    }
    return k;
}

/* Over the whole block but for the digest itself. */
static void block_digest(const uint8_t *block, size_t place, enum digest_signer signer,
                         uint8_t *out)
{
    struct key k = key_of(signer, false);
    crypto_auth_hmacsha256_state state;
    size_t behind = place + DIGEST_BYTES;
    crypto_auth_hmacsha256_init(&state, k.bytes, k.len);
    crypto_auth_hmacsha256_update(&state, block, place);
    crypto_auth_hmacsha256_update(&state, block + behind, DIGEST_BLOCK_BYTES - behind);
    crypto_auth_hmacsha256_final(&state, out);
}

static size_t place_of(const uint8_t *block, enum digest_schema schema)
{
    size_t at = schema == DIGEST_SCHEMA_FIRST_HALF ? POINTER_FIRST : POINTER_SECOND;
    const uint8_t *p = block + at;
    return at + POINTER_BYTES + (size_t)(p[0] + p[1] + p[2] + p[3]) % PLACES;
}

enum err digest_find(const uint8_t *block, enum digest_signer signer,
                     enum digest_schema *ret_schema, const uint8_t **ret_digest)
{
    for (int schema = 0; schema < DIGEST_SCHEMAS_; schema++) {
        uint8_t expected[DIGEST_BYTES];
        size_t place = place_of(block, (enum digest_schema)schema);
        block_digest(block, place, signer, expected);
        if (memcmp(block + place, expected, sizeof expected) == 0) {
            *ret_schema = (enum digest_schema)schema;
            *ret_digest = block + place;
            return ERR_OK;
        }
    }
    return ERR_NOENT;
}

void digest_sign(uint8_t *block, enum digest_signer signer, enum digest_schema schema)
{
    size_t place = place_of(block, schema);
    uint8_t digest[DIGEST_BYTES];
    block_digest(block, place, signer, digest);
    memcpy(block + place, digest, sizeof digest);
}

/* The other side's digest, signed, is the key for all that stands before the answer's own. */
static void answer_digest(const uint8_t *block, enum digest_signer signer,
                          const uint8_t *others_digest, uint8_t *out)
{
    struct key k = key_of(signer, true);
    crypto_auth_hmacsha256_state state;
    uint8_t key[DIGEST_BYTES];
    crypto_auth_hmacsha256_init(&state, k.bytes, k.len);
    crypto_auth_hmacsha256_update(&state, others_digest, DIGEST_BYTES);
    crypto_auth_hmacsha256_final(&state, key);
    crypto_auth_hmacsha256_init(&state, key, sizeof key);
    crypto_auth_hmacsha256_update(&state, block, DIGEST_BLOCK_BYTES - DIGEST_BYTES);
    crypto_auth_hmacsha256_final(&state, out);
}

void digest_sign_answer(uint8_t *block, enum digest_signer signer, const uint8_t *others_digest)
{
    uint8_t digest[DIGEST_BYTES];
    answer_digest(block, signer, others_digest, digest);
    memcpy(block + DIGEST_BLOCK_BYTES - DIGEST_BYTES, digest, sizeof digest);
}

bool digest_check_answer(const uint8_t *block, enum digest_signer signer,
                         const uint8_t *others_digest)
{
    uint8_t expected[DIGEST_BYTES];
    answer_digest(block, signer, others_digest, expected);
    return memcmp(block + DIGEST_BLOCK_BYTES - DIGEST_BYTES, expected, sizeof expected) == 0;
}
