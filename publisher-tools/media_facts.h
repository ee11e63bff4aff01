/* What is inside one segment, found by demultiplexing and decoding all of it (libav). One thread
 * per prober. */
#ifndef PUBLISHER_TOOLS_MEDIA_FACTS_H
#define PUBLISHER_TOOLS_MEDIA_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

#define MEDIA_WHY_MAX   256
#define MEDIA_CODEC_MAX 48

struct stream_facts {
    bool present;
    unsigned packets;
    int64_t first_dts, last_dts; /* ticks of 1/90000 as the container says (MPEG-TS: 33 bits) */
    int64_t first_pts, last_pts; /* lowest and highest */
    unsigned dts_faults;         /* packets whose DTS is not above the one before */
    unsigned no_dts;             /* packets without a DTS */
    unsigned decoded;            /* frames that came out of the decoder */
    unsigned errors;             /* packets refused, or frames marked as damaged */
    int64_t longest_step;        /* between the DTS of two packets that follow each other */
    unsigned left_out;           /* packets that the usual step says are missing */
    unsigned irregular;          /* steps that are not the usual one */
    int64_t peak_milli;          /* packets per 1000 s in the busiest half second; 0: shorter */
    char codec[MEDIA_CODEC_MAX]; /* as in CODECS (RFC 6381, section 3); "" when not known */
};

enum media_range { MEDIA_SDR, MEDIA_PQ, MEDIA_HLG };

struct segment_facts {
    struct stream_facts video, audio;
    int width, height;    /* 0: no picture came out of the decoder */
    bool starts_with_key; /* the first picture is a key frame */
    bool starts_with_idr; /* and nothing behind it refers to what lies in front of it */
    enum media_range range;
    int64_t sample_ticks; /* duration of one audio access unit */
};

/* What a part holds. */
struct part_facts {
    bool has_video;
    bool independent; /* one of its pictures is as starts_with_idr; without video: true */
    unsigned packets;
    uint64_t media; /* a sum over all packets, their times and bytes: of parts it adds up */
};

struct media_prober;

struct media_prober *media_prober_create(void);
void media_prober_destroy(struct media_prober *m); /* takes NULL */

/* map: the initialisation section in front of it, or empty. A segment that does not begin with a
 * key frame, or with the CRA picture of an open GOP (HEVC), is decoded behind the pictures since
 * the last one before it (kept here), which count for nothing; leading pictures of a CRA picture
 * without any before it count as decoded, and so do pictures before the first key frame of all.
 * ERR_PROTO: no media that could be read (ret_why: a sentence); ERR_NOMEM. */
enum err media_prober_read(struct media_prober *m, struct span map, struct span segment,
                           struct segment_facts *ret_facts, char *ret_why) CHECKED;

/* Demultiplexes a part of a segment (rfc8216bis, section 4.4.4.9), or a whole one, and decodes
 * nothing. As above. */
enum err media_prober_peek(struct span map, struct span part, struct part_facts *ret_facts,
                           char *ret_why) CHECKED;

/* The next segment does not continue this one: forget what was kept. */
void media_prober_forget(struct media_prober *m);

/* How long the stream plays: from its lowest to its highest time, and the last frame's share; 0
 * when it has fewer than two packets. */
int64_t stream_facts_ticks(const struct stream_facts *s);

#endif
