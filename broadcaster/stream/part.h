/* A part of a segment, for low-latency HLS (draft-pantos-hls-rfc8216bis, 4.4.4.9): a run of packets
 * of one kind and, made on first demand, its fragment of fMP4. Immutable (but for that cache) and
 * reference-counted. Any thread. */
#ifndef BROADCASTER_STREAM_PART_H
#define BROADCASTER_STREAM_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
#include "media/packet.h"
#include "media/track.h"

#define PART_PACKETS_MAX 4096

struct part_info {
    uint64_t msn;         /* of its segment */
    uint32_t index;       /* in its segment, from 0 */
    int64_t start;        /* ticks: DTS of its first packet */
    int64_t duration;     /* ticks, as EXT-X-PART says it: never above the lane's target */
    bool independent;     /* begins with a picture that decoding can start at; of sound always */
    bool has_independent; /* has one, wherever */
};

/* What "mfhd" says in a part's fragment. */
uint32_t part_sequence(uint64_t msn, size_t index);

struct part;

/* Takes a reference of the track and of each packet (n: 1 to PART_PACKETS_MAX), whose durations are
 * known. NULL: no memory. Gives. */
struct part *part_create(const struct part_info *info, struct track *track,
                         const struct packet *packets, size_t n);
struct part *part_ref(struct part *p);
void part_unref(struct part *p); /* takes NULL */

const struct part_info *part_info(const struct part *p);
const struct track *part_track(const struct part *p);

/* Of its packets, and of the fragment once that was made. */
size_t part_bytes(const struct part *p);
/* Of the fragment alone: a complete segment has the same packets. */
size_t part_fragment_bytes(const struct part *p);
const struct packets *part_packets(const struct part *p);

/* "moof" and "mdat" (see fmp4.h), always the same bytes; made by the first call, later ones on any
 * thread wait for it. Errors are those of fmp4_put_fragment, and are tried again at the next call.
 * Gives a reference. */
enum err part_fragment(struct part *p, struct blob **ret_blob) CHECKED;

/* The fragment is made again, the same bytes, should anybody still ask for it. */
void part_forget_fragment(struct part *p);

/* What a player needs before it, the same bytes for all parts and segments of a track (compare
 * packager_cmaf_video_init). Gives. */
enum err part_init_section(const struct part *p, struct blob **ret_blob) CHECKED;

/* Parts that are kept together: one reference in place of one each. Any thread. */
struct part_group;

/* Takes a reference of each. Gives. */
struct part_group *part_group_create(struct part *const *parts, size_t n);
struct part_group *part_group_ref(struct part_group *g);
void part_group_unref(struct part_group *g);         /* takes NULL */
size_t part_group_count(const struct part_group *g); /* of NULL: 0 */

#endif
