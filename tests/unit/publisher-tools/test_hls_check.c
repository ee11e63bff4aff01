#include "publisher-tools/hls_check.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/unit.h"

static char found[4096]; /* the rules of all faults, each with a blank behind it */
static struct hls_check c;

static void on_fault(void *arg, const char *rule, const char *words)
{
    ck_assert_uint_gt(strlen(words), 10);
    strcat(strcat(found, rule), " ");
}

static void begin(void)
{
    found[0] = '\0';
    hls_check_init(&c, on_fault, NULL, false);
}

static void assert_found(const char *rules)
{
    ck_assert_str_eq(found, rules);
    found[0] = '\0';
}

/* A window of n segments of two seconds each. */
static void see(uint64_t first, size_t n, int64_t now_ms)
{
    struct hls_segment segments[10] = {0};
    struct hls_playlist p = {.has_target_duration = true,
                             .target_duration_s = 2,
                             .media_sequence = first,
                             .segments = segments,
                             .n_segments = n};
    for (size_t i = 0; i < n; i++) {
        segments[i].number = first + i;
        segments[i].duration_us = 2000000;
    }
    hls_check_playlist(&c, &p, now_ms);
    for (size_t i = 0; i < n; i++) {
        (void)hls_check_takes(&c, &segments[i]);
    }
}

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
                  .last_pts = start + 60 * 3000},
        .audio = {.present = true,
                  .packets = 94,
                  .decoded = 94,
                  .first_dts = start,
                  .last_dts = start + 93 * 1920,
                  .first_pts = start,
                  .last_pts = start + 93 * 1920},
        .width = 640,
        .height = 480,
        .starts_with_key = true,
    };
}

static const struct hls_segment segment = {.number = 5, .duration_us = 2000000};

START_TEST(a_moving_window_is_clean)
{
    begin();
    for (uint64_t i = 0; i < 20; i++) {
        see(100 + i, 6, (int64_t)i * 2000);
    }
    assert_found("");
}
END_TEST

START_TEST(a_window_that_stands_still_is_told_once)
{
    begin();
    see(100, 6, 0);
    see(100, 6, 6000);
    assert_found("");
    hls_check_time(&c, 6001);
    see(100, 6, 9000);
    assert_found("advance ");
    see(101, 6, 10000);
    hls_check_time(&c, 16000);
    assert_found("");
    hls_check_time(&c, 16001);
    assert_found("advance ");
}
END_TEST

START_TEST(numbers_never_fall_and_leave_none_out)
{
    begin();
    see(100, 3, 0);
    see(99, 4, 10);
    assert_found("sequence-falls ");
    see(105, 3, 20);
    assert_found("number-gap ");
    see(106, 3, 30);
    assert_found("");
}
END_TEST

START_TEST(target_durations)
{
    begin();
    see(100, 3, 0);
    struct hls_segment s = {.number = 103, .duration_us = 2499999};
    struct hls_playlist p = {
        .target_duration_s = 2, .media_sequence = 103, .segments = &s, .n_segments = 1};
    hls_check_playlist(&c, &p, 10);
    assert_found("");
    s.duration_us = 2500000;
    hls_check_playlist(&c, &p, 20);
    assert_found("extinf-over-target ");
    (void)hls_check_takes(&c, &s);
    hls_check_playlist(&c, &p, 30); /* told once */
    assert_found("");
    p.target_duration_s = 3;
    hls_check_playlist(&c, &p, 40);
    assert_found("target-duration ");
}
END_TEST

START_TEST(an_ended_playlist_need_not_advance)
{
    begin();
    struct hls_playlist p = {.target_duration_s = 2, .ended = true};
    hls_check_playlist(&c, &p, 0);
    hls_check_time(&c, 100000);
    assert_found("");
    p.ended = false;
    hls_check_playlist(&c, &p, 100001);
    ck_assert_ptr_nonnull(strstr(found, "endlist "));
}
END_TEST

START_TEST(gaps_are_counted)
{
    struct hls_segment s = {.number = 5, .gap = true};
    begin();
    ck_assert(hls_check_takes(&c, &s));
    ck_assert(!hls_check_takes(&c, &s));
    assert_found("gap ");
    hls_check_init(&c, on_fault, NULL, true);
    ck_assert(hls_check_takes(&c, &s));
    assert_found("");
    ck_assert_uint_eq(c.gaps, 1);
    ck_assert_uint_eq(c.faults, 0);
}
END_TEST

START_TEST(numbers_in_urls)
{
    begin();
    hls_check_url(&c, &segment, "http://h/5.ts");
    hls_check_url(&c, &segment, "http://h/other.ts");
    assert_found("");
    hls_check_url(&c, &segment, "http://h/6.ts");
    assert_found("url-number ");
}
END_TEST

START_TEST(good_media_is_clean_over_the_wrap_of_33_bits)
{
    begin();
    int64_t start = (INT64_C(1) << 33) - 5 * 180000;
    for (int i = 0; i < 10; i++) {
        struct segment_facts f = media((start + i * 180000) & ((INT64_C(1) << 33) - 1));
        hls_check_media(&c, &segment, &f);
    }
    assert_found("");
    ck_assert_double_eq_tol(hls_check_fps(&c.last.video), 30, 0.001);
}
END_TEST

START_TEST(faults_inside_a_segment)
{
    struct segment_facts f;
    begin();
    f = media(0);
    f.video.errors = 1;
    hls_check_media(&c, &segment, &f);
    assert_found("decode ");
    f = media(180000);
    f.audio.decoded = 90;
    hls_check_media(&c, &segment, &f);
    assert_found("decode ");
    f = media(360000);
    f.video.dts_faults = 2;
    f.audio.no_dts = 1;
    hls_check_media(&c, &segment, &f);
    assert_found("dts dts ");
    f = (struct segment_facts){0};
    hls_check_media(&c, &segment, &f);
    assert_found("empty ");
    f = media(0); /* what follows nothing has no join */
    hls_check_media(&c, &segment, &f);
    assert_found("");
}
END_TEST

START_TEST(faults_at_joins)
{
    struct hls_segment broken = segment;
    struct segment_facts f = media(0);
    begin();
    hls_check_media(&c, &segment, &f);
    f = media(180000 + 9001);
    hls_check_media(&c, &segment, &f);
    assert_found("join-gap join-gap ");
    f = media(180000 + 9001 + 59 * 3000);
    hls_check_media(&c, &segment, &f);
    ck_assert_ptr_nonnull(strstr(found, "join-dts "));
    found[0] = '\0';
    broken.discontinuity = true;
    f = media(90000000);
    hls_check_media(&c, &broken, &f);
    assert_found("");
    f = media(90000000 + 180000);
    f.width = 320;
    f.audio = (struct stream_facts){0};
    hls_check_media(&c, &segment, &f);
    assert_found("streams size ");
    hls_check_lost(&c);
    f = media(0);
    hls_check_media(&c, &segment, &f);
    assert_found("");
}
END_TEST

START_TEST(extinf_against_content)
{
    struct segment_facts f = media(0);
    struct hls_segment s = segment;
    const struct {
        int64_t us;
        const char *rules;
    } cases[] = {{2000000, ""},
                 {2067000, ""},
                 {1933000, ""},
                 {2069000, "extinf-content "},
                 {1931000, "extinf-content "}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin();
        s.duration_us = cases[i].us;
        hls_check_media(&c, &s, &f);
        assert_found(cases[i].rules);
    }
    f.video = (struct stream_facts){0}; /* sound alone: 94 * 1920 ticks */
    begin();
    s.duration_us = 2005333;
    hls_check_media(&c, &s, &f);
    assert_found("");
    s.duration_us = 2100000; /* which begins with the picture, and the sound does later */
    hls_check_media(&c, &s, &f);
    assert_found("join-dts extinf-content ");
    begin();
    hls_check_media(&c, &s, &f);
    assert_found("");
    begin();
    s.duration_us = 1900000;
    hls_check_media(&c, &s, &f);
    assert_found("extinf-content ");
}
END_TEST

static bool take(uint64_t number, bool discontinuity)
{
    struct hls_segment s = {.number = number, .discontinuity = discontinuity};
    return hls_check_takes(&c, &s);
}

START_TEST(who_may_be_away_may_come_back_with_higher_numbers)
{
    begin();
    c.away_ms = 20000;
    see(100, 6, 0);
    hls_check_time(&c, 26000);
    assert_found("");
    ck_assert(take(500, true));
    ck_assert_uint_eq(c.jumps, 1);
    assert_found("");
    ck_assert(take(501, false));
    ck_assert(!take(501, true));
    struct hls_segment other = {.number = 510, .timeline = 7}; /* its discontinuity was a gap */
    ck_assert(hls_check_takes(&c, &other));
    ck_assert_uint_eq(c.jumps, 2);
    assert_found("");
    other.number++;
    ck_assert(hls_check_takes(&c, &other));
    ck_assert(take(513, false)); /* nothing says that something was lost */
    assert_found("number-gap ");
    hls_check_time(&c, 26001);
    assert_found("advance ");
    begin();
    see(100, 6, 0);
    ck_assert(take(500, true));
    assert_found("number-gap ");
}
END_TEST

UNIT_MAIN("hls_check", who_may_be_away_may_come_back_with_higher_numbers, a_moving_window_is_clean,
          a_window_that_stands_still_is_told_once, numbers_never_fall_and_leave_none_out,
          target_durations, an_ended_playlist_need_not_advance, gaps_are_counted, numbers_in_urls,
          good_media_is_clean_over_the_wrap_of_33_bits, faults_inside_a_segment, faults_at_joins,
          extinf_against_content)
