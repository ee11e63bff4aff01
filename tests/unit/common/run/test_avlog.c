#include "run/avlog.h"

#include <libavutil/log.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "run/log.h"
#include "tests/support/unit.h"

/* What is written to stderr while libav says lines at level. */
static size_t lines_of(int level, int lines, char *first, size_t size)
{
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    int before = dup(2);
    dup2(fileno(file), 2);
    for (int i = 0; i < lines; i++) {
        av_log(NULL, level, "picture %d is \"bad\"\n", i);
    }
    fflush(stderr);
    dup2(before, 2);
    close(before);
    rewind(file);
    size_t n = 0;
    char line[1024];
    while (fgets(line, sizeof line, file) != NULL) {
        if (n++ == 0) {
            snprintf(first, size, "%s", line);
        }
        ck_assert_ptr_nonnull(strstr(line, " libav message "));
        ck_assert_ptr_nonnull(strchr(line, '\n'));
    }
    fclose(file);
    return n;
}

START_TEST(lines_are_ours_and_bounded)
{
    char first[1024] = "";
    log_init("transcoder", LOG_INFO);
    avlog_install();
    ck_assert_uint_eq(lines_of(AV_LOG_WARNING, 10, first, sizeof first), 0);
    ck_assert_uint_eq(lines_of(AV_LOG_VERBOSE, 10, first, sizeof first), 0);
    size_t n = lines_of(AV_LOG_ERROR, 5000, first, sizeof first);
    ck_assert_uint_ge(n, 20);
    ck_assert_uint_le(n, 20 * UNIT_TIMEOUT_S);
    ck_assert_msg(strstr(first, " warn transcoder libav message from=libav kept_back=0 "
                                "text=\"picture 0 is 'bad'\"") != NULL,
                  "%s", first);
}
END_TEST

START_TEST(debug_shows_warnings)
{
    char first[1024] = "";
    log_init("transcoder", LOG_DEBUG);
    avlog_install();
    ck_assert_uint_eq(lines_of(AV_LOG_WARNING, 3, first, sizeof first), 3);
    ck_assert_ptr_nonnull(strstr(first, " debug transcoder libav message "));
    ck_assert_uint_eq(lines_of(AV_LOG_INFO, 3, first, sizeof first), 0);
    ck_assert_uint_eq(lines_of(AV_LOG_DEBUG, 3, first, sizeof first), 0);
}
END_TEST

UNIT_MAIN("avlog", lines_are_ours_and_bounded, debug_shows_warnings)
