/* Whether what low-latency HLS asks for is there, comes, or will never come
 * (draft-pantos-hls-rfc8216bis, 6.2.5.2 and 6.2.6). Pure; any thread. */
#ifndef BROADCASTER_HLS_HLS_WAIT_H
#define BROADCASTER_HLS_HLS_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broadcaster/stream/board.h"

/* A playlist that has this segment (whole) or this part in it; or (file) the part itself. */
struct hls_want {
    enum track_kind kind;
    bool file;
    bool has_part; /* always with file */
    uint64_t msn;
    uint32_t part;
};

enum hls_verdict {
    HLS_ANSWER,  /* it is there; or the playlist says at once what there is */
    HLS_WAIT,    /* it comes: ask again with the next window */
    HLS_TOO_FAR, /* the playlist: farther ahead than may be waited for (400) */
    HLS_NEVER,   /* the part: it is gone, nobody was told to ask for it, or its segment ended before
                    it (404) */
};

/* A window's newest place in one lane. */
struct hls_edge {
    bool any;        /* there is a segment or a part */
    uint64_t msn;    /* of the newest segment or part: LAST-MSN */
    bool has_part;   /* that segment has parts: */
    uint32_t part;   /* the newest one's index: LAST-PART */
    uint64_t closed; /* the newest complete segment's number; what follows it is closed + 1 */
    size_t open;     /* parts of closed + 1 */
};

struct hls_edge hls_edge_of(const struct window *w, enum track_kind kind);

/* The part that comes next: EXT-X-PRELOAD-HINT. False: none does. */
bool hls_next_part(const struct window *w, enum track_kind kind, uint64_t *ret_msn,
                   uint32_t *ret_part);

enum hls_verdict hls_ready(const struct hls_want *want, const struct window *w);

#endif
