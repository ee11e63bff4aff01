/* What a decoder must have seen before a segment that does not start with an IDR: the newest IDR
 * and what followed it. Bounded in time, bytes and packets: of a GOP without an end the IDR and the
 * latest seconds are kept, and decoders conceal what lies between. Pure. */
#ifndef BROADCASTER_PREROLL_H
#define BROADCASTER_PREROLL_H

#include "base/err.h"
#include "media/packet.h"

#define PREROLL_TICKS_MAX   (20 * TICKS_PER_S)
#define PREROLL_BYTES_MAX   (32 * 1024 * 1024)
#define PREROLL_PACKETS_MAX 8192

/* Every video packet in decoding order, on a rising timeline; takes a reference. An IDR begins
 * anew; packets before the first one are left out. ERR_NOMEM. */
enum err preroll_push(struct packets *preroll, const struct packet *p) CHECKED;

#endif
