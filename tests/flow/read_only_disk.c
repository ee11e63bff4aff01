/* Preloaded into a program: while the file that READ_ONLY_WHILE names is there, what is in the
 * folder that READ_ONLY_FOLDER names cannot be written, as on a file system that the kernel has
 * turned read-only because its disk fails. (No user may do that to one that is in use.) */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int refused(int fd)
{
    const char *flag = getenv("READ_ONLY_WHILE"), *folder = getenv("READ_ONLY_FOLDER");
    char link[64], path[4096];
    int before = errno;
    if (flag == NULL || folder == NULL || access(flag, F_OK) != 0) {
        errno = before;
        return 0;
    }
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    int inside = strncmp(path, folder, strlen(folder)) == 0;
    errno = inside ? EROFS : before;
    return inside;
}

static void *real(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    static ssize_t (*go_on)(int, const void *, size_t);
    if (go_on == NULL) {
        *(void **)&go_on = real("write");
    }
    return refused(fd) ? -1 : go_on(fd, bytes, n);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    static ssize_t (*go_on)(int, const void *, size_t, off_t);
    if (go_on == NULL) {
        *(void **)&go_on = real("pwrite");
    }
    return refused(fd) ? -1 : go_on(fd, bytes, n, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
    static ssize_t (*go_on)(int, const void *, size_t, off64_t);
    if (go_on == NULL) {
        *(void **)&go_on = real("pwrite64");
    }
    return refused(fd) ? -1 : go_on(fd, bytes, n, at);
}

int ftruncate64(int fd, off64_t size)
{
    static int (*go_on)(int, off64_t);
    if (go_on == NULL) {
        *(void **)&go_on = real("ftruncate64");
    }
    return refused(fd) ? -1 : go_on(fd, size);
}
