#include "orchestrator/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "run/private_file.h"

#define FOLDER       "admission"
#define LIST_FILE    "credentials"
#define LOCK_FILE    "lock"
#define SERVER_FILE  "server-key"
#define LOCAL_FILE   "local"
#define SERVER_NAME  "orchestrator"
#define LOCK_POLL_MS 20

struct credentials {
    char *data_dir;
    struct admitted *list;
    int folder;
    int lock; /* holds it */
};

static enum err fail(enum err e, char *ret_why, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum err fail(enum err e, char *ret_why, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(ret_why, CREDENTIALS_WHY_MAX, format, args);
    va_end(args);
    return e;
}

void credentials_path(const char *data_dir, char *ret_path, size_t size)
{
    snprintf(ret_path, size, "%s/" FOLDER "/" LIST_FILE, data_dir);
}

/* --- reading --- */

static enum err explain_read(enum err e, const char *data_dir, const char *file, char *ret_why)
{
    const char *why = strerror(errno);
    switch (e) {
    case ERR_AUTH:
        return fail(e, ret_why,
                    "%s/" FOLDER "/%s can be changed by others than its owner, or is no plain "
                    "file: chmod 600 it after a look at it with -listCredentials",
                    data_dir, file);
    case ERR_IO:
        return fail(e, ret_why, "%s/" FOLDER "/%s cannot be read: %s", data_dir, file, why);
    case ERR_LIMIT:
        return fail(e, ret_why, "%s/" FOLDER "/%s is larger than such a file can be", data_dir,
                    file);
    default:
        return fail(e, ret_why,
                    "%s/" FOLDER "/%s cannot be used: it was changed or damaged, or is of another "
                    "version; put a copy of it back, or delete it to have a new one made",
                    data_dir, file);
    }
}

static enum err parse_list(const char *data_dir, struct span text, struct admitted **ret_list,
                           char *ret_why)
{
    char why[ADMITTED_WHY_MAX];
    enum err e = admitted_parse(text, ret_list, why);
    return e == ERR_OK ? e
                       : fail(e, ret_why,
                              "the list of credentials %s/" FOLDER "/" LIST_FILE " cannot be used: "
                              "%s; put a copy of it back, or delete it and mint all anew",
                              data_dir, why);
}

static enum err read_list(const char *data_dir, int folder, struct admitted **ret_list, int *ret_fd,
                          char *ret_why)
{
    size_t len;
    int fd = -1;
    char *text = mem_try_alloc(ADMITTED_TEXT_MAX);
    if (text == NULL) {
        return fail(ERR_NOMEM, ret_why, "there is no memory for the list of credentials");
    }
    enum err e = private_file_read(folder, LIST_FILE, text, ADMITTED_TEXT_MAX, &len, &fd);
    if (e == ERR_OK) {
        e = parse_list(data_dir, span_of(text, len), ret_list, ret_why);
    } else if (e == ERR_NOENT) {
        *ret_list = admitted_create();
        e = ERR_OK;
    } else {
        e = explain_read(e, data_dir, LIST_FILE, ret_why);
    }
    mem_free(text);
    if (e == ERR_OK && ret_fd != NULL) {
        *ret_fd = fd;
    } else if (fd >= 0) {
        close(fd);
    }
    return e;
}

enum err credentials_read(const char *data_dir, struct admitted **ret_list, int *ret_fd,
                          char *ret_why)
{
    int folder = private_folder_open(data_dir, FOLDER, false);
    if (folder < 0 && errno != ENOENT) {
        return fail(ERR_IO, ret_why, "%s/" FOLDER " cannot be opened: %s", data_dir,
                    strerror(errno));
    }
    if (folder < 0) {
        if (ret_fd != NULL) {
            *ret_fd = -1;
        }
        *ret_list = admitted_create();
        return ERR_OK;
    }
    enum err e = read_list(data_dir, folder, ret_list, ret_fd, ret_why);
    close(folder);
    return e;
}

/* --- the lock --- */

static enum err take_lock(struct credentials *c, char *ret_why)
{
    const struct timespec pause = {.tv_nsec = LOCK_POLL_MS * 1000000L};
    int64_t until = clock_mono_ms() + CREDENTIALS_WAIT_MS;
    c->lock = openat(c->folder, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (c->lock < 0 || !private_fd_give(c->lock, c->folder)) {
        return fail(ERR_IO, ret_why, "%s/" FOLDER "/" LOCK_FILE " cannot be opened: %s",
                    c->data_dir, strerror(errno));
    }
    while (flock(c->lock, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return fail(ERR_IO, ret_why, "%s/" FOLDER "/" LOCK_FILE " cannot be locked: %s",
                        c->data_dir, strerror(errno));
        }
        if (clock_mono_ms() >= until) {
            return fail(ERR_TIMEOUT, ret_why,
                        "another program has held %s/" FOLDER "/" LOCK_FILE " for %d s; try again "
                        "when it has ended",
                        c->data_dir, CREDENTIALS_WAIT_MS / 1000);
        }
        nanosleep(&pause, NULL);
    }
    return ERR_OK;
}

enum err credentials_open(const char *data_dir, struct credentials **ret_c, char *ret_why)
{
    struct credentials *c = mem_alloc(sizeof *c);
    c->data_dir = mem_strdup(data_dir);
    c->lock = -1;
    c->folder = private_folder_open(data_dir, FOLDER, true);
    enum err e = ERR_OK;
    if (c->folder < 0) {
        e = fail(ERR_IO, ret_why, "%s/" FOLDER " cannot be opened: %s", data_dir, strerror(errno));
    }
    e = e == ERR_OK ? take_lock(c, ret_why) : e;
    e = e == ERR_OK ? read_list(data_dir, c->folder, &c->list, NULL, ret_why) : e;
    if (e != ERR_OK) {
        credentials_close(c);
        return e;
    }
    *ret_c = c;
    return ERR_OK;
}

void credentials_close(struct credentials *c)
{
    if (c == NULL) {
        return;
    }
    if (c->lock >= 0) {
        close(c->lock);
    }
    if (c->folder >= 0) {
        close(c->folder);
    }
    admitted_destroy(c->list);
    mem_free(c->data_dir);
    mem_free(c);
}

const struct admitted *credentials_list(const struct credentials *c)
{
    return c->list;
}

/* --- changing --- */

static enum err save(struct credentials *c, char *ret_why)
{
    struct buf text;
    buf_init(&text, ADMITTED_TEXT_MAX);
    enum err e = admitted_print(c->list, &text);
    if (e != ERR_OK) {
        fail(e, ret_why, "the list of credentials cannot be written: %s", err_text(e));
    } else {
        e = private_file_write(c->folder, LIST_FILE, buf_span(&text));
        if (e != ERR_OK) {
            fail(e, ret_why, "%s/" FOLDER "/" LIST_FILE " cannot be written: %s", c->data_dir,
                 strerror(errno));
        }
    }
    buf_fini(&text);
    return e;
}

static enum err save_keys(struct credentials *c, const char *file, const struct link_keys *k,
                          char *ret_why)
{
    enum err e = credential_save(c->folder, file, k);
    return e == ERR_OK ? e
                       : fail(e, ret_why, "%s/" FOLDER "/%s cannot be written: %s", c->data_dir,
                              file, strerror(errno));
}

enum err credentials_own_key(struct credentials *c, struct link_keys *ret_own, char *ret_why)
{
    struct link_keys k;
    enum err e = credential_load(c->folder, SERVER_FILE, &k);
    if (e == ERR_OK && k.role != LINK_ROLE_ORCHESTRATOR) {
        e = ERR_PROTO;
    } else if (e == ERR_NOENT) {
        e = credential_make(LINK_ROLE_ORCHESTRATOR, SERVER_NAME, NULL, &k);
        if (e == ERR_OK) {
            e = save_keys(c, SERVER_FILE, &k, ret_why);
        } else {
            fail(e, ret_why, "no key can be made: %s", err_text(e));
        }
        if (e == ERR_OK) {
            *ret_own = k;
        }
        link_keys_wipe(&k);
        return e;
    }
    if (e != ERR_OK) {
        return explain_read(e, c->data_dir, SERVER_FILE, ret_why);
    }
    *ret_own = k;
    link_keys_wipe(&k);
    return ERR_OK;
}

enum err credentials_set_server(struct credentials *c, const unsigned char *key, char *ret_why)
{
    if (memcmp(admitted_server_key(c->list), key, LINK_KEY_BYTES) == 0) {
        return ERR_OK;
    }
    admitted_set_server_key(c->list, key);
    return save(c, ret_why);
}

/* Makes and lists it, whatever its name. */
static enum err mint(struct credentials *c, enum link_role role, const char *name,
                     const unsigned char *server_key, int64_t now_s, struct link_keys *ret_keys,
                     char *ret_why)
{
    struct link_keys k;
    enum err e = credential_make(role, name, server_key, &k);
    if (e != ERR_OK) {
        return fail(e, ret_why, "no key can be made: %s", err_text(e));
    }
    struct admitted_entry entry = {.role = role, .minted_s = now_s};
    memcpy(entry.name, k.name, sizeof entry.name);
    memcpy(entry.key, k.public_key, LINK_KEY_BYTES);
    memcpy(entry.server_key, server_key, LINK_KEY_BYTES);
    e = admitted_put(c->list, &entry);
    if (e == ERR_LIMIT) {
        fail(e, ret_why,
             "there are %d credentials already, and none of them is revoked: revoke "
             "some (-revoke NAME)",
             ADMITTED_MAX);
    } else if (e != ERR_OK) {
        fail(e, ret_why, "the credential cannot be listed: %s", err_text(e));
    } else {
        e = save(c, ret_why);
    }
    if (e == ERR_OK) {
        *ret_keys = k;
    }
    link_keys_wipe(&k);
    return e;
}

enum err credentials_mint(struct credentials *c, enum link_role role, const char *name,
                          const unsigned char *server_key, int64_t now_s,
                          struct link_keys *ret_keys, char *ret_why)
{
    const struct admitted_entry *former = admitted_by_name(c->list, name);
    if (strcmp(name, CREDENTIALS_LOCAL) == 0) {
        return fail(ERR_STATE, ret_why,
                    "\"" CREDENTIALS_LOCAL "\" is the credential that the orchestrator makes for "
                    "broadcasters on its own host: choose another name");
    }
    if (former != NULL && former->revoked_s == 0) {
        return fail(ERR_STATE, ret_why,
                    "there is a %s's credential \"%s\" already: choose another name, or revoke "
                    "that one first (-revoke %s)",
                    link_role_name(former->role), name, name);
    }
    return mint(c, role, name, server_key, now_s, ret_keys, ret_why);
}

enum err credentials_revoke(struct credentials *c, const char *name, int64_t now_s,
                            bool *ret_already, char *ret_why)
{
    const struct admitted_entry *e = admitted_by_name(c->list, name);
    if (e == NULL) {
        return fail(ERR_NOENT, ret_why,
                    "there is no credential \"%s\" in %s (-listCredentials shows what there is)",
                    name, c->data_dir);
    }
    bool already = e->revoked_s != 0;
    enum err err = admitted_revoke(c->list, name, now_s);
    if (err == ERR_OK && !already) {
        err = save(c, ret_why);
    }
    if (err == ERR_OK) {
        *ret_already = already;
    }
    return err;
}

/* --- the broadcaster on this host --- */

static bool is_listed(const struct credentials *c, const struct link_keys *k)
{
    const struct admitted_entry *e = admitted_by_name(c->list, CREDENTIALS_LOCAL);
    return e != NULL && e->revoked_s == 0 && e->role == LINK_ROLE_BROADCASTER &&
           k->role == LINK_ROLE_BROADCASTER && strcmp(k->name, CREDENTIALS_LOCAL) == 0 &&
           memcmp(e->key, k->public_key, LINK_KEY_BYTES) == 0;
}

enum err credentials_local(struct credentials *c, const unsigned char *server_key, int64_t now_s,
                           struct link_keys *ret_keys, char *ret_why)
{
    struct link_keys k = {0};
    enum err e = credential_load(c->folder, LOCAL_FILE, &k);
    if (e != ERR_OK || !is_listed(c, &k)) {
        e = mint(c, LINK_ROLE_BROADCASTER, CREDENTIALS_LOCAL, server_key, now_s, &k, ret_why);
        e = e == ERR_OK ? save_keys(c, LOCAL_FILE, &k, ret_why) : e;
    }
    if (e == ERR_OK) {
        /* Several orchestrators may share the data directory: the pair is one, the server's key is
         * each one's own. */
        memcpy(k.server_key, server_key, LINK_KEY_BYTES);
        *ret_keys = k;
    }
    link_keys_wipe(&k);
    return e;
}
