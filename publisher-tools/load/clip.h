/* A media file's pictures as a broadcaster would have cut them: segments of packets, all in memory.
 * Immutable once read, and then for any thread. */
#ifndef PUBLISHER_TOOLS_LOAD_CLIP_H
#define PUBLISHER_TOOLS_LOAD_CLIP_H

#include "base/buf.h"
#include "media/packet.h"

#define CLIP_WHY_MAX       512
#define CLIP_SEGMENT_TICKS (2 * TICKS_PER_S) /* at least; the next key frame ends it */
#define CLIP_SEGMENT_MAX   (60 * TICKS_PER_S)
#define CLIP_BYTES_MAX     ((size_t)1 << 30)

struct clip_segment {
    struct packets packets;
    int64_t duration; /* ticks */
};

struct clip {
    struct track_params track; /* its config is borrowed from here */
    struct buf config;
    struct clip_segment *segments;
    size_t n;
    int64_t duration; /* ticks, of all */
    int64_t frame;    /* ticks of a usual picture */
};

/* Reads at most `most` segments of the file (0: all); what libavformat opens: MP4, Matroska, FLV,
 * MPEG-TS, an HLS playlist. On failure ret_why (of CLIP_WHY_MAX) is a sentence. Gives (clip_fini).
 */
enum err clip_read(const char *path, size_t most, struct clip *ret_clip, char *ret_why) CHECKED;
void clip_fini(struct clip *c);

#endif
