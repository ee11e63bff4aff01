/* Whose pages may read answers (Fetch, 3.2): everybody's, or those of listed origins. Pure;
 * unchanging once made: any thread. */
#ifndef BROADCASTER_VIEWERS_CORS_H
#define BROADCASTER_VIEWERS_CORS_H

#include <stdbool.h>

#include "base/err.h"

#define CORS_ANY         "*"
#define CORS_ORIGINS_MAX 64
#define CORS_ORIGIN_MAX  300 /* bytes of one, with the NUL: a host name has 253 */
#define CORS_WHY_MAX     512

/* What a page's script may read beside what it may anyhow (Fetch, 3.2). A wildcard would not count
 * where a request has credentials. */
#define CORS_EXPOSED_HEADERS                                                                       \
    "Content-Length, Content-Range, Content-Encoding, Accept-Ranges, Date, Age, ETag, Retry-After"

struct cors;

/* Reads "*" or a list, parted by commas, of origins as browsers send them: SCHEME://HOST[:PORT].
 * Letters of either case are the same, and a scheme's own port (http 80, https 443) need not be
 * named. ERR_PROTO, ERR_LIMIT: not such a list; ret_why is a sentence with the part that is wrong
 * in it. Gives. */
enum err cors_create(const char *text, struct cors **ret_cors, char ret_why[CORS_WHY_MAX]) CHECKED;
void cors_destroy(struct cors *c); /* takes NULL */

/* All may read: answers are the same for all. */
bool cors_is_any(const struct cors *c);

/* Whether this Origin header (NULL: none came) is one of the list; "null" never is. */
bool cors_lists(const struct cors *c, const char *origin);

#endif
