#include "run/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/unit.h"

#define MANY 5000 /* lines: more than a pipe holds */

static int before;

static void redirect(int fd)
{
    fflush(stderr);
    before = dup(2);
    ck_assert_int_ge(dup2(fd, 2), 0);
}

static void restore(void)
{
    dup2(before, 2);
    close(before);
}

static size_t read_all(int fd, char *text, size_t size)
{
    size_t len = 0;
    ssize_t n;
    while (len < size - 1 && (n = read(fd, text + len, size - 1 - len)) > 0) {
        len += (size_t)n;
    }
    text[len] = '\0';
    return len;
}

START_TEST(one_line_per_event)
{
    char text[4096];
    FILE *file = tmpfile();
    redirect(fileno(file));
    log_init("tester", LOG_INFO);
    log_info("module", "event", "key=%s", "a\nb\x7f");
    log_debug("module", "hidden", "%s", "");
    log_warn("module", "long", "%05000d", 7);
    restore();
    rewind(file);
    ck_assert_ptr_nonnull(fgets(text, sizeof text, file));
    ck_assert_ptr_nonnull(strstr(text, "Z info tester module event key=a?b?\n"));
    ck_assert_ptr_nonnull(fgets(text, sizeof text, file));
    ck_assert_ptr_nonnull(strstr(text, "Z warn tester module long 000"));
    ck_assert_uint_le(strlen(text), 2048);
    ck_assert_ptr_null(fgets(text, sizeof text, file));
    fclose(file);
}
END_TEST

START_TEST(nobody_waits_for_a_pipe_that_is_not_read)
{
    static char text[1 << 20];
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    redirect(ends[1]);
    log_init("tester", LOG_INFO);
    for (int i = 0; i < MANY; i++) {
        log_info("module", "event", "number=%d", i);
    }
    size_t len = read_all(ends[0], text, sizeof text);
    ck_assert_uint_gt(len, 1000);
    ck_assert_uint_lt(len, (size_t)MANY * 60);
    ck_assert_ptr_nonnull(strstr(text, "number=0\n"));
    log_info("module", "event", "number=again");
    len = read_all(ends[0], text, sizeof text);
    ck_assert_uint_lt(len, 400);
    ck_assert_ptr_nonnull(strstr(text, " warn tester log lines_lost count="));
    ck_assert_ptr_nonnull(strstr(text, "number=again\n"));
    /* Who shares the pipe still finds it as it was. */
    ck_assert_int_eq(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
    restore();
    close(ends[0]);
    close(ends[1]);
}
END_TEST

START_TEST(stderr_may_be_closed)
{
    redirect(2);
    close(2);
    log_init("tester", LOG_INFO);
    log_info("module", "event", "nobody reads this");
    restore();
}
END_TEST

UNIT_MAIN("log", one_line_per_event, nobody_waits_for_a_pipe_that_is_not_read, stderr_may_be_closed)
