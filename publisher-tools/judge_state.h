/* What the judge knows of one media playlist over time, and the rules that need time: it is fed
 * each snapshot of the playlist and what was inside each segment. Pure: time is an argument. One
 * thread per state. */
#ifndef PUBLISHER_TOOLS_JUDGE_STATE_H
#define PUBLISHER_TOOLS_JUDGE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "publisher-tools/hls_url.h"
#include "publisher-tools/judge_list.h"
#include "publisher-tools/media_facts.h"

#define JUDGE_SEEN_MAX 20000 /* segments remembered of one playlist */
#define JUDGE_TEXT_MAX 160   /* of a line that is kept for later findings */

/* A segment that was listed. */
struct judge_seen {
    uint64_t number, timeline;
    int64_t duration_us, date_us;
    bool gap, discontinuity, has_map;
    unsigned line; /* of its URI, when it was first seen */
    char text[JUDGE_TEXT_MAX];
    bool has_media;
    struct segment_facts facts;
    size_t bytes;
};

struct judge_state {
    char url[HLS_URL_MAX];
    const struct judge_sink *sink;
    bool is_rendition; /* of EXT-X-MEDIA, not of EXT-X-STREAM-INF */
    struct judge_list *last;
    int64_t seen_ms;     /* when last came */
    int64_t advanced_ms; /* when a new segment or part was last seen */
    bool late, stale;    /* and said so */
    struct judge_seen *seen;
    size_t n_seen;
    int64_t widest_step; /* ticks, of the segments whose rate varies; 0: none has */
    size_t last_media;   /* index + 1 of the last one with media that the next one continues */
};

/* url and sink are borrowed for the life of the state. Gives. */
struct judge_state *judge_state_create(const char *url, const struct judge_sink *sink);
void judge_state_destroy(struct judge_state *s); /* takes NULL */

/* A snapshot of the playlist, whole or merged. Takes list, which is s->last from now on. */
void judge_state_see(struct judge_state *s, struct judge_list *list, int64_t now_ms);

/* Nothing new was read: only time passes. */
void judge_state_time(struct judge_state *s, int64_t now_ms);

/* What is remembered of a segment; NULL: nothing. */
struct judge_seen *judge_state_find(const struct judge_state *s, uint64_t number);

/* Says a finding about a line of the last playlist. */
void judge_state_say(const struct judge_state *s, enum judge_rule rule, unsigned line,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* --- judge_list_check.c: a playlist by itself --- */

void judge_list_check(const struct judge_list *l, const char *url, const struct judge_sink *sink);

/* Says a finding about a line of that playlist. */
void judge_list_say(const struct judge_list *l, const char *url, const struct judge_sink *sink,
                    enum judge_rule rule, unsigned line, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* --- judge_media.c: what is inside --- */

/* What was inside a whole segment of bytes bytes, remembered for later. */
void judge_media_see(struct judge_state *s, uint64_t number, const struct segment_facts *f,
                     size_t bytes);

/* What a part of the last playlist holds. */
void judge_media_part(const struct judge_state *s, const struct judge_part *p,
                      const struct part_facts *f);

/* The segment could not be looked into: the next one's times are not held against it. */
void judge_media_lost(struct judge_state *s);

/* How long one frame of it is shown, in ticks; 0: not known. */
int64_t judge_media_frame_ticks(const struct stream_facts *f);

/* b - a on a clock of 33 bits. */
int64_t judge_media_between(int64_t a, int64_t b);

#endif
