/* The further picture tracks of a publisher (Enhanced RTMP multitrack): renditions of the source,
 * "source1" to "source7" by their index, with the source's numbers, times and sound. Their segments
 * begin at the keyframe that belongs to the source's cut; where there is none, the segment is not
 * independent, and one that cannot be decoded at all is a gap. Once there, such a rendition goes on
 * with gaps while its track is away. Loop's thread. */
#ifndef BROADCASTER_STREAM_SIDES_H
#define BROADCASTER_STREAM_SIDES_H

#include "broadcaster/stream/board.h"
#include "broadcaster/stream/rendition.h"
#include "broadcaster/stream/segment.h"
#include "media/packet.h"

/* A keyframe this close to the source's is the same picture's. */
#define SIDES_TOLERANCE_TICKS (20 * TICKS_PER_MS)

/* How far behind a cut a track may come without a keyframe before it is cut there all the same. */
#define SIDES_LATE_TICKS (200 * TICKS_PER_MS)

/* Further than this from the source's newest picture no picture has a place: its clock jumped, or
 * is another one. */
#define SIDES_APART_TICKS (10 * TICKS_PER_S)

#define SIDES_MAX         (TRACKS_PER_KIND_MAX - 1)
#define SIDES_PACKETS_MAX 4096 /* of one track that no segment has yet */

struct sides;

/* Borrows the board; first_discontinuity as rendition_set_first_discontinuity. */
struct sides *sides_create(struct board *board, const char *stream_id,
                           uint64_t first_discontinuity);
void sides_destroy(struct sides *s); /* takes NULL */

/* A codec header of a picture track with an index above 0. Another one than before is in force from
 * the next segment on. */
void sides_track(struct sides *s, struct track *track);

/* A picture of the source was mended: the others' clock is the same one. */
void sides_follow(struct sides *s, const struct packet *sent, const struct packet *mended);

/* A picture of another track, as sent; borrowed. Left out when it does not fit: room is what the
 * segments being received may still take, in bytes. */
void sides_packet(struct sides *s, const struct packet *p, size_t room);

/* The source begins a segment, has completed it, has no publisher any more. */
void sides_open(struct sides *s, const struct segment_info *info);
void sides_close(struct sides *s, struct segment *source);
void sides_end(struct sides *s);

/* The source's open segment cannot end before this time: makes parts of what stays in theirs. */
void sides_parts(struct sides *s, int64_t until);

/* Bytes that no segment has yet. */
size_t sides_bytes(const struct sides *s);

/* Pictures that were left out. */
uint64_t sides_dropped(const struct sides *s);

/* As rendition_set_ended, for all. */
void sides_set_ended(struct sides *s, bool ended);

/* The renditions that there are, by 0, 1, ...; NULL behind the last. Borrowed. */
struct rendition *sides_rendition(const struct sides *s, size_t i);

/* That of the track with this index (1 to SIDES_MAX), or NULL: there has never been one. Borrowed.
 */
struct rendition *sides_of_track(const struct sides *s, unsigned index);

/* Whether a track now has a picture of about this height. */
bool sides_has_height(const struct sides *s, int height);

#endif
