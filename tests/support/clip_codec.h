/* Real media of every codec, made on the spot by libavcodec's encoders: see clip.h. */
#ifndef SUPPORT_CLIP_CODEC_H
#define SUPPORT_CLIP_CODEC_H

#include "tests/support/clip.h"

#define CLIP_WIDTH  160
#define CLIP_HEIGHT 90

/* Video: that many pictures of 160x90 at 30 fps, a key frame every 15. Audio: a mono tone at 48
 * kHz, that many frames of the codec. Decode times begin at start (ticks). */
struct clip clip_codec(enum track_codec codec, int frames, int64_t start);

/* HEVC, AV1 or VP9 the same way, with 10 bits and the tags of HDR10 (BT.2020, PQ). */
struct clip clip_codec_hdr(enum track_codec codec, int frames, int64_t start);

#endif
