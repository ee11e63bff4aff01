/* Opening what lies inside of a folder, with no way out of it: neither a link nor a race (a folder
 * renamed or replaced meanwhile) leads elsewhere. Links inside are not followed at all. Any thread.
 */
#ifndef BROADCASTER_MEDIA_MEDIA_OPEN_H
#define BROADCASTER_MEDIA_MEDIA_OPEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* What tells one state of a file from all others. */
struct media_stat {
    uint64_t device, inode;
    uint64_t size;       /* bytes */
    int64_t modified_ns; /* since 1970; of times before 1678 and after 2261 the nearest */
};

bool media_stat_equal(const struct media_stat *a, const struct media_stat *b);

/* The folder itself may be a link. ret_fd: for the calls below and close(2). ERR_NOENT, ERR_AUTH,
 * ERR_LIMIT (open files), ERR_UNSUPPORTED (not a folder), ERR_IO. */
enum err media_open_root(const char *folder, int *ret_fd) CHECKED;

/* Opens a file for reading. path: names and slashes (media_path.h). Gives the descriptor.
 * ERR_NOENT: there is none, or a link stands in the way; ERR_AUTH: this process may not;
 * ERR_UNSUPPORTED: it is no regular file; ERR_LIMIT: too many files are open; ERR_NOMEM; ERR_IO. */
enum err media_open_file(int root, const char *path, int *ret_fd,
                         struct media_stat *ret_stat) CHECKED;

/* The same by hand, name by name, for kernels and sandboxes without openat2(2). */
enum err media_open_file_by_hand(int root, const char *path, int *ret_fd,
                                 struct media_stat *ret_stat) CHECKED;

/* Opens the folder of this one name in another one, which has no slash in it. */
enum err media_open_folder(int parent, const char *name, int *ret_fd) CHECKED;

/* A file in an open folder, links not followed. ERR_UNSUPPORTED: not a regular file; ret_folder:
 * whether it is a folder then. */
enum err media_stat_at(int folder, const char *name, struct media_stat *ret_stat,
                       bool *ret_folder) CHECKED;

/* An open file. ERR_UNSUPPORTED: not a regular one. */
enum err media_stat_fd(int fd, struct media_stat *ret_stat) CHECKED;

#endif
