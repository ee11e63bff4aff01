#include "broadcaster/ingest/play_name.h"

#include <string.h>

#include "tests/support/unit.h"

static void check(const char *path, const char *id, const char *rung)
{
    struct play_name n;
    ck_assert_msg(play_name_parse(path, &n) == ERR_OK, "%s", path);
    ck_assert_str_eq(n.id, id);
    ck_assert_str_eq(n.rung, rung);
}

START_TEST(names)
{
    check("movie", "movie", "");
    check("/movie/", "movie", "");
    check("movie.flv", "movie", "");
    check("movie/P240p30fps16x9", "movie", "P240p30fps16x9");
    check("live/movie", "movie", "");
    check("stream/movie/source", "movie", "source");
    check("stream/live/movie/source.m3u8", "movie", "source");
    check("live", "live", "");          /* alone it is a name */
    check("movie/a/b", "movie", "a/b"); /* no rung is called so */
}
END_TEST

START_TEST(no_names)
{
    struct play_name n;
    char longer[400];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    ck_assert_int_eq(play_name_parse("", &n), ERR_PROTO);
    ck_assert_int_eq(play_name_parse("///", &n), ERR_PROTO);
    ck_assert_int_eq(play_name_parse("..", &n), ERR_PROTO);
    ck_assert_int_eq(play_name_parse("a b", &n), ERR_PROTO);
    ck_assert_int_eq(play_name_parse(".flv", &n), ERR_PROTO);
    ck_assert_int_eq(play_name_parse(longer, &n), ERR_LIMIT);
    memcpy(longer, "movie/", 6);
    ck_assert_int_eq(play_name_parse(longer, &n), ERR_LIMIT);
}
END_TEST

UNIT_MAIN("play_name", names, no_names)
