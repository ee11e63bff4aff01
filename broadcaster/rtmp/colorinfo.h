/* The colours of a picture as publishers tell them beside the video (Enhanced RTMP v2, "Metadata
 * Frame": colorInfo), in AMF0. Pure; borrows its input. */
#ifndef BROADCASTER_RTMP_COLORINFO_H
#define BROADCASTER_RTMP_COLORINFO_H

#include <stdbool.h>

#include "base/err.h"
#include "base/span.h"
#include "media/track.h"

/* data: pairs of a name and a value; what is not colorInfo is passed over. *ret_told is false when
 * the value takes back what was told before (undefined, or an empty object); *ret_color is all zero
 * then. full_range is not told this way. Numbers outside of their range are left out. ERR_NOENT: no
 * colorInfo in it; ERR_PROTO, ERR_LIMIT: not AMF0. */
enum err colorinfo_read(struct span data, bool *ret_told, struct track_color *ret_color) CHECKED;

#endif
