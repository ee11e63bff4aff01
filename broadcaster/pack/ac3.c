#include "broadcaster/pack/ac3.h"

#include <stdint.h>

#define SYNC_WORD      0x0b77
#define AC3_BSID_MAX   10
#define EAC3_BSID_MIN  11
#define EAC3_BSID_MAX  16
#define FRMSIZECOD_MAX 37
#define DEPENDENT      1 /* strmtyp */
#define BLOCK_SAMPLES  256
#define FRAMES_MAX     16 /* substreams of one access unit */

static const int rates[3] = {48000, 44100, 32000};
static const unsigned kbps[19] = {32,  40,  48,  56,  64,  80,  96,  112, 128, 160,
                                  192, 224, 256, 320, 384, 448, 512, 576, 640};
static const unsigned blocks_of[4] = {1, 2, 3, 6};
static const int channels_of[8] = {2, 1, 2, 3, 3, 4, 4, 5};

/* Bits from the front; past the end they are zero and `past_end` stays set. */
struct bits {
    struct span bytes;
    size_t at;
    int past_end;
};

static unsigned take(struct bits *b, unsigned n)
{
    unsigned v = 0;
    for (unsigned i = 0; i < n; i++, b->at++) {
        unsigned bit = 0;
        if (b->at / 8 < b->bytes.len) {
            bit = b->bytes.data[b->at / 8] >> (7 - b->at % 8) & 1;
        } else {
            b->past_end = 1;
        }
        v = v << 1 | bit;
    }
    return v;
}

enum err ac3_parse(struct span frame, struct ac3_facts *ret_facts)
{
    struct bits b = {.bytes = frame};
    struct ac3_facts f = {.n = 1};
    struct ac3_substream *s = &f.of[0];
    unsigned sync = take(&b, 16);
    take(&b, 16); /* crc1 */
    s->fscod = take(&b, 2);
    unsigned size = take(&b, 6);
    s->bsid = take(&b, 5);
    s->bsmod = take(&b, 3);
    s->acmod = take(&b, 3);
    if ((s->acmod & 1) && s->acmod != 1) {
        take(&b, 2); /* cmixlev */
    }
    if (s->acmod & 4) {
        take(&b, 2); /* surmixlev */
    }
    if (s->acmod == 2) {
        take(&b, 2); /* dsurmod */
    }
    s->lfeon = take(&b, 1);
    if (b.past_end || sync != SYNC_WORD || s->fscod == 3 || size > FRMSIZECOD_MAX ||
        s->bsid > AC3_BSID_MAX) {
        return ERR_PROTO;
    }
    f.bit_rate_code = size >> 1;
    f.rate_kbps = kbps[f.bit_rate_code];
    f.sample_rate = rates[s->fscod];
    f.channels = channels_of[s->acmod] + (int)s->lfeon;
    *ret_facts = f;
    return ERR_OK;
}

struct eac3_frame {
    unsigned type, words, blocks, chanmap;
    int has_chanmap, sample_rate;
    struct ac3_substream s;
};

/* The front of a syncframe, up to the channel map (E.1.2.2). */
static enum err read_eac3(struct span bytes, struct eac3_frame *f)
{
    struct bits b = {.bytes = bytes};
    *f = (struct eac3_frame){0};
    unsigned sync = take(&b, 16);
    f->type = take(&b, 2);
    take(&b, 3); /* substreamid */
    f->words = take(&b, 11) + 1;
    f->s.fscod = take(&b, 2);
    unsigned second = take(&b, 2); /* fscod2 or numblkscod */
    f->s.acmod = take(&b, 3);
    f->s.lfeon = take(&b, 1);
    f->s.bsid = take(&b, 5);
    for (int i = 0; i < (f->s.acmod == 0 ? 2 : 1); i++) {
        take(&b, 5); /* dialnorm */
        if (take(&b, 1)) {
            take(&b, 8); /* compr */
        }
    }
    if (f->type == DEPENDENT && take(&b, 1)) {
        f->has_chanmap = 1;
        f->chanmap = take(&b, 16);
    }
    bool half = f->s.fscod == 3;
    if (b.past_end || sync != SYNC_WORD || f->type == 3 || (half && second == 3) ||
        f->s.bsid < EAC3_BSID_MIN || f->s.bsid > EAC3_BSID_MAX) {
        return ERR_PROTO;
    }
    f->sample_rate = half ? rates[second] / 2 : rates[f->s.fscod];
    f->blocks = half ? blocks_of[3] : blocks_of[second];
    return ERR_OK;
}

/* chan_loc has a bit for each place (or pair of places) that the channel map has from its sixth bit
 * on, counted from the other end; the last of them, LFE2, stands in the last bit of the map. */
static unsigned locations(const struct eac3_frame *f)
{
    unsigned map = f->has_chanmap ? f->chanmap : 0;
    unsigned loc = 0;
    for (unsigned i = 0; i < 8; i++) {
        loc |= (map >> (10 - i) & 1) << i;
    }
    return loc | (map & 1) << 8;
}

static int added_channels(const struct eac3_frame *f)
{
    /* Of these places of the map each stands for two channels. */
    static const unsigned pairs = 1u << 10 | 1u << 9 | 1u << 6 | 1u << 5 | 1u << 4;
    /* What takes the place of a channel of the independent substream adds nothing. */
    unsigned map = f->has_chanmap ? f->chanmap & 0x07f9 : 0;
    int n = 0;
    for (unsigned i = 0; i < 11; i++) {
        n += (map >> i & 1) ? ((pairs >> i & 1) ? 2 : 1) : 0;
    }
    return n;
}

static enum err add_eac3(struct ac3_facts *f, const struct eac3_frame *frame)
{
    if (frame->type == DEPENDENT) {
        if (f->n == 0) {
            return ERR_PROTO;
        }
        f->of[f->n - 1].dependents++;
        f->of[f->n - 1].locations |= locations(frame);
        f->channels += f->n == 1 ? added_channels(frame) : 0;
    } else if (f->n < AC3_SUBSTREAMS_MAX) {
        f->of[f->n++] = frame->s;
        if (f->n == 1) {
            f->sample_rate = frame->sample_rate;
            f->channels = channels_of[frame->s.acmod] + (int)frame->s.lfeon;
        }
    }
    uint64_t bits = (uint64_t)frame->words * 16 * (uint64_t)frame->sample_rate;
    f->rate_kbps += (unsigned)(bits / ((uint64_t)frame->blocks * BLOCK_SAMPLES) / 1000);
    return ERR_OK;
}

enum err eac3_parse(struct span frame, struct ac3_facts *ret_facts)
{
    struct ac3_facts f = {0};
    enum err e = ERR_OK;
    for (unsigned i = 0; e == ERR_OK && frame.len > 0 && i < FRAMES_MAX; i++) {
        struct eac3_frame one;
        e = read_eac3(frame, &one);
        if (e != ERR_OK && i > 0) {
            e = ERR_OK; /* what stands behind the first one may be anything */
            break;
        }
        if (e == ERR_OK) {
            e = add_eac3(&f, &one);
        }
        size_t len = (size_t)one.words * 2;
        frame = len < frame.len ? span_of(frame.data + len, frame.len - len) : span_of(NULL, 0);
    }
    if (e != ERR_OK || f.n == 0) {
        return ERR_PROTO;
    }
    *ret_facts = f;
    return ERR_OK;
}

/* Bits that make whole bytes in the end. */
struct packer {
    struct buf *out;
    enum err e;
    uint32_t held;
    unsigned n;
};

static void give(struct packer *p, unsigned bits, uint32_t v)
{
    p->held = p->held << bits | (v & ((1u << bits) - 1));
    p->n += bits;
    while (p->n >= 8 && p->e == ERR_OK) {
        p->n -= 8;
        p->e = buf_put_u8(p->out, (uint8_t)(p->held >> p->n));
    }
}

enum err ac3_put_dac3(struct buf *out, const struct ac3_facts *f)
{
    struct packer p = {.out = out, .e = ERR_OK};
    const struct ac3_substream *s = &f->of[0];
    give(&p, 2, s->fscod);
    give(&p, 5, s->bsid);
    give(&p, 3, s->bsmod);
    give(&p, 3, s->acmod);
    give(&p, 1, s->lfeon);
    give(&p, 5, f->bit_rate_code);
    give(&p, 5, 0);
    return p.e;
}

enum err ac3_put_dec3(struct buf *out, const struct ac3_facts *f)
{
    struct packer p = {.out = out, .e = ERR_OK};
    give(&p, 13, f->rate_kbps);
    give(&p, 3, f->n - 1);
    for (unsigned i = 0; i < f->n; i++) {
        const struct ac3_substream *s = &f->of[i];
        give(&p, 2, s->fscod);
        give(&p, 5, s->bsid);
        give(&p, 1, 0); /* reserved */
        give(&p, 1, 0); /* asvc */
        give(&p, 3, s->bsmod);
        give(&p, 3, s->acmod);
        give(&p, 1, s->lfeon);
        give(&p, 3, 0);
        give(&p, 4, s->dependents);
        if (s->dependents > 0) {
            give(&p, 9, s->locations);
        } else {
            give(&p, 1, 0);
        }
    }
    return p.e;
}
