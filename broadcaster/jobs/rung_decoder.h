/* Decodes an emission of a rung part by part, to find damage inside of slices; the pictures are
 * thrown away. The loop filter is left out: it changes no bit that is read (ITU-T H.264, 8.7). One
 * thread at a time. */
#ifndef BROADCASTER_JOBS_RUNG_DECODER_H
#define BROADCASTER_JOBS_RUNG_DECODER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "proto/link_msg.h"

struct rung_decoder;

/* config: AVCDecoderConfigurationRecord, copied. NULL: it cannot be used, ret_why (always set then)
 * is a static sentence about it; or there is no memory, and ret_why is NULL. Gives. */
struct rung_decoder *rung_decoder_create(const struct link_rung *asked, struct span config,
                                         const char **ret_why);
void rung_decoder_destroy(struct rung_decoder *d); /* takes NULL */

/* The next packets of the emission, in decoding order: n of them in payload, as long as packets
 * say. last: there are no more. NULL: nothing is wrong; else a static sentence about it, after
 * which nothing may follow. */
const char *rung_decoder_part(struct rung_decoder *d, const struct link_packet *packets, size_t n,
                              struct span payload, bool last);

#endif
