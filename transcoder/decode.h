/* One decoder of one job: H.264, HEVC, AV1 or VP9, fed packet by packet (libavcodec). One thread.
 */
#ifndef TRANSCODER_DECODE_H
#define TRANSCODER_DECODE_H

#include <libavutil/frame.h>
#include <stdint.h>

#include "media/packet.h"
#include "media/track.h"
#include "transcoder/fault.h"

#define DECODE_PIXELS_MAX (36864 * 256) /* of one picture: level 5.2 of ITU-T H.264, table A-1 */

struct decoder;

/* Whether the track can be decoded, as far as its description tells: as decoder_create. */
enum err decoder_check(const struct track_params *track, struct fault *f) CHECKED;

/* Reads the track's config. ERR_PROTO: it is not one; ERR_UNSUPPORTED: no video, or no decoder
 * here; ERR_NOMEM. The words are in f. Gives. */
enum err decoder_create(const struct track_params *track, struct fault *f,
                        struct decoder **ret_decoder) CHECKED;
void decoder_destroy(struct decoder *d); /* takes NULL */

/* Feeds one packet (copied); NULL: there are no more. Bytes that do not decode are counted, not an
 * error: what follows may. PACKET_PREROLL ones are decoded and never come out. ERR_NOMEM. */
enum err decoder_push(struct decoder *d, const struct packet *p, struct fault *f) CHECKED;

/* The next picture in presentation order, with its PTS in ticks. ERR_AGAIN: feed more;
 * ERR_CLOSED: that was all. frame must be unreferenced; the caller unreferences it. To be called
 * until it says so after each push. */
enum err decoder_pull(struct decoder *d, AVFrame *frame, struct fault *f) CHECKED;

/* Packets and pictures that libavcodec could not read. */
uint64_t decoder_errors(const struct decoder *d);

#endif
