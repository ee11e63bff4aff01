#include "orchestrator/wallets/wallet_key.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "run/private_file.h"

#define BEGIN "-----BEGIN PRIVATE KEY-----"
#define END   "-----END PRIVATE KEY-----"

/* PrivateKeyInfo of version 0 with id-Ed25519, up to the 32 bytes of the key. */
static const unsigned char prefix[] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                                       0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};

enum err wallet_key_parse(struct span pem, unsigned char ret_seed[HTTP_SIGNATURE_SEED])
{
    unsigned char der[sizeof prefix + HTTP_SIGNATURE_SEED];
    const char *begin = memmem(pem.data, pem.len, BEGIN, strlen(BEGIN));
    const char *body = begin != NULL ? begin + strlen(BEGIN) : NULL;
    size_t rest = body != NULL ? pem.len - (size_t)(body - (const char *)pem.data) : 0;
    const char *end = body != NULL ? memmem(body, rest, END, strlen(END)) : NULL;
    size_t n = 0;
    if (end == NULL) {
        return ERR_PROTO;
    }
    int bad = sodium_base642bin(der, sizeof der, body, (size_t)(end - body), "\r\n\t ", &n, NULL,
                                sodium_base64_VARIANT_ORIGINAL);
    bool good = bad == 0 && n == sizeof der && memcmp(der, prefix, sizeof prefix) == 0;
    if (good) {
        memcpy(ret_seed, der + sizeof prefix, HTTP_SIGNATURE_SEED);
    }
    explicit_bzero(der, sizeof der);
    return good ? ERR_OK : ERR_PROTO;
}

static enum err read_file(const char *path, char *text, size_t *ret_len, char *ret_why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        snprintf(ret_why, WALLET_KEY_WHY_MAX, "%s cannot be read: %s", path, strerror(errno));
        return ERR_IO;
    }
    enum err e = private_fd_read(fd, text, WALLET_KEY_FILE_MAX, ret_len);
    close(fd);
    if (e != ERR_OK) {
        snprintf(ret_why, WALLET_KEY_WHY_MAX, "%s is no key: it is too long or cannot be read",
                 path);
    }
    return e;
}

enum err wallet_key_read(const char *path, const char *id, struct http_signature_key *ret_key,
                         char *ret_why)
{
    char text[WALLET_KEY_FILE_MAX];
    unsigned char seed[HTTP_SIGNATURE_SEED];
    size_t len = 0;
    enum err e = read_file(path, text, &len, ret_why);
    if (e != ERR_OK) {
        return e;
    }
    e = wallet_key_parse(span_of(text, len), seed);
    explicit_bzero(text, sizeof text);
    if (e != ERR_OK) {
        snprintf(ret_why, WALLET_KEY_WHY_MAX,
                 "%s is no Ed25519 key in PEM (PKCS #8): give the file that the wallet handed out, "
                 "or one by openssl genpkey -algorithm ed25519",
                 path);
        return e;
    }
    e = http_signature_key_of_seed(seed, id, ret_key);
    explicit_bzero(seed, sizeof seed);
    if (e != ERR_OK) {
        snprintf(ret_why, WALLET_KEY_WHY_MAX,
                 "the key's id must be 1 to %d printable characters without quotes",
                 HTTP_SIGNATURE_KEY_ID_MAX - 1);
    }
    return e;
}
