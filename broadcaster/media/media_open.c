#include "broadcaster/media/media_open.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "broadcaster/media/media_path.h"

#define NANOSECONDS 1000000000

/* Whoever opens a pipe must not wait for its other end. */
#define FILE_FLAGS   (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW)
#define FOLDER_FLAGS (O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW)

static enum err err_of(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case EXDEV:
    case ENAMETOOLONG:
    case EINVAL:
        return ERR_NOENT;
    case EACCES:
    case EPERM:
        return ERR_AUTH;
    case EMFILE:
    case ENFILE:
        return ERR_LIMIT;
    case ENXIO: /* a socket, or a device without a driver */
    case ENODEV:
        return ERR_UNSUPPORTED;
    case ENOMEM:
        return ERR_NOMEM;
    default:
        return ERR_IO;
    }
}

/* File systems know times that 64 bits of nanoseconds have no room for: the nearest then. */
static int64_t nanoseconds_of(const struct timespec *t)
{
    const int64_t most_s = INT64_MAX / NANOSECONDS - 1;
    int64_t s = t->tv_sec < -most_s ? -most_s : t->tv_sec > most_s ? most_s : t->tv_sec;
    return s * NANOSECONDS + t->tv_nsec;
}

static struct media_stat stat_of(const struct stat *s)
{
    return (struct media_stat){
        .device = s->st_dev,
        .inode = s->st_ino,
        .size = (uint64_t)s->st_size,
        .modified_ns = nanoseconds_of(&s->st_mtim),
    };
}

bool media_stat_equal(const struct media_stat *a, const struct media_stat *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->modified_ns == b->modified_ns;
}

enum err media_stat_fd(int fd, struct media_stat *ret_stat)
{
    struct stat s;
    if (fstat(fd, &s) != 0) {
        return err_of(errno);
    }
    if (!S_ISREG(s.st_mode)) {
        return ERR_UNSUPPORTED;
    }
    *ret_stat = stat_of(&s);
    return ERR_OK;
}

enum err media_stat_at(int folder, const char *name, struct media_stat *ret_stat, bool *ret_folder)
{
    struct stat s;
    if (fstatat(folder, name, &s, AT_SYMLINK_NOFOLLOW) != 0) {
        return err_of(errno);
    }
    if (!S_ISREG(s.st_mode)) {
        *ret_folder = S_ISDIR(s.st_mode);
        return ERR_UNSUPPORTED;
    }
    *ret_stat = stat_of(&s);
    return ERR_OK;
}

enum err media_open_root(const char *folder, int *ret_fd)
{
    int fd = open(folder, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    if (fd < 0) {
        return errno == ENOTDIR ? ERR_UNSUPPORTED : err_of(errno);
    }
    *ret_fd = fd;
    return ERR_OK;
}

enum err media_open_folder(int parent, const char *name, int *ret_fd)
{
    int fd = openat(parent, name, FOLDER_FLAGS);
    if (fd < 0) {
        return err_of(errno);
    }
    *ret_fd = fd;
    return ERR_OK;
}

/* Takes fd; negative: errno says why there is none. */
static enum err check_file(int fd, int *ret_fd, struct media_stat *ret_stat)
{
    if (fd < 0) {
        return err_of(errno);
    }
    enum err e = media_stat_fd(fd, ret_stat);
    if (e != ERR_OK) {
        close(fd);
        return e;
    }
    *ret_fd = fd;
    return ERR_OK;
}

enum err media_open_file_by_hand(int root, const char *path, int *ret_fd,
                                 struct media_stat *ret_stat)
{
    int folder = root;
    const char *slash;
    for (; (slash = strchr(path, '/')) != NULL; path = slash + 1) {
        char name[MEDIA_NAME_MAX + 1];
        snprintf(name, sizeof name, "%.*s", (int)(slash - path), path);
        int next = openat(folder, name, FOLDER_FLAGS);
        int why = errno;
        if (folder != root) {
            close(folder);
        }
        if (next < 0) {
            return err_of(why);
        }
        folder = next;
    }
    enum err e = check_file(openat(folder, path, FILE_FLAGS), ret_fd, ret_stat);
    if (folder != root) {
        close(folder);
    }
    return e;
}

enum err media_open_file(int root, const char *path, int *ret_fd, struct media_stat *ret_stat)
{
    const struct open_how how = {
        .flags = FILE_FLAGS,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    /* Older kernels do not know it, some sandboxes forbid it: then the other way says what is so.
     * EAGAIN: something was renamed meanwhile. */
    if (fd < 0 && (errno == ENOSYS || errno == EPERM || errno == EAGAIN)) {
        return media_open_file_by_hand(root, path, ret_fd, ret_stat);
    }
    return check_file(fd, ret_fd, ret_stat);
}
