#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/id.h"
#include "run/secret.h"

#define NAME_MAX_BYTES 200 /* of a credential's file name, below the file system's 255 */
#define HEX_BYTES      (2 * LINK_KEY_BYTES)

/* The file is these lines, each key as hexadecimal digits, and nothing else. */
static const char header[] = "streaming back-end link credential 1\nrole broadcaster\n";
static const char *const labels[] = {"public ", "secret ", "server "};

#define LABEL_BYTES 7
#define LINES       3
#define LINE_BYTES  (LABEL_BYTES + HEX_BYTES + 1)
#define FILE_BYTES  (sizeof header - 1 + LINES * LINE_BYTES)

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

static int open_folder(const char *data_dir, bool create)
{
    int data = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (data < 0) {
        return -1;
    }
    if (create && mkdirat(data, "credentials", 0700) != 0 && errno != EEXIST) {
        close(data);
        return -1;
    }
    int folder = openat(data, "credentials", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    int why = errno;
    close(data);
    errno = why;
    return folder;
}

static bool write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

static enum err replace_file(int folder, const char *name, const char *text, size_t len)
{
    char temp[NAME_MAX_BYTES + 32];
    char random[17];
    id_random_hex(random, 8);
    snprintf(temp, sizeof temp, ".%s.%s", name, random);
    int fd = openat(folder, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return ERR_IO;
    }
    bool ok = write_all(fd, text, len) && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    ok = ok && renameat(folder, temp, folder, name) == 0;
    if (!ok) {
        unlinkat(folder, temp, 0);
        return ERR_IO;
    }
    return fsync(folder) == 0 ? ERR_OK : ERR_IO;
}

/* text holds FILE_BYTES + 1. */
static void to_text(const struct link_keys *k, char *text)
{
    const unsigned char *const keys[LINES] = {k->public_key, k->secret_key, k->server_key};
    char *at = text + sprintf(text, "%s", header);
    for (int i = 0; i < LINES; i++) {
        at += sprintf(at, "%s", labels[i]);
        sodium_bin2hex(at, HEX_BYTES + 1, keys[i], LINK_KEY_BYTES);
        at += HEX_BYTES;
        *at++ = '\n';
    }
    *at = '\0';
}

enum err credential_write(const char *data_dir, const char *service_addr,
                          const struct link_keys *broadcaster)
{
    char name[NAME_MAX_BYTES];
    enum err e = file_name(service_addr, name, sizeof name);
    if (e != ERR_OK) {
        return e;
    }
    int folder = open_folder(data_dir, true);
    if (folder < 0) {
        return ERR_IO;
    }
    char text[FILE_BYTES + 1];
    to_text(broadcaster, text);
    e = fchmod(folder, 0700) == 0 ? replace_file(folder, name, text, FILE_BYTES) : ERR_IO;
    sodium_memzero(text, sizeof text);
    close(folder);
    return e;
}

static enum err from_text(const char *text, struct link_keys *ret_keys)
{
    struct link_keys k = {.role = LINK_ROLE_BROADCASTER};
    unsigned char *const keys[LINES] = {k.public_key, k.secret_key, k.server_key};
    bool ok = memcmp(text, header, sizeof header - 1) == 0;
    const char *at = text + sizeof header - 1;
    for (int i = 0; i < LINES && ok; i++, at += LINE_BYTES) {
        size_t got = 0;
        ok = memcmp(at, labels[i], LABEL_BYTES) == 0 &&
             sodium_hex2bin(keys[i], LINK_KEY_BYTES, at + LABEL_BYTES, HEX_BYTES, NULL, &got,
                            NULL) == 0 &&
             got == LINK_KEY_BYTES && at[LINE_BYTES - 1] == '\n';
    }
    unsigned char proof[LINK_KEY_BYTES];
    ok = ok && !sodium_is_zero(k.server_key, LINK_KEY_BYTES) &&
         crypto_scalarmult_base(proof, k.secret_key) == 0 &&
         sodium_memcmp(proof, k.public_key, LINK_KEY_BYTES) == 0;
    if (ok) {
        *ret_keys = k;
    }
    link_keys_wipe(&k);
    return ok ? ERR_OK : ERR_PROTO;
}

/* Whoever could write the file could send the broadcaster to an orchestrator of his own. */
static bool is_trusted(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
           (st.st_uid == geteuid() || st.st_uid == 0) && (st.st_mode & 022) == 0;
}

static enum err read_file(int fd, struct link_keys *ret_keys)
{
    char text[FILE_BYTES + 2];
    size_t have = 0;
    ssize_t n = 1;
    while (n > 0 && have < sizeof text) {
        n = read(fd, text + have, sizeof text - have);
        have += n > 0 ? (size_t)n : 0;
    }
    enum err e = n < 0 ? ERR_IO : ERR_PROTO;
    if (n >= 0 && have == FILE_BYTES && is_trusted(fd)) {
        e = from_text(text, ret_keys);
    }
    sodium_memzero(text, sizeof text);
    return e;
}

enum err credential_read(const char *data_dir, const char *service_addr, struct link_keys *ret_keys)
{
    char name[NAME_MAX_BYTES];
    enum err e = file_name(service_addr, name, sizeof name);
    if (e != ERR_OK) {
        return e;
    }
    if (sodium_init() < 0) {
        return ERR_IO;
    }
    int folder = open_folder(data_dir, false);
    if (folder < 0) {
        return errno == ENOENT ? ERR_NOENT : ERR_IO;
    }
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    e = fd >= 0 ? ERR_OK : errno == ENOENT ? ERR_NOENT : errno == ELOOP ? ERR_PROTO : ERR_IO;
    if (fd >= 0) {
        e = read_file(fd, ret_keys);
        close(fd);
    }
    close(folder);
    return e;
}
