#include "broadcaster/commands.h"

#include <stdio.h>
#include <string.h>

#include "broadcaster/auth/keys.h"

int command_hash_key(void)
{
    char key[PUBLISH_KEY_MAX + 2] = "", text[KEY_HASH_TEXT_SIZE];
    struct key_hash h;
    (void)!fgets(key, sizeof key, stdin);
    key[strcspn(key, "\r\n")] = '\0';
    if (!keys_is_key(key)) {
        fprintf(stderr,
                "-hashKey: the first line of standard input must be the key: up to %d visible "
                "characters, without blanks and / ? & # %%\n",
                PUBLISH_KEY_MAX);
        return 1;
    }
    if (strlen(key) < KEY_HASH_GOOD) {
        fprintf(stderr,
                "-hashKey: a key of less than %d characters can be guessed from its hash; "
                "openssl rand -hex 16 makes a good one\n",
                KEY_HASH_GOOD);
    }
    key_hash_salt(h.salt);
    key_hash_make(&h, span_cstr(key));
    explicit_bzero(key, sizeof key);
    key_hash_print(&h, text);
    printf("%s\n", text);
    return 0;
}
