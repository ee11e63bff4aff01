/* Small files that nobody else may read or write, in a folder of the data directory: mode 0600 in a
 * folder of mode 0700, replaced by writing another one and renaming it. Blocking. Any thread. */
#ifndef RUN_PRIVATE_FILE_H
#define RUN_PRIVATE_FILE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/span.h"

#define PRIVATE_NAME_MAX                                                                           \
    200 /* bytes of a file's name with the NUL, below the file system's 255                        \
         */

/* Opens the folder dir/name, which is made when create says so; -1 with errno. */
int private_folder_open(const char *dir, const char *name, bool create);

/* Writes a file of that name, or none: it is whole and on the disk when this returns. What root
 * writes belongs to the folder's owner. What writers of that name left who were killed is removed.
 * ERR_IO, with errno. */
enum err private_file_write(int folder, const char *name, struct span bytes) CHECKED;

/* The same without waiting for the disk, on a thread that must not: whole whoever is killed, but
 * after a power cut it may be the old one. */
enum err private_file_put(int folder, const char *name, struct span bytes) CHECKED;

/* Writes all of the bytes to an open file. False, with errno: some may be there. */
bool private_fd_write(int fd, struct span bytes) CHECKED;

/* Gives a file another name; what had that name is replaced. ERR_IO, with errno. */
enum err private_file_rename(int folder, const char *name, const char *to) CHECKED;

/* Opens the file and reads all of it. ERR_NOENT; ERR_AUTH: it is no regular file, or others can
 * write it; ERR_LIMIT: it is larger than size; ERR_IO, with errno. On success the caller closes
 * *ret_fd (unless that is NULL). */
enum err private_file_read(int folder, const char *name, char *bytes, size_t size, size_t *ret_len,
                           int *ret_fd) CHECKED;

/* Reads what an open file holds, up to size bytes; ERR_LIMIT: there are more. */
enum err private_fd_read(int fd, char *bytes, size_t size, size_t *ret_len) CHECKED;

/* Whether only its owner can write the file, and its owner is this user, root, or (folder >= 0) the
 * folder's owner. */
bool private_fd_is_trusted(int fd, int folder);

/* When root made the file: gives it to the folder's owner. False, with errno: it could not. */
bool private_fd_give(int fd, int folder) CHECKED;

#endif
