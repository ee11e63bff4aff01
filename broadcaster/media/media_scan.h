/* Walking through a folder of media files, links not followed. */
#ifndef BROADCASTER_MEDIA_MEDIA_SCAN_H
#define BROADCASTER_MEDIA_MEDIA_SCAN_H

#include <stdatomic.h>
#include <stddef.h>

#include "broadcaster/media/media_list.h"

#define MEDIA_LISTED_MAX  10000
#define MEDIA_FOLDERS_MAX 4096
#define MEDIA_DEPTH_MAX   16 /* folders in folders; each is an open file while one looks into it */

struct media_scan {
    int root;                  /* media_open_root */
    const atomic_bool *cancel; /* set by another thread to give up */
    /* A folder is looked into next; fd is borrowed. */
    void (*on_folder)(void *arg, int fd);
    void *arg;
};

/* Finds the files that are listed (media_types.h), not sorted yet. What is more than the maxima
 * above is left out, and `truncated` says so. ERR_NOMEM; ERR_CLOSED: cancelled; ERR_IO, ERR_LIMIT,
 * ERR_AUTH: the outermost folder cannot be read. Give. */
enum err media_scan(const struct media_scan *scan, struct media_entries *ret_entries) CHECKED;

#endif
