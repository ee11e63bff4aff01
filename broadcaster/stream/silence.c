#include "broadcaster/stream/silence.h"

#include <string.h>

#include "base/span.h"

#define SILENCE_BYTES_MAX 64

/* AudioSpecificConfig (1.6.2.1): five bits of type, four of rate, four of layout. */
#define TYPE_LC       2
#define TYPE_SBR      5
#define TYPE_PS       29
#define RATE_EXPLICIT 15
#define LAYOUTS       8

enum element { SINGLE = 0, PAIR = 1, LFE = 3, END = 7 }; /* table 4.85 */

struct bit_writer {
    uint8_t bytes[SILENCE_BYTES_MAX];
    size_t bits;
};

static void put(struct bit_writer *w, unsigned value, unsigned n)
{
    while (n-- > 0) {
        w->bytes[w->bits / 8] |= (uint8_t)((value >> n & 1) << (7 - w->bits % 8));
        w->bits++;
    }
}

/* ics_info (table 4.6): one long window without any scale factor band. */
static void put_window(struct bit_writer *w)
{
    put(w, 0, 1 + 2 + 1);
    put(w, 0, 6 + 1);
}

/* The rest of individual_channel_stream (table 4.50): gain; no pulses, no TNS, no gain control. */
static void put_channel(struct bit_writer *w, bool window)
{
    put(w, 0, 8);
    if (window) {
        put_window(w);
    }
    put(w, 0, 3);
}

static void put_element(struct bit_writer *w, enum element e, unsigned tag)
{
    put(w, e, 3);
    put(w, tag, 4);
    if (e != PAIR) {
        put_channel(w, true);
        return;
    }
    put(w, 1, 1); /* one window for both */
    put_window(w);
    put(w, 0, 2); /* no middle and side */
    put_channel(w, false);
    put_channel(w, false);
}

/* 0: not one of table 1.19's first seven. */
static unsigned layout_of(struct span config)
{
    if (config.len < 2) {
        return 0;
    }
    unsigned type = config.data[0] >> 3;
    unsigned rate = (config.data[0] << 1 | config.data[1] >> 7) & 15;
    unsigned layout = config.data[1] >> 3 & 15;
    bool known = type == TYPE_LC || type == TYPE_SBR || type == TYPE_PS;
    return known && rate != RATE_EXPLICIT && layout < LAYOUTS ? layout : 0;
}

struct blob *silence_create(const struct track_params *track)
{
    /* s: single, p: pair, l: low frequencies */
    static const char *const layouts[LAYOUTS] = {"", "s", "p", "sp", "sps", "spp", "sppl", "spppl"};
    struct bit_writer w = {0};
    unsigned tags[2] = {0};
    const char *layout = track->codec == CODEC_AAC ? layouts[layout_of(track->config)] : "";
    for (const char *c = layout; *c != '\0'; c++) {
        if (*c == 'l') {
            put_element(&w, LFE, 0);
        } else {
            put_element(&w, *c == 'p' ? PAIR : SINGLE, tags[*c == 'p']++);
        }
    }
    put(&w, END, 3);
    return layout[0] != '\0' ? blob_copy(span_of(w.bytes, (w.bits + 7) / 8)) : NULL;
}
