/* Reads an HLS playlist, media or master (RFC 8216, section 4). Pure; made for hostile bytes. */
#ifndef PUBLISHER_TOOLS_HLS_PLAYLIST_H
#define PUBLISHER_TOOLS_HLS_PLAYLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

#define HLS_PLAYLIST_MAX_BYTES (4 * 1024 * 1024)
#define HLS_ENTRIES_MAX        20000 /* segments, variants or renditions of one playlist */

struct hls_segment {
    uint64_t number;     /* MEDIA-SEQUENCE and its place */
    int64_t duration_us; /* EXTINF */
    struct span uri;
    struct span map_uri; /* EXT-X-MAP in force; empty: none */
    unsigned line;       /* of the URI, from 1 */
    bool gap;            /* EXT-X-GAP */
    bool discontinuity;  /* EXT-X-DISCONTINUITY in front of it */
    uint64_t timeline;   /* its discontinuity number: DISCONTINUITY-SEQUENCE and those up to it */
};

struct hls_variant {
    struct span uri;
    int64_t bandwidth_bps; /* 0: not told */
    int width, height;     /* 0: not told */
    unsigned line;
};

/* EXT-X-MEDIA with a playlist of its own. */
struct hls_rendition {
    struct span uri;
    unsigned line;
};

/* Spans point into text, the playlist's own copy. */
struct hls_playlist {
    bool is_master;
    int version; /* 1 when not told */
    bool has_target_duration;
    int64_t target_duration_s;
    uint64_t media_sequence;
    uint64_t discontinuity_sequence;
    bool ended; /* EXT-X-ENDLIST */
    struct hls_segment *segments;
    size_t n_segments;
    struct hls_variant *variants;
    size_t n_variants;
    struct hls_rendition *renditions;
    size_t n_renditions;
    uint8_t *text;
};

/* Where and why a playlist was refused. */
struct hls_refusal {
    unsigned line;   /* from 1; 0: the whole */
    const char *why; /* static storage */
};

/* ERR_PROTO: not a playlist, or a tag that must be understood is wrong; ERR_LIMIT: longer than the
 * limits above; ERR_NOMEM. ret_refusal is filled on each failure. Unknown tags are passed over.
 * Gives. */
enum err hls_playlist_read(struct span text, struct hls_playlist **ret_playlist,
                           struct hls_refusal *ret_refusal) CHECKED;
void hls_playlist_destroy(struct hls_playlist *p); /* takes NULL */

#endif
