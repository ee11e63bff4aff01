/* The light sounds of a stream: its sound once more, encoded anew with few bits, for the rungs that
 * ask for it. Each is a rendition of sound alone, "audio-light", "audio-light2" ..., with the
 * source's numbers; the addresses of fMP4 have them, in MPEG-TS it is in the rungs' own segments. A
 * segment has the frames that begin in its time. One encoder goes on from segment to segment; where
 * the timeline breaks, another one begins. What cannot be decoded has none: its rungs have the
 * source's sound. Loop's thread. */
#ifndef BROADCASTER_LIGHT_LIGHT_SOUNDS_H
#define BROADCASTER_LIGHT_LIGHT_SOUNDS_H

#include "broadcaster/light/light_codec.h"
#include "broadcaster/stream/board.h"
#include "broadcaster/stream/rendition.h"
#include "broadcaster/stream/segment.h"
#include "media/packet.h"
#include "media/profile.h"

/* Segments whose sound is being made; past them the oldest ends with what there is. */
#define LIGHT_RUNS_MAX 32

/* So many of the last segments' sounds can be found: more than may wait for rungs. */
#define LIGHT_RECENT 48

/* How far behind the newest times of the stream sound may be before it is silent there. */
#define LIGHT_LATE_TICKS (TICKS_PER_S / 2)

struct light_sounds;
struct light_workers;

/* The sound of that segment can be found now. */
typedef void light_sounds_came_fn(void *arg, uint64_t msn);

/* Borrows board, workers (NULL: as light_lane_create) and arg; first_discontinuity as
 * rendition_set_first_discontinuity. */
struct light_sounds *light_sounds_create(struct board *board, const char *stream_id,
                                         uint64_t first_discontinuity,
                                         struct light_workers *workers, light_sounds_came_fn *came,
                                         void *arg);
void light_sounds_destroy(struct light_sounds *s); /* takes NULL */

/* The sound that this rung asks for: its index, the same for all that ask alike. Only before the
 * first segment. The rung's own sound must be asked for (audio_bitrate_bps > 0). */
size_t light_sounds_add(struct light_sounds *s, const struct profile *rung);

/* The source begins a segment with this sound (NULL: none so far); a known duration means that it
 * comes whole. What is known of it has changed. A sound packet of it. It is complete. There is a
 * gap in the source. The publisher has gone. */
void light_sounds_open(struct light_sounds *s, const struct segment_info *info,
                       struct track *track);
void light_sounds_told(struct light_sounds *s, const struct segment_info *info);
void light_sounds_packet(struct light_sounds *s, struct track *track, const struct packet *p);
void light_sounds_close(struct light_sounds *s, struct segment *source);
void light_sounds_gap(struct light_sounds *s, struct segment *gap);
void light_sounds_end(struct light_sounds *s);

/* The stream has come to this time. */
void light_sounds_reach(struct light_sounds *s, int64_t newest);

/* The open segment cannot end before this time: makes parts of what is before it. */
void light_sounds_parts(struct light_sounds *s, int64_t until);

/* The sound of a rung's segment, borrowed; NULL: it has none. False: it comes later. */
bool light_sounds_find(const struct light_sounds *s, size_t i, const struct segment *source,
                       struct sound **ret_sound);

/* Each frame of the i-th as it comes, with its track; borrowed. fn NULL, as at first: nobody is
 * told.
 */
typedef void light_sounds_tap_fn(void *arg, size_t i, struct track *track, const struct packet *p);
void light_sounds_set_tap(struct light_sounds *s, light_sounds_tap_fn *fn, void *arg);

/* Frames that are in no segment yet, in order, as the tap was given them. */
void light_sounds_recent(const struct light_sounds *s, size_t i, light_sounds_tap_fn *fn,
                         void *arg);

/* What it is encoded to at present, borrowed; NULL: there is no encoder, and its rungs have the
 * source's sound. */
struct track *light_sounds_track(const struct light_sounds *s, size_t i);

/* As rendition_tick, rendition_set_ended and rendition_set_target, for all. */
void light_sounds_tick(struct light_sounds *s, int64_t now_ms);
void light_sounds_set_ended(struct light_sounds *s, bool ended);
void light_sounds_set_target(struct light_sounds *s, int seconds);

/* The i-th; NULL behind the last. Borrowed. */
struct rendition *light_sounds_rendition(const struct light_sounds *s, size_t i);

#endif
