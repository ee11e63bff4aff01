#include "publisher-tools/judge_delta.h"
#include "publisher-tools/judge_http.h"
#include "publisher-tools/judge_text.h"
#include "tests/unit/publisher-tools/judge_bench.h"

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

UNIT_MAIN("judge", every_rule_has_words, dates_and_sizes, sound_playlists_have_no_finding,
          one_playlist_by_itself, a_finding_names_its_line, over_time, what_is_listed_stays,
          a_part_that_vanishes_and_a_hint_that_is_broken,
          parts_of_a_whole_segment_stay_while_it_is_near_the_end,
          parts_that_are_old_when_their_segment_is_complete, discontinuities_are_counted,
          dates_drift, delta_updates_merge, http_headers, blocked_reloads)
