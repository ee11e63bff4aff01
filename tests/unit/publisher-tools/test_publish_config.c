#include "publisher-tools/publish_config.h"

#include <string.h>

#include "tests/support/unit.h"

#define ARGS_MAX 16

/* Splits at blanks; "publish" in front. */
static enum err read_line(const char *line, struct publish_config *c, char *ret_why)
{
    static char text[4096];
    char *argv[ARGS_MAX] = {"publish"};
    int argc = 1;
    strcpy(text, line);
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    return publish_config_read(argc, argv, c, ret_why);
}

START_TEST(a_test_picture)
{
    struct publish_config c;
    char why[OPTIONS_WHY_MAX];
    ck_assert_int_eq(read_line("-test -size 320x180 -fps 30000/1001 -bitrate 1.5M -keyint 60 "
                               "-audio=false -seconds 5 rtmp://h/a -retry rtmp://h/b",
                               &c, why),
                     ERR_OK);
    ck_assert(c.use_test && c.retry && !c.loop && !c.json);
    ck_assert_int_eq(c.test_source.width, 320);
    ck_assert_int_eq(c.test_source.height, 180);
    ck_assert_int_eq(c.test_source.fps_num, 30000);
    ck_assert_int_eq(c.test_source.fps_den, 1001);
    ck_assert_int_eq(c.test_source.bitrate_bps, 1500000);
    ck_assert_int_eq(c.test_source.keyint, 60);
    ck_assert(!c.test_source.audio);
    ck_assert_int_eq(c.seconds, 5);
    ck_assert_uint_eq(c.n_urls, 2);
    ck_assert_str_eq(c.urls[0], "rtmp://h/a");
    ck_assert_str_eq(c.urls[1], "rtmp://h/b");
    publish_config_fini(&c);
}
END_TEST

START_TEST(defaults_and_copies)
{
    struct publish_config c;
    char why[OPTIONS_WHY_MAX];
    ck_assert_int_eq(read_line("-test -copies 3 rtmp://h/a", &c, why), ERR_OK);
    ck_assert_int_eq(c.test_source.width, 640);
    ck_assert_int_eq(c.test_source.bitrate_bps, 2000000);
    ck_assert(c.test_source.audio);
    ck_assert_uint_eq(c.n_urls, 3);
    ck_assert_str_eq(c.urls[2], "rtmp://h/a-3");
    publish_config_fini(&c);
    ck_assert_int_eq(read_line("-file x.mp4 -loop rtmp://h/a", &c, why), ERR_OK);
    ck_assert_str_eq(c.file, "x.mp4");
    ck_assert(c.loop && !c.use_test);
    publish_config_fini(&c);
}
END_TEST

START_TEST(what_is_wrong_is_said)
{
    const struct {
        const char *line;
        const char *word;
    } cases[] = {
        {"", "-test"},
        {"rtmp://h/a", "-test"},
        {"-test -file x rtmp://h/a", "-test"},
        {"-test", "URL"},
        {"-test -loop rtmp://h/a", "-loop"},
        {"-test -size 63x64 rtmp://h/a", "-size"},
        {"-test -size 64x62 rtmp://h/a", "-size"},
        {"-test -size 65x64 rtmp://h/a", "-size"},
        {"-test -size 8194x64 rtmp://h/a", "-size"},
        {"-test -fps 241 rtmp://h/a", "-fps"},
        {"-test -fps 0.5 rtmp://h/a", "-fps"},
        {"-test -bitrate 9k rtmp://h/a", "-bitrate"},
        {"-test -bitrate 201M rtmp://h/a", "-bitrate"},
        {"-test -copies 257 rtmp://h/a", "-copies"},
        {"-test -copies 200 rtmp://h/a rtmp://h/b", "outputs"},
        {"-test http://h/a", "http://h/a"},
        {"-test -foo rtmp://h/a", "-foo"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct publish_config c;
        char why[OPTIONS_WHY_MAX] = "";
        ck_assert_msg(read_line(cases[i].line, &c, why) == ERR_PROTO, "%s", cases[i].line);
        ck_assert_msg(strstr(why, cases[i].word) != NULL, "%s: %s", cases[i].line, why);
    }
}
END_TEST

START_TEST(help_needs_nothing_else)
{
    struct publish_config c;
    char why[OPTIONS_WHY_MAX];
    ck_assert_int_eq(read_line("-help", &c, why), ERR_OK);
    ck_assert(c.help);
    ck_assert_int_eq(read_line("--version", &c, why), ERR_OK);
    ck_assert(c.version);
}
END_TEST

UNIT_MAIN("publish_config", a_test_picture, defaults_and_copies, what_is_wrong_is_said,
          help_needs_nothing_else)
