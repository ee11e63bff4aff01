/* The self-benchmark's source: a moving picture, coded as a publisher would. Deterministic. */
#ifndef TRANSCODER_BENCHMARK_CLIP_H
#define TRANSCODER_BENCHMARK_CLIP_H

#include "base/buf.h"
#include "media/packet.h"
#include "media/track.h"
#include "transcoder/fault.h"

#define BENCHMARK_WIDTH  640
#define BENCHMARK_HEIGHT 360
#define BENCHMARK_FPS    30
#define BENCHMARK_FRAMES 30

struct benchmark_clip {
    struct track_params track; /* its config is borrowed from here */
    struct packets packets;
    struct buf config;
};

/* On any result benchmark_clip_fini must follow. The words are in f. */
enum err benchmark_clip_init(struct benchmark_clip *c, struct fault *f) CHECKED;
void benchmark_clip_fini(struct benchmark_clip *c);

#endif
