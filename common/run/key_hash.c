#include "run/key_hash.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "blake2b:"

static void init(void)
{
    if (sodium_init() < 0) {
        fprintf(stderr, "there is no source of random numbers\n");
        abort();
    }
}

void key_hash_salt(unsigned char ret_salt[KEY_HASH_SALT_BYTES])
{
    init();
    randombytes_buf(ret_salt, KEY_HASH_SALT_BYTES);
}

void key_hash_make(struct key_hash *h, struct span key)
{
    init();
    crypto_generichash(h->hash, sizeof h->hash, key.data, key.len, h->salt, sizeof h->salt);
}

bool key_hash_matches(const struct key_hash *h, struct span key)
{
    struct key_hash theirs = *h;
    key_hash_make(&theirs, key);
    return sodium_memcmp(theirs.hash, h->hash, sizeof h->hash) == 0;
}

bool key_hash_equal(const struct key_hash *a, const struct key_hash *b)
{
    return memcmp(a->salt, b->salt, sizeof a->salt) == 0 &&
           sodium_memcmp(a->hash, b->hash, sizeof a->hash) == 0;
}

void key_hash_print(const struct key_hash *h, char ret_text[KEY_HASH_TEXT_SIZE])
{
    char salt[2 * KEY_HASH_SALT_BYTES + 1], hash[2 * KEY_HASH_BYTES + 1];
    sodium_bin2hex(salt, sizeof salt, h->salt, sizeof h->salt);
    sodium_bin2hex(hash, sizeof hash, h->hash, sizeof h->hash);
    snprintf(ret_text, KEY_HASH_TEXT_SIZE, PREFIX "%s:%s", salt, hash);
}

static bool read_hex(const char *text, unsigned char *ret_bytes, size_t n)
{
    size_t got = 0;
    const char *end = NULL;
    return sodium_hex2bin(ret_bytes, n, text, 2 * n, NULL, &got, &end) == 0 && got == n &&
           end == text + 2 * n;
}

enum err key_hash_parse(const char *text, struct key_hash *ret_hash)
{
    struct key_hash h;
    init();
    const char *salt = text + strlen(PREFIX);
    if (strlen(text) != KEY_HASH_TEXT_SIZE - 1 || strncmp(text, PREFIX, strlen(PREFIX)) != 0 ||
        salt[sizeof h.salt * 2] != ':' || !read_hex(salt, h.salt, sizeof h.salt) ||
        !read_hex(salt + 2 * sizeof h.salt + 1, h.hash, sizeof h.hash)) {
        return ERR_PROTO;
    }
    *ret_hash = h;
    return ERR_OK;
}
