/* A still picture of a stream: a segment's first key picture as a JPEG, by libavcodec and
 * libswscale. Any thread; it takes as long as one picture takes to decode. */
#ifndef BROADCASTER_PACK_POSTER_H
#define BROADCASTER_PACK_POSTER_H

#include <stdbool.h>

#include "base/blob.h"
#include "base/err.h"
#include "broadcaster/stream/segment.h"

#define POSTER_TYPE       "image/jpeg"
#define POSTER_WIDTH_MAX  640
#define POSTER_HEIGHT_MAX 1280                   /* of a picture that stands upright */
#define POSTER_PIXELS_MAX (INT64_C(8192) * 4320) /* of the source: 8K */
#define POSTER_INPUT_MAX  (16 * 1024 * 1024)     /* bytes of its key picture */
#define POSTER_BYTES_MAX  (1024 * 1024)          /* of the JPEG */

/* Whether there is a picture in it that can be decoded by itself. */
bool poster_has(const struct segment *s);

/* The picture in its display shape (square pixels), never larger than it was. The bitstream is a
 * stranger's: whatever it holds, one of these is the answer. ERR_NOENT: there is no key picture;
 * ERR_UNSUPPORTED: it has no decoder here; ERR_LIMIT: too large; ERR_PROTO: it cannot be decoded;
 * ERR_NOMEM. Gives. */
enum err poster_make(const struct segment *s, struct blob **ret_jpeg) CHECKED;

#endif
