/* Hashes of publish keys, so that a file need not hold the keys themselves: salted BLAKE2b
 * (libsodium), "blake2b:SALT:HASH" in hexadecimal. It is fast on purpose: anybody may make a server
 * check a key, and a slow hash would let anybody keep it busy. So it protects keys that cannot be
 * guessed (random ones of KEY_HASH_GOOD characters or more), not passwords. Any thread. */
#ifndef RUN_KEY_HASH_H
#define RUN_KEY_HASH_H

#include <stdbool.h>

#include "base/err.h"
#include "base/span.h"

#define KEY_HASH_GOOD       16 /* characters of a key below which a warning is due */
#define KEY_HASH_SALT_BYTES 16
#define KEY_HASH_BYTES      32
#define KEY_HASH_TEXT_SIZE  (8 + 2 * KEY_HASH_SALT_BYTES + 1 + 2 * KEY_HASH_BYTES + 1)

struct key_hash {
    unsigned char salt[KEY_HASH_SALT_BYTES];
    unsigned char hash[KEY_HASH_BYTES];
};

/* A random salt. */
void key_hash_salt(unsigned char ret_salt[KEY_HASH_SALT_BYTES]);

/* The hash of a key with the salt that stands in it. */
void key_hash_make(struct key_hash *h, struct span key);

/* In constant time as to the hash. */
bool key_hash_matches(const struct key_hash *h, struct span key);
bool key_hash_equal(const struct key_hash *a, const struct key_hash *b);

void key_hash_print(const struct key_hash *h, char ret_text[KEY_HASH_TEXT_SIZE]);
enum err key_hash_parse(const char *text, struct key_hash *ret_hash) CHECKED; /* ERR_PROTO */

#endif
