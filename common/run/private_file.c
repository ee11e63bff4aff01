#include "run/private_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/id.h"

#define TEMP_RANDOM_BYTES 8

static void close_keeping_errno(int fd)
{
    int why = errno;
    close(fd);
    errno = why;
}

/* A command that root runs must leave files that the service's own user can read. */
bool private_fd_give(int fd, int folder)
{
    struct stat st;
    if (geteuid() != 0) {
        return true;
    }
    return fstat(folder, &st) == 0 && fchown(fd, st.st_uid, st.st_gid) == 0;
}

int private_folder_open(const char *dir, const char *name, bool create)
{
    int outer = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (outer < 0) {
        return -1;
    }
    bool made = create && mkdirat(outer, name, 0700) == 0;
    if (create && !made && errno != EEXIST) {
        close_keeping_errno(outer);
        return -1;
    }
    int folder = openat(outer, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    bool ok = folder >= 0 && (!made || private_fd_give(folder, outer)) &&
              (!create || fchmod(folder, 0700) == 0);
    if (folder >= 0 && !ok) {
        close_keeping_errno(folder);
    }
    close_keeping_errno(outer);
    return ok ? folder : -1;
}

bool private_fd_write(int fd, struct span bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.data, bytes.len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            errno = n == 0 ? EIO : errno;
            return false;
        }
        bytes = span_of(bytes.data + n, bytes.len - (size_t)n);
    }
    return true;
}

static void name_temp(const char *name, char *ret_temp, size_t size)
{
    char random[2 * TEMP_RANDOM_BYTES + 1];
    id_random_hex(random, TEMP_RANDOM_BYTES);
    snprintf(ret_temp, size, ".%.*s.%s", PRIVATE_NAME_MAX, name, random);
}

static bool is_temp_of(const char *entry, const char *name)
{
    size_t n = strlen(name), digits = (size_t)2 * TEMP_RANDOM_BYTES;
    return entry[0] == '.' && strncmp(entry + 1, name, n) == 0 && entry[n + 1] == '.' &&
           strlen(entry + n + 2) == digits && strspn(entry + n + 2, "0123456789abcdef") == digits;
}

/* Who writes a file holds its lock, and the kernel takes it from who is killed. */
static void remove_if_left(int folder, const char *temp)
{
    int fd = openat(folder, temp, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            unlinkat(folder, temp, 0);
        }
        close(fd);
    }
}

static void remove_left(int folder, const char *name)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (is_temp_of(entry->d_name, name)) {
            remove_if_left(folder, entry->d_name);
        }
    }
    closedir(dir);
}

/* Whether another writer took it for one that was left, before it had its lock. */
static bool is_taken(int fd)
{
    struct stat st;
    return flock(fd, LOCK_EX | LOCK_NB) != 0 ? errno == EWOULDBLOCK
                                             : fstat(fd, &st) == 0 && st.st_nlink == 0;
}

static int open_temp(int folder, const char *name, char *ret_temp, size_t size)
{
    for (;;) {
        name_temp(name, ret_temp, size);
        int fd =
            openat(folder, ret_temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 || !is_taken(fd)) {
            return fd;
        }
        close(fd);
    }
}

static enum err replace(int folder, const char *name, struct span bytes, bool wait)
{
    char temp[PRIVATE_NAME_MAX + 2 * TEMP_RANDOM_BYTES + 3];
    remove_left(folder, name);
    int fd = open_temp(folder, name, temp, sizeof temp);
    if (fd < 0) {
        return ERR_IO;
    }
    bool ok = private_fd_give(fd, folder) && private_fd_write(fd, bytes) &&
              (!wait || fsync(fd) == 0) && renameat(folder, temp, folder, name) == 0;
    if (!ok) {
        int why = errno;
        unlinkat(folder, temp, 0);
        errno = why;
    }
    close_keeping_errno(fd); /* and its lock */
    if (!ok) {
        return ERR_IO;
    }
    return !wait || fsync(folder) == 0 ? ERR_OK : ERR_IO;
}

enum err private_file_write(int folder, const char *name, struct span bytes)
{
    return replace(folder, name, bytes, true);
}

enum err private_file_put(int folder, const char *name, struct span bytes)
{
    return replace(folder, name, bytes, false);
}

enum err private_fd_read(int fd, char *bytes, size_t size, size_t *ret_len)
{
    size_t have = 0;
    char beyond;
    for (;;) {
        bool full = have == size;
        ssize_t n = read(fd, full ? &beyond : bytes + have, full ? 1 : size - have);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return ERR_IO;
        }
        if (n > 0 && full) {
            return ERR_LIMIT;
        }
        if (n == 0) {
            *ret_len = have;
            return ERR_OK;
        }
        have += (size_t)n;
    }
}

bool private_fd_is_trusted(int fd, int folder)
{
    struct stat st, outer;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (st.st_mode & 022) != 0) {
        return false;
    }
    return st.st_uid == geteuid() || st.st_uid == 0 ||
           (folder >= 0 && fstat(folder, &outer) == 0 && st.st_uid == outer.st_uid);
}

enum err private_file_rename(int folder, const char *name, const char *to)
{
    return renameat(folder, name, folder, to) == 0 ? ERR_OK : ERR_IO;
}

enum err private_file_read(int folder, const char *name, char *bytes, size_t size, size_t *ret_len,
                           int *ret_fd)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return errno == ENOENT ? ERR_NOENT : errno == ELOOP ? ERR_AUTH : ERR_IO;
    }
    enum err e =
        private_fd_is_trusted(fd, folder) ? private_fd_read(fd, bytes, size, ret_len) : ERR_AUTH;
    if (e == ERR_OK && ret_fd != NULL) {
        *ret_fd = fd;
    } else {
        close_keeping_errno(fd);
    }
    return e;
}
