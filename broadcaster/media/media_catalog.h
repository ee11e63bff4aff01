/* The catalogue of a folder's media files: a thread of its own looks which there are, reads with
 * libav what is in them, and looks again when something changes. A file that grows is read when it
 * has stood still for a second. Any thread, unless said otherwise. */
#ifndef BROADCASTER_MEDIA_MEDIA_CATALOG_H
#define BROADCASTER_MEDIA_MEDIA_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "broadcaster/media/media_list.h"
#include "broadcaster/media/media_path.h"

struct media_catalog;

/* /media.json; gives references. */
struct media_text {
    struct blob *plain;
    struct blob *gzip; /* the same by gzip; NULL: not worth it */
    uint64_t tag;      /* http_tag_of(plain) */
};

struct media_catalog_figures {
    size_t listed, folders;
    size_t waiting;    /* not read yet */
    size_t unreadable; /* that libav cannot read */
    size_t skipped;    /* names without an address */
    bool truncated;    /* there are more than are listed */
    bool missing;      /* the folder is not there now */
    bool watched;      /* changes are noticed at once; else within a minute */
    uint64_t bytes;    /* of those listed */
};

/* Opens the folder, and starts the thread. ERR_NOENT, ERR_AUTH, ERR_UNSUPPORTED (not a folder),
 * ERR_LIMIT, ERR_IO. */
enum err media_catalog_create(const char *folder, struct media_catalog **ret_catalog) CHECKED;
void media_catalog_destroy(struct media_catalog *c); /* takes NULL; ends the thread */

/* Opens one of the folder's files, listed or not: see media_open_file. */
enum err media_catalog_open(struct media_catalog *c, const char *path, int *ret_fd,
                            struct media_stat *ret_stat) CHECKED;

/* ERR_AGAIN: the folder has not been looked through yet; ERR_NOMEM. */
enum err media_catalog_text(struct media_catalog *c, struct media_text *ret_text) CHECKED;

/* The path of the first video that can be played. ERR_AGAIN: not known yet; ERR_NOENT. */
enum err media_catalog_first_video(struct media_catalog *c,
                                   char ret_path[MEDIA_PATH_MAX + 1]) CHECKED;

/* What is known of this state of a file. ERR_AGAIN: it has not been read yet, or is not listed (any
 * more); ERR_PROTO: libav could not read it. */
enum err media_catalog_facts(struct media_catalog *c, const char *path,
                             const struct media_stat *stat, struct media_facts *ret_facts) CHECKED;

struct media_catalog_figures media_catalog_figures(struct media_catalog *c);

#endif
