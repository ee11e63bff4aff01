/* A part of a body (RFC 9110, 14). Pure, total: any text has an answer. */
#ifndef BROADCASTER_VIEWERS_HTTP_RANGE_H
#define BROADCASTER_VIEWERS_HTTP_RANGE_H

#include <stdbool.h>
#include <stdint.h>

enum http_range {
    HTTP_RANGE_WHOLE, /* no range, another unit, malformed, or several: the whole body, 200 */
    HTTP_RANGE_PART,  /* 206 */
    HTTP_RANGE_NONE,  /* it begins behind the end: 416 */
};

/* Which bytes of a body of len a Range header asks for: "bytes=FIRST-LAST", "bytes=FIRST-",
 * "bytes=-LENGTH". PART alone sets both outputs, with 0 < n <= len - first. NULL: the header did
 * not come. */
enum http_range http_range_pick(const char *range, uint64_t len, uint64_t *ret_first,
                                uint64_t *ret_n);

/* Whether such a range says no end ("bytes=FIRST-"), where it is one. */
bool http_range_is_open(const char *range);

#endif
