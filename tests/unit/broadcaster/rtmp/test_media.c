#include "broadcaster/rtmp/media.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/rtmp/amf0.h"
#include "tests/support/unit.h"
#include "tests/unit/broadcaster/codec/cut.h"

#define TEXT(s) span_of(s, sizeof(s) - 1)

/* libx265, 320x240; 1918x1078 with the colours of HDR10 */
#define HEVC_PLAIN                                                                                 \
    "0104080000009e08000000003cf000fcfff8f800000f03200001001740010c01ffff0408000003009e0800000300" \
    "003c959809210001002b4201010408000003009e0800000300003c90014101e2cb2b349265780b70202000400000" \
    "0300400000078222000100084401c172860c4624"
#define HEVC_HDR                                                                                   \
    "01022000000090000000000078f000fcfdfafa00000f03200001001840010c01ffff022000000300900000030000" \
    "0300789598092100010030420101022000000300900000030000030078a003c08010e754d96566924e5787350910" \
    "0904000003000400000300782022000100074401c172b46240"
/* libx264, 320x240 */
#define AVC          "0142c00dffe100166742c00dda0507ec0440000003004000000f03c50aa801000468ce0fc8"
#define AV1          "81000c000a0b000000043cffbcdaf90040" /* libaom, 320x240 */
#define AV1_SEQUENCE "0a0b000000043cffbcdaf90040"
#define AV1_LARGER   "0a0e0000002d4cffb3c02f8509100904" /* SVT-AV1, 1280x720 */
#define VP9_KEY                                                                                    \
    "8249834240"                                                                                   \
    "13f00ef0"                                                                                     \
    "0000"
#define VP9_LARGER                                                                                 \
    "8249834240"                                                                                   \
    "27f01df0"                                                                                     \
    "0000"

#define LINES_MAX 100000

struct listener {
    struct media media;
    struct buf lines;
    size_t skipped[RTMP_SKIPS_], first[RTMP_SKIPS_];
    struct track_color color; /* of the last video track */
    int64_t duration, dts;    /* of the last packet */
    size_t kept;              /* bytes that the last packet keeps alive */
    bool live;
    const char *why;
};

static void on_event(void *arg, const struct rtmp_event *e)
{
    struct listener *l = arg;
    enum err err = ERR_OK;
    if (e->type == RTMP_EVENT_TRACK) {
        const struct track_params *t = track_params(e->track);
        err = t->kind == TRACK_VIDEO
                  ? buf_printf(&l->lines, "track %u %s %dx%d\n", t->index,
                               track_codec_name(t->codec), t->width, t->height)
                  : buf_printf(&l->lines, "track %u %s %d Hz %d\n", t->index,
                               track_codec_name(t->codec), t->sample_rate, t->channels);
        l->color = t->kind == TRACK_VIDEO ? t->color : l->color;
    } else if (e->type == RTMP_EVENT_PACKET) {
        const struct packet *p = e->packet;
        struct span whole = blob_span(p->blob);
        ck_assert(p->data.data >= whole.data &&
                  p->data.data + p->data.len <= whole.data + whole.len);
        err = buf_printf(&l->lines, "%s %u %lld%+lld%s%s ",
                         p->kind == TRACK_VIDEO ? "video" : "audio", p->index, (long long)p->dts,
                         (long long)(p->pts - p->dts), (p->flags & PACKET_KEY) != 0 ? " key" : "",
                         (p->flags & PACKET_OPEN) != 0 ? " open" : "");
        for (size_t i = 0; i < p->data.len && i < 24 && err == ERR_OK; i++) {
            err = buf_printf(&l->lines, "%02x", p->data.data[i]);
        }
        err = err == ERR_OK ? buf_put_u8(&l->lines, '\n') : err;
        l->duration = p->duration;
        l->dts = p->dts;
        l->kept = whole.len;
    } else {
        ck_assert_int_eq(e->type, RTMP_EVENT_SKIPPED);
        ck_assert(e->text[0] != '\0');
        l->skipped[e->skip]++;
        l->first[e->skip] += e->first;
    }
    ck_assert_int_eq(err, ERR_OK);
}

static struct listener *open_media(void)
{
    struct listener *l = mem_alloc(sizeof *l);
    media_init(&l->media);
    buf_init(&l->lines, LINES_MAX);
    l->live = true;
    l->why = "";
    return l;
}

static void close_media(struct listener *l)
{
    media_fini(&l->media);
    buf_fini(&l->lines);
    mem_free(l);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

static enum err try_feed(struct listener *l, enum track_kind kind, uint32_t ms, struct span body)
{
    struct blob *blob = blob_copy(body);
    if (blob == NULL) {
        return ERR_NOMEM;
    }
    struct media_message m = {kind, ms, blob, blob_span(blob), 0};
    enum err e = media_feed(&l->media, &m, l->live, on_event, l, &l->why);
    blob_unref(blob);
    return e;
}

static void feed(struct listener *l, enum track_kind kind, uint32_t ms, struct span body)
{
    ck_assert_int_eq(try_feed(l, kind, ms, body), ERR_OK);
}

/* head, then bytes in hexadecimal */
static struct span join(struct span head, const char *hex)
{
    static uint8_t bytes[4000];
    struct span rest = cut_hex(hex);
    ck_assert_uint_le(head.len + rest.len, sizeof bytes);
    memcpy(bytes, head.data, head.len);
    memcpy(bytes + head.len, rest.data, rest.len);
    cut_free(rest);
    return span_of(bytes, head.len + rest.len);
}

static void feed_hex(struct listener *l, enum track_kind kind, uint32_t ms, const char *head,
                     const char *hex)
{
    feed(l, kind, ms, join(cut_hex(head), hex));
}

/* The lines since the last call. */
static void check(struct listener *l, const char *expected)
{
    ck_assert_int_eq(buf_put_u8(&l->lines, 0), ERR_OK);
    ck_assert_str_eq((const char *)l->lines.data, expected);
    buf_clear(&l->lines);
}

#define HVC1 "68766331"
#define AV01 "61763031"
#define VP09 "76703039"
#define OPUS "4f707573"

/* --- which codec it is --- */

START_TEST(hevc_in_the_old_form)
{
    struct listener *l = open_media();
    feed_hex(l, TRACK_VIDEO, 0, "1c00000000", HEVC_PLAIN);
    feed_hex(l, TRACK_VIDEO, 40, "1c01000050", "000000032601aa");
    feed_hex(l, TRACK_VIDEO, 80, "2c01000000", "000000030201aa");
    check(l, "track 0 hevc 320x240\n"
             "video 0 3600+7200 key 000000032601aa\n"
             "video 0 7200+0 000000030201aa\n");
    close_media(l);
}
END_TEST

/* The header decides, whatever the message calls itself; in both directions. */
START_TEST(declared_as_another_codec)
{
    struct listener *l = open_media();
    feed_hex(l, TRACK_VIDEO, 0, "1700000000", HEVC_PLAIN);
    feed_hex(l, TRACK_VIDEO, 40, "2701000000", "000000032601aa");
    check(l, "track 0 hevc 320x240\nvideo 0 3600+0 key 000000032601aa\n");
    feed_hex(l, TRACK_VIDEO, 80, "1c00000000", AVC);
    feed_hex(l, TRACK_VIDEO, 120, "2c01000000", "0000000265aa");
    check(l, "track 0 h264 320x240\nvideo 0 10800+0 key 0000000265aa\n");
    close_media(l);
}
END_TEST

START_TEST(codec_changes)
{
    struct listener *l = open_media();
    feed_hex(l, TRACK_VIDEO, 0, "1700000000", AVC);
    feed_hex(l, TRACK_VIDEO, 0, "1701000000", "0000000265aa");
    feed_hex(l, TRACK_VIDEO, 40, "91" AV01, "320110"); /* without a header: not readable yet */
    check(l, "track 0 h264 320x240\nvideo 0 0+0 key 0000000265aa\n");
    ck_assert_uint_eq(l->skipped[RTMP_SKIP_NO_HEADER], 1);
    feed_hex(l, TRACK_VIDEO, 80, "91" AV01, AV1_SEQUENCE "320110");
    check(l, "track 0 av1 320x240\n"
             "video 0 7200+0 key 0a0b000000043cffbcdaf90040320110\n");
    close_media(l);
}
END_TEST

/* --- HEVC --- */

START_TEST(leading_pictures_of_the_start)
{
    struct listener *l = open_media();
    feed_hex(l, TRACK_VIDEO, 0, "90" HVC1, HEVC_PLAIN);
    feed_hex(l, TRACK_VIDEO, 0, "91" HVC1 "000028", "000000032a01aa");  /* CRA */
    feed_hex(l, TRACK_VIDEO, 20, "a1" HVC1 "000000", "000000031001aa"); /* RASL_N */
    feed_hex(l, TRACK_VIDEO, 30, "a1" HVC1 "000000", "000000031201aa"); /* RASL_R */
    feed_hex(l, TRACK_VIDEO, 40, "a1" HVC1 "000000", "000000030e01aa"); /* RADL_R */
    check(l, "track 0 hevc 320x240\n"
             "video 0 0+3600 key 000000032a01aa\n"
             "video 0 3600+0 000000030e01aa\n");
    ck_assert_uint_eq(l->skipped[RTMP_SKIP_LEADING], 2);
    ck_assert_uint_eq(l->first[RTMP_SKIP_LEADING], 1);
    feed_hex(l, TRACK_VIDEO, 60, "93" HVC1, "000000032a01bb"); /* CRA: its leading ones are whole */
    feed_hex(l, TRACK_VIDEO, 80, "a3" HVC1, "000000031001bb");
    check(l, "video 0 5400+0 key open 000000032a01bb\nvideo 0 7200+0 000000031001bb\n");
    feed_hex(l, TRACK_VIDEO, 100, "93" HVC1, "000000032001cc"); /* BLA: never */
    feed_hex(l, TRACK_VIDEO, 120, "a3" HVC1, "000000031001cc");
    feed_hex(l, TRACK_VIDEO, 140, "93" HVC1, "000000032601dd"); /* IDR */
    feed_hex(l, TRACK_VIDEO, 160, "a3" HVC1, "000000030201dd");
    check(l, "video 0 9000+0 key 000000032001cc\nvideo 0 12600+0 key 000000032601dd\n"
             "video 0 14400+0 000000030201dd\n");
    ck_assert_uint_eq(l->skipped[RTMP_SKIP_LEADING], 3);
    feed_hex(l, TRACK_VIDEO, 180, "93" HVC1, "000000032a01ee"); /* CRA: it has none */
    feed_hex(l, TRACK_VIDEO, 200, "a3" HVC1, "000000030201ee");
    feed_hex(l, TRACK_VIDEO, 220, "93" HVC1, "000000032a01ff"); /* nor will this one */
    check(l, "video 0 16200+0 key open 000000032a01ee\nvideo 0 18000+0 000000030201ee\n"
             "video 0 19800+0 key 000000032a01ff\n");
    close_media(l);
}
END_TEST

/* --- parameter sets in the stream --- */

/* A key frame's own sets make another track, once; the old header again does not bring it back. */
START_TEST(sets_in_the_stream_are_the_truth)
{
    static const char own[] = "000000096742c01eda0280f6400000000468ce38800000000265aa";
    struct listener *l = open_media();
    feed_hex(l, TRACK_VIDEO, 0, "1700000000", AVC);
    feed_hex(l, TRACK_VIDEO, 0, "1701000000", "0000000265aa");
    check(l, "track 0 h264 320x240\nvideo 0 0+0 key 0000000265aa\n");
    feed_hex(l, TRACK_VIDEO, 40, "2701000000", "000000096742c01eda0280f640"); /* not with a key */
    feed_hex(l, TRACK_VIDEO, 80, "1701000000", own);
    check(l, "video 0 3600+0 000000096742c01eda0280f640\n"
             "track 0 h264 640x480\n"
             "video 0 7200+0 key 000000096742c01eda0280f6400000000468ce3880000000\n");
    feed_hex(l, TRACK_VIDEO, 120, "1700000000", AVC);
    feed_hex(l, TRACK_VIDEO, 120, "1701000000", own);
    check(l, "video 0 10800+0 key 000000096742c01eda0280f6400000000468ce3880000000\n");
    feed_hex(l, TRACK_VIDEO, 160, "1700000000", HEVC_PLAIN);
    feed_hex(l, TRACK_VIDEO, 160, "1700000000", AVC); /* but it does behind another one */
    check(l, "track 0 hevc 320x240\ntrack 0 h264 320x240\n");
    close_media(l);
}
END_TEST

/* Such a record is mended, and read by everybody then. */
START_TEST(a_record_of_version_0)
{
    struct listener *l = open_media();
    struct span header = cut_hex(HEVC_PLAIN), right = cut_hex(HEVC_PLAIN);
    ((uint8_t *)header.data)[0] = 0;
    feed(l, TRACK_VIDEO, 0, join(cut_hex("1c00000000"), ""));
    uint8_t message[400] = {0x1c};
    memcpy(message + 5, header.data, header.len);
    feed(l, TRACK_VIDEO, 0, span_of(message, 5 + header.len));
    check(l, "track 0 hevc 320x240\n");
    ck_assert(span_equal(track_params(l->media.tracks[TRACK_VIDEO][0].track)->config, right));
    close_media(l);
}
END_TEST

/* --- AV1 --- */

START_TEST(av1_units)
{
    struct listener *l = open_media();
    feed_hex(l, TRACK_VIDEO, 0, "90" AV01, AV1);
    feed_hex(l, TRACK_VIDEO, 0, "91" AV01, "1200" AV1_SEQUENCE "320110");
    feed_hex(l, TRACK_VIDEO, 33, "a1" AV01, "1200320130");
    feed_hex(l, TRACK_VIDEO, 66, "a1" AV01, "12003030aa"); /* without a size */
    feed_hex(l, TRACK_VIDEO, 99, "a1" AV01, "320110");     /* key by its bits, and alone */
    check(l, "track 0 av1 320x240\n"
             "video 0 0+0 key " AV1_SEQUENCE "320110\n"
             "video 0 2970+0 320130\n"
             "video 0 5940+0 320230aa\n"
             "video 0 8910+0 key " AV1_SEQUENCE "320110\n");
    feed_hex(l, TRACK_VIDEO, 120, "91" AV01, "3209");
    check(l, "");
    ck_assert_uint_eq(l->skipped[RTMP_SKIP_BROKEN], 1);
    close_media(l);
}
END_TEST

START_TEST(av1_sequence_in_the_stream)
{
    struct listener *l = open_media();
    feed_hex(l, TRACK_VIDEO, 0, "90" AV01, "81000c00"); /* a record without one */
    feed_hex(l, TRACK_VIDEO, 0, "91" AV01, "320130");
    check(l, "");
    feed_hex(l, TRACK_VIDEO, 40, "91" AV01, AV1_SEQUENCE "320110");
    feed_hex(l, TRACK_VIDEO, 80, "91" AV01, AV1_SEQUENCE "320110");
    feed_hex(l, TRACK_VIDEO, 120, "91" AV01, AV1_LARGER "320110");
    check(l, "track 0 av1 320x240\n"
             "video 0 3600+0 key " AV1_SEQUENCE "320110\n"
             "video 0 7200+0 key " AV1_SEQUENCE "320110\n"
             "track 0 av1 1280x720\n"
             "video 0 10800+0 key " AV1_LARGER "320110\n");
    ck_assert_int_eq(l->color.transfer, 16);
    close_media(l);
}
END_TEST

START_TEST(av1_as_in_ts)
{
    struct listener *l = open_media();
    feed_hex(l, TRACK_VIDEO, 0, "95" AV01, "800481000c00");
    feed_hex(l, TRACK_VIDEO, 40, "91" AV01,
             "00000110"
             "000001"
             "0a0b00000003043cffbcdaf90040"
             "000001"
             "3010aa");
    check(l, "track 0 av1 320x240\nvideo 0 3600+0 key " AV1_SEQUENCE "320210aa\n");
    feed_hex(l, TRACK_VIDEO, 40, "95" AV01, "80048100");
    ck_assert_uint_eq(l->skipped[RTMP_SKIP_HEADER], 1);
    close_media(l);
}
END_TEST

/* --- VP9 --- */

START_TEST(vp9_sizes)
{
    struct listener *l = open_media();
    feed_hex(l, TRACK_VIDEO, 0, "90" VP09, "010000000014820909090000");
    feed_hex(l, TRACK_VIDEO, 0, "a1" VP09, "860040");
    check(l, "");
    feed_hex(l, TRACK_VIDEO, 40, "a1" VP09, VP9_KEY);
    feed_hex(l, TRACK_VIDEO, 80, "91" VP09, "860040"); /* a flag that lies */
    feed_hex(l, TRACK_VIDEO, 120, "91" VP09, VP9_KEY);
    feed_hex(l, TRACK_VIDEO, 160, "91" VP09, VP9_LARGER);
    check(l, "track 0 vp9 320x240\n"
             "video 0 3600+0 key 824983424013f00ef00000\n"
             "video 0 7200+0 860040\n"
             "video 0 10800+0 key 824983424013f00ef00000\n"
             "track 0 vp9 640x480\n"
             "video 0 14400+0 key 824983424027f01df00000\n");
    ck_assert_int_eq(l->color.primaries, 9);
    close_media(l);
}
END_TEST

/* A record of 10 bits, and pictures of 8. */
START_TEST(a_vp9_record_that_lies)
{
    struct listener *l = open_media();
    feed_hex(l, TRACK_VIDEO, 0, "90" VP09, "010000000214a20909090000");
    feed_hex(l, TRACK_VIDEO, 0, "91" VP09, VP9_KEY);
    const struct track *t = l->media.tracks[TRACK_VIDEO][0].track;
    ck_assert_uint_eq(track_params(t)->config.data[0], 0);
    ck_assert_uint_eq(track_params(t)->config.data[2] >> 4, 8);
    close_media(l);
}
END_TEST

/* --- sound --- */

START_TEST(opus)
{
    struct listener *l = open_media();
    feed_hex(l, TRACK_AUDIO, 0, "90" OPUS, "4f707573486561640101380180bb0000000000");
    feed_hex(l, TRACK_AUDIO, 0, "94" OPUS, "010100000004");
    feed_hex(l, TRACK_AUDIO, 20, "91" OPUS, "f8aa");
    check(l, "track 0 opus 48000 Hz 1\naudio 0 1800+0 key f8aa\n");
    ck_assert_int_eq(l->duration, 1800);
    feed_hex(l, TRACK_AUDIO, 40, "91" OPUS, "fb"); /* no packet */
    ck_assert_uint_eq(l->skipped[RTMP_SKIP_BROKEN], 1);
    close_media(l);
}
END_TEST

START_TEST(opus_without_a_header)
{
    struct listener *l = open_media();
    feed_hex(l, TRACK_AUDIO, 0, "90" OPUS, "");
    check(l, "track 0 opus 48000 Hz 2\n");
    feed_hex(l, TRACK_AUDIO, 0, "94" OPUS, "010100000004"); /* one channel */
    feed_hex(l, TRACK_AUDIO, 0, "90" OPUS, "");
    check(l, "track 0 opus 48000 Hz 1\n");
    close_media(l);
}
END_TEST

START_TEST(sound_that_says_it_in_each_frame)
{
    struct listener *l = open_media();
    feed_hex(l, TRACK_AUDIO, 0, "9061632d33", "");
    check(l, "");
    feed_hex(l, TRACK_AUDIO, 0, "9161632d33", "0b77fe95144043e106");
    ck_assert_int_eq(l->duration, 2880);
    feed_hex(l, TRACK_AUDIO, 32, "9161632d33", "0b77fe95144043e106");
    feed_hex(l, TRACK_AUDIO, 64, "9161632d33", "0b77abaa5440ebf8403e");
    check(l, "track 0 ac3 48000 Hz 2\n"
             "audio 0 0+0 key 0b77fe95144043e106\naudio 0 2880+0 key 0b77fe95144043e106\n"
             "track 0 ac3 44100 Hz 6\naudio 0 5760+0 key 0b77abaa5440ebf8403e\n");
    feed_hex(l, TRACK_AUDIO, 96, "9165632d33", "0b77017f3487c00020");
    check(l, "track 0 eac3 48000 Hz 2\naudio 0 8640+0 key 0b77017f3487c00020\n");
    feed_hex(l, TRACK_AUDIO, 128, "2f", "fffb9464"); /* MP3 in the old form, and in the new one */
    feed_hex(l, TRACK_AUDIO, 152, "912e6d7033", "fffb9464");
    feed_hex(l, TRACK_AUDIO, 176, "e2", "fff340c4");
    check(l, "track 0 mp3 48000 Hz 2\naudio 0 11520+0 key fffb9464\n"
             "audio 0 13680+0 key fffb9464\n"
             "track 0 mp3 22050 Hz 1\naudio 0 15840+0 key fff340c4\n");
    ck_assert_int_eq(l->duration, 576 * 90000 / 22050);
    close_media(l);
}
END_TEST

START_TEST(flac_and_aac)
{
    struct listener *l = open_media();
    feed_hex(l, TRACK_AUDIO, 0, "90664c6143",
             "664c614380000022"
             "1200120000025800051b0bb802f00000bb80a316b305f13b13fe767b3d0d068f95bc");
    feed_hex(l, TRACK_AUDIO, 96, "91664c6143", "fff85a8800374e00");
    check(l, "track 0 flac 48000 Hz 2\naudio 0 8640+0 key fff85a8800374e00\n");
    ck_assert_int_eq(l->duration, 4608 * 90000 / 48000);
    feed_hex(l, TRACK_AUDIO, 100, "906d703461", "1210");
    feed_hex(l, TRACK_AUDIO, 100, "916d703461", "aabb");
    check(l, "track 0 aac 44100 Hz 2\naudio 0 9000+0 key aabb\n");
    close_media(l);
}
END_TEST

/* --- tracks --- */

START_TEST(tracks_beside_each_other)
{
    struct listener *l = open_media();
    feed_hex(l, TRACK_VIDEO, 0, "1700000000", AVC);
    feed_hex(l, TRACK_VIDEO, 0,
             "960061766331"
             "01",
             AVC);
    feed_hex(l, TRACK_VIDEO, 40, "9621",
             HVC1 "0200000a000021"
                  "000000032601aa"
                  "61766331"
                  "01000009000000"
                  "0000000265aa");
    check(l, "track 0 h264 320x240\ntrack 1 h264 320x240\n"
             "video 1 3600+0 key 0000000265aa\n");
    ck_assert_uint_eq(l->skipped[RTMP_SKIP_NO_HEADER], 1); /* the HEVC track's */
    feed_hex(l, TRACK_VIDEO, 80, "9600" HVC1 "02", HEVC_PLAIN);
    feed_hex(l, TRACK_VIDEO, 120, "9621",
             HVC1 "0200000a000021"
                  "000000032601aa"
                  "61766331"
                  "01000009000000"
                  "0000000265bb");
    check(l, "track 2 hevc 320x240\n"
             "video 2 10800+2970 key 000000032601aa\nvideo 1 10800+0 key 0000000265bb\n");
    feed_hex(l, TRACK_AUDIO, 0, "af00", "1210");
    feed_hex(l, TRACK_AUDIO, 0,
             "95006d703461"
             "01",
             "1190");
    feed_hex(l, TRACK_AUDIO, 130, "95116d703461",
             "00000001aa"
             "01000001bb");
    check(l, "track 0 aac 44100 Hz 2\ntrack 1 aac 48000 Hz 2\n"
             "audio 0 11700+0 key aa\naudio 1 11700+0 key bb\n");
    close_media(l);
}
END_TEST

/* A publisher that does not know the id 0 has a main track all the same. */
START_TEST(tracks_without_a_first_one)
{
    struct listener *l = open_media();
    feed_hex(l, TRACK_AUDIO, 0,
             "95006d703461"
             "07",
             "1210");
    feed_hex(l, TRACK_AUDIO, 0,
             "95006d703461"
             "03",
             "1190");
    check(l, "");
    feed_hex(l, TRACK_AUDIO, 10,
             "95016d703461"
             "03",
             "aa");
    feed_hex(l, TRACK_AUDIO, 10,
             "95016d703461"
             "07",
             "bb");
    check(l, "track 0 aac 48000 Hz 2\ntrack 1 aac 44100 Hz 2\n"
             "audio 0 900+0 key aa\naudio 1 900+0 key bb\n");
    close_media(l);
}
END_TEST

START_TEST(too_many_tracks)
{
    struct listener *l = open_media();
    char head[40];
    for (int id = 0; id < 2 * TRACKS_PER_KIND_MAX; id++) {
        snprintf(head, sizeof head, "95006d703461%02x", id);
        feed_hex(l, TRACK_AUDIO, 0, head, "1210");
    }
    ck_assert_uint_eq(l->skipped[RTMP_SKIP_TRACK], TRACKS_PER_KIND_MAX);
    ck_assert_uint_eq(l->first[RTMP_SKIP_TRACK], 1);
    buf_clear(&l->lines);
    feed_hex(l, TRACK_AUDIO, 0,
             "95016d703461"
             "09",
             "aa");
    feed_hex(l, TRACK_AUDIO, 0,
             "95016d703461"
             "07",
             "bb");
    check(l, "audio 7 0+0 key bb\n");
    close_media(l);
}
END_TEST

START_TEST(nanoseconds)
{
    struct listener *l = open_media();
    feed_hex(l, TRACK_VIDEO, 0, "90" HVC1, HEVC_PLAIN);
    feed_hex(l, TRACK_VIDEO, 33,
             "97020516150"
             "1" HVC1 "000021",
             "000000032601aa");                                          /* 333333 */
    feed_hex(l, TRACK_VIDEO, 66, "97020a2c2b03" HVC1, "000000032601aa"); /* 666667 */
    feed_hex(l, TRACK_VIDEO, 100, "93" HVC1, "000000032601aa");
    check(l, "track 0 hevc 320x240\n"
             "video 0 3000+2970 key 000000032601aa\n"
             "video 0 6000+0 key 000000032601aa\n"
             "video 0 9000+0 key 000000032601aa\n");
    close_media(l);
}
END_TEST

/* A stream counts a packet's own bytes: its message may have a thousand times as many. */
START_TEST(a_packet_keeps_its_own_bytes_alive)
{
    static uint8_t tracks[100000], modex[100000];
    static const uint8_t two[] = {0x95, 0x11, 'm', 'p', '4', 'a', 0, 0, 0, 1, 0xaa, 9, 1, 0x86};
    struct listener *l = open_media();
    feed_hex(l, TRACK_AUDIO, 0, "af00", "1210");
    memcpy(tracks, two, sizeof two);
    tracks[14] = 0x91; /* 99985 bytes of the second track */
    feed(l, TRACK_AUDIO, 10, span_of(tracks, 15 + 99985));
    ck_assert_uint_eq(l->kept, 1);
    memset(modex, 0, sizeof modex);
    modex[0] = 0x97;
    size_t at = 1;
    for (; at + 300 < sizeof modex; at += 257) { /* 255 bytes that say nothing, and again */
        modex[at] = 254;
        modex[at + 256] = 0x17;
    }
    modex[at] = 0;
    modex[at + 2] = 0x11;
    memcpy(modex + at + 3, "mp4a\xbb", 5);
    buf_clear(&l->lines);
    feed(l, TRACK_AUDIO, 20, span_of(modex, at + 8));
    check(l, "audio 0 1800+0 key bb\n");
    ck_assert_uint_eq(l->kept, 1);
    static uint8_t plain[3000] = {0xaf, 1};
    feed(l, TRACK_AUDIO, 30, span_of(plain, sizeof plain));
    ck_assert_uint_eq(l->kept, sizeof plain); /* no copy without a need */
    close_media(l);
}
END_TEST

/* Each step is as long as it can be, in the same direction: sums stay far from their ends. */
START_TEST(a_clock_that_wanders_for_ever)
{
    for (uint32_t step = 0x7fff0000; step != 0; step = step == 0x7fff0000 ? 0x80010000 : 0) {
        struct listener *l = open_media();
        feed_hex(l, TRACK_AUDIO, 0, "af00", "1210");
        for (uint32_t i = 0; i < 2000; i++) {
            feed_hex(l, TRACK_AUDIO, i * step, "af01", "aa");
            ck_assert(l->dts > -((int64_t)1 << 47) && l->dts < (int64_t)1 << 47);
            buf_clear(&l->lines);
        }
        close_media(l);
    }
}
END_TEST

/* --- colours --- */

static struct span color_message(const char *fourcc, bool told, struct buf *b)
{
    struct amf0_writer w = {.out = b};
    ck_assert_int_eq(buf_put_u8(b, 0xd4), ERR_OK);
    ck_assert_int_eq(buf_put(b, span_cstr(fourcc)), ERR_OK);
    amf0_put_string(&w, "colorInfo");
    amf0_put_object(&w);
    if (told) {
        amf0_put_key(&w, "colorConfig");
        amf0_put_object(&w);
        amf0_put_key(&w, "transferCharacteristics");
        amf0_put_number(&w, 18);
        amf0_put_end(&w);
        amf0_put_key(&w, "hdrCll");
        amf0_put_object(&w);
        amf0_put_key(&w, "maxCLL");
        amf0_put_number(&w, 800);
        amf0_put_end(&w);
    }
    amf0_put_end(&w);
    ck_assert_int_eq(w.err, ERR_OK);
    return buf_span(b);
}

START_TEST(colors)
{
    struct listener *l = open_media();
    struct buf b;
    buf_init(&b, 1000);
    feed_hex(l, TRACK_VIDEO, 0, "90" HVC1, HEVC_HDR);
    ck_assert(l->color.primaries == 9 && l->color.transfer == 16 && l->color.max_cll == 0);
    struct span message = color_message("hvc1", true, &b);
    feed(l, TRACK_VIDEO, 0, message);
    feed(l, TRACK_VIDEO, 0, message);
    check(l, "track 0 hevc 1918x1078\ntrack 0 hevc 1918x1078\n"); /* not again for the same */
    ck_assert(l->color.primaries == 9 && l->color.transfer == 18 && l->color.max_cll == 800);
    buf_clear(&b);
    feed(l, TRACK_VIDEO, 0, color_message("hvc1", false, &b));
    check(l, "track 0 hevc 1918x1078\n");
    ck_assert(l->color.transfer == 16 && l->color.max_cll == 0);
    feed_hex(l, TRACK_VIDEO, 0, "d4" HVC1, "0200");
    ck_assert_uint_eq(l->skipped[RTMP_SKIP_BROKEN], 1);
    buf_fini(&b);
    close_media(l);
}
END_TEST

/* --- what cannot go on --- */

START_TEST(one_bad_track_harms_no_other)
{
    struct listener *l = open_media();
    feed_hex(l, TRACK_AUDIO, 0, "af00", "1210");
    for (uint32_t ms = 0; ms < 10000; ms += 40) {
        feed_hex(l, TRACK_VIDEO, ms, "9176703038", "aabb"); /* VP8 */
        feed_hex(l, TRACK_VIDEO, ms, "1700000000", "09");
        feed_hex(l, TRACK_VIDEO, ms, "1701", "");
        feed_hex(l, TRACK_VIDEO, ms, "9f" HVC1, "aa");
        feed_hex(l, TRACK_AUDIO, ms, "91", "7a7a7a7aaa");
    }
    feed_hex(l, TRACK_AUDIO, 10000, "af01", "aa");
    check(l, "track 0 aac 44100 Hz 2\naudio 0 900000+0 key aa\n");
    ck_assert_uint_eq(l->skipped[RTMP_SKIP_CODEC], 500);
    ck_assert_uint_eq(l->first[RTMP_SKIP_CODEC], 2); /* one sentence for each kind */
    ck_assert_uint_eq(l->skipped[RTMP_SKIP_HEADER], 250);
    ck_assert_uint_eq(l->skipped[RTMP_SKIP_BROKEN], 250);
    ck_assert_uint_eq(l->skipped[RTMP_SKIP_UNKNOWN], 250);
    close_media(l);
}
END_TEST

START_TEST(nothing_to_go_on_with)
{
    struct listener *l = open_media();
    struct span vp8 = join(cut_hex("9176703038"), "aabb");
    ck_assert_int_eq(try_feed(l, TRACK_VIDEO, 5, vp8), ERR_OK);
    ck_assert_int_eq(try_feed(l, TRACK_VIDEO, 2004, vp8), ERR_OK);
    ck_assert_int_eq(try_feed(l, TRACK_VIDEO, 2005, vp8), ERR_UNSUPPORTED);
    ck_assert_msg(strstr(l->why, "VP8") != NULL, "%s", l->why);
    close_media(l);
    l = open_media();
    enum err e = ERR_OK;
    unsigned n = 0;
    while (e == ERR_OK) {
        e = try_feed(l, TRACK_VIDEO, 5, vp8); /* a clock that stands still */
        n++;
    }
    ck_assert_int_eq(e, ERR_UNSUPPORTED);
    ck_assert_uint_eq(n, MEDIA_HOPELESS);
    close_media(l);
}
END_TEST

/* Headers come late, again, and before the publish is accepted. */
START_TEST(before_it_is_live)
{
    struct listener *l = open_media();
    l->live = false;
    feed_hex(l, TRACK_VIDEO, 0, "90" HVC1, HEVC_PLAIN);
    feed_hex(l, TRACK_VIDEO, 0, "93" HVC1, "000000032601aa");
    feed_hex(l, TRACK_AUDIO, 0, "91", "7a7a7a7aaa");
    check(l, "");
    ck_assert_uint_eq(l->skipped[RTMP_SKIP_CODEC], 0);
    l->live = true;
    feed_hex(l, TRACK_VIDEO, 40, "93" HVC1, "000000032601aa");
    check(l, "track 0 hevc 320x240\nvideo 0 3600+0 key 000000032601aa\n");
    ck_assert_uint_eq(l->skipped[RTMP_SKIP_CODEC], 1);
    feed_hex(l, TRACK_VIDEO, 40, "90" HVC1, HEVC_PLAIN);
    check(l, "");
    close_media(l);
}
END_TEST

static enum err feed_all(struct listener *l)
{
    static const struct {
        enum track_kind kind;
        const char *hex;
    } bodies[] = {
        {TRACK_VIDEO, "90" HVC1 HEVC_PLAIN},
        {TRACK_VIDEO, "960061766331"
                      "01" AVC},
        {TRACK_VIDEO, "9600" AV01 "02" AV1},
        {TRACK_VIDEO, "9601" AV01 "02"
                      "12003010aa"},
        {TRACK_VIDEO, "9601" AV01 "02" AV1_LARGER "320110"},
        {TRACK_VIDEO, "9601" AV01 "02"
                      "00000110000001300301"},
        {TRACK_VIDEO, "9601" VP09 "03" VP9_KEY},
        {TRACK_VIDEO, "93" HVC1 "000000032601aa"},
        {TRACK_AUDIO, "90" OPUS},
        {TRACK_AUDIO, "9500664c6143"
                      "01"
                      "1200120000025800051b0bb802f00000bb80a316b305f13b13fe767b3d0d068f95bc"},
        {TRACK_AUDIO, "950161632d33"
                      "02"
                      "0b77fe95144043e106"},
        {TRACK_AUDIO, "95012e6d7033"
                      "03"
                      "fffb9464"},
    };
    enum err e = ERR_OK;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0] && e == ERR_OK; i++) {
        struct span body = cut_hex(bodies[i].hex);
        e = try_feed(l, bodies[i].kind, (uint32_t)i, body);
        cut_free(body);
    }
    return e;
}

START_TEST(no_memory)
{
    bool failed = true;
    size_t n = 0;
    while (failed) {
        struct listener *l = open_media();
        ck_assert_ptr_nonnull(buf_reserve(&l->lines, LINES_MAX / 2));
        mem_fail_nth(++n);
        enum err e = feed_all(l);
        failed = mem_has_failed();
        mem_fail_nth(0);
        ck_assert_int_eq(e, failed ? ERR_NOMEM : ERR_OK);
        close_media(l);
    }
    ck_assert_uint_gt(n, 20);
}
END_TEST

/* Nothing of a cut body may be looked at; what goes wrong is skipped. */
START_TEST(cut_short)
{
    static const char *const bodies[] = {"90" HVC1 HEVC_HDR, "1700000000" AVC,
                                         "90" AV01 AV1,      "91" AV01 "1200" AV1_SEQUENCE "320110",
                                         "91" VP09 VP9_KEY,  "97020516150193" HVC1};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct span body = cut_hex(bodies[i]);
        for (size_t n = 0; n <= body.len; n++) {
            struct listener *l = open_media();
            struct span cut = cut_at(body, n);
            feed(l, TRACK_VIDEO, 0, cut);
            cut_free(cut);
            close_media(l);
        }
        cut_free(body);
    }
}
END_TEST

UNIT_MAIN("media", hevc_in_the_old_form, declared_as_another_codec, codec_changes,
          leading_pictures_of_the_start, sets_in_the_stream_are_the_truth, a_record_of_version_0,
          av1_units, av1_sequence_in_the_stream, av1_as_in_ts, vp9_sizes, a_vp9_record_that_lies,
          opus, opus_without_a_header, sound_that_says_it_in_each_frame, flac_and_aac,
          tracks_beside_each_other, tracks_without_a_first_one, too_many_tracks, nanoseconds,
          a_packet_keeps_its_own_bytes_alive, a_clock_that_wanders_for_ever, colors,
          one_bad_track_harms_no_other, nothing_to_go_on_with, before_it_is_live, no_memory,
          cut_short)
