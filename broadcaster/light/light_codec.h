/* One continuous AAC encoder: a source's sound is decoded, brought to the light sound's rate and
 * channels, and encoded (libavcodec's own AAC-LC, which knows no SBR: there is no HE-AAC). Each
 * frame's time is that at which it is heard: what the encoder and its filters hold back is taken
 * into account. One thread at a time. */
#ifndef BROADCASTER_LIGHT_LIGHT_CODEC_H
#define BROADCASTER_LIGHT_LIGHT_CODEC_H

#include "base/err.h"
#include "broadcaster/light/light_grid.h"
#include "media/packet.h"
#include "media/track.h"

/* What is asked for. A source with fewer channels keeps its own. */
struct light_form {
    int bitrate_bps;
    int channels; /* 1 or 2 */
};

struct light_codec;

/* The first frame is heard at `anchor`, ticks. ERR_UNSUPPORTED: it cannot be decoded, or there is
 * no encoder; ERR_NOMEM. */
enum err light_codec_create(const struct track_params *source, const struct light_form *form,
                            int64_t anchor, struct light_codec **ret_codec) CHECKED;
void light_codec_destroy(struct light_codec *c); /* takes NULL */

int light_codec_rate(const struct light_codec *c);

/* What a decoder must know of its frames; borrowed. */
struct track *light_codec_track(const struct light_codec *c);

/* The next packet of the source: frames that are complete are put behind those in `out`. What
 * cannot be decoded becomes silence. ERR_NOMEM; ERR_STATE: the encoder failed. */
enum err light_codec_feed(struct light_codec *c, const struct packet *p,
                          struct packets *out) CHECKED;

/* No sound comes any more that begins before this time: it is silent up to there. Errors as
 * above. */
enum err light_codec_reach(struct light_codec *c, int64_t until, struct packets *out) CHECKED;

/* All that is held back; then nothing more may come. */
enum err light_codec_end(struct light_codec *c, struct packets *out) CHECKED;

#endif
