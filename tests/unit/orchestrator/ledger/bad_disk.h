/* A disk that writes nothing any more, below SQLite: its files turn read-only while they are in
 * use. */
#ifndef TESTS_UNIT_LEDGER_BAD_DISK_H
#define TESTS_UNIT_LEDGER_BAD_DISK_H

#include <errno.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>
#include <unistd.h>

#include "tests/support/unit.h"

static atomic_int bad_disk_left = -1; /* writes that it still takes; below 0: all */

static inline bool bad_disk_refuses(void)
{
    int left = atomic_load(&bad_disk_left);
    if (left > 0) {
        atomic_store(&bad_disk_left, left - 1);
    }
    errno = left == 0 ? EROFS : errno;
    return left == 0;
}

static inline ssize_t bad_disk_write(int fd, const void *bytes, size_t n)
{
    return bad_disk_refuses() ? -1 : write(fd, bytes, n);
}

static inline ssize_t bad_disk_pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    return bad_disk_refuses() ? -1 : pwrite(fd, bytes, n, at);
}

static inline int bad_disk_truncate(int fd, off_t size)
{
    return bad_disk_refuses() ? -1 : ftruncate(fd, size);
}

/* SQLite's own way to have its system calls stood in for. */
static inline void bad_disk_after(int writes)
{
    static const struct {
        const char *name;
        sqlite3_syscall_ptr call;
    } calls[] = {{"write", (sqlite3_syscall_ptr)bad_disk_write},
                 {"pwrite", (sqlite3_syscall_ptr)bad_disk_pwrite},
                 {"pwrite64", (sqlite3_syscall_ptr)bad_disk_pwrite},
                 {"ftruncate", (sqlite3_syscall_ptr)bad_disk_truncate}};
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0] && writes >= 0; i++) {
        if (vfs->xGetSystemCall(vfs, calls[i].name) != NULL) {
            ck_assert_int_eq(vfs->xSetSystemCall(vfs, calls[i].name, calls[i].call), SQLITE_OK);
        }
    }
    atomic_store(&bad_disk_left, writes);
}

#endif
