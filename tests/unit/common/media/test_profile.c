#include "media/profile.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/unit.h"

struct known {
    const char *name;
    int width, height, fps, kbps;
};

/* The fourteen of the known system, and ours. */
static const struct known table[] = {
    {"P720p60fps16x9", 1280, 720, 60, 6000}, {"P720p30fps16x9", 1280, 720, 30, 4000},
    {"P720p25fps16x9", 1280, 720, 25, 3500}, {"P720p30fps4x3", 960, 720, 30, 3500},
    {"P576p30fps16x9", 1024, 576, 30, 1500}, {"P576p25fps16x9", 1024, 576, 25, 1500},
    {"P360p30fps16x9", 640, 360, 30, 1200},  {"P360p25fps16x9", 640, 360, 25, 1000},
    {"P360p30fps4x3", 480, 360, 30, 1000},   {"P240p30fps16x9", 426, 240, 30, 600},
    {"P240p25fps16x9", 426, 240, 25, 600},   {"P240p30fps4x3", 320, 240, 30, 600},
    {"P144p30fps16x9", 256, 144, 30, 400},   {"P144p25fps16x9", 256, 144, 25, 400},
    {"P480p30fps16x9", 854, 480, 30, 0},     {"P1080p30fps16x9", 1920, 1080, 30, 0},
    {"P1080p60fps16x9", 1920, 1080, 60, 0},  {"P96p8fps16x9", 170, 96, 8, 16},
};
#define N_KNOWN (sizeof table / sizeof table[0])

START_TEST(all_known_rungs_are_there)
{
    size_t n;
    profile_all(&n);
    ck_assert_uint_eq(n, N_KNOWN);
    for (size_t i = 0; i < N_KNOWN; i++) {
        const struct profile *p = profile_find(span_cstr(table[i].name));
        ck_assert_msg(p != NULL, "%s", table[i].name);
        ck_assert_int_eq(p->width, table[i].width);
        ck_assert_int_eq(p->height, table[i].height);
        ck_assert_int_eq(p->fps_num, table[i].fps * p->fps_den);
        if (table[i].kbps > 0) {
            ck_assert_int_eq(p->bitrate_bps, table[i].kbps * 1000);
        }
    }
}
END_TEST

START_TEST(the_list_falls_in_size)
{
    size_t n;
    const struct profile *all = profile_all(&n);
    for (size_t i = 1; i < n; i++) {
        ck_assert_int_ge(all[i - 1].height, all[i].height);
    }
}
END_TEST

START_TEST(names_are_exact)
{
    ck_assert_ptr_null(profile_find(span_cstr("p144p30fps16x9")));
    ck_assert_ptr_null(profile_find(span_cstr("P144p30fps16x")));
    ck_assert_ptr_null(profile_find(span_cstr("P144p30fps16x99")));
    ck_assert_ptr_null(profile_find(span_cstr("")));
    ck_assert_ptr_nonnull(profile_find(span_of("P144p30fps16x9,", 14)));
}
END_TEST

static enum err parse(const char *list, const struct profile **ret_list, size_t *ret_n,
                      char *ret_bad)
{
    struct span bad = span_of(NULL, 0);
    enum err e = profile_parse_list(span_cstr(list), ret_list, ret_n, &bad);
    snprintf(ret_bad, 64, "%.*s", (int)bad.len, bad.len > 0 ? (const char *)bad.data : "");
    return e;
}

START_TEST(lists)
{
    const struct profile *list[PROFILE_LADDER_MAX];
    size_t n = 99;
    char bad[64];
    ck_assert_int_eq(parse("P144p30fps16x9", list, &n, bad), ERR_OK);
    ck_assert_uint_eq(n, 1);
    ck_assert_str_eq(list[0]->name, "P144p30fps16x9");
    ck_assert_int_eq(parse(" P144p30fps16x9 ,P240p30fps16x9,  P360p30fps16x9", list, &n, bad),
                     ERR_OK);
    ck_assert_uint_eq(n, 3);
    ck_assert_str_eq(list[0]->name, "P144p30fps16x9");
    ck_assert_str_eq(list[2]->name, "P360p30fps16x9");
    ck_assert_int_eq(parse("", list, &n, bad), ERR_OK);
    ck_assert_uint_eq(n, 0);
    n = 99;
    ck_assert_int_eq(parse("  ", list, &n, bad), ERR_OK);
    ck_assert_uint_eq(n, 0);
    ck_assert_int_eq(profile_parse_list(span_of(NULL, 0), list, &n, &(struct span){0}), ERR_OK);
}
END_TEST

START_TEST(bad_lists_name_what_is_wrong)
{
    const struct profile *list[PROFILE_LADDER_MAX] = {NULL};
    size_t n = 99;
    char bad[64];
    ck_assert_int_eq(parse("P144p30fps16x9, P99p,P240p30fps16x9", list, &n, bad), ERR_NOENT);
    ck_assert_str_eq(bad, "P99p");
    ck_assert_int_eq(parse("P144p30fps16x9,P240p30fps16x9,P144p30fps16x9", list, &n, bad),
                     ERR_STATE);
    ck_assert_str_eq(bad, "P144p30fps16x9");
    ck_assert_int_eq(parse("P144p30fps16x9,", list, &n, bad), ERR_NOENT);
    ck_assert_int_eq(parse(",P144p30fps16x9", list, &n, bad), ERR_NOENT);
    ck_assert_int_eq(parse("P144p30fps16x9,,P240p30fps16x9", list, &n, bad), ERR_NOENT);
    ck_assert_int_eq(parse(",", list, &n, bad), ERR_NOENT);
    ck_assert_uint_eq(n, 99);
    ck_assert_ptr_null(list[0]);
}
END_TEST

START_TEST(a_ladder_has_a_limit)
{
    const struct profile *list[PROFILE_LADDER_MAX];
    char text[1024] = "";
    char bad[64];
    size_t n = 0;
    for (size_t i = 0; i < PROFILE_LADDER_MAX; i++) {
        strcat(strcat(text, i > 0 ? "," : ""), table[i].name);
    }
    ck_assert_int_eq(parse(text, list, &n, bad), ERR_OK);
    ck_assert_uint_eq(n, PROFILE_LADDER_MAX);
    strcat(strcat(text, ","), table[PROFILE_LADDER_MAX].name);
    ck_assert_int_eq(parse(text, list, &n, bad), ERR_LIMIT);
}
END_TEST

START_TEST(the_larger_side_gets_the_profiles_side)
{
    const struct {
        const char *name;
        int in_w, in_h, w, h;
    } cases[] = {
        {"P144p30fps16x9", 640, 480, 256, 192},   {"P240p30fps16x9", 123, 456, 64, 240},
        {"P240p30fps16x9", 456, 123, 426, 114},   {"P240p30fps16x9", 500, 500, 426, 426},
        {"P144p30fps16x9", 1920, 1080, 256, 144}, {"P360p30fps16x9", 1080, 1920, 202, 360},
        {"P144p30fps16x9", 60000, 2, 256, 2},     {"P144p30fps16x9", 2, 60000, 2, 144},
        {"P720p30fps4x3", 640, 480, 960, 720},    {"P144p30fps16x9", 0, 0, 256, 144},
        {"P144p30fps16x9", 640, 0, 256, 144},     {"P144p30fps16x9", -5, 480, 256, 144},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int w, h;
        profile_output_size(profile_find(span_cstr(cases[i].name)), cases[i].in_w, cases[i].in_h,
                            &w, &h);
        ck_assert_msg(w == cases[i].w && h == cases[i].h, "case %zu: %dx%d", i, w, h);
    }
}
END_TEST

START_TEST(every_size_is_even_and_in_proportion)
{
    size_t n;
    const struct profile *all = profile_all(&n);
    for (size_t i = 0; i < n; i++) {
        for (int in_w = 16; in_w < 5000; in_w += 97) {
            for (int in_h = 16; in_h < 5000; in_h += 89) {
                int w, h;
                profile_output_size(&all[i], in_w, in_h, &w, &h);
                ck_assert_int_eq((w | h) & 1, 0);
                ck_assert(in_w >= in_h ? w == all[i].width : h == all[i].height);
                /* Off by at most one pixel, as the nearest even number is. */
                int64_t off = in_w >= in_h ? (int64_t)w * in_h - (int64_t)h * in_w
                                           : (int64_t)h * in_w - (int64_t)w * in_h;
                int larger = in_w >= in_h ? in_w : in_h;
                bool least = w == 2 || h == 2;
                ck_assert(least || (off <= larger && -off <= larger));
            }
        }
    }
}
END_TEST

#define OWN(p_name, p_width, p_height, p_fps, p_fps_den, p_bitrate_bps)                            \
    {                                                                                              \
        .name = p_name, .width = (p_width), .height = (p_height), .fps_num = (p_fps),              \
        .fps_den = (p_fps_den), .bitrate_bps = (p_bitrate_bps)                                     \
    }

START_TEST(own_rungs_have_limits)
{
    static const struct {
        struct profile p;
        enum err e;
        const char *word;
    } cases[] = {
        {OWN("mine", 640, 360, 30, 1, 1000000), ERR_OK, ""},
        {OWN("mine", 640, 360, 0, 1, 1000000), ERR_OK, ""},
        {OWN("mine", 16, 8192, 240, 1, 10000), ERR_OK, ""},
        {OWN("mine", 641, 361, 30000, 1001, 100000000), ERR_OK, ""},
        {OWN("", 640, 360, 30, 1, 1000000), ERR_PROTO, "name"},
        {OWN("a/b", 640, 360, 30, 1, 1000000), ERR_PROTO, "name"},
        {OWN("..", 640, 360, 30, 1, 1000000), ERR_PROTO, "name"},
        {OWN("source", 640, 360, 30, 1, 1000000), ERR_PROTO, "source"},
        {OWN("mine", 15, 360, 30, 1, 1000000), ERR_LIMIT, "width"},
        {OWN("mine", 640, 8194, 30, 1, 1000000), ERR_LIMIT, "width"},
        {OWN("mine", -640, 360, 30, 1, 1000000), ERR_LIMIT, "width"},
        {OWN("mine", 640, 360, 241, 1, 1000000), ERR_LIMIT, "rate"},
        {OWN("mine", 640, 360, 481, 2, 1000000), ERR_LIMIT, "rate"},
        {OWN("mine", 640, 360, 1, 2, 1000000), ERR_LIMIT, "rate"},
        {OWN("mine", 640, 360, 30, 0, 1000000), ERR_LIMIT, "rate"},
        {OWN("mine", 640, 360, -30, 1, 1000000), ERR_LIMIT, "rate"},
        {OWN("mine", 640, 360, 30, 1, 9999), ERR_LIMIT, "bitrate"},
        {OWN("mine", 640, 360, 30, 1, 100000001), ERR_LIMIT, "bitrate"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct profile p = cases[i].p;
        const char *why = "";
        ck_assert_msg(profile_check(&p, &why) == cases[i].e, "case %zu: %s", i, why);
        ck_assert_msg(strstr(why, cases[i].word) != NULL, "case %zu: %s", i, why);
        ck_assert_int_eq(p.width % 2, 0);
        ck_assert_int_eq(p.height % 2, 0);
    }
    size_t n;
    const struct profile *all = profile_all(&n);
    for (size_t i = 0; i < n; i++) {
        struct profile p = all[i];
        const char *why = "";
        ck_assert_int_eq(profile_check(&p, &why), ERR_OK);
        ck_assert_mem_eq(&p, &all[i], sizeof p);
    }
}
END_TEST

UNIT_MAIN("profile", own_rungs_have_limits, all_known_rungs_are_there, the_list_falls_in_size,
          names_are_exact, lists, bad_lists_name_what_is_wrong, a_ladder_has_a_limit,
          the_larger_side_gets_the_profiles_side, every_size_is_even_and_in_proportion)
