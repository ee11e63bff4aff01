/* A segment as an MP4 file of its own, picture and sound: what who pushes MP4 gets back. Any
 * thread. */
#ifndef BROADCASTER_PUSH_PUSH_MP4_H
#define BROADCASTER_PUSH_PUSH_MP4_H

#include "base/blob.h"
#include "base/err.h"
#include "broadcaster/stream/segment.h"

/* A fragmented MP4 (ISO/IEC 14496-12) by libavformat, with the packets' own times. ERR_NOENT: a
 * gap, or nothing is in it; ERR_UNSUPPORTED: a codec that has no form there; ERR_LIMIT, ERR_NOMEM;
 * ERR_IO: libavformat refused. Gives. */
enum err push_mp4(const struct segment *s, struct blob **ret_blob) CHECKED;

#endif
