/* Where a client wants to publish: the application of its connect and the name of its publish, made
 * into one path and one query. Pure. */
#ifndef BROADCASTER_RTMP_TARGET_H
#define BROADCASTER_RTMP_TARGET_H

#include "base/err.h"
#include "base/span.h"

#define TARGET_PATH_MAX  1024
#define TARGET_QUERY_MAX 8192

struct target {
    char *path;  /* "live/movie/key": no slash at its ends, but for those of the name's own end */
    char *query; /* what stood behind "?", of both, joined by "&"; may be "" */
};

/* Gives both texts; target_fini frees them. ERR_PROTO: a NUL inside; ERR_LIMIT; ERR_NOMEM. */
enum err target_init(struct target *ret_target, struct span app, struct span name) CHECKED;
void target_fini(struct target *t);

/* The application that a tcUrl names ("rtmp://host:1935/live/x?y" -> "live/x?y"); may be empty. */
struct span target_app_of_url(struct span url);

/* The application of a connect: its app, or when that is empty the tcUrl's, with a query that only
 * the tcUrl has. Both may stand in quotes. Gives; errors as of target_copy_text. */
enum err target_app(struct span app, struct span url, size_t max, char **ret_app) CHECKED;

/* Without blanks around it and without a pair of quotes ('...' or "..."). */
struct span target_unquote(struct span text);

/* A NUL-terminated copy of at most max bytes. Gives. ERR_PROTO: a NUL inside; ERR_LIMIT; ERR_NOMEM.
 */
enum err target_copy_text(struct span text, size_t max, char **ret_text) CHECKED;

#endif
