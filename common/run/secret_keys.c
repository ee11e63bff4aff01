#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/credential.h"
#include "run/private_file.h"
#include "run/secret.h"

#define SECRET_MAX 1024 /* bytes of a secret, with the NUL */

static enum err take_credential(int fd, struct span text, enum link_role role,
                                struct link_keys *ret_keys, char *words)
{
    struct link_keys k;
    struct stat st;
    const char *why = "";
    const char *name = link_role_name(role);
    if (!private_fd_is_trusted(fd, -1)) {
        snprintf(words, SECRET_WORDS_MAX,
                 "the credential file of -orchSecret can be changed by others on this host, or "
                 "belongs to somebody else: chown it to this user and chmod 600 it");
        return ERR_AUTH;
    }
    enum err e = credential_parse(text, &k, &why);
    if (e != ERR_OK) {
        snprintf(words, SECRET_WORDS_MAX,
                 "the credential file of -orchSecret cannot be used: %s; copy it again from the "
                 "orchestrator's host, or have a new one minted there",
                 why);
        return e;
    }
    if (k.role != role) {
        snprintf(words, SECRET_WORDS_MAX,
                 "the credential \"%s\" of -orchSecret is for a %s and this is a %s: have one "
                 "minted for it (orchestrator -mint %s NAME > FILE)",
                 k.name, link_role_name(k.role), name, name);
        link_keys_wipe(&k);
        return ERR_AUTH;
    }
    bool open = fstat(fd, &st) == 0 && (st.st_mode & 004) != 0;
    snprintf(words, SECRET_WORDS_MAX, "%s",
             open ? "the credential file of -orchSecret can be read by every user of this host: "
                    "chmod 600 it"
                  : "");
    *ret_keys = k;
    link_keys_wipe(&k);
    return ERR_OK;
}

/* ERR_NOENT: the flag does not name a credential file. */
static enum err from_credential(const char *flag, enum link_role role, struct link_keys *ret_keys,
                                char *words)
{
    struct stat st;
    if (flag[0] == '\0' || stat(flag, &st) != 0 || !S_ISREG(st.st_mode)) {
        return ERR_NOENT;
    }
    int fd = open(flag, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        snprintf(words, SECRET_WORDS_MAX, "the file of -orchSecret cannot be read: %s",
                 strerror(errno));
        return ERR_IO;
    }
    char text[CREDENTIAL_TEXT_MAX];
    size_t len = 0;
    enum err e = private_fd_read(fd, text, sizeof text, &len);
    if (e == ERR_LIMIT) {
        /* Too long for a credential: it says so itself, unless it is none. */
        len = sizeof text;
        e = ERR_OK;
    }
    if (e != ERR_OK) {
        snprintf(words, SECRET_WORDS_MAX, "the file of -orchSecret cannot be read: %s",
                 strerror(errno));
    } else if (credential_is(span_of(text, len))) {
        e = take_credential(fd, span_of(text, len), role, ret_keys, words);
    } else {
        e = ERR_NOENT;
    }
    sodium_memzero(text, sizeof text);
    close(fd);
    return e;
}

const char *secret_err_text(enum err e)
{
    switch (e) {
    case ERR_NOENT:
        return "it names a file whose first line is empty: write the secret there";
    case ERR_LIMIT:
        return "it is too long";
    case ERR_UNSUPPORTED:
        return "it names one of this system's own files (such as a credential), which holds no "
               "shared secret";
    default:
        return err_text(e);
    }
}

enum err secret_keys(const char *flag, enum link_role role, struct link_keys *ret_keys,
                     char *ret_words)
{
    char secret[SECRET_MAX];
    enum err e = from_credential(flag, role, ret_keys, ret_words);
    if (e != ERR_NOENT) {
        return e;
    }
    snprintf(ret_words, SECRET_WORDS_MAX, "%s", secret_warning(flag));
    e = secret_read(flag, secret, sizeof secret);
    if (e == ERR_OK) {
        e = secret_derive(secret, role, ret_keys);
    }
    sodium_memzero(secret, sizeof secret);
    if (e == ERR_NOENT) {
        snprintf(ret_words, SECRET_WORDS_MAX,
                 "a %s needs the orchestrator's secret or a credential: give the secret, a file "
                 "whose first line it is, or a credential file, with -orchSecret",
                 link_role_name(role));
    } else if (e != ERR_OK) {
        snprintf(ret_words, SECRET_WORDS_MAX, "the secret of -orchSecret cannot be used: %s",
                 secret_err_text(e));
    }
    return e;
}
