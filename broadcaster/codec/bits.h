/* Bits from the front of a run of bytes, highest first. Past the end they are zero and past_end
 * stays set, so that a reader needs to look only once. Pure; borrows its input. */
#ifndef BROADCASTER_CODEC_BITS_H
#define BROADCASTER_CODEC_BITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

struct bits {
    struct span rest;
    uint8_t byte; /* being read, with */
    int left;     /* bits of it */
    int zeros;    /* bytes in a row, for escapes */
    bool escaped; /* 00 00 03 stands for 00 00 (ITU-T H.265, 7.4.2) */
    bool past_end;
};

void bits_init(struct bits *b, struct span bytes);

/* The same for the inside of a NAL unit: emulation prevention bytes are passed over. */
void bits_init_escaped(struct bits *b, struct span bytes);

uint32_t bits_read(struct bits *b, int n); /* n: 0..32 */
bool bits_flag(struct bits *b);
void bits_skip(struct bits *b, int n);

/* Exp-Golomb codes (ITU-T H.265, 9.2). A code that is too long reads as past the end. */
uint32_t bits_ue(struct bits *b);
int64_t bits_se(struct bits *b);

#endif
