/* The judge's rules: what a media playlist and its segments must be like over time (RFC 8216,
 * sections 4.3.3 and 6.2). Pure: it is fed what was read and when, and names each fault once. */
#ifndef PUBLISHER_TOOLS_HLS_CHECK_H
#define PUBLISHER_TOOLS_HLS_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "publisher-tools/hls_playlist.h"
#include "publisher-tools/media_facts.h"

#define HLS_FAULT_WORDS_MAX 512

/* One fault: rule is its short name ("number-gap"), words a sentence. Both borrowed for the call.
 */
typedef void hls_fault_fn(void *arg, const char *rule, const char *words);

struct hls_check {
    hls_fault_fn *on_fault;
    void *arg;
    bool allow_gaps;
    int64_t away_ms; /* how long nothing new may come beyond what is usual; above 0 a number may
                        also be jumped over where a discontinuity says that something was lost */
    size_t faults;
    size_t gaps;  /* segments marked EXT-X-GAP */
    size_t jumps; /* over numbers, where they were allowed */

    bool has_playlist; /* of the last playlist: */
    int64_t target_duration_s;
    uint64_t media_sequence;
    uint64_t discontinuity_sequence;
    int64_t advanced_ms; /* when a new segment was last seen */
    bool stalled;        /* and said so */
    bool ended;
    bool has_next;
    uint64_t next_number; /* the first one not looked at yet */
    uint64_t timeline;    /* of the one before it */

    bool has_last; /* of the last segment with media: */
    struct segment_facts last;
};

/* on_fault is called from within the functions below. away_ms may be set afterwards. */
void hls_check_init(struct hls_check *c, hls_fault_fn *on_fault, void *arg, bool allow_gaps);

/* A fault found elsewhere (fetching); format as printf. */
void hls_check_fault(struct hls_check *c, const char *rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A playlist was read: its tags against each other and against the one before. */
void hls_check_playlist(struct hls_check *c, const struct hls_playlist *p, int64_t now_ms);

/* Nothing could be read: only time passes. */
void hls_check_time(struct hls_check *c, int64_t now_ms);

/* Whether this segment is still to be looked at; if so it is from now on the last one that was. A
 * jump over numbers is a fault. */
bool hls_check_takes(struct hls_check *c, const struct hls_segment *s);

/* The number in the segment's URL, when its file name is one, must be its number. */
void hls_check_url(struct hls_check *c, const struct hls_segment *s, const char *url);

/* What was inside a fetched segment: decoding, times inside and against the last one, EXTINF. */
void hls_check_media(struct hls_check *c, const struct hls_segment *s,
                     const struct segment_facts *f);

/* The segment had no media that could be read: the next one's times are not held against it. */
void hls_check_lost(struct hls_check *c);

/* Frames per second inside the segment; 0 when it has fewer than two. */
double hls_check_fps(const struct stream_facts *s);

#endif
