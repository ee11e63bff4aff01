/* Reads an HLS playlist for the judge: every tag with its line and all its attributes, and what
 * they say together (RFC 8216 section 4, rfc8216bis section 4.4). Pure and total: made for hostile
 * bytes, it reads what can be read and complains about the rest instead of refusing it. */
#ifndef PUBLISHER_TOOLS_JUDGE_LIST_H
#define PUBLISHER_TOOLS_JUDGE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "publisher-tools/judge_rule.h"

#define JUDGE_LIST_MAX_BYTES (4 * 1024 * 1024)
#define JUDGE_ITEMS_MAX      100000 /* lines, tags, attributes, parts or segments of one playlist */
#define JUDGE_COMPLAINTS_MAX 32     /* kept of one playlist */
#define JUDGE_NONE           INT64_MIN /* a time or number that is not told */

struct judge_attribute {
    struct span name, value; /* value without quotes */
    bool quoted;
};

struct judge_tag {
    struct span name;                     /* "EXT-X-PART" */
    struct span value;                    /* all behind the colon */
    size_t first_attribute, n_attributes; /* 0 where the value is no list of attributes */
    unsigned line;                        /* from 1 */
};

/* EXT-X-MAP, and byte ranges in general: length 0 says that there is no range. */
struct judge_range {
    uint64_t length, offset;
};

struct judge_map {
    struct span uri;
    struct judge_range range;
    unsigned line;
};

struct judge_part {
    struct span uri;
    struct judge_range range;
    int64_t duration_us;
    bool independent, gap;
    unsigned line;
};

struct judge_segment {
    uint64_t number;     /* its Media Sequence Number */
    int64_t duration_us; /* EXTINF */
    struct span uri;     /* empty: of the segment that is still being made */
    struct judge_range range;
    size_t map;                 /* index into maps of the EXT-X-MAP in force; n_maps: none */
    size_t first_part, n_parts; /* its EXT-X-PART, in parts */
    int64_t date_us;            /* EXT-X-PROGRAM-DATE-TIME since 1970; JUDGE_NONE */
    uint64_t timeline;          /* discontinuity sequence number */
    bool gap, discontinuity;
    bool decimal;  /* EXTINF has a point */
    unsigned line; /* of the URI */
    unsigned inf_line, date_line;
};

struct judge_hint {
    struct span uri, type;
    struct judge_range range;
    unsigned line;
};

struct judge_report {
    struct span uri;
    int64_t last_number, last_part; /* JUDGE_NONE: not told */
    unsigned line;
};

struct judge_variant {
    struct span uri, codecs, audio, video_range, captions;
    int64_t bandwidth_bps, average_bps; /* JUDGE_NONE: not told */
    int64_t frame_rate_milli;           /* JUDGE_NONE: not told */
    int width, height;                  /* 0: not told */
    unsigned line, uri_line;
};

/* EXT-X-MEDIA. */
struct judge_rendition {
    struct span type, group, name, uri, channels;
    unsigned line;
};

struct judge_complaint {
    enum judge_rule rule;
    unsigned line;
    const char *words; /* static storage */
};

/* Spans point into text, the playlist's own copy. */
struct judge_list {
    uint8_t *text;
    size_t text_len;
    struct span *lines; /* without their ends */
    size_t n_lines;
    bool is_master, is_media;
    int version; /* 1 when not told */
    unsigned version_line;
    int64_t target_s; /* 0: no EXT-X-TARGETDURATION */
    unsigned target_line;
    uint64_t media_sequence, discontinuity_sequence;
    unsigned media_sequence_line, discontinuity_line; /* 0: no such tag */
    bool ended, independent, is_vod, is_event, i_frames_only;
    unsigned independent_line;
    int64_t part_target_us; /* JUDGE_NONE: no EXT-X-PART-INF */
    unsigned part_inf_line;
    bool can_block;
    int64_t hold_back_us, part_hold_back_us, skip_until_us; /* JUDGE_NONE: not told */
    unsigned control_line;
    uint64_t skipped; /* EXT-X-SKIP: a delta update that leaves out so many segments */
    unsigned skip_line;
    unsigned defined_line; /* EXT-X-DEFINE: its variables are not replaced */

    struct judge_tag *tags;
    size_t n_tags;
    struct judge_attribute *attributes;
    size_t n_attributes;
    struct judge_segment *segments;
    size_t n_segments;
    struct judge_segment open; /* what follows the last segment: parts without a URI of their own */
    struct judge_part *parts;
    size_t n_parts;
    struct judge_map *maps;
    size_t n_maps;
    struct judge_hint *hints;
    size_t n_hints;
    struct judge_report *reports;
    size_t n_reports;
    struct judge_variant *variants;
    size_t n_variants;
    struct judge_rendition *renditions;
    size_t n_renditions;
    struct judge_complaint complaints[JUDGE_COMPLAINTS_MAX];
    size_t n_complaints; /* may be more than are kept */
};

/* ERR_LIMIT: longer than the limits above; ERR_NOMEM. Gives. */
enum err judge_list_read(struct span text, struct judge_list **ret_list) CHECKED;
void judge_list_destroy(struct judge_list *l); /* takes NULL */

/* The text of a line, from 1, without its end; empty when there is none. Borrowed from l. */
struct span judge_list_line(const struct judge_list *l, unsigned line);

/* An attribute's value; false: the tag has none of that name. */
bool judge_tag_find(const struct judge_list *l, const struct judge_tag *t, const char *name,
                    struct span *ret_value);

/* The segment of that number, the open one included; NULL: not listed. */
const struct judge_segment *judge_list_segment(const struct judge_list *l, uint64_t number);

/* Whether the playlist holds part of segment number; part -1 asks for the whole segment. */
bool judge_list_holds(const struct judge_list *l, uint64_t number, int64_t part);

/* The number of the segment behind the last whole one. */
uint64_t judge_list_next(const struct judge_list *l);

/* All EXTINF together. */
int64_t judge_list_duration_us(const struct judge_list *l);

#endif
