#include "run/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/sealed.h"

#define SECRET_FILE_MAX 4096 /* bytes of a secret's first line that are looked at */

/* Argon2id, "interactive" as libsodium had it in 1.0.18. Written out: both ends must use the same,
 * whatever library they were built with. */
#define ARGON_OPS    2
#define ARGON_MEMORY (64u * 1024 * 1024)

/* Every party must come to the same keys from the secret alone, so the salt cannot be random; it
 * only keeps this system's keys apart from those that others derive from the same words. */
static const unsigned char salt[crypto_pwhash_SALTBYTES + 1] = "sbe-link-salt-v1";

const char *link_role_name(enum link_role r)
{
    static const char *const names[] = {"orchestrator", "transcoder", "broadcaster"};
    return r < LINK_ROLES_ ? names[r] : "unknown";
}

static enum err take_line(int fd, char *ret_secret, size_t size)
{
    char line[SECRET_FILE_MAX];
    size_t have = 0;
    ssize_t n = 1;
    while (n > 0 && have < sizeof line && memchr(line, '\n', have) == NULL) {
        n = read(fd, line + have, sizeof line - have);
        have += n > 0 ? (size_t)n : 0;
    }
    enum err e = n < 0 ? ERR_IO : ERR_OK;
    if (e == ERR_OK) {
        const char *end = memchr(line, '\n', have);
        size_t len = end != NULL ? (size_t)(end - line) : have;
        while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == ' ')) {
            len--;
        }
        if (len == 0) {
            e = ERR_NOENT;
        } else if (len >= size || (end == NULL && have == sizeof line)) {
            e = ERR_LIMIT;
        } else if (memchr(line, '\0', len) != NULL) {
            e = ERR_IO; /* a file of that name, but not a text */
        } else if (sealed_is_ours(span_of(line, have))) {
            e = ERR_UNSUPPORTED; /* everybody knows that line */
        } else {
            memcpy(ret_secret, line, len);
            ret_secret[len] = '\0';
        }
    }
    sodium_memzero(line, sizeof line);
    return e;
}

/* A secret in base64 may begin like this, too: so it is only warned of. */
const char *secret_warning(const char *flag)
{
    struct stat st;
    bool is_path = flag[0] == '/' || strncmp(flag, "./", 2) == 0 || strncmp(flag, "../", 3) == 0;
    return is_path && stat(flag, &st) != 0
               ? "-orchSecret looks like the name of a file, and there is no such file: the text "
                 "itself is taken for the secret"
               : "";
}

enum err secret_read(const char *flag, char *ret_secret, size_t size)
{
    struct stat st;
    if (flag[0] == '\0') {
        return ERR_NOENT;
    }
    if (stat(flag, &st) == 0 && S_ISREG(st.st_mode)) {
        int fd = open(flag, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            return ERR_IO;
        }
        enum err e = take_line(fd, ret_secret, size);
        close(fd);
        return e;
    }
    size_t len = strlen(flag);
    if (len >= size) {
        return ERR_LIMIT;
    }
    memcpy(ret_secret, flag, len + 1);
    return ERR_OK;
}

/* The pair of one role. */
static void role_pair(const unsigned char *seed, enum link_role role, unsigned char *public_key,
                      unsigned char *secret_key)
{
    unsigned char role_seed[crypto_box_SEEDBYTES];
    const char *name = link_role_name(role);
    crypto_generichash(role_seed, sizeof role_seed, (const unsigned char *)name, strlen(name), seed,
                       crypto_generichash_KEYBYTES);
    crypto_box_seed_keypair(public_key, secret_key, role_seed);
    sodium_memzero(role_seed, sizeof role_seed);
}

enum err secret_derive(const char *secret, enum link_role role, struct link_keys *ret_keys)
{
    unsigned char seed[crypto_generichash_KEYBYTES];
    if (sodium_init() < 0) {
        return ERR_IO;
    }
    if (crypto_pwhash(seed, sizeof seed, secret, strlen(secret), salt, ARGON_OPS, ARGON_MEMORY,
                      crypto_pwhash_ALG_ARGON2ID13) != 0) {
        return ERR_NOMEM;
    }
    struct link_keys k = {.role = role};
    for (int r = 0; r < LINK_ROLES_; r++) {
        unsigned char public_key[LINK_KEY_BYTES];
        unsigned char secret_key[LINK_KEY_BYTES];
        role_pair(seed, (enum link_role)r, public_key, secret_key);
        if (r == (int)role) {
            memcpy(k.public_key, public_key, LINK_KEY_BYTES);
            memcpy(k.secret_key, secret_key, LINK_KEY_BYTES);
        }
        if (r == LINK_ROLE_ORCHESTRATOR) {
            memcpy(k.server_key, public_key, LINK_KEY_BYTES);
        } else if (role == LINK_ROLE_ORCHESTRATOR) {
            memcpy(k.admitted[r], public_key, LINK_KEY_BYTES);
        }
        sodium_memzero(secret_key, sizeof secret_key);
    }
    sodium_memzero(seed, sizeof seed);
    *ret_keys = k;
    link_keys_wipe(&k);
    return ERR_OK;
}

void link_keys_wipe(struct link_keys *k)
{
    sodium_memzero(k, sizeof *k);
}
