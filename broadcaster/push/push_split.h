/* A pushed file that lasts longer than the stream's target duration, which may not change (RFC
 * 8216, 6.2.1), becomes several segments; and what they were transcoded to one file again, as who
 * pushed one waits for one. Pure. */
#ifndef BROADCASTER_PUSH_PUSH_SPLIT_H
#define BROADCASTER_PUSH_PUSH_SPLIT_H

#include "base/err.h"
#include "broadcaster/push/push_media.h"
#include "broadcaster/stream/segment.h"

#define PUSH_PIECES_MAX 16

/* ret_pieces: PUSH_PIECES_MAX of them. No piece lasts longer than `longest` ticks (0: no limit).
 * Each begins at its last key picture that lets it, or where no picture is shown across the cut, or
 * anywhere; sound goes where its time is. One piece: moves out of m, else copies (the packets'
 * bytes are shared). Gives them (push_media_fini). ERR_LIMIT: it would be more of them, or a
 * picture is shown for longer; ERR_NOMEM. */
enum err push_split(struct push_media *m, int64_t longest, struct push_media *ret_pieces,
                    size_t *ret_n) CHECKED;

/* n (at least 1) segments of one rendition that follow each other. Gives a reference.
 * ERR_UNSUPPORTED: they are of different tracks; ERR_NOMEM. */
enum err push_join(struct segment *const *list, size_t n, struct segment **ret_segment) CHECKED;

#endif
