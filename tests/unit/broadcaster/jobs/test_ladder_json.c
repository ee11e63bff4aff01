#include "broadcaster/jobs/ladder_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/unit.h"

#define SIZE "\"width\":640,\"height\":360,\"bitrate\":800000"

static enum err read_text(const char *text, struct ladder *l, char *why)
{
    why[0] = '\0';
    return ladder_json_read(span_cstr(text), l, why);
}

START_TEST(sound_of_its_own)
{
    struct ladder l = {.n = 0};
    char why[LADDER_WHY_MAX];
    enum err e = read_text("[{" SIZE ",\"audioBitrate\":32000},"
                           "{" SIZE ",\"name\":\"b\",\"audioBitrate\":33000},"
                           "{" SIZE ",\"name\":\"c\",\"audioChannels\":1,\"audioBitrate\":64000},"
                           "{" SIZE ",\"name\":\"d\",\"audioBitrate\":0}, \"P96p8fps16x9\"]",
                           &l, why);
    ck_assert_msg(e == ERR_OK, "%s", why);
    static const int want[][2] = {{32000, 1}, {33000, 2}, {64000, 1}, {0, 0}, {20000, 1}};
    ck_assert_uint_eq(l.n, sizeof want / sizeof want[0]);
    for (size_t i = 0; i < l.n; i++) {
        ck_assert_int_eq(l.rungs[i].audio_bitrate_bps, want[i][0]);
        ck_assert_int_eq(l.rungs[i].audio_channels, want[i][1]);
    }
}
END_TEST

START_TEST(the_known_form)
{
    struct ladder l = {.n = 0};
    char why[LADDER_WHY_MAX];
    enum err e = read_text(
        "[{\"name\":\"ntsc\",\"width\":1920,\"height\":1080,\"bitrate\":5000000,\"fps\":30000,"
        "\"fpsDen\":1001,\"profile\":\"H264High\",\"gop\":\"2\",\"quality\":20,\"preset\":\"slow\","
        "\"encoder\":\"H.264\",\"colorDepth\":8,\"chromaFormat\":420},"
        "{\"name\":\"i\",\"width\":161,\"height\":120,\"bitrate\":100000,\"fps\":1,\"gop\":"
        "\"intra\",\"profile\":\"h264baseline\"},"
        "{" SIZE "}, \"P144p30fps16x9\","
        "{" SIZE ",\"name\":\"c\",\"profile\":\"H264ConstrainedHigh\",\"gop\":\"0.5\",\"fps\":null,"
        "\"chromaFormat\":\"4:2:0\",\"colorDepth\":0,\"encoder\":\"\",\"preset\":\"\"}]",
        &l, why);
    ck_assert_msg(e == ERR_OK, "%s", why);
    ck_assert_uint_eq(l.n, 5);
    const struct profile *p = &l.rungs[0];
    ck_assert_str_eq(p->name, "ntsc");
    ck_assert(p->width == 1920 && p->height == 1080 && p->bitrate_bps == 5000000);
    ck_assert(p->fps_num == 30000 && p->fps_den == 1001 && p->h264 == PROFILE_H264_HIGH);
    ck_assert(p->gop_ms == 2000 && p->quality == 20);
    ck_assert_str_eq(p->preset, "slow");
    ck_assert(l.rungs[1].width == 160 && l.rungs[1].gop_ms == PROFILE_GOP_INTRA);
    ck_assert_int_eq(l.rungs[1].h264, PROFILE_H264_BASELINE);
    p = &l.rungs[2];
    ck_assert_str_eq(p->name, "custom_640x360_800000");
    ck_assert(p->fps_num == 0 && p->fps_den == 1 && p->h264 == PROFILE_H264_ANY);
    ck_assert(p->gop_ms == 0 && p->quality == 0 && p->preset[0] == '\0');
    ck_assert_int_eq(l.rungs[3].bitrate_bps, 400000);
    ck_assert(l.rungs[4].gop_ms == 500 && l.rungs[4].h264 == PROFILE_H264_CONSTRAINED_HIGH);
}
END_TEST

START_TEST(distances_of_key_frames)
{
    const struct {
        const char *gop;
        int ms; /* -2: refused */
    } cases[] = {{"\"2\"", 2000},   {"\"2.5\"", 2500},    {"\"0\"", 0},
                 {"\"0.033\"", 33}, {"\"1.0009\"", 1000}, {"\"\"", 0},
                 {"2", 2000},       {"\"Intra\"", -1},    {"\"3600\"", 3600000},
                 {"3600", 3600000}, {"\"3600.001\"", -2}, {"3601", -2},
                 {"\"-1\"", -2},    {"-1", -2},           {"\"1.\"", -2},
                 {"\".5\"", -2},    {"\"1s\"", -2},       {"\" 1\"", -2},
                 {"2.5", -2},       {"true", -2},         {"\"99999999999999999999\"", -2},
                 {"[]", -2}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200], why[LADDER_WHY_MAX];
        struct ladder l;
        snprintf(text, sizeof text, "[{" SIZE ",\"gop\":%s}]", cases[i].gop);
        enum err e = read_text(text, &l, why);
        ck_assert_msg(e == (cases[i].ms == -2 ? ERR_PROTO : ERR_OK), "%s: %s", text, why);
        if (e == ERR_OK) {
            ck_assert_msg(l.rungs[0].gop_ms == cases[i].ms, "%s: %d", text, l.rungs[0].gop_ms);
        } else {
            ck_assert_msg(strncmp(why, "rung 1: gop: takes", 18) == 0, "%s", why);
        }
    }
}
END_TEST

START_TEST(what_is_wrong_is_named)
{
    const struct {
        const char *text;
        enum err e;
        const char *why;
    } cases[] = {
        {"[", ERR_PROTO, "line 1: it ends too early"},
        {"{}", ERR_PROTO, "it is no list of rungs"},
        {"[]", ERR_PROTO, "it is no list of rungs"},
        {"5", ERR_PROTO, "it is no list of rungs"},
        {"[5]", ERR_PROTO, "rung 1: it is no object of fields"},
        {"[\"P144p30fps16x9\",\"P999\"]", ERR_NOENT, "rung 2 (\"P999\"): no known rung"},
        {"[{\"height\":360,\"bitrate\":800000}]", ERR_LIMIT, "rung 1: width: is missing"},
        {"[{\"width\":360,\"bitrate\":800000}]", ERR_LIMIT, "rung 1: height: is missing"},
        {"[{\"width\":360,\"height\":360}]", ERR_LIMIT, "rung 1: bitrate: is missing"},
        {"[{\"name\":\"a\",\"width\":15}]", ERR_PROTO,
         "rung 1 (\"a\"): width: takes a whole number from 16 to 8192"},
        {"[{\"width\":\"640\"}]", ERR_PROTO, "rung 1: width: takes"},
        {"[{\"width\":640.5}]", ERR_PROTO, "rung 1: width: takes"},
        {"[{\"height\":8193}]", ERR_PROTO, "rung 1: height: takes"},
        {"[{\"bitrate\":9999}]", ERR_PROTO, "rung 1: bitrate: takes a whole number from 10000"},
        {"[{\"fps\":-1}]", ERR_PROTO, "rung 1: fps: takes"},
        {"[{\"audioBitrate\":15999}]", ERR_PROTO, "rung 1: audioBitrate: takes the bits"},
        {"[{\"audioBitrate\":128001}]", ERR_PROTO, "rung 1: audioBitrate: takes the bits"},
        {"[{\"audioBitrate\":\"copy\"}]", ERR_PROTO, "rung 1: audioBitrate: takes the bits"},
        {"[{\"audioChannels\":0}]", ERR_PROTO, "rung 1: audioChannels: takes 1 or 2"},
        {"[{\"audioChannels\":6}]", ERR_PROTO, "rung 1: audioChannels: takes 1 or 2"},
        {"[{" SIZE ",\"audioChannels\":2}]", ERR_LIMIT,
         "rung 1: audioChannels: is of sound of the rung's own; say its audioBitrate too"},
        {"[{" SIZE ",\"fps\":241}]", ERR_LIMIT, "rung 1: a rung's frame rate goes from 1 to 240"},
        {"[{\"fpsDen\":1000001}]", ERR_PROTO, "rung 1: fpsDen: takes"},
        {"[{\"name\":5}]", ERR_PROTO, "rung 1: name: takes a text"},
        {"[{" SIZE ",\"name\":\"a b\"}]", ERR_PROTO, "rung 1: a rung's name may have"},
        {"[{" SIZE ",\"name\":\"source\"}]", ERR_PROTO, "rung 1 (\"source\"): a rung cannot be"},
        {"[{" SIZE ",\"name\":\"live\"}]", ERR_PROTO, "rung 1 (\"live\"): a rung cannot be"},
        {"[{\"profile\":\"High\"}]", ERR_PROTO, "rung 1: profile: takes \"H264Baseline\""},
        {"[{\"profile\":1}]", ERR_PROTO, "rung 1: profile: takes"},
        {"[{\"quality\":52}]", ERR_UNSUPPORTED, "rung 1: quality: above 51"},
        {"[{\"quality\":64}]", ERR_PROTO, "rung 1: quality: takes"},
        {"[{\"quality\":\"20\"}]", ERR_PROTO, "rung 1: quality: takes"},
        {"[{\"preset\":\"placebo\"}]", ERR_PROTO, "rung 1: preset: takes one of ultrafast"},
        {"[{\"encoder\":\"hevc\"}]", ERR_UNSUPPORTED, "rung 1: encoder: HEVC is not supported yet"},
        {"[{\"encoder\":\"VP9\"}]", ERR_UNSUPPORTED, "rung 1: encoder: VP9 is not supported yet"},
        {"[{\"encoder\":\"x\"}]", ERR_PROTO, "rung 1: encoder: takes \"H.264\""},
        {"[{\"colorDepth\":10}]", ERR_UNSUPPORTED, "rung 1: colorDepth: only 8 bits"},
        {"[{\"colorDepth\":\"8\"}]", ERR_PROTO, "rung 1: colorDepth: only 8 bits"},
        {"[{\"chromaFormat\":422}]", ERR_UNSUPPORTED, "rung 1: chromaFormat: only 4:2:0"},
        {"[{\"chromaFormat\":[]}]", ERR_PROTO, "rung 1: chromaFormat: only 4:2:0"},
        {"[{" SIZE "},{\"name\":\"b\",\"bit\\u00e4\":1}]", ERR_NOENT,
         "rung 2 (\"b\"): bit??: there is no such field; known are name, width"},
        {"[\"P144p30fps16x9\",\"P144p30fps16x9\"]", ERR_STATE, "rung 2 (\"P144p30fps16x9\"): name"},
        {"[{" SIZE "},{" SIZE "}]", ERR_STATE, "rung 2: name: a rung before it has the same"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char why[LADDER_WHY_MAX];
        struct ladder l = {.n = 99};
        enum err e = read_text(cases[i].text, &l, why);
        ck_assert_msg(e == cases[i].e && strncmp(why, cases[i].why, strlen(cases[i].why)) == 0,
                      "%s: %s (%s)", cases[i].text, why, err_text(e));
        ck_assert_uint_eq(l.n, 99);
    }
}
END_TEST

START_TEST(no_more_than_ten)
{
    char text[2000] = "[", why[LADDER_WHY_MAX];
    struct ladder l = {.n = 0};
    for (int i = 0; i < 11; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s{" SIZE ",\"name\":\"r%d\"}", i > 0 ? "," : "",
                 i);
        if (i == 9) {
            strcat(text, "]");
            ck_assert_int_eq(read_text(text, &l, why), ERR_OK);
            ck_assert_uint_eq(l.n, 10);
            text[strlen(text) - 1] = '\0';
        }
    }
    strcat(text, "]");
    ck_assert_int_eq(read_text(text, &l, why), ERR_LIMIT);
    ck_assert_str_eq(why, "rung 11 (\"r10\"): there are more than 10 rungs; leave some out");
}
END_TEST

static void write_file(const char *path, const char *text, size_t n)
{
    FILE *f = fopen(path, "we");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(text, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
}

START_TEST(a_file_or_names)
{
    char folder[] = "/tmp/ladder-XXXXXX", path[64], why[LADDER_WHY_MAX], want[128];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/r", folder);
    struct ladder l = {.n = 0};
    ck_assert_int_eq(ladder_load("P144p30fps16x9", &l, why), ERR_OK);
    ck_assert_str_eq(l.rungs[0].name, "P144p30fps16x9");
    ck_assert_int_eq(ladder_load("nowhere.json", &l, why), ERR_IO);
    ck_assert_str_eq(why, "nowhere.json: it cannot be read: No such file or directory");
    ck_assert_int_eq(ladder_load(folder, &l, why), ERR_IO);
    write_file(path, "[{" SIZE "}]", strlen("[{" SIZE "}]"));
    ck_assert_int_eq(ladder_load(path, &l, why), ERR_OK);
    ck_assert_str_eq(l.rungs[0].name, "custom_640x360_800000");
    write_file(path, "[{}]", 4);
    ck_assert_int_eq(ladder_load(path, &l, why), ERR_LIMIT);
    snprintf(want, sizeof want, "%s: rung 1: width: is missing", path);
    ck_assert_str_eq(why, want);
    char *long_text = calloc(1, JSON_READ_BYTES_MAX + 1);
    memset(long_text, ' ', JSON_READ_BYTES_MAX + 1);
    write_file(path, long_text, JSON_READ_BYTES_MAX + 1);
    ck_assert_int_eq(ladder_load(path, &l, why), ERR_LIMIT);
    free(long_text);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

UNIT_MAIN("ladder_json", sound_of_its_own, the_known_form, distances_of_key_frames,
          what_is_wrong_is_named, no_more_than_ten, a_file_or_names)
