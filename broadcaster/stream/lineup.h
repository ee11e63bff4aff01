/* What all of a stream's renditions are at one moment, as its master playlists tell, and what is
 * written from that: one text for all who ask. Immutable but for its texts, reference-counted; any
 * thread. */
#ifndef BROADCASTER_STREAM_LINEUP_H
#define BROADCASTER_STREAM_LINEUP_H

#include <stddef.h>

#include "base/err.h"
#include "broadcaster/hls/variant.h"
#include "broadcaster/stream/board.h"

enum lineup_text {
    LINEUP_CLASSIC,      /* the master playlist of MPEG-TS */
    LINEUP_LIVE,         /* that of fMP4 */
    LINEUP_LIVE_CURRENT, /* the same, seen from the current stream's address */
    LINEUP_TEXTS_
};

/* The creator fills the variants before it is shared. Gives. */
struct lineup *lineup_create(size_t n);
struct variant *lineup_fill(struct lineup *l);

struct lineup *lineup_ref(struct lineup *l);
void lineup_unref(struct lineup *l); /* takes NULL */

/* In the order of master playlists; borrowed. */
const struct variant *lineup_variants(const struct lineup *l, size_t *ret_n);

/* This text of it, as window_text does it. */
typedef enum err lineup_make_fn(const struct lineup *l, void *arg, struct window_page *ret_page);
enum err lineup_text(struct lineup *l, enum lineup_text which, lineup_make_fn *make, void *arg,
                     struct window_page *ret_page) CHECKED;

#endif
