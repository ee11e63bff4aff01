#include "broadcaster/hls/playlist_live.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "tests/support/unit.h"

static void is(struct buf *b, const char *want)
{
    ck_assert_int_eq(buf_put_u8(b, 0), ERR_OK);
    ck_assert_str_eq((char *)b->data, want);
    buf_clear(b);
}

static struct variant source(void)
{
    struct variant v = {.name = "source",
                        .width = 1920,
                        .height = 1080,
                        .video = {"hvc1.2.4.L120.B0", 5000000, 4000000},
                        .audio = {"mp4a.40.2", 130000, 128000},
                        .fps_milli = 59940,
                        .channels = 2,
                        .video_range = "PQ"};
    return v;
}

static const struct variant rung = {.name = "P144p30fps16x9",
                                    .width = 256,
                                    .height = 144,
                                    .video = {"avc1.42c00c", 400000, 300000},
                                    .audio = {"mp4a.40.2", 130000, 128000},
                                    .fps_milli = 30000};

#define RUNG_LINE                                                                                  \
    "#EXT-X-STREAM-INF:BANDWIDTH=530000,AVERAGE-BANDWIDTH=428000,"                                 \
    "CODECS=\"avc1.42c00c,mp4a.40.2\",RESOLUTION=256x144,FRAME-RATE=30.000,AUDIO=\"audio\","       \
    "CLOSED-CAPTIONS=NONE\n"

START_TEST(a_master)
{
    struct variant list[] = {source(), rung};
    struct buf b;
    buf_init(&b, 10000);
    ck_assert_int_eq(playlist_live_master(&b, NULL, list, 2), ERR_OK);
    is(&b, "#EXTM3U\n"
           "#EXT-X-VERSION:7\n"
           "#EXT-X-INDEPENDENT-SEGMENTS\n"
           "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Audio\",DEFAULT=YES,AUTOSELECT=YES,"
           "CHANNELS=\"2\",URI=\"audio/live.m3u8\"\n"
           "#EXT-X-STREAM-INF:BANDWIDTH=5130000,AVERAGE-BANDWIDTH=4128000,"
           "CODECS=\"hvc1.2.4.L120.B0,mp4a.40.2\",RESOLUTION=1920x1080,FRAME-RATE=59.940,"
           "VIDEO-RANGE=PQ,AUDIO=\"audio\",CLOSED-CAPTIONS=NONE\n"
           "source/live.m3u8\n" RUNG_LINE "P144p30fps16x9/live.m3u8\n"
           "#EXT-X-STREAM-INF:BANDWIDTH=130000,AVERAGE-BANDWIDTH=128000,CODECS=\"mp4a.40.2\","
           "AUDIO=\"audio\",CLOSED-CAPTIONS=NONE\n"
           "audio/live.m3u8\n");
    list[1].dependent = true;
    ck_assert_int_eq(playlist_live_master(&b,
                                          "stra\xc3\x9f"
                                          "e",
                                          list + 1, 1),
                     ERR_OK);
    is(&b, "#EXTM3U\n"
           "#EXT-X-VERSION:7\n"
           "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Audio\",DEFAULT=YES,AUTOSELECT=YES,"
           "URI=\"../stra%C3%9Fe/audio/live.m3u8\"\n" RUNG_LINE
           "../stra%C3%9Fe/P144p30fps16x9/live.m3u8\n"
           "#EXT-X-STREAM-INF:BANDWIDTH=130000,AVERAGE-BANDWIDTH=128000,CODECS=\"mp4a.40.2\","
           "AUDIO=\"audio\",CLOSED-CAPTIONS=NONE\n"
           "../stra%C3%9Fe/audio/live.m3u8\n");
    buf_fini(&b);
}
END_TEST

#define LIGHT_MEDIA                                                                                \
    "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio-light\",NAME=\"Audio\",DEFAULT=YES,AUTOSELECT=YES,"  \
    "CHANNELS=\"1\",URI=\"audio-light/live.m3u8\"\n"
#define LIGHT_LINE                                                                                 \
    "#EXT-X-STREAM-INF:BANDWIDTH=423000,AVERAGE-BANDWIDTH=322000,"                                 \
    "CODECS=\"avc1.42c00c,mp4a.40.2\",RESOLUTION=256x144,FRAME-RATE=30.000,AUDIO=\"audio-light\"," \
    "CLOSED-CAPTIONS=NONE\nsmall/live.m3u8\n"

static size_t count_of(const struct buf *b, const char *what)
{
    size_t n = 0;
    const char *text = (const char *)b->data;
    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what)) {
        n++;
    }
    return n;
}

START_TEST(a_rung_with_light_sound)
{
    struct variant list[] = {source(), rung, rung, rung, rung};
    strcpy(list[2].name, "small");
    strcpy(list[2].sound, "audio-light");
    strcpy(list[3].name, "audio1"); /* another codec: a group of its own, and all once more */
    list[3].video.peak_bps = 0;
    strcpy(list[3].audio.codec, "opus");
    strcpy(list[4].name, "audio-light");
    list[4].video.peak_bps = 0;
    list[4].channels = 1;
    list[4].audio = (struct variant_track){"mp4a.40.2", 23000, 22000, 0};
    struct buf b;
    buf_init(&b, 10000);
    ck_assert_int_eq(playlist_live_master(&b, NULL, list, 5), ERR_OK);
    ck_assert_int_eq(buf_put_u8(&b, 0), ERR_OK);
    ck_assert_uint_eq(count_of(&b, LIGHT_MEDIA), 1);
    ck_assert_uint_eq(count_of(&b, LIGHT_LINE), 1);
    ck_assert_uint_eq(count_of(&b, "small/live.m3u8"), 1);
    ck_assert_uint_eq(count_of(&b, "P144p30fps16x9/live.m3u8"), 2);
    ck_assert_uint_eq(count_of(&b, "GROUP-ID=\"audio-2\""), 1);
    buf_clear(&b);
    list[4].audio.peak_bps = 0; /* it cannot be made: the source's */
    ck_assert_int_eq(playlist_live_master(&b, NULL, list, 5), ERR_OK);
    ck_assert_int_eq(buf_put_u8(&b, 0), ERR_OK);
    ck_assert_uint_eq(count_of(&b, "audio-light"), 0);
    ck_assert_uint_eq(count_of(&b, "small/live.m3u8"), 2);
    buf_clear(&b);
    list[4].audio.peak_bps = 23000;
    list[2].video.peak_bps = 0; /* no rung plays with it */
    ck_assert_int_eq(playlist_live_master(&b, NULL, list, 5), ERR_OK);
    ck_assert_int_eq(buf_put_u8(&b, 0), ERR_OK);
    ck_assert_uint_eq(count_of(&b, "audio-light"), 0);
    buf_fini(&b);
}
END_TEST

START_TEST(picture_or_sound_alone)
{
    struct variant v = source();
    struct buf b;
    buf_init(&b, 10000);
    v.audio = (struct variant_track){.codec = ""};
    v.video_range = NULL;
    v.width = 0;
    v.fps_milli = 0;
    v.video.codec[0] = '\0';
    ck_assert_int_eq(playlist_live_master(&b, NULL, &v, 1), ERR_OK);
    is(&b, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n"
           "#EXT-X-STREAM-INF:BANDWIDTH=5000000,AVERAGE-BANDWIDTH=4000000,CLOSED-CAPTIONS=NONE\n"
           "source/live.m3u8\n");
    v.audio = rung.audio;
    v.video.peak_bps = 0;
    ck_assert_int_eq(playlist_live_master(&b, NULL, &v, 1), ERR_OK);
    is(&b, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n"
           "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Audio\",DEFAULT=YES,AUTOSELECT=YES,"
           "CHANNELS=\"2\",URI=\"audio/live.m3u8\"\n"
           "#EXT-X-STREAM-INF:BANDWIDTH=130000,AVERAGE-BANDWIDTH=128000,CODECS=\"mp4a.40.2\","
           "AUDIO=\"audio\",CLOSED-CAPTIONS=NONE\n"
           "audio/live.m3u8\n");
    v.audio.peak_bps = 0;
    ck_assert_int_eq(playlist_live_master(&b, NULL, &v, 1), ERR_NOENT);
    ck_assert_int_eq(playlist_live_master(&b, NULL, &v, 0), ERR_NOENT);
    ck_assert_uint_eq(b.len, 0);
    buf_fini(&b);
}
END_TEST

START_TEST(captions_of_one_are_denied_of_none)
{
    struct variant list[] = {source(), rung};
    list[1].captions = true;
    struct buf b;
    buf_init(&b, 10000);
    ck_assert_int_eq(playlist_live_master(&b, NULL, list, 2), ERR_OK);
    ck_assert_int_eq(buf_put_u8(&b, '\0'), ERR_OK);
    ck_assert_ptr_null(strstr((const char *)b.data, "CLOSED-CAPTIONS"));
    ck_assert_ptr_nonnull(strstr((const char *)b.data, "FRAME-RATE=30.000,AUDIO=\"audio\"\n"));
    buf_fini(&b);
}
END_TEST

START_TEST(further_tracks_of_sound)
{
    struct variant list[] = {rung, rung, rung};
    struct buf b;
    buf_init(&b, 10000);
    strcpy(list[1].name, "audio2"); /* heard first, and still the second */
    list[1].video.peak_bps = 0;
    list[1].channels = 6;
    list[1].audio = (struct variant_track){"mp4a.40.2", 330000, 328000, 0};
    strcpy(list[2].name, "audio1");
    list[2].video.peak_bps = 0;
    ck_assert_int_eq(playlist_live_master(&b, NULL, list, 3), ERR_OK);
    /* The highest rate of any of them, RFC 8216, 4.3.4.2; no two may be chosen by themselves. */
    is(&b, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n"
           "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Audio\",DEFAULT=YES,AUTOSELECT=YES,"
           "URI=\"audio/live.m3u8\"\n"
           "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Track 1\",DEFAULT=NO,AUTOSELECT=NO,"
           "URI=\"audio1/live.m3u8\"\n"
           "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Track 2\",DEFAULT=NO,AUTOSELECT=NO,"
           "CHANNELS=\"6\",URI=\"audio2/live.m3u8\"\n"
           "#EXT-X-STREAM-INF:BANDWIDTH=730000,AVERAGE-BANDWIDTH=628000,"
           "CODECS=\"avc1.42c00c,mp4a.40.2\",RESOLUTION=256x144,FRAME-RATE=30.000,AUDIO=\"audio\","
           "CLOSED-CAPTIONS=NONE\n"
           "P144p30fps16x9/live.m3u8\n"
           "#EXT-X-STREAM-INF:BANDWIDTH=330000,AVERAGE-BANDWIDTH=328000,CODECS=\"mp4a.40.2\","
           "AUDIO=\"audio\",CLOSED-CAPTIONS=NONE\n"
           "audio/live.m3u8\n");
    buf_fini(&b);
}
END_TEST

/* Who cannot play Opus still has all that there is in AAC. */
START_TEST(a_group_for_each_codec)
{
    struct variant list[] = {rung, rung, rung, rung};
    struct buf b;
    buf_init(&b, 10000);
    strcpy(list[0].name, "source");
    for (int i = 1; i < 3; i++) {
        snprintf(list[i].name, sizeof list[i].name, "audio%d", i);
        list[i].video.peak_bps = 0;
        list[i].audio = (struct variant_track){"Opus", 90000 + i, 80000 + i, 0};
    }
    ck_assert_int_eq(playlist_live_master(&b, NULL, list, 4), ERR_OK);
    is(&b, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n"
           "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Audio\",DEFAULT=YES,AUTOSELECT=YES,"
           "URI=\"audio/live.m3u8\"\n"
           "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio-2\",NAME=\"Track 1\",DEFAULT=NO,"
           "AUTOSELECT=YES,URI=\"audio1/live.m3u8\"\n"
           "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio-2\",NAME=\"Track 2\",DEFAULT=NO,"
           "AUTOSELECT=NO,URI=\"audio2/live.m3u8\"\n" RUNG_LINE "source/live.m3u8\n" RUNG_LINE
           "P144p30fps16x9/live.m3u8\n"
           "#EXT-X-STREAM-INF:BANDWIDTH=490002,AVERAGE-BANDWIDTH=380002,"
           "CODECS=\"avc1.42c00c,Opus\",RESOLUTION=256x144,FRAME-RATE=30.000,AUDIO=\"audio-2\","
           "CLOSED-CAPTIONS=NONE\n"
           "source/live.m3u8\n"
           "#EXT-X-STREAM-INF:BANDWIDTH=490002,AVERAGE-BANDWIDTH=380002,"
           "CODECS=\"avc1.42c00c,Opus\",RESOLUTION=256x144,FRAME-RATE=30.000,AUDIO=\"audio-2\","
           "CLOSED-CAPTIONS=NONE\n"
           "P144p30fps16x9/live.m3u8\n"
           "#EXT-X-STREAM-INF:BANDWIDTH=130000,AVERAGE-BANDWIDTH=128000,CODECS=\"mp4a.40.2\","
           "AUDIO=\"audio\",CLOSED-CAPTIONS=NONE\n"
           "audio/live.m3u8\n");
    buf_fini(&b);
}
END_TEST

/* Who chose the further track keeps it: light sound stands for the first one alone. */
START_TEST(light_sound_and_a_further_track)
{
    struct variant list[] = {source(), rung, rung, rung};
    strcpy(list[1].sound, "audio-light");
    for (int i = 2; i < 4; i++) {
        strcpy(list[i].name, i == 2 ? "audio1" : "audio-light");
        list[i].video.peak_bps = 0;
    }
    list[2].audio = (struct variant_track){"mp4a.40.2", 97000, 96000, 0};
    list[3].audio = (struct variant_track){"mp4a.40.5", 23000, 22000, 0};
    struct buf b;
    buf_init(&b, 10000);
    ck_assert_int_eq(playlist_live_master(&b, NULL, list, 4), ERR_OK);
    is(&b, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n"
           "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Audio\",DEFAULT=YES,AUTOSELECT=YES,"
           "CHANNELS=\"2\",URI=\"audio/live.m3u8\"\n"
           "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Track 1\",DEFAULT=NO,AUTOSELECT=NO,"
           "URI=\"audio1/live.m3u8\"\n"
           "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio-light\",NAME=\"Audio\",DEFAULT=YES,"
           "AUTOSELECT=YES,URI=\"audio-light/live.m3u8\"\n"
           "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio-light\",NAME=\"Track 1\",DEFAULT=NO,"
           "AUTOSELECT=NO,URI=\"audio1/live.m3u8\"\n"
           "#EXT-X-STREAM-INF:BANDWIDTH=5130000,AVERAGE-BANDWIDTH=4128000,"
           "CODECS=\"hvc1.2.4.L120.B0,mp4a.40.2\",RESOLUTION=1920x1080,FRAME-RATE=59.940,"
           "VIDEO-RANGE=PQ,AUDIO=\"audio\",CLOSED-CAPTIONS=NONE\n"
           "source/live.m3u8\n"
           "#EXT-X-STREAM-INF:BANDWIDTH=497000,AVERAGE-BANDWIDTH=396000,"
           "CODECS=\"avc1.42c00c,mp4a.40.5,mp4a.40.2\",RESOLUTION=256x144,FRAME-RATE=30.000,"
           "AUDIO=\"audio-light\",CLOSED-CAPTIONS=NONE\n"
           "P144p30fps16x9/live.m3u8\n"
           "#EXT-X-STREAM-INF:BANDWIDTH=130000,AVERAGE-BANDWIDTH=128000,CODECS=\"mp4a.40.2\","
           "AUDIO=\"audio\",CLOSED-CAPTIONS=NONE\n"
           "audio/live.m3u8\n");
    strcpy(list[3].audio.codec, "mp4a.40.2"); /* named once */
    ck_assert_int_eq(playlist_live_master(&b, NULL, list, 4), ERR_OK);
    ck_assert_int_eq(buf_put_u8(&b, 0), ERR_OK);
    ck_assert_uint_eq(count_of(&b, "CODECS=\"avc1.42c00c,mp4a.40.2\","), 1);
    ck_assert_uint_eq(count_of(&b, "\"audio-light\",NAME=\"Track 1\""), 1);
    buf_clear(&b);
    strcpy(list[0].audio.codec, "opus"); /* who lacks it can still play the light rung */
    strcpy(list[2].audio.codec, "opus");
    ck_assert_int_eq(playlist_live_master(&b, NULL, list, 4), ERR_OK);
    ck_assert_int_eq(buf_put_u8(&b, 0), ERR_OK);
    ck_assert_uint_eq(count_of(&b, "\"audio-light\",NAME="), 1);
    ck_assert_uint_eq(count_of(&b, "BANDWIDTH=423000,"), 1);
    buf_fini(&b);
}
END_TEST

START_TEST(a_further_track_without_the_first)
{
    struct variant list[] = {rung, rung};
    struct buf b;
    buf_init(&b, 10000);
    list[0].audio = (struct variant_track){.codec = ""};
    strcpy(list[1].name, "audio3");
    list[1].video.peak_bps = 0;
    ck_assert_int_eq(playlist_live_master(&b, NULL, list, 2), ERR_OK);
    is(&b, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n"
           "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Track 3\",DEFAULT=YES,AUTOSELECT=YES,"
           "URI=\"audio3/live.m3u8\"\n" RUNG_LINE "P144p30fps16x9/live.m3u8\n"
           "#EXT-X-STREAM-INF:BANDWIDTH=130000,AVERAGE-BANDWIDTH=128000,CODECS=\"mp4a.40.2\","
           "AUDIO=\"audio\",CLOSED-CAPTIONS=NONE\n"
           "audio3/live.m3u8\n");
    buf_fini(&b);
}
END_TEST

static struct window *window(const struct segment_info *infos, size_t n, size_t listed)
{
    struct segment *list[8];
    struct packets none = {0};
    for (size_t i = 0; i < n; i++) {
        list[i] = segment_create(&infos[i], NULL, &none, NULL);
    }
    struct window *w = window_create(list, n, listed);
    for (size_t i = 0; i < n; i++) {
        segment_unref(list[i]);
    }
    w->target_duration_s = 2;
    return w;
}

static enum err live_media(struct buf *b, const struct window *w, const uint64_t *inits,
                           enum track_kind kind)
{
    struct live_media m = {.window = w, .kind = kind, .inits = inits};
    return playlist_live_media(b, &m);
}

static const struct segment_info infos[] = {
    {.msn = 6, .duration = 180000, .independent = true},
    {.msn = 7, .start = 180000, .duration = 180000, .independent = true},
    {.msn = 8, .start = 360000, .duration = 180045, .independent = true},
    {.msn = 9, .start = 540045, .duration = 90000, .discontinuity = true, .independent = true},
    {.msn = 10, .start = 630045, .duration = 180000, .gap = true},
    {.msn = 11, .start = 810045, .duration = 180000, .independent = true},
};

START_TEST(a_media_playlist)
{
    uint64_t inits[] = {0xff, 0xff, 0xff, 0, UINT64_C(0xfedcba9876543210)};
    struct window *w = window(infos, 6, 5);
    struct buf b;
    buf_init(&b, 10000);
    w->ended = true;
    w->show_discontinuity_sequence = true;
    w->discontinuity_sequence = 3;
    ck_assert_int_eq(live_media(&b, w, inits, TRACK_VIDEO), ERR_OK);
    is(&b, "#EXTM3U\n"
           "#EXT-X-VERSION:8\n"
           "#EXT-X-TARGETDURATION:2\n"
           "#EXT-X-MEDIA-SEQUENCE:7\n"
           "#EXT-X-DISCONTINUITY-SEQUENCE:3\n"
           "#EXT-X-INDEPENDENT-SEGMENTS\n"
           "#EXT-X-MAP:URI=\"init-00000000000000ff.mp4\"\n"
           "#EXTINF:2.000,\n"
           "7.m4s\n"
           "#EXTINF:2.001,\n"
           "8.m4s\n"
           "#EXT-X-DISCONTINUITY\n"
           "#EXT-X-MAP:URI=\"init-00000000000000ff.mp4\"\n"
           "#EXTINF:1.000,\n"
           "9.m4s\n"
           "#EXT-X-GAP\n"
           "#EXTINF:2.000,\n"
           "10.m4s\n"
           "#EXT-X-MAP:URI=\"init-fedcba9876543210.mp4\"\n"
           "#EXTINF:2.000,\n"
           "11.m4s\n"
           "#EXT-X-ENDLIST\n");
    window_unref(w);
    buf_fini(&b);
}
END_TEST

START_TEST(independent_only_when_true)
{
    static const struct segment_info two[] = {{.msn = 1, .duration = 180000, .independent = true},
                                              {.msn = 2, .start = 180000, .duration = 180000}};
    uint64_t inits[] = {1, 1};
    struct window *w = window(two, 2, 2);
    struct buf b;
    buf_init(&b, 10000);
    ck_assert_int_eq(live_media(&b, w, inits, TRACK_VIDEO), ERR_OK);
    is(&b, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:1\n"
           "#EXT-X-MAP:URI=\"init-0000000000000001.mp4\"\n"
           "#EXTINF:2.000,\n1.m4s\n#EXTINF:2.000,\n2.m4s\n");
    ck_assert_int_eq(live_media(&b, w, inits, TRACK_AUDIO), ERR_OK);
    is(&b, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:1\n"
           "#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP:URI=\"init-0000000000000001.mp4\"\n"
           "#EXTINF:2.000,\n1.m4s\n#EXTINF:2.000,\n2.m4s\n");
    window_unref(w);
    buf_fini(&b);
}
END_TEST

/* Every size of buffer up to enough: all or nothing. */
START_TEST(limits_and_memory)
{
    struct variant list[] = {source(), rung};
    uint64_t inits[] = {1, 2, 0, 3, 4};
    struct window *w = window(infos, 6, 5);
    w->ended = true;
    size_t fits = 0;
    for (size_t max = 1; max < 1200; max++) {
        struct buf b;
        buf_init(&b, max);
        ck_assert_int_eq(buf_put_u8(&b, 'x'), ERR_OK);
        enum err e = live_media(&b, w, inits, TRACK_VIDEO);
        ck_assert(e == ERR_OK || (e == ERR_LIMIT && b.len == 1));
        b.len = 1;
        e = playlist_live_master(&b, "a", list, 2);
        ck_assert(e == ERR_OK || (e == ERR_LIMIT && b.len == 1));
        fits += e == ERR_OK;
        buf_fini(&b);
    }
    ck_assert_uint_gt(fits, 0);
    struct buf b;
    buf_init(&b, 10000);
    mem_fail_nth(1);
    ck_assert_int_eq(playlist_live_master(&b, NULL, list, 2), ERR_NOMEM);
    mem_fail_nth(0);
    ck_assert_uint_eq(b.len, 0);
    buf_fini(&b);
    window_unref(w);
}
END_TEST

UNIT_MAIN("playlist_live", a_rung_with_light_sound, a_master, picture_or_sound_alone,
          captions_of_one_are_denied_of_none, further_tracks_of_sound, a_group_for_each_codec,
          light_sound_and_a_further_track, a_further_track_without_the_first, a_media_playlist,
          independent_only_when_true, limits_and_memory)
