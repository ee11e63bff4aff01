/* A complete segment of one rendition: numbered packets and, made on first demand, their
 * containers. Immutable (but for that cache) and reference-counted. Any thread. */
#ifndef BROADCASTER_STREAM_SEGMENT_H
#define BROADCASTER_STREAM_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
#include "media/packet.h"
#include "media/track.h"

/* The source's audio of one segment, shared by all rungs. */
struct sound;

/* Takes the packets (they are moved out); adds a reference to the track. Gives. */
struct sound *sound_create(struct track *track, struct packets *packets);
struct sound *sound_ref(struct sound *s);
void sound_unref(struct sound *s); /* takes NULL */
const struct track *sound_track(const struct sound *s);
const struct packets *sound_packets(const struct sound *s);

struct segment_info {
    uint64_t msn;
    int64_t start;      /* ticks: DTS of the first source packet */
    int64_t duration;   /* ticks */
    int64_t made_at_ms; /* wall clock when it was complete */
    int64_t closed_ms;  /* monotonic, when the source's segment was complete */
    int64_t program_ms; /* wall clock of its start, for EXT-X-PROGRAM-DATE-TIME; 0: not known */
    bool independent;   /* starts with an IDR */
    bool discontinuity; /* the timeline breaks before it */
    bool gap;           /* there is nothing inside: EXT-X-GAP */
};

struct segment;

/* Takes the packets (moved out), references video and sound (either may be NULL). Gives. */
struct segment *segment_create(const struct segment_info *info, struct track *video,
                               struct packets *packets, struct sound *sound);
struct segment *segment_ref(struct segment *s);

/* How many packets of this kind each of its parts has, all of them together; its fragments are
 * those of the parts then. By who creates it, before it is shared. Without memory it has no parts.
 */
void segment_set_parts(struct segment *s, enum track_kind kind, const size_t *counts, size_t n);
/* The counts, borrowed; *ret_n is 0 when there are none. */
const size_t *segment_parts(const struct segment *s, enum track_kind kind, size_t *ret_n);
void segment_unref(struct segment *s); /* takes NULL */

const struct segment_info *segment_info(const struct segment *s);
const struct track *segment_video(const struct segment *s); /* may be NULL */
const struct packets *segment_packets(const struct segment *s);
struct sound *segment_sound(const struct segment *s); /* borrowed; may be NULL */

/* Bytes of all packets, audio included (counted with each rung that shares it), and of the cached
 * containers. */
size_t segment_bytes(const struct segment *s);

/* What can be made of a segment, and is kept. */
enum segment_form {
    SEGMENT_TS,         /* picture and sound */
    SEGMENT_VIDEO,      /* the picture alone, in fMP4 */
    SEGMENT_VIDEO_INIT, /* what a player needs before it */
    SEGMENT_AUDIO,      /* the sound alone, in fMP4 */
    SEGMENT_AUDIO_INIT,
    SEGMENT_FORMS_
};

/* From this size on a container is kept in a file in memory, if one can be had (base/blob.h). */
#define SEGMENT_FILE_MIN (64 * 1024)

/* This form of it, made by `make` on the first call and kept; later callers, on any thread, wait
 * for the first. A form has always the same `make`. Gives a reference. Errors are make's, and are
 * tried again at the next call. */
typedef enum err segment_make_fn(const struct segment *s, struct blob **ret_blob);
enum err segment_container(struct segment *s, enum segment_form form, segment_make_fn *make,
                           struct blob **ret_blob) CHECKED;

#endif
