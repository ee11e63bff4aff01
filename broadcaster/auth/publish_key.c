#include "broadcaster/auth/publish_key.h"

#include <sodium.h>
#include <string.h>

struct publish_key publish_key_of(const char *text)
{
    static uint8_t secret[crypto_generichash_KEYBYTES];
    static bool made;
    if (!made) {
        randombytes_buf(secret, sizeof secret);
        made = true;
    }
    struct publish_key key;
    crypto_generichash(key.mark, sizeof key.mark, (const uint8_t *)text, strlen(text), secret,
                       sizeof secret);
    return key;
}

bool publish_key_equal(const struct publish_key *a, const struct publish_key *b)
{
    return sodium_memcmp(a->mark, b->mark, sizeof a->mark) == 0;
}
