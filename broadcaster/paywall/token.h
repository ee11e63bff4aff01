/* A viewer's account as he carries it: a random id that this server has signed, in a cookie or as
 * "?token=" in an address. "ID-MAC": 32 hex digits each (HMAC-SHA-256, cut to 128 bits). */
#ifndef BROADCASTER_PAYWALL_TOKEN_H
#define BROADCASTER_PAYWALL_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

#define TOKEN_ID_BYTES  16
#define TOKEN_ID_LEN    (2 * TOKEN_ID_BYTES)
#define TOKEN_LEN       (2 * TOKEN_ID_LEN + 1)
#define TOKEN_KEY_BYTES 32
#define TOKEN_KEYS_MAX  8
#define TOKEN_FILE      "viewer-keys" /* in the data directory */
#define TOKEN_WHY_MAX   512

/* The first key signs, all verify: a key is changed by putting another one before it. */
struct token_keys {
    size_t n; /* at least 1 */
    uint8_t keys[TOKEN_KEYS_MAX][TOKEN_KEY_BYTES];
};

/* Reads a key file: a key a line, 64 hex digits; empty lines and those that begin with # count
 * for nothing. Pure. ERR_PROTO, ERR_LIMIT: ret_why (TOKEN_WHY_MAX bytes), without any key. */
enum err token_keys_read(struct span text, struct token_keys *ret_keys, char *ret_why) CHECKED;

/* The keys of data_dir/TOKEN_FILE, which is made with a random one when it is not there. Blocking.
 * As token_keys_read; ERR_AUTH: others can write it; ERR_IO. */
enum err token_keys_load(const char *data_dir, struct token_keys *ret_keys, char *ret_why) CHECKED;
void token_keys_wipe(struct token_keys *k);

/* The token of an id (TOKEN_ID_LEN hex digits, small letters). Any thread, as the next two. */
void token_sign(const struct token_keys *k, const char *id, char ret_token[TOKEN_LEN + 1]);

/* A new one. */
void token_make(const struct token_keys *k, char ret_token[TOKEN_LEN + 1]);

/* ERR_AUTH: it is not one of ours. ret_old: it was signed with a key that is not the first. */
enum err token_check(const struct token_keys *k, struct span token, char ret_id[TOKEN_ID_LEN + 1],
                     bool *ret_old) CHECKED;

/* The value of the cookie of that name in a Cookie header (RFC 6265, 4.2.1); false: it has none.
 * header NULL: none came. Pure. */
bool token_cookie(const char *header, const char *name, struct span *ret_value);

#endif
