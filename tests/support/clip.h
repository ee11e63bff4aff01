/* Real media for tests, made on the spot: H.264 by libx264 and AAC by libavcodec, as packets of the
 * kind that a publisher's become. Deterministic, each encoded once in a process. Aborts where it
 * cannot. On one thread. */
#ifndef SUPPORT_CLIP_H
#define SUPPORT_CLIP_H

#include <stdint.h>

#include "media/packet.h"
#include "media/track.h"

struct clip {
    struct track *track;
    struct packets packets;
};

/* A moving picture at 30 fps with an IDR every gop frames; bframes of them between references.
 * Decode times begin at start (ticks). */
struct clip clip_video(int width, int height, int frames, int gop, int bframes, int64_t start);

/* A tone at 48 kHz, mono, frames of 1024 samples; times begin at start (ticks). */
struct clip clip_audio(int frames, int bitrate_bps, int64_t start);

/* Packets first..first+n-1 with references of their own. */
struct packets clip_cut(const struct clip *c, size_t first, size_t n);
void clip_free(struct clip *c);

#endif
