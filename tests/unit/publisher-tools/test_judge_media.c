#include "publisher-tools/judge_ladder.h"
#include "publisher-tools/judge_text.h"
#include "publisher-tools/judge_ts.h"
#include "tests/unit/publisher-tools/judge_bench.h"

static int64_t busiest_milli = 30000;
static bool changes; /* a ladder's pictures are larger behind their first segments */

/* Two seconds of 30 frames a second and of AAC, from start (ticks) on. */
static struct segment_facts media(int64_t start)
{
    return (struct segment_facts){
        .video = {.present = true,
                  .packets = 60,
                  .decoded = 60,
                  .first_dts = start,
                  .last_dts = start + 59 * 3000,
                  .first_pts = start + 3000,
                  .last_pts = start + 60 * 3000,
                  .longest_step = 3000,
                  .peak_milli = busiest_milli,
                  .codec = "avc1.42c01e"},
        .audio = {.present = true,
                  .packets = 94,
                  .decoded = 94,
                  .first_dts = start,
                  .last_dts = start + 93 * 1920,
                  .first_pts = start,
                  .last_pts = start + 93 * 1920,
                  .longest_step = 1920,
                  .codec = "mp4a.40.2"},
        .width = 640,
        .height = 480,
        .starts_with_key = true,
        .starts_with_idr = true,
    };
}

#define START INT64_C(900000)

static void second(struct segment_facts f, const char *rules)
{
    struct segment_facts first = media(START);
    struct judge_state *s = begin(classic(5, 5, "#EXT-X-INDEPENDENT-SEGMENTS\n"));
    judge_media_see(s, 5, &first, 1000);
    assert_found("");
    judge_media_see(s, 6, &f, 1000);
    assert_found(rules);
    judge_state_destroy(s);
}

START_TEST(media_rules)
{
    struct segment_facts f = media(START + 180000);
    second(f, "");
    f = media(START + 180000 + 6000);
    second(f, "timestamp-gap-at-join ");
    f = media(START + 170000);
    second(f, "timestamps-not-rising ");
    f = media(START + 180000);
    f.video.errors = 1;
    second(f, "decode-error ");
    f = media(START + 180000);
    f.video.decoded = 50;
    second(f, "frames-lost ");
    f = media(START + 180000);
    f.starts_with_idr = false;
    second(f, "independent-claim-false ");
    f = media(START + 180000);
    f.width = 320;
    second(f, "tracks-changed ");
    f = media(START + 180000);
    f.audio.present = false;
    second(f, "tracks-changed ");
    f = media(START + 180000);
    f.audio.last_pts += 30000;
    second(f, "audio-video-apart ");
    f = media(START + 180000);
    f.video.last_pts += 30000;
    second(f, "extinf-wrong audio-video-apart ");
    f = (struct segment_facts){0};
    second(f, "segment-unreadable ");
}
END_TEST

/* At a variable rate a segment's last picture, and the way to the next one, may be as long as any.
 */
START_TEST(media_at_a_variable_rate)
{
    struct segment_facts f = media(START + 180000);
    f.video.irregular = 20;
    f.video.longest_step = 18000;
    struct judge_state *s = begin(classic(5, 5, ""));
    judge_media_see(s, 5, &f, 1000);
    f = media(START + 2 * 180000);
    f.video.last_pts -= 15000;
    f.video.last_dts -= 15000;
    judge_media_see(s, 6, &f, 1000);
    f = media(START + 3 * 180000);
    judge_media_see(s, 7, &f, 1000);
    assert_found("");
    f = media(START + 4 * 180000);
    f.video.last_pts -= 20000;
    f.video.last_dts -= 20000;
    judge_media_see(s, 8, &f, 1000);
    assert_found("extinf-wrong ");
    judge_state_destroy(s);
}
END_TEST

START_TEST(part_rules)
{
    struct judge_state *s = begin(LL);
    struct judge_part p = {.independent = true, .line = 9};
    judge_media_part(s, &p, &(struct part_facts){true, true, 5, 0});
    assert_found("");
    judge_media_part(s, &p, &(struct part_facts){true, false, 5, 0});
    assert_found("independent-claim-false ");
    p.independent = false;
    judge_media_part(s, &p, &(struct part_facts){true, true, 5, 0});
    assert_found("independent-not-told ");
    judge_media_part(s, &p, &(struct part_facts){true, false, 0, 0});
    assert_found("segment-unreadable ");
    judge_state_destroy(s);
}
END_TEST

static void short_part(const char *text, struct segment_facts f, const char *rules)
{
    struct judge_state *s = judge_state_create(URL, &sink);
    see(s, text, 0);
    found[0] = '\0';
    judge_media_see(s, 8, &f, 1000);
    assert_found(rules);
    judge_state_destroy(s);
}

START_TEST(short_parts)
{
    struct segment_facts f = media(START);
    short_part(LL, f, "");
    short_part(with(LL, "DURATION=0.5,URI=\"8.2", "DURATION=0.4,URI=\"8.2"), f, "part-too-short ");
    ck_assert_str_eq(last_text, "#EXT-X-PART:DURATION=0.4,URI=\"8.2.m4s\"");
    short_part(with(LL, "DURATION=0.5,URI=\"8.3", "DURATION=0.4,URI=\"8.3"), f, "");
    short_part(with(LL, "DURATION=0.5,URI=\"8.2", "DURATION=0.4,INDEPENDENT=YES,URI=\"8.2"), f, "");
    short_part(with(LL, "DURATION=0.5,URI=\"8.3", "DURATION=0.5,GAP=YES,URI=\"8.3"), f, "");
    f.video.irregular = 10; /* the next picture was to last 0.12 s */
    f.video.longest_step = 10800;
    short_part(with(LL, "DURATION=0.5,URI=\"8.2", "DURATION=0.4,URI=\"8.2"), f, "");
    short_part(with(LL, "DURATION=0.5,URI=\"8.2", "DURATION=0.3,URI=\"8.2"), f, "part-too-short ");
}
END_TEST

#define MASTER_HEAD "#EXTM3U\n"
#define MASTER                                                                                     \
    MASTER_HEAD "#EXT-X-STREAM-INF:BANDWIDTH=5000,AVERAGE-BANDWIDTH=4500,"                         \
                "CODECS=\"avc1.42c01e,mp4a.40.2\",RESOLUTION=640x480,FRAME-RATE=30.000,"           \
                "CLOSED-CAPTIONS=NONE\na.m3u8\n"                                                   \
                "#EXT-X-STREAM-INF:BANDWIDTH=5000,AVERAGE-BANDWIDTH=4500,"                         \
                "CODECS=\"avc1.42c01e,mp4a.40.2\",RESOLUTION=640x480,FRAME-RATE=30.000,"           \
                "CLOSED-CAPTIONS=NONE\nb.m3u8\n"

static void ladder(const char *master_text, const char *b_text, int64_t b_late, const char *rules)
{
    struct judge_state *states[2] = {judge_state_create("http://host/a.m3u8", &sink),
                                     judge_state_create("http://host/b.m3u8", &sink)};
    struct judge_list *master = list_of(master_text);
    char b_copy[8192];
    char a_copy[8192];
    snprintf(b_copy, sizeof b_copy, "%s", b_text != NULL ? b_text : classic(5, 6, ""));
    snprintf(a_copy, sizeof a_copy, "%s", classic(5, 6, ""));
    if (changes) {
        snprintf(a_copy, sizeof a_copy, "%s",
                 with(classic(5, 6, ""), "5.ts", "5.ts\n#EXT-X-DISCONTINUITY"));
        memcpy(b_copy, a_copy, sizeof b_copy);
    }
    see(states[0], a_copy, 0);
    see(states[1], b_copy, 0);
    for (unsigned i = 0; i < 6; i++) {
        struct segment_facts f = media(START + i * 180000);
        f.width = changes && i == 0 ? 320 : 640;
        judge_media_see(states[0], 5 + i, &f, 1000);
        f = media(START + i * 180000 + b_late);
        f.width = changes && i == 0 ? 320 : 640;
        judge_media_see(states[1], 5 + i, &f, 1000);
    }
    judge_master_check(master, "http://host/m.m3u8", &sink);
    judge_ladder_check(&(struct judge_ladder){"http://host/m.m3u8", master, states, 2, &sink});
    assert_found(rules);
    judge_list_destroy(master);
    judge_state_destroy(states[0]);
    judge_state_destroy(states[1]);
}

START_TEST(ladder_rules)
{
    static const struct {
        const char *a, *b, *rules;
    } cases[] = {
        {"BANDWIDTH=5000,AV", "AV", "bandwidth-missing "},
        {"BANDWIDTH=5000,AV", "BANDWIDTH=3500,AV", "bandwidth-exceeded "},
        {"BANDWIDTH=5000,AV", "BANDWIDTH=2305843009213693951,AV", ""}, /* the most that is read */
        {"AVERAGE-BANDWIDTH=4500,", "", "average-bandwidth-missing "},
        {"AVERAGE-BANDWIDTH=4500,", "AVERAGE-BANDWIDTH=3000,", "average-bandwidth-exceeded "},
        {"CODECS=\"avc1.42c01e,mp4a.40.2\",", "", "codecs-missing "},
        {"avc1.42c01e", "avc1.64001f", "codecs-wrong "},
        {",mp4a.40.2", "", "codecs-wrong "},
        {",mp4a.40.2", ",mp4a.40.2,ac-3", "codecs-wrong "},
        {"RESOLUTION=640x480,", "", "resolution-missing "},
        {"640x480", "640x360", "resolution-wrong "},
        {"FRAME-RATE=30.000,", "", "frame-rate-missing "},
        {"30.000", "25.000", "frame-rate-wrong "},
        {",CLOSED-CAPTIONS=NONE", "", "captions-differ captions-not-told "},
        {"CLOSED", "AUDIO=\"a\",CLOSED", "rendition-group "},
        {"b.m3u8", "gopher:b.m3u8", "uri "},
    };
    ladder(MASTER, NULL, 0, "");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ladder(with(MASTER, cases[i].a, cases[i].b), NULL, 0, cases[i].rules);
    }
    changes = true; /* and what the master tells is so now */
    ladder(MASTER, NULL, 0, "");
    changes = false;
    busiest_milli = 50000;
    ladder(MASTER, NULL, 0, "frame-rate-wrong ");
    char one[2048];
    snprintf(one, sizeof one, "%s", with(MASTER, "30.000", "50.000"));
    ladder(with(one, "30.000", "50.000"), NULL, 0, "");
    busiest_milli = 30000;
    ladder(MASTER, NULL, 20000, "variants-not-aligned ");
    ladder(MASTER, with(classic(5, 6, ""), "DURATION:2", "DURATION:3"), 0,
           "variants-target-differs ");
    ladder(MASTER, with(classic(5, 6, ""), "7.ts", "7.ts\n#EXT-X-DISCONTINUITY"), 0,
           "variants-discontinuities-differ ");
    ladder(MASTER, classic(5, 6, "#EXT-X-PROGRAM-DATE-TIME:2026-01-31T12:00:00Z\n"), 0,
           "pdt-differs ");
}
END_TEST

/* Only of what is whole is the peak known: of the live one it may have been before. */
START_TEST(a_bandwidth_that_is_too_high)
{
    char whole[8192];
    char fits[2048];
    snprintf(whole, sizeof whole, "%s#EXT-X-ENDLIST\n",
             with(classic(5, 6, ""), "#EXT-X-TARGET", "#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-TARGET"));
    ladder(MASTER, whole, 0, "bandwidth-too-high ");
    snprintf(fits, sizeof fits, "%s", with(MASTER, "=5000,AV", "=4400,AV"));
    ladder(fits, whole, 0, "bandwidth-too-high ");
    snprintf(fits, sizeof fits, "%s", with(fits, "=5000,AV", "=4400,AV"));
    ladder(fits, whole, 0, "");
}
END_TEST

/* Of two playlists, in which segments (by bit) steps are odd and whether pictures are missing
 * there. */
static void frames(unsigned a_odd, unsigned b_odd, unsigned odd_steps, bool lost)
{
    struct judge_state *states[2] = {judge_state_create("http://host/a.m3u8", &sink),
                                     judge_state_create("http://host/b.m3u8", &sink)};
    unsigned odd[2] = {a_odd, b_odd};
    for (unsigned k = 0; k < 2; k++) {
        see(states[k], classic(5, 6, ""), 0);
        for (unsigned i = 0; i < 6; i++) {
            struct segment_facts f = media(START + i * 180000);
            if (odd[k] & 1u << i) {
                f.video.left_out = 1;
                f.video.irregular = odd_steps;
                f.video.packets = f.video.decoded = 59;
            }
            judge_media_see(states[k], 5 + i, &f, 1000);
        }
    }
    judge_ladder_check(&(struct judge_ladder){"http://host/m.m3u8", NULL, states, 2, &sink});
    assert_found(lost ? "frames-lost " : "");
    judge_state_destroy(states[0]);
    judge_state_destroy(states[1]);
}

START_TEST(frames_of_a_ladder)
{
    frames(0, 0, 0, false);
    frames(4, 0, 1, true); /* a single one, in one of both */
    frames(0, 4, 1, true);
    frames(4, 4, 1, false);    /* the source had none there */
    frames(4, 4, 40, false);   /* its rate varies */
    frames(0x2b, 0, 1, false); /* here too, and the rung repeats what is missing */
    frames(0, 0x2b, 1, true);  /* the rung loses it */
    frames(0x2b, 0x2b, 1, false);
}
END_TEST

#define LL_MASTER                                                                                  \
    MASTER_HEAD "#EXT-X-STREAM-INF:BANDWIDTH=1\na.m3u8\n"                                          \
                "#EXT-X-STREAM-INF:BANDWIDTH=1\nb.m3u8\n"
#define LL_REPORT(name, n)                                                                         \
    "#EXT-X-RENDITION-REPORT:URI=\"" name ".m3u8\",LAST-MSN=" #n ",LAST-PART=0\n"

/* Both playlists are at 9; a was read then, b is read at 10000, and what they say of each other. */
static void reports(int64_t a_ms, const char *a_says, const char *b_says, bool wrong)
{
    struct judge_state *states[2] = {judge_state_create("http://host/a.m3u8", &sink),
                                     judge_state_create("http://host/b.m3u8", &sink)};
    struct judge_list *master = list_of(LL_MASTER);
    char text[8192];
    snprintf(text, sizeof text, LL "%s", a_says);
    see(states[0], text, a_ms);
    snprintf(text, sizeof text, LL "%s", b_says);
    see(states[1], text, 10000);
    judge_ladder_check(&(struct judge_ladder){"http://host/m.m3u8", master, states, 2, &sink});
    ck_assert_int_eq(strstr(found, "rendition-report-wrong ") != NULL, wrong);
    ck_assert_ptr_null(strstr(found, "rendition-report-missing "));
    found[0] = '\0';
    judge_list_destroy(master);
    judge_state_destroy(states[0]);
    judge_state_destroy(states[1]);
}

/* A playlist that was read long before the other one is not wrong about it, nor is the other. */
START_TEST(reports_are_of_their_time)
{
    reports(10000, LL_REPORT("b", 9), LL_REPORT("a", 9), false);
    reports(10000, LL_REPORT("b", 5), LL_REPORT("a", 9), true);
    reports(10000, LL_REPORT("b", 9), LL_REPORT("a", 14), true);
    reports(3000, LL_REPORT("b", 5), LL_REPORT("a", 14), false);
    reports(3000, LL_REPORT("b", 12), LL_REPORT("a", 9), true);
    reports(3000, LL_REPORT("b", 9), LL_REPORT("a", 6), true);
    reports(3000, LL_REPORT("b", 9), LL_REPORT("a", 16), true);
    reports(10000, LL_REPORT("b", 9) LL_REPORT("c", 9), LL_REPORT("a", 9), true);
}
END_TEST

/* What a report leaves out is as in the playlist that it stands in. */
START_TEST(reports_that_leave_out)
{
    static const struct {
        const char *sequence;
        const char *rules;
    } cases[] = {{"MEDIA-SEQUENCE:7", ""}, {"MEDIA-SEQUENCE:17", "rendition-report-wrong "}};
    for (size_t i = 0; i < 2; i++) {
        struct judge_state *states[2] = {judge_state_create("http://host/a.m3u8", &sink),
                                         judge_state_create("http://host/b.m3u8", &sink)};
        struct judge_list *master = list_of(LL_MASTER);
        see(states[0], with(LL LL_REPORT("b", 9), "MEDIA-SEQUENCE:7", cases[i].sequence), 10000);
        see(states[1], LL "#EXT-X-RENDITION-REPORT:URI=\"a.m3u8\"\n", 10000);
        judge_ladder_check(&(struct judge_ladder){"http://host/m.m3u8", master, states, 2, &sink});
        assert_found(cases[i].rules);
        judge_list_destroy(master);
        judge_state_destroy(states[0]);
        judge_state_destroy(states[1]);
    }
}
END_TEST

/* A rung that came into the master playlist after the others were begun with. */
START_TEST(reports_on_what_came_later)
{
    struct judge_state *s = judge_state_create("http://host/a.m3u8", &sink);
    struct judge_list *master = list_of(LL_MASTER);
    see(s, LL LL_REPORT("b", 9), 0);
    judge_ladder_check(&(struct judge_ladder){"http://host/m.m3u8", master, &s, 1, &sink});
    ck_assert_ptr_null(strstr(found, "rendition-report-wrong "));
    found[0] = '\0';
    judge_list_destroy(master);
    judge_state_destroy(s);
}
END_TEST

START_TEST(codec_names)
{
    static const struct {
        const char *listed, *inside;
        bool fits;
    } cases[] = {
        {"avc1.42C01E", "avc1.42c01e", true},
        {"avc3.42001e", "avc1.42c01e", true},
        {"avc1.42c01f", "avc1.42c01e", false},
        {"hvc1.1.6.L93.B0", "hvc1.1.L93", true},
        {"hev1.A1.6.H93", "hvc1.1.L93", true},
        {"hvc1.2.4.L93.B0", "hvc1.1.L93", false},
        {"mp4a.40.5", "mp4a.40.2", true},
        {"mp4a.40.34", "mp4a.40.2", false},
        {"av01.0.05M.08", "av01.0", true},
        {"vp09.00.31.08", "vp09.00", true},
        {"Opus", "opus", true},
        {"ac-3", "ec-3", false},
        {"hvc1.1.6.L93.B0", "avc1.42c01e", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_msg(judge_ladder_codec_fits(span_cstr(cases[i].listed), cases[i].inside) ==
                          cases[i].fits,
                      "%s, %s", cases[i].listed, cases[i].inside);
    }
}
END_TEST

static void ts_packet(uint8_t *p, unsigned pid, unsigned counter)
{
    memset(p, 0xff, 188);
    p[0] = 0x47;
    p[1] = (uint8_t)(0x40 | pid >> 8);
    p[2] = (uint8_t)pid;
    p[3] = (uint8_t)(0x10 | counter);
}

START_TEST(ts_form)
{
    uint8_t s[188 * 4];
    static const uint8_t pat[] = {0, 0, 0xb0, 13, 0, 1, 0xc1, 0, 0, 0, 1, 0xe1, 0x00, 0, 0, 0, 0};
    ts_packet(s, 0, 0);
    memcpy(s + 4, pat, sizeof pat);
    ts_packet(s + 188, 0x100, 0);
    ts_packet(s + 376, 0x101, 4);
    memcpy(s + 376 + 4, "\0\0\1", 3);
    ts_packet(s + 564, 0x101, 5);
    ck_assert(judge_ts_is(span_of(s, sizeof s)));
    ck_assert_ptr_null(judge_ts_fault(span_of(s, sizeof s)));
    s[564 + 3] = 0x17;
    ck_assert_ptr_nonnull(strstr(judge_ts_fault(span_of(s, sizeof s)), "counter"));
    ck_assert_ptr_nonnull(strstr(judge_ts_fault(span_of(s + 376, 376)), "PAT"));
    ck_assert_ptr_nonnull(strstr(judge_ts_fault(span_of(s, 400)), "188"));
    ck_assert(!judge_ts_is(span_cstr("styp")));
}
END_TEST

UNIT_MAIN("judge_media", media_rules, media_at_a_variable_rate, part_rules, short_parts,
          ladder_rules, a_bandwidth_that_is_too_high, reports_are_of_their_time,
          reports_that_leave_out, reports_on_what_came_later, frames_of_a_ladder, codec_names,
          ts_form)
