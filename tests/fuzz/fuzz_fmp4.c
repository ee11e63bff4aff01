/* A track's configuration and its packets, as a publisher sends them, into fMP4 and into a byte
 * stream, and into records anew. The first byte is the codec, the second the configuration's
 * length; packets follow, each behind a length of one byte. */
#include <stdlib.h>
#include <string.h>

#include "broadcaster/codec/annexb.h"
#include "broadcaster/codec/sets.h"
#include "broadcaster/hls/codec_string.h"
#include "broadcaster/pack/fmp4.h"

#define PACKETS_MAX 64
#define OUT_MAX     (1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok) {
        abort();
    }
}

static struct span take(struct span *rest, size_t n)
{
    n = n < rest->len ? n : rest->len;
    struct span s = span_of(rest->data, n);
    *rest = span_of(rest->data + n, rest->len - n);
    return s;
}

static size_t read_packets(struct span rest, struct packet *packets)
{
    size_t n = 0;
    while (n < PACKETS_MAX && rest.len > 0) {
        uint8_t head = take(&rest, 1).data[0];
        int64_t dts = (int64_t)n * 3000 - (head & 1) * 4000;
        packets[n] = (struct packet){.dts = dts,
                                     .pts = dts + (head & 6) * 1500,
                                     .flags = head & 8 ? PACKET_KEY : 0,
                                     .data = take(&rest, head >> 2)};
        n++;
    }
    return n;
}

/* Boxes fill the whole and end where it ends. */
static void check_boxes(struct span s)
{
    while (s.len > 0) {
        uint32_t n = 0;
        struct span b;
        must(span_read_be32(&s, &n) == ERR_OK && n >= 8);
        must(span_read_bytes(&s, n - 4, &b) == ERR_OK);
    }
}

/* What is made of a record can be read again, and has all that was in the unit. */
static void follow_sets(const struct track_params *t, struct span unit)
{
    struct buf out;
    struct sets s;
    buf_init(&out, OUT_MAX);
    enum err e = sets_follow(t->codec, t->config, unit, &out);
    must(e == ERR_OK || out.len == 0);
    must(e != ERR_OK || sets_read(t->codec, buf_span(&out), &s) == ERR_OK);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = span_of(data, size);
    if (size < 2) {
        return 0;
    }
    struct track_params t = {.codec = (enum track_codec)(data[0] % CODECS_),
                             .width = 64,
                             .height = 36,
                             .sample_rate = 48000};
    t.kind = t.codec <= CODEC_VP9 ? TRACK_VIDEO : TRACK_AUDIO;
    take(&rest, 2);
    t.config = take(&rest, data[1]);
    struct packet packets[PACKETS_MAX];
    size_t n = read_packets(rest, packets);
    char text[CODEC_STRING_MAX];
    must(!codec_string(&t, text) || strlen(text) < CODEC_STRING_MAX);
    struct buf out;
    buf_init(&out, OUT_MAX);
    enum err e = fmp4_put_init(&out, &t, n > 0 ? packets[0].data : span_of(NULL, 0));
    must(e == ERR_OK || out.len == 0);
    check_boxes(buf_span(&out));
    buf_clear(&out);
    e = fmp4_put_fragment(&out, &t, 1, packets, n);
    must(e == ERR_OK || out.len == 0);
    check_boxes(buf_span(&out));
    buf_clear(&out);
    int length_size;
    if (t.kind == TRACK_VIDEO && t.codec <= CODEC_HEVC &&
        annexb_put_config(&out, t.codec, t.config, &length_size) == ERR_OK) {
        for (size_t i = 0; i < n; i++) {
            follow_sets(&t, packets[i].data);
            (void)!annexb_put_unit(&out, t.codec, packets[i].data, length_size, t.config);
        }
    }
    buf_fini(&out);
    return 0;
}
