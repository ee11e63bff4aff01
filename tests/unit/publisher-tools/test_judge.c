#include <stdio.h>
#include <string.h>

#include "publisher-tools/judge_delta.h"
#include "publisher-tools/judge_http.h"
#include "publisher-tools/judge_ladder.h"
#include "publisher-tools/judge_state.h"
#include "publisher-tools/judge_text.h"
#include "publisher-tools/judge_ts.h"
#include "tests/support/unit.h"

#define URL "http://host/list.m3u8"

/* The names of the rules that were broken, each once, with blanks between. */
static char found[2048];
static char last_text[256];
static unsigned last_line;

static void on_finding(void *arg, const struct judge_finding *f)
{
    const char *name = judge_rule_facts(f->rule)->name;
    char needle[64];
    ck_assert_uint_gt(strlen(f->words), 5);
    snprintf(needle, sizeof needle, "%s ", name);
    if (strstr(found, needle) == NULL) {
        strcat(found, needle);
    }
    last_line = f->line;
    snprintf(last_text, sizeof last_text, "%.*s", (int)f->text.len, (const char *)f->text.data);
}

static const struct judge_sink sink = {on_finding, NULL};

static void assert_found(const char *rules)
{
    ck_assert_str_eq(found, rules);
    found[0] = '\0';
}

static struct judge_list *list_of(const char *text)
{
    struct judge_list *l = NULL;
    ck_assert_int_eq(judge_list_read(span_cstr(text), &l), ERR_OK);
    return l;
}

static void see(struct judge_state *s, const char *text, int64_t now_ms)
{
    judge_state_see(s, list_of(text), now_ms);
}

/* A classic playlist of n segments of two seconds from number first on, with tags in front. */
static const char *classic(unsigned first, unsigned n, const char *tags)
{
    static char text[8192];
    int at = snprintf(text, sizeof text,
                      "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n"
                      "#EXT-X-MEDIA-SEQUENCE:%u\n%s",
                      first, tags);
    for (unsigned i = 0; i < n; i++) {
        at += snprintf(text + at, sizeof text - (size_t)at, "#EXTINF:2.000,\n%u.ts\n", first + i);
    }
    return text;
}

/* A low-latency playlist: two whole segments of four parts each and the open one's first parts. */
#define LL_HEAD                                                                                    \
    "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:2\n"                                         \
    "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5,CAN-SKIP-UNTIL=12\n"            \
    "#EXT-X-PART-INF:PART-TARGET=0.5\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-MAP:URI=\"init.mp4\"\n"
#define LL_PART(n, p) "#EXT-X-PART:DURATION=0.5,URI=\"" #n "." #p ".m4s\"\n"
#define LL_PARTS(n)   LL_PART(n, 0) LL_PART(n, 1) LL_PART(n, 2) LL_PART(n, 3)
#define LL_DATE       "#EXT-X-PROGRAM-DATE-TIME:2026-01-31T12:00:00.000Z\n"
#define LL_BODY       LL_DATE LL_PARTS(7) "#EXTINF:2,\n7.m4s\n" LL_PARTS(8) "#EXTINF:2,\n8.m4s\n"
#define LL_TAIL       LL_PART(9, 0) "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"9.1.m4s\"\n"
#define LL            LL_HEAD LL_BODY LL_TAIL

static void check(const char *text, const char *rules)
{
    struct judge_list *l = list_of(text);
    judge_list_check(l, URL, &sink);
    judge_list_destroy(l);
    assert_found(rules);
}

/* The text with its first a turned into b. */
static const char *with(const char *text, const char *a, const char *b)
{
    static char out[8192];
    const char *at = strstr(text, a);
    ck_assert_ptr_nonnull(at);
    snprintf(out, sizeof out, "%.*s%s%s", (int)(at - text), text, b, at + strlen(a));
    return out;
}

START_TEST(every_rule_has_words)
{
    for (int i = 0; i < JUDGE_RULE_COUNT_; i++) {
        const struct judge_rule_facts *f = judge_rule_facts((enum judge_rule)i);
        ck_assert_uint_gt(strlen(f->name), 2);
        ck_assert_uint_gt(strlen(f->asks), 10);
        ck_assert_uint_gt(strlen(f->section), 0);
        for (int k = 0; k < i; k++) {
            ck_assert_str_ne(f->name, judge_rule_facts((enum judge_rule)k)->name);
        }
    }
}
END_TEST

START_TEST(dates_and_sizes)
{
    int64_t us = 0;
    int w = 0, h = 0;
    struct judge_range r;
    ck_assert(judge_text_date(span_cstr("1970-01-02T00:00:01.250Z"), &us));
    ck_assert_int_eq(us, 86401250000);
    ck_assert(judge_text_date(span_cstr("2024-02-29T13:00:00+01:00"), &us));
    ck_assert_int_eq(us, 1709208000000000);
    ck_assert(judge_text_date(span_cstr("2024-02-29T10:30:00-0130"), &us));
    ck_assert_int_eq(us, 1709208000000000);
    ck_assert(!judge_text_date(span_cstr("2024-02-29T12:00:00"), &us));
    ck_assert(!judge_text_date(span_cstr("2024-13-29T12:00:00Z"), &us));
    ck_assert(judge_text_size(span_cstr("1920x1080"), &w, &h) && w == 1920 && h == 1080);
    ck_assert(!judge_text_size(span_cstr("1920"), &w, &h));
    ck_assert(judge_text_range(span_cstr("10@5"), 0, &r) && r.length == 10 && r.offset == 5);
    ck_assert(!judge_text_range(span_cstr("10@"), 0, &r));
}
END_TEST

START_TEST(sound_playlists_have_no_finding)
{
    check(classic(0, 5, ""), "");
    check(LL, "");
    struct judge_list *l = list_of(LL);
    ck_assert_uint_eq(l->n_segments, 2);
    ck_assert_uint_eq(l->open.n_parts, 1);
    ck_assert_uint_eq(judge_list_next(l), 9);
    ck_assert(judge_list_holds(l, 9, 0));
    ck_assert(!judge_list_holds(l, 9, 1));
    ck_assert(!judge_list_holds(l, 9, -1));
    ck_assert_uint_eq(l->n_tags, 19);
    ck_assert_int_eq(l->skip_until_us, 12000000);
    judge_list_destroy(l);
}
END_TEST

START_TEST(one_playlist_by_itself)
{
    static const struct {
        const char *a, *b, *rules;
    } cases[] = {
        {"#EXTM3U\n", "#EXTM3\n", "playlist-syntax "},
        {"PART-TARGET=0.5", "PART-TARGET=0.5,PART-TARGET=0.5", "playlist-syntax "},
        {"DURATION=0.5,URI=\"7.1", "DURATION=x,URI=\"7.1",
         "playlist-syntax parts-differ-from-extinf "},
        {"#EXT-X-TARGETDURATION:2\n", "", "target-duration-missing "},
        {"#EXT-X-TARGETDURATION:2\n#EXT-X-SERVER-CONTROL:", "#EXT-X-SERVER-CONTROL:HOLD-BACK=6,",
         "target-duration-missing "},
        {"#EXT-X-VERSION:9", "#EXT-X-VERSION:3", "version-too-low "},
        {"#EXTINF:2,\n8", "#EXTINF:2.6,\n8", "extinf-over-target parts-differ-from-extinf "},
        {"#EXT-X-MAP:URI=\"init.mp4\"\n", "", "map-missing "},
        {"\n7.m4s", "\nftp://x/7.m4s", "uri "},
        {"\n7.m4s", "\n7.m4s?_HLS_msn=7", "hls-query-leaked "},
        {"#EXT-X-PART-INF:PART-TARGET=0.5\n", "", "part-target-missing "},
        {"DURATION=0.5,URI=\"8.2", "DURATION=0.501,URI=\"8.2", "part-too-long "},
        {"DURATION=0.5,URI=\"8.2", "DURATION=0.3,INDEPENDENT=YES,URI=\"8.2",
         "parts-differ-from-extinf "},
        {"PART-HOLD-BACK=1.5,", "", "part-hold-back-missing "},
        {"PART-HOLD-BACK=1.5", "PART-HOLD-BACK=0.9", "part-hold-back-too-small "},
        {"PART-HOLD-BACK=1.5", "PART-HOLD-BACK=1.25", "part-hold-back-tight "},
        {"CAN-SKIP-UNTIL=12", "CAN-SKIP-UNTIL=12,HOLD-BACK=5", "hold-back-too-small "},
        {"CAN-SKIP-UNTIL=12", "CAN-SKIP-UNTIL=11", "can-skip-until-too-small "},
        {"CAN-BLOCK-RELOAD=YES,", "", "can-block-reload-missing "},
        {"#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"9.1.m4s\"\n", "", "preload-hint-missing "},
        {LL_DATE, "", "program-date-time-missing "},
        {"\n7.m4s", "\n#EXT-X-GAP\n7.m4s", "gap "},
        {"URI=\"9.0.m4s\"", "URI=\"9.0.m4s\",GAP=YES", "gap "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check(with(LL, cases[i].a, cases[i].b), cases[i].rules);
    }
}
END_TEST

START_TEST(a_finding_names_its_line)
{
    check(with(LL, "DURATION=0.5,URI=\"8.2", "DURATION=0.6,URI=\"8.2"),
          "part-too-long parts-differ-from-extinf ");
    struct judge_list *l = list_of(with(LL, "DURATION=0.5,URI=\"9.0", "DURATION=0.6,URI=\"9.0"));
    judge_list_check(l, URL, &sink);
    assert_found("part-too-long ");
    ck_assert_str_eq(last_text, "#EXT-X-PART:DURATION=0.6,URI=\"9.0.m4s\"");
    ck_assert_str_eq(last_text, "#EXT-X-PART:DURATION=0.6,URI=\"9.0.m4s\"");
    struct span line = judge_list_line(l, last_line);
    ck_assert(judge_text_is(line, last_text));
    judge_list_destroy(l);
}
END_TEST

static struct judge_state *begin(const char *text)
{
    struct judge_state *s = judge_state_create(URL, &sink);
    see(s, text, 0);
    assert_found("");
    return s;
}

START_TEST(over_time)
{
    struct judge_state *s = begin(classic(5, 5, ""));
    see(s, classic(6, 5, ""), 2000);
    assert_found("");
    see(s, classic(4, 5, ""), 4000);
    assert_found("media-sequence-went-back ");
    see(s, classic(4, 4, ""), 4000);
    assert_found("segment-vanished ");
    see(s, with(classic(4, 5, ""), "DURATION:2", "DURATION:3"), 4000);
    assert_found("target-duration-changed ");
    see(s, with(classic(6, 5, ""), "DURATION:2", "DURATION:3"), 4000);
    assert_found("");
    see(s, classic(7, 2, "#EXT-X-ENDLIST\n"), 6000);
    assert_found("target-duration-changed segment-vanished ");
    see(s, classic(7, 2, ""), 6000);
    assert_found("endlist-taken-back ");
    see(s, classic(8, 2, ""), 6000);
    assert_found("segment-removed-too-early ");
    judge_state_time(s, 11000);
    assert_found("playlist-late ");
    judge_state_time(s, 20000);
    assert_found("playlist-stale ");
    judge_state_destroy(s);
}
END_TEST

START_TEST(what_is_listed_stays)
{
    struct judge_state *s = begin(classic(0, 5, ""));
    see(s, with(classic(0, 6, ""), "2.000,\n2.ts", "1.900,\n2.ts"), 2000);
    assert_found("segment-rewritten ");
    ck_assert_str_eq(last_text, "2.ts");
    see(s, with(classic(1, 6, ""), "3.ts", "x.ts"), 4000);
    assert_found("segment-rewritten ");
    judge_state_destroy(s);
    s = begin(LL);
    see(s, with(LL, "0.5,URI=\"8.1", "0.45,URI=\"8.1"), 1000);
    assert_found("segment-rewritten ");
    see(s, LL_HEAD LL_BODY "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"9.1.m4s\"\n", 1000);
    assert_found("segment-rewritten "); /* back again */
    see(s, with(LL, "TARGET=0.5", "TARGET=0.6"), 1000);
    assert_found("part-hold-back-tight part-target-changed ");
    judge_state_destroy(s);
}
END_TEST

START_TEST(a_part_that_vanishes_and_a_hint_that_is_broken)
{
    struct judge_state *s = begin(LL);
    see(s, LL_HEAD LL_BODY LL_PART(9, 0) LL_PART(9, x) "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"a\"\n",
        500);
    assert_found("preload-hint-broken ");
    see(s, LL_HEAD LL_BODY LL_PART(9, 0) "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"a\"\n", 500);
    assert_found("segment-vanished ");
    judge_state_destroy(s);
}
END_TEST

/* What was late comes with all behind it: then its parts are too far from the end to be listed. */
#define LL_BARE(n) "#EXTINF:2,\n" #n ".m4s\n"
#define LL_LATER   LL_HEAD LL_DATE LL_BARE(7) LL_BARE(8) LL_BARE(9)
START_TEST(parts_that_are_old_when_their_segment_is_complete)
{
    struct judge_state *s = begin(LL);
    see(s,
        LL_LATER LL_PARTS(10) LL_BARE(10) LL_PARTS(11) LL_BARE(11) LL_PARTS(12) LL_BARE(12)
            LL_PART(13, 0) "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"13.1.m4s\"\n",
        500);
    assert_found("");
    judge_state_destroy(s);
    s = begin(LL);
    see(s,
        LL_LATER LL_PARTS(10) LL_BARE(10)
            LL_PART(11, 0) "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"11.1.m4s\"\n",
        500);
    assert_found("segment-vanished ");
    judge_state_destroy(s);
}
END_TEST

START_TEST(parts_of_a_whole_segment_stay_while_it_is_near_the_end)
{
    struct judge_state *s = begin(LL);
    see(s,
        LL_HEAD LL_DATE LL_BARE(7) LL_PARTS(8) LL_BARE(8) LL_PARTS(9) LL_BARE(9) LL_PARTS(10)
            LL_BARE(10) LL_PART(11, 0) "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"11.1.m4s\"\n",
        500);
    assert_found("");
    judge_state_destroy(s);
    s = begin(LL);
    see(s,
        LL_HEAD LL_DATE LL_BARE(7) LL_BARE(8) LL_PARTS(9)
            LL_BARE(9) "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"10.0.m4s\"\n",
        500);
    assert_found("segment-vanished ");
    judge_state_destroy(s);
    s = begin(LL); /* the open segment's parts count, too */
    see(s,
        LL_HEAD LL_DATE LL_BARE(7) LL_PARTS(8) LL_BARE(8) LL_PARTS(9) LL_BARE(9)
            LL_PART(10, 0) "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"10.1.m4s\"\n",
        500);
    assert_found("");
    judge_state_destroy(s);
}
END_TEST

START_TEST(discontinuities_are_counted)
{
    struct judge_state *s = begin(with(classic(0, 6, ""), "1.ts", "1.ts\n#EXT-X-DISCONTINUITY"));
    see(s, with(classic(1, 6, ""), "1.ts", "1.ts\n#EXT-X-DISCONTINUITY"), 2000);
    assert_found("");
    see(s, classic(3, 6, "#EXT-X-DISCONTINUITY-SEQUENCE:1\n"), 4000);
    assert_found("");
    see(s, classic(4, 6, ""), 4000);
    assert_found("discontinuity-sequence ");
    judge_state_destroy(s);
}
END_TEST

START_TEST(dates_drift)
{
    static const char day[] = "#EXT-X-PROGRAM-DATE-TIME:2026-01-31T12:00:";
    char text[512];
    static const struct {
        const char *second, *rules;
    } cases[] = {
        {"02.000Z", ""}, {"02.100Z", ""}, {"02.300Z", "pdt-drift "}, {"01.700Z", "pdt-drift "}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(text, sizeof text,
                 "#EXTM3U\n#EXT-X-TARGETDURATION:2\n%s00.000Z\n#EXTINF:2,\n0.ts\n%s%s\n"
                 "#EXTINF:2,\n1.ts\n",
                 day, day, cases[i].second);
        struct judge_state *s = judge_state_create(URL, &sink);
        see(s, text, 0);
        assert_found(cases[i].rules);
        judge_state_destroy(s);
    }
}
END_TEST

START_TEST(delta_updates_merge)
{
    struct judge_list *old = list_of(LL);
    struct judge_list *delta = list_of(
        with(LL_HEAD "#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n" LL_PARTS(8) "#EXTINF:2,\n8.m4s\n" LL_TAIL,
             "#EXT-X-MAP:URI=\"init.mp4\"\n", ""));
    struct judge_list *whole = NULL;
    ck_assert_uint_eq(delta->segments[0].number, 8);
    ck_assert_int_eq(judge_delta_merge(old, delta, &whole), ERR_OK);
    ck_assert_uint_eq(whole->n_segments, 2);
    ck_assert_uint_eq(whole->segments[0].map, 0);
    ck_assert_uint_eq(whole->segments[1].map, 0);
    judge_list_check(whole, URL, &sink);
    judge_delta_compare(whole, old, URL, &sink);
    assert_found("");
    judge_delta_check(delta, URL, &sink);
    assert_found("skip-window ");
    struct judge_list *other = list_of(with(LL, "\n7.m4s", "\nx.m4s"));
    judge_delta_compare(whole, other, URL, &sink);
    assert_found("delta-differs ");
    judge_list_destroy(other);
    other = list_of(classic(3, 2, ""));
    struct judge_list *untouched = NULL;
    ck_assert_int_eq(judge_delta_merge(other, delta, &untouched), ERR_NOENT);
    judge_list_destroy(other);
    judge_list_destroy(whole);
    judge_list_destroy(delta);
    judge_list_destroy(old);
}
END_TEST

/* --- media --- */

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

/* --- ladders --- */

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

/* --- HTTP --- */

START_TEST(http_headers)
{
    static const uint8_t ts[400] = {[0] = 0x47, [188] = 0x47};
    struct judge_answer good = {URL,
                                200,
                                "application/vnd.apple.mpegurl",
                                "max-age=1",
                                "*",
                                "gzip",
                                "\"1\"",
                                span_of(ts, 300)};
    good.body = span_cstr("#EXTM3U");
    judge_http_check(&good, JUDGE_THING_PLAYLIST, 2, true, &sink);
    assert_found("");
    struct judge_answer a = good;
    a.content_type = "text/plain";
    judge_http_check(&a, JUDGE_THING_PLAYLIST, 2, true, &sink);
    assert_found("content-type ");
    a = good;
    a.allow_origin = "";
    judge_http_check(&a, JUDGE_THING_PLAYLIST, 2, true, &sink);
    assert_found("cors-missing ");
    a = good;
    a.cache_control = "max-age=4";
    judge_http_check(&a, JUDGE_THING_PLAYLIST, 4, true, &sink);
    assert_found("cache-control ");
    judge_http_check(&a, JUDGE_THING_PLAYLIST, 4, false, &sink);
    judge_http_check(&a, JUDGE_THING_BLOCKED, 4, true, &sink);
    assert_found("");
    a = good;
    a.encoding = "";
    a.body = span_of(ts, 300);
    judge_http_check(&a, JUDGE_THING_PLAYLIST, 2, true, &sink);
    assert_found("content-type gzip-missing "); /* it is no playlist at all */
    a = good;
    a.etag = "";
    judge_http_check(&a, JUDGE_THING_PLAYLIST, 2, true, &sink);
    assert_found("etag-missing ");
    a = (struct judge_answer){URL, 200, "video/mp2t", "max-age=3600",
                              "*", "",  "W/\"2\"",    span_of(ts, 400)};
    judge_http_check(&a, JUDGE_THING_SEGMENT, 2, true, &sink);
    assert_found("");
    a.content_type = "video/mp4";
    a.cache_control = "no-cache";
    judge_http_check(&a, JUDGE_THING_SEGMENT, 2, true, &sink);
    assert_found("content-type cache-control ");
    a.status = 404;
    a.etag = "";
    a.cache_control = "max-age=1";
    judge_http_check(&a, JUDGE_THING_ABSENT, 2, true, &sink);
    a.cache_control = "max-age=5";
    assert_found("");
    judge_http_check(&a, JUDGE_THING_ABSENT, 2, true, &sink);
    assert_found("cache-control ");
}
END_TEST

START_TEST(blocked_reloads)
{
    struct judge_list *l = list_of(LL);
    struct judge_reload r = {URL, 9, 0, 200, 400, l};
    judge_http_reload(&r, 2, &sink);
    assert_found("");
    r.part = 1;
    judge_http_reload(&r, 2, &sink);
    assert_found("blocking-reload-answers-early ");
    r.took_ms = 7500;
    judge_http_reload(&r, 2, &sink);
    assert_found("blocking-reload-held-too-long ");
    r = (struct judge_reload){URL, 9, 0, 404, 400, NULL};
    judge_http_reload(&r, 2, &sink);
    assert_found("blocking-reload-refused ");
    r.status = 400;
    judge_http_far_ahead(&r, &sink);
    assert_found("");
    r.status = 503;
    judge_http_far_ahead(&r, &sink);
    assert_found("far-ahead-not-400 ");
    judge_list_destroy(l);
}
END_TEST

/* --- MPEG-TS --- */

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

UNIT_MAIN("judge", every_rule_has_words, dates_and_sizes, sound_playlists_have_no_finding,
          one_playlist_by_itself, a_finding_names_its_line, over_time, what_is_listed_stays,
          a_part_that_vanishes_and_a_hint_that_is_broken,
          parts_of_a_whole_segment_stay_while_it_is_near_the_end,
          parts_that_are_old_when_their_segment_is_complete, discontinuities_are_counted,
          dates_drift, delta_updates_merge, media_rules, media_at_a_variable_rate, part_rules,
          short_parts, ladder_rules, reports_are_of_their_time, reports_on_what_came_later,
          frames_of_a_ladder, codec_names, http_headers, blocked_reloads, ts_form)
