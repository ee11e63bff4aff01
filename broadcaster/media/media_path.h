/* From a request's target to a media file's path inside of its folder, and back. Pure, total: every
 * run of bytes has an answer. */
#ifndef BROADCASTER_MEDIA_MEDIA_PATH_H
#define BROADCASTER_MEDIA_MEDIA_PATH_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"

#define MEDIA_TARGET_MAX 4096 /* bytes of a request's target, with the query */
#define MEDIA_PATH_MAX   1024 /* bytes of a file's path, decoded */
#define MEDIA_NAME_MAX   255  /* bytes of each name in it */

#define MEDIA_FILES_URL "/media/" /* before a file's path */
#define MEDIA_PAGES_URL "/watch/"

enum media_what {
    MEDIA_NONE,    /* another address */
    MEDIA_FILE,    /* "/media/PATH": the file */
    MEDIA_PAGE,    /* "/watch/PATH": the page that plays it */
    MEDIA_LIST,    /* "/media.json": which files there are */
    MEDIA_VIDEO,   /* "/video": the first video */
    MEDIA_UNKNOWN, /* nothing is or can be there (404): why */
    MEDIA_BAD,     /* not a path (400): why */
};

struct media_ask {
    enum media_what what;
    char path[MEDIA_PATH_MAX + 1]; /* FILE, PAGE: names and slashes, UTF-8, neither at the front
                                      nor at the end a slash */
    const char *why;               /* UNKNOWN, BAD: a sentence; static storage */
};

/* Reads a target in origin or absolute form (RFC 9112, 3.2). Percent signs are decoded once, after
 * the path was cut at its slashes (RFC 3986, 2.4). What is refused: names that are empty, "." or
 * "..", that begin with a dot, that are not UTF-8 or have control characters, slashes or
 * backslashes in them, and what is too long. */
struct media_ask media_path_parse(struct span target);

/* Whether a file of this name has an address: see above. */
bool media_path_is_name(const char *name);

/* Adds the address of a path below such a folder as "/media/", percent-encoded where it has to be.
 * ERR_NOMEM, ERR_LIMIT: out may have a part of it. */
enum err media_path_put_url(struct buf *out, const char *folder, const char *path) CHECKED;

#endif
