/* Writing boxes (ISO/IEC 14496-12, 4.2). The first error stays and makes the rest do nothing, so
 * that it is asked for once, at the end. Pure. */
#ifndef BROADCASTER_PACK_FMP4_BOX_H
#define BROADCASTER_PACK_FMP4_BOX_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "media/track.h"

struct boxes {
    struct buf *out; /* borrowed */
    enum err e;
};

void box_u8(struct boxes *b, unsigned v);
void box_u16(struct boxes *b, unsigned v);
void box_u32(struct boxes *b, uint32_t v);
void box_u64(struct boxes *b, uint64_t v);
void box_zeros(struct boxes *b, size_t n);
void box_bytes(struct boxes *b, struct span bytes);

/* Opens a box of this type (four letters); returns what box_close wants. */
size_t box_open(struct boxes *b, const char *type);

/* The same with version and flags (a FullBox). */
size_t box_open_full(struct boxes *b, const char *type, unsigned version, uint32_t flags);
void box_close(struct boxes *b, size_t at);

/* The sample entry that describes the track, with the boxes of its codec ("avcC", "esds" ...) and
 * of its colours; see fmp4_put_init. */
void box_sample_entry(struct boxes *b, const struct track_params *t, struct span first_frame);

#endif
