/* The further sound tracks of a publisher (Enhanced RTMP multitrack): renditions of sound alone,
 * "audio1" to "audio7" by their index, with the source's numbers and times; the addresses of fMP4
 * have them. A segment takes what begins in its time, and what came late; one without sound is a
 * gap. Once there, such a rendition goes on with gaps while its track is away. Loop's thread. */
#ifndef BROADCASTER_STREAM_SIDE_SOUNDS_H
#define BROADCASTER_STREAM_SIDE_SOUNDS_H

#include "broadcaster/stream/board.h"
#include "broadcaster/stream/rendition.h"
#include "broadcaster/stream/repair.h"
#include "broadcaster/stream/segment.h"
#include "media/packet.h"

/* How far behind the first tracks such a track may be before its segment ends without it. */
#define SIDE_SOUNDS_LATE_TICKS (TICKS_PER_S / 2)

/* Further than this from the first tracks is no time at all. */
#define SIDE_SOUNDS_APART_TICKS (10 * TICKS_PER_S)

#define SIDE_SOUNDS_MAX         (TRACKS_PER_KIND_MAX - 1)
#define SIDE_SOUNDS_PACKETS_MAX 4096              /* of one track that no segment has yet */
#define SIDE_SOUNDS_BYTES_MAX   (4 * 1024 * 1024) /* the same, while no segment is open */

struct side_sounds;

/* Borrows the board; first_discontinuity as rendition_set_first_discontinuity. */
struct side_sounds *side_sounds_create(struct board *board, const char *stream_id,
                                       uint64_t first_discontinuity);
void side_sounds_destroy(struct side_sounds *s); /* takes NULL */

/* A codec header of a sound track with an index above 0. Another one than before is in force from
 * the next segment on, or at once when the open one has no sound yet. */
void side_sounds_track(struct side_sounds *s, struct track *track);

/* A packet of such a track, as sent; borrowed. Its times are mended with the clock of the first
 * tracks, and what is mended is counted in `first`. Left out when it does not fit: room is what the
 * segments being received may still take, in bytes. */
void side_sounds_packet(struct side_sounds *s, const struct packet *p, struct repair *first,
                        size_t room, int64_t now_ms);

/* The first tracks have come to this DTS. */
void side_sounds_reach(struct side_sounds *s, int64_t newest);

/* The source begins a segment, has completed it, has no publisher any more. */
void side_sounds_open(struct side_sounds *s, const struct segment_info *info);
void side_sounds_close(struct side_sounds *s, struct segment *source);
void side_sounds_end(struct side_sounds *s);

/* The source's open segment cannot end before this time, nor can theirs: makes parts of what is
 * before it. */
void side_sounds_parts(struct side_sounds *s, int64_t until);

/* Bytes that no segment has yet. */
size_t side_sounds_bytes(const struct side_sounds *s);

/* Packets that were left out. What comes before the first segment is not counted. */
uint64_t side_sounds_dropped(const struct side_sounds *s);

/* As rendition_set_ended, for all. */
void side_sounds_set_ended(struct side_sounds *s, bool ended);

/* The renditions that there are, by 0, 1, ...; NULL behind the last. Borrowed. */
struct rendition *side_sounds_rendition(const struct side_sounds *s, size_t i);

#endif
