/* Media files for viewers: the folder, its catalogue, and the files that are open for answers. Any
 * thread, unless said otherwise. */
#ifndef BROADCASTER_MEDIA_MEDIA_H
#define BROADCASTER_MEDIA_MEDIA_H

#include <stdbool.h>
#include <stdint.h>

#include "broadcaster/media/media_catalog.h"

struct media;
struct json;
struct metrics;

struct media_config {
    const char *folder;
    int max_open;         /* files that may be open for answers at once */
    uint64_t video_bytes; /* what a request to /video for the rest of it gets at most; 0: all */
};

/* One open file of an answer, counted. */
struct media_file {
    struct media *media;
    int fd; /* -1: given away */
    struct media_stat stat;
    char path[MEDIA_PATH_MAX + 1]; /* in the folder */
};

/* ret_why: a sentence without its subject ("is not there"), static storage. */
enum err media_create(const struct media_config *config, struct media **ret_media,
                      const char **ret_why) CHECKED;
void media_destroy(struct media *m); /* takes NULL; all files must have been closed */

struct media_catalog *media_catalog_of(struct media *m);
uint64_t media_video_bytes(const struct media *m);

/* Gives. ERR_LIMIT: too many are open; else as media_open_file. */
enum err media_file_open(struct media *m, const char *path, struct media_file **ret_file) CHECKED;
void media_file_close(struct media_file *f); /* takes NULL */

/* The descriptor, which is the caller's from now on; the file still counts as open until it is
 * closed here. */
int media_file_take(struct media_file *f);

/* Stands for these bytes (http_tag.h). */
uint64_t media_file_tag(const struct media_file *f);

/* Loop's thread: "media" in the status, and the metrics. */
void media_status(struct media *m, struct json *ret_object);
void media_metrics(struct media *m, struct metrics *ret_metrics);

#endif
