#include "broadcaster/codec/bits.h"

#define GOLOMB_PREFIX_MAX 31
#define ESCAPE            3

void bits_init(struct bits *b, struct span bytes)
{
    *b = (struct bits){.rest = bytes};
}

void bits_init_escaped(struct bits *b, struct span bytes)
{
    *b = (struct bits){.rest = bytes, .escaped = true};
}

static void next_byte(struct bits *b)
{
    b->byte = 0;
    b->left = 8;
    if (span_read_u8(&b->rest, &b->byte) != ERR_OK) {
        b->past_end = true;
        return;
    }
    if (b->escaped && b->zeros >= 2 && b->byte == ESCAPE) {
        b->zeros = 0;
        if (span_read_u8(&b->rest, &b->byte) != ERR_OK) {
            b->byte = 0;
            b->past_end = true;
            return;
        }
    }
    b->zeros = b->byte == 0 ? b->zeros + 1 : 0;
}

bool bits_flag(struct bits *b)
{
    if (b->left == 0) {
        next_byte(b);
    }
    b->left--;
    return (b->byte >> b->left & 1) != 0;
}

uint32_t bits_read(struct bits *b, int n)
{
    uint32_t v = 0;
    for (int i = 0; i < n; i++) {
        v = v << 1 | bits_flag(b);
    }
    return v;
}

void bits_skip(struct bits *b, int n)
{
    for (int i = 0; i < n; i++) {
        (void)bits_flag(b);
    }
}

uint32_t bits_ue(struct bits *b)
{
    int zeros = 0;
    while (!bits_flag(b)) {
        if (b->past_end || ++zeros > GOLOMB_PREFIX_MAX) {
            b->past_end = true;
            return 0;
        }
    }
    return (uint32_t)(((uint64_t)1 << zeros) - 1 + bits_read(b, zeros));
}

int64_t bits_se(struct bits *b)
{
    int64_t k = bits_ue(b);
    return k % 2 != 0 ? (k + 1) / 2 : -(k / 2);
}
