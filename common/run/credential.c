#include "run/credential.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "run/private_file.h"
#include "run/sealed.h"

#define KIND         "link credential"
#define VERSION      1
#define HEX_SIZE     (2 * LINK_KEY_BYTES + 1)
#define PRINT_DIGITS ((KEY_PRINT_SIZE - 1) / 2)

bool credential_name_is_valid(struct span name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    for (size_t i = 0; i < name.len; i++) {
        if (memchr(plain, name.data[i], sizeof plain - 1) == NULL) {
            return false;
        }
    }
    return name.len > 0 && name.len < LINK_NAME_SIZE;
}

enum err credential_make(enum link_role role, const char *name, const unsigned char *server_key,
                         struct link_keys *ret_keys)
{
    struct link_keys k = {.role = role};
    if (sodium_init() < 0 || crypto_box_keypair(k.public_key, k.secret_key) != 0) {
        return ERR_IO;
    }
    memcpy(k.server_key, server_key != NULL ? server_key : k.public_key, LINK_KEY_BYTES);
    memcpy(k.name, name, strlen(name));
    *ret_keys = k;
    link_keys_wipe(&k);
    return ERR_OK;
}

void credential_key_print(const unsigned char *public_key, char ret_text[KEY_PRINT_SIZE])
{
    sodium_bin2hex(ret_text, KEY_PRINT_SIZE, public_key, PRINT_DIGITS);
}

/* --- the text --- */

size_t credential_print(const struct link_keys *k, char ret_text[CREDENTIAL_TEXT_MAX])
{
    char public_hex[HEX_SIZE], secret_hex[HEX_SIZE], server_hex[HEX_SIZE];
    sodium_bin2hex(public_hex, HEX_SIZE, k->public_key, LINK_KEY_BYTES);
    sodium_bin2hex(secret_hex, HEX_SIZE, k->secret_key, LINK_KEY_BYTES);
    sodium_bin2hex(server_hex, HEX_SIZE, k->server_key, LINK_KEY_BYTES);
    int n = snprintf(ret_text, CREDENTIAL_TEXT_MAX,
                     SEALED_PREFIX KIND " %d\nrole %s\nname %s\npublic %s\nsecret %s\nserver %s\n",
                     VERSION, link_role_name(k->role), k->name, public_hex, secret_hex, server_hex);
    sodium_memzero(secret_hex, sizeof secret_hex);
    sealed_line(span_of(ret_text, (size_t)n), ret_text + n);
    return (size_t)n + SEALED_LINE_BYTES;
}

bool credential_is(struct span text)
{
    return sealed_is(text, KIND);
}

/* The value of the next line, which must begin with that word. */
static enum err take_value(struct span *body, const char *label, struct span *ret_value)
{
    struct span line, word;
    enum err e = sealed_take_line(body, &line);
    e = e == ERR_OK ? sealed_take_word(&line, &word) : e;
    bool right = e == ERR_OK && span_equal(word, span_cstr(label));
    e = right ? sealed_take_word(&line, &word) : ERR_PROTO;
    if (e != ERR_OK || line.len > 0) {
        return ERR_PROTO;
    }
    *ret_value = word;
    return ERR_OK;
}

static enum err take_role(struct span *body, struct link_keys *k)
{
    struct span value;
    enum err e = take_value(body, "role", &value);
    for (int r = 0; r < LINK_ROLES_ && e == ERR_OK; r++) {
        if (span_equal(value, span_cstr(link_role_name((enum link_role)r)))) {
            k->role = (enum link_role)r;
            return ERR_OK;
        }
    }
    return ERR_PROTO;
}

static enum err take_name(struct span *body, struct link_keys *k)
{
    struct span value;
    if (take_value(body, "name", &value) != ERR_OK || !credential_name_is_valid(value)) {
        return ERR_PROTO;
    }
    memcpy(k->name, value.data, value.len);
    return ERR_OK;
}

static enum err take_key(struct span *body, const char *label, unsigned char *key)
{
    struct span value;
    enum err e = take_value(body, label, &value);
    return e == ERR_OK ? sealed_read_key(value, key, LINK_KEY_BYTES) : e;
}

static enum err take_fields(struct span body, struct link_keys *k)
{
    enum err e = take_role(&body, k);
    e = e == ERR_OK ? take_name(&body, k) : e;
    e = e == ERR_OK ? take_key(&body, "public", k->public_key) : e;
    e = e == ERR_OK ? take_key(&body, "secret", k->secret_key) : e;
    e = e == ERR_OK ? take_key(&body, "server", k->server_key) : e;
    return e == ERR_OK && body.len > 0 ? ERR_PROTO : e;
}

enum err credential_parse(struct span text, struct link_keys *ret_keys, const char **ret_why)
{
    struct span body;
    struct link_keys k = {0};
    unsigned char proof[LINK_KEY_BYTES];
    if (sodium_init() < 0) {
        *ret_why = "it cannot be checked: libsodium does not start";
        return ERR_IO;
    }
    enum err e = sealed_open(text, KIND, VERSION, &body, ret_why);
    if (e != ERR_OK) {
        return e;
    }
    e = take_fields(body, &k);
    if (e != ERR_OK) {
        *ret_why = "it does not have the lines of a credential";
    } else if (sodium_is_zero(k.server_key, LINK_KEY_BYTES) ||
               crypto_scalarmult_base(proof, k.secret_key) != 0 ||
               sodium_memcmp(proof, k.public_key, LINK_KEY_BYTES) != 0) {
        e = ERR_PROTO;
        *ret_why = "its keys do not fit together";
    } else {
        *ret_keys = k;
    }
    link_keys_wipe(&k);
    return e;
}

/* --- files --- */

enum err credential_save(int folder, const char *file, const struct link_keys *k)
{
    char text[CREDENTIAL_TEXT_MAX];
    size_t len = credential_print(k, text);
    enum err e = private_file_write(folder, file, span_of(text, len));
    sodium_memzero(text, sizeof text);
    return e;
}

enum err credential_load(int folder, const char *file, struct link_keys *ret_keys)
{
    char text[CREDENTIAL_TEXT_MAX];
    size_t len;
    const char *why;
    enum err e = private_file_read(folder, file, text, sizeof text, &len, NULL);
    if (e == ERR_OK) {
        e = credential_parse(span_of(text, len), ret_keys, &why);
    }
    sodium_memzero(text, sizeof text);
    return e == ERR_LIMIT ? ERR_PROTO : e;
}

/* The service address as a file name: what could mean something to a path becomes %XX, so that two
 * addresses never share a name. */
static enum err file_name(const char *service_addr, char *out, size_t size)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789-_:[].";
    size_t n = 0;
    for (const char *s = service_addr; *s != '\0'; s++) {
        if (n + 4 > size) {
            return ERR_LIMIT;
        }
        if (strchr(plain, *s) != NULL && (n > 0 || *s != '.')) {
            out[n++] = *s;
        } else {
            n += (size_t)snprintf(out + n, size - n, "%%%02X", (unsigned char)*s);
        }
    }
    out[n] = '\0';
    return n > 0 ? ERR_OK : ERR_NOENT;
}

enum err credential_write(const char *data_dir, const char *service_addr,
                          const struct link_keys *broadcaster)
{
    char name[PRIVATE_NAME_MAX];
    enum err e = file_name(service_addr, name, sizeof name);
    if (e != ERR_OK) {
        return e;
    }
    int folder = private_folder_open(data_dir, "credentials", true);
    if (folder < 0) {
        return ERR_IO;
    }
    e = credential_save(folder, name, broadcaster);
    close(folder);
    return e;
}

enum err credential_read(const char *data_dir, const char *service_addr, struct link_keys *ret_keys)
{
    char name[PRIVATE_NAME_MAX];
    struct link_keys k;
    enum err e = file_name(service_addr, name, sizeof name);
    if (e != ERR_OK) {
        return e;
    }
    int folder = private_folder_open(data_dir, "credentials", false);
    if (folder < 0) {
        return errno == ENOENT ? ERR_NOENT : ERR_IO;
    }
    e = credential_load(folder, name, &k);
    close(folder);
    if (e == ERR_OK && k.role != LINK_ROLE_BROADCASTER) {
        e = ERR_PROTO;
    } else if (e == ERR_OK) {
        *ret_keys = k;
        link_keys_wipe(&k);
    }
    return e;
}
