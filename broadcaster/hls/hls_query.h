/* The query of a request's target: delivery directives of low-latency HLS
 * (draft-pantos-hls-rfc8216bis, 6.2.5), and what else a viewer's address carries (a token), which
 * has to stand on the addresses in his playlists too. Pure, total. */
#ifndef BROADCASTER_HLS_HLS_QUERY_H
#define BROADCASTER_HLS_HLS_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

#define HLS_QUERY_MAX 1024 /* bytes that are kept, with all that has to be percent-encoded */
#define HLS_PART_MAX  9999 /* no segment has as many parts */

struct hls_directives {
    bool has_msn;  /* _HLS_msn: the answer waits for this segment, or */
    bool has_part; /* _HLS_part: for this part of it */
    bool skip;     /* _HLS_skip: a delta update will do */
    uint64_t msn;
    uint32_t part;
};

/* Reads what stands behind the question mark. keep: all but the "_HLS_" ones, in order, with
 * everything percent-encoded that RFC 3986 does not allow in a query. Returns NULL, or what is
 * wrong: a sentence, static storage; outputs are untouched then. */
const char *hls_query_parse(struct span query, struct hls_directives *ret_directives,
                            char ret_keep[HLS_QUERY_MAX + 1]);

#endif
