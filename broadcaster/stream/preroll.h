/* What a decoder must have seen before a segment that does not start with an IDR: the newest IDR
 * and what followed it. Bounded in time, bytes and packets: of a GOP without an end the IDR and the
 * latest seconds are kept, and decoders conceal what lies between; where it is refreshed little by
 * little, what came since the last refresh but one. Pure. */
#ifndef BROADCASTER_STREAM_PREROLL_H
#define BROADCASTER_STREAM_PREROLL_H

#include "base/err.h"
#include "media/packet.h"

#define PREROLL_TICKS_MAX   (20 * TICKS_PER_S)
#define PREROLL_BYTES_MAX   (32 * 1024 * 1024)
#define PREROLL_PACKETS_MAX 8192

/* Where decoding begins at a picture like this one. */
enum preroll_start {
    PREROLL_NOT_HERE,
    PREROLL_RECOVERY, /* whole from the next one of these on: the second one before the end begins
                       */
    PREROLL_ANEW,     /* an IDR, or what was taken instead of one */
};

struct preroll {
    struct packets packets;
    size_t recovery; /* place of the newest recovery point in them; 0: none behind the first */
};

void preroll_init(struct preroll *preroll);
void preroll_fini(struct preroll *preroll);

/* Every video packet in decoding order, on a rising timeline; takes a reference. Packets before
 * the first start are left out. ERR_NOMEM. */
enum err preroll_push(struct preroll *preroll, const struct packet *p,
                      enum preroll_start start) CHECKED;

#endif
