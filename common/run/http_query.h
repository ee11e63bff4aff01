/* Reading application/x-www-form-urlencoded texts (WHATWG URL Standard, section 5.1): the query of
 * a URL and the body of a form. Stricter than the standard: a broken percent sign, a control
 * character or a name twice is an error, not a guess. Pure. */
#ifndef RUN_HTTP_QUERY_H
#define RUN_HTTP_QUERY_H

#include <stddef.h>

#include "base/err.h"
#include "base/span.h"

#define HTTP_PAIRS_MAX 16

struct http_pair {
    const char *name; /* decoded, not empty */
    const char *value;
};

struct http_pairs {
    struct http_pair items[HTTP_PAIRS_MAX];
    size_t n;
    char *memory;
};

/* Both texts together. ERR_PROTO, ERR_LIMIT (more than HTTP_PAIRS_MAX), ERR_NOMEM; ret_why: a
 * sentence, static. Gives (http_pairs_fini). */
enum err http_pairs_parse(struct span query, struct span form, struct http_pairs *ret_pairs,
                          const char **ret_why) CHECKED;
void http_pairs_fini(struct http_pairs *p);

/* NULL: it is not there. Borrowed. */
const char *http_pairs_find(const struct http_pairs *p, const char *name);

#endif
