/* The newest picture shown again, where the picture stands still and a segment begins all the same:
 * what a decoder needs for it, all at one time. Its decoder is then where the publisher's is, so
 * that the picture can go on at any moment. Pure. */
#ifndef BROADCASTER_STREAM_HOLD_H
#define BROADCASTER_STREAM_HOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "media/packet.h"

/* Of a GOP that is longer only the IDR is shown again, and the picture can only go on at the next
 * one. */
#define HOLD_PACKETS_MAX 64
#define HOLD_BYTES_MAX   ((size_t)4 * 1024 * 1024)

/* gop: an IDR and what followed it, as preroll keeps them; not empty. Adds packets with references
 * to out, decoded from `at` on a tick apart and shown in their order; all but the one that stays
 * have PACKET_PREROLL. ret_exact: the whole GOP is there. ERR_NOMEM (out may have some). */
enum err hold_fill(const struct packets *gop, int64_t at, struct packets *out,
                   bool *ret_exact) CHECKED;

#endif
