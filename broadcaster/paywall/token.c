#include "broadcaster/paywall/token.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "run/private_file.h"

#define FILE_MAX 4096
#define PURPOSE  "viewer token 1:"

static const char file_head[] =
    "# What viewers' tokens are signed with. To change it, put a new line of 64 hex digits "
    "(openssl\n"
    "# rand -hex 32) before the others; a line that goes makes the tokens signed with it void.\n";

static enum err fail(enum err e, char *ret_why, const char *format, const char *text)
{
    snprintf(ret_why, TOKEN_WHY_MAX, format, text);
    return e;
}

static bool read_key(struct span line, uint8_t ret_key[TOKEN_KEY_BYTES])
{
    size_t n = 0;
    return line.len == (size_t)2 * TOKEN_KEY_BYTES &&
           sodium_hex2bin(ret_key, TOKEN_KEY_BYTES, (const char *)line.data, line.len, NULL, &n,
                          NULL) == 0 &&
           n == TOKEN_KEY_BYTES;
}

enum err token_keys_read(struct span text, struct token_keys *ret_keys, char *ret_why)
{
    struct token_keys k = {0};
    char number[16];
    for (unsigned at = 1; text.len > 0; at++) {
        struct span line = span_take_line(&text);
        if (line.len == 0 || line.data[0] == '#') {
            continue;
        }
        if (k.n == TOKEN_KEYS_MAX) {
            return fail(ERR_LIMIT, ret_why, "it holds more than eight keys%s", "");
        }
        snprintf(number, sizeof number, "%u", at);
        if (!read_key(line, k.keys[k.n++])) {
            return fail(ERR_PROTO, ret_why, "line %s is no key of 64 hex digits", number);
        }
    }
    if (k.n == 0) {
        return fail(ERR_PROTO, ret_why, "it holds no key: delete it, and a new one is made%s", "");
    }
    *ret_keys = k;
    token_keys_wipe(&k);
    return ERR_OK;
}

static enum err make_file(int folder, char *ret_why)
{
    char key[2 * TOKEN_KEY_BYTES + 1], text[FILE_MAX];
    id_random_hex(key, TOKEN_KEY_BYTES);
    int n = snprintf(text, sizeof text, "%s%s\n", file_head, key);
    enum err e = private_file_write(folder, TOKEN_FILE, span_of(text, (size_t)n));
    if (e != ERR_OK) {
        e = fail(e, ret_why, "it cannot be written: %s", strerror(errno));
    }
    sodium_memzero(key, sizeof key);
    sodium_memzero(text, sizeof text);
    return e;
}

static enum err load(int folder, struct token_keys *ret_keys, char *ret_why)
{
    char text[FILE_MAX];
    size_t len = 0;
    enum err e = private_file_read(folder, TOKEN_FILE, text, sizeof text, &len, NULL);
    if (e == ERR_NOENT) {
        e = make_file(folder, ret_why);
        if (e != ERR_OK) {
            return e;
        }
        e = private_file_read(folder, TOKEN_FILE, text, sizeof text, &len, NULL);
    }
    if (e == ERR_OK) {
        e = token_keys_read(span_of(text, len), ret_keys, ret_why);
    } else {
        fail(e, ret_why, "%s",
             e == ERR_AUTH    ? "others can write it: chmod 600, and give it to this user"
             : e == ERR_LIMIT ? "it is too long"
                              : strerror(errno));
    }
    sodium_memzero(text, sizeof text);
    return e;
}

enum err token_keys_load(const char *data_dir, struct token_keys *ret_keys, char *ret_why)
{
    int folder = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char why[TOKEN_WHY_MAX];
    enum err e = ERR_IO;
    if (folder < 0) {
        snprintf(why, sizeof why, "%s", strerror(errno));
    } else {
        e = load(folder, ret_keys, why);
        close(folder);
    }
    if (e != ERR_OK) {
        snprintf(ret_why, TOKEN_WHY_MAX, "%.150s/%s: %.300s", data_dir, TOKEN_FILE, why);
    }
    return e;
}

void token_keys_wipe(struct token_keys *k)
{
    sodium_memzero(k, sizeof *k);
}

static void mac_of(const uint8_t key[TOKEN_KEY_BYTES], const char *id,
                   char ret_mac[TOKEN_ID_LEN + 1])
{
    crypto_auth_hmacsha256_state state;
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_init(&state, key, TOKEN_KEY_BYTES);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)PURPOSE, strlen(PURPOSE));
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)id, TOKEN_ID_LEN);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2hex(ret_mac, TOKEN_ID_LEN + 1, mac, TOKEN_ID_BYTES);
}

void token_sign(const struct token_keys *k, const char *id, char ret_token[TOKEN_LEN + 1])
{
    char mac[TOKEN_ID_LEN + 1];
    mac_of(k->keys[0], id, mac);
    snprintf(ret_token, TOKEN_LEN + 1, "%.*s-%s", TOKEN_ID_LEN, id, mac);
}

void token_make(const struct token_keys *k, char ret_token[TOKEN_LEN + 1])
{
    char id[TOKEN_ID_LEN + 1];
    id_random_hex(id, TOKEN_ID_BYTES);
    token_sign(k, id, ret_token);
}

enum err token_check(const struct token_keys *k, struct span token, char ret_id[TOKEN_ID_LEN + 1],
                     bool *ret_old)
{
    if (token.len != TOKEN_LEN || token.data[TOKEN_ID_LEN] != '-') {
        return ERR_AUTH;
    }
    for (size_t i = 0; i < TOKEN_ID_LEN; i++) {
        if (strchr("0123456789abcdef", token.data[i]) == NULL || token.data[i] == '\0') {
            return ERR_AUTH;
        }
    }
    const char *id = (const char *)token.data;
    for (size_t i = 0; i < k->n; i++) {
        char mac[TOKEN_ID_LEN + 1];
        mac_of(k->keys[i], id, mac);
        if (sodium_memcmp(mac, id + TOKEN_ID_LEN + 1, TOKEN_ID_LEN) == 0) {
            memcpy(ret_id, id, TOKEN_ID_LEN);
            ret_id[TOKEN_ID_LEN] = '\0';
            *ret_old = i > 0;
            return ERR_OK;
        }
    }
    return ERR_AUTH;
}

bool token_cookie(const char *header, const char *name, struct span *ret_value)
{
    size_t len = strlen(name);
    for (const char *at = header; at != NULL && *at != '\0';) {
        at += strspn(at, " \t;");
        size_t n = strcspn(at, ";");
        if (n > len && at[len] == '=' && strncmp(at, name, len) == 0) {
            *ret_value = span_of(at + len + 1, n - len - 1);
            while (ret_value->len > 0 && strchr(" \t", ret_value->data[ret_value->len - 1])) {
                ret_value->len--;
            }
            return true;
        }
        at += n;
    }
    return false;
}
