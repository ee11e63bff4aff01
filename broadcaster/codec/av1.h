/* What must be known of AV1 without decoding it: the codec configuration record ("AV1 Codec ISO
 * Media File Format Binding" 1.2, 2.3), the video descriptor of MPEG-2 TS ("Carriage of AV1 in
 * MPEG-2 TS" 1.0, 2.2), sequence headers and temporal units ("AV1 Bitstream & Decoding Process
 * Specification" 1.0.0, 5.3 to 5.9). Pure; any thread; borrows its input. */
#ifndef BROADCASTER_CODEC_AV1_H
#define BROADCASTER_CODEC_AV1_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "media/track.h"

#define AV1_RECORD_BYTES 4 /* without the OBUs that may follow */

struct av1_sequence {
    int profile;
    int level; /* seq_level_idx of the first operating point */
    int tier;
    bool high_bit_depth, twelve_bit, monochrome, sub_x, sub_y;
    unsigned sample_position;
    bool reduced_still; /* every frame is a shown key frame */
    int width, height;  /* pixels, 1..65536 */
    struct track_color color;
};

/* payload: of a sequence header OBU. ERR_PROTO: cut short or reserved values. */
enum err av1_sequence_parse(struct span payload, struct av1_sequence *ret_sequence) CHECKED;

/* Whether it is a record; *ret_sequence: the payload of the sequence header OBU behind it, empty
 * when there is none. ERR_PROTO: not such a record. */
enum err av1_config_parse(struct span record, struct span *ret_sequence) CHECKED;

/* The record that the payload of a sequence header stands for, with that header in it. ERR_PROTO:
 * the header cannot be read; ERR_NOMEM, ERR_LIMIT: by the buffer. */
enum err av1_config_make(struct span payload, struct buf *out) CHECKED;

/* True when these are the five or more bytes of the descriptor of MPEG-2 TS. */
bool av1_is_descriptor(struct span bytes);

/* A temporal unit: its OBUs. */
struct av1_unit {
    bool key;             /* its first frame is a key frame that is shown */
    struct span sequence; /* payload of the first sequence header OBU; empty: none */
    struct span body;     /* the unit without the temporal delimiters before it */
    bool plain;           /* the body has no further delimiters, and each OBU says its size */
};

/* reduced_still: of the sequence that it belongs to, when it brings none. ERR_PROTO: cut short, or
 * nothing is in it. */
enum err av1_unit_parse(struct span unit, bool reduced_still, struct av1_unit *ret_unit) CHECKED;

/* Writes a unit as packets hold it: no temporal delimiters, a size for each OBU; before it a
 * sequence header OBU with that payload, unless it is empty. ERR_PROTO as above; ERR_NOMEM,
 * ERR_LIMIT. */
enum err av1_unit_write(struct span unit, struct span sequence, struct buf *out) CHECKED;

/* True when a unit is in the form of MPEG-2 TS, where OBUs stand behind start codes; turns it into
 * OBUs with sizes. */
bool av1_is_ts_unit(struct span unit);
enum err av1_ts_unit_write(struct span unit, struct buf *out) CHECKED;

#endif
