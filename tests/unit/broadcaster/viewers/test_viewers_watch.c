#include "broadcaster/viewers/viewers_watch.h"

#include <check.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define LONG_MS 20000

/* Milliseconds until the peer of a watched descriptor sees the end; -1: not within limit. */
static int64_t ends_after(int fd, int limit_ms)
{
    int64_t before = clock_mono_ms();
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, limit_ms) == 1 ? clock_mono_ms() - before : -1;
}

START_TEST(silence_ends)
{
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct watch *w = watch_create(300, 0);
    struct watched *c = watch_add(w, pair[0]);
    ck_assert_uint_eq(watch_connections(w), 1);
    int64_t ms = ends_after(pair[1], LONG_MS);
    ck_assert_int_ge(ms, 290);
    ck_assert_uint_eq(watch_slow_count(w), 0);
    watch_remove(w, c);
    ck_assert_uint_eq(watch_connections(w), 0);
    watch_destroy(w);
    close(pair[0]);
    close(pair[1]);
}
END_TEST

START_TEST(an_answer_has_time_by_its_size)
{
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct watch *w = watch_create(100, 0);
    struct watched *c = watch_add(w, pair[0]);
    watch_answer_begins(c, 1500 * WATCH_RATE_MIN);
    int64_t ms = ends_after(pair[1], LONG_MS);
    ck_assert_int_ge(ms, 1590);
    ck_assert_uint_eq(watch_slow_count(w), 1);
    ck_assert_uint_eq(watch_answer_ends(c), 1500 * WATCH_RATE_MIN);
    watch_remove(w, c);
    watch_destroy(w);
    close(pair[0]);
    close(pair[1]);
}
END_TEST

START_TEST(in_time_is_left_alone)
{
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct watch *w = watch_create(LONG_MS, 0);
    struct watched *c = watch_add(w, pair[0]);
    watch_answer_begins(c, 5);
    ck_assert_uint_eq(watch_answer_ends(c), 5);
    ck_assert_int_eq(ends_after(pair[1], 1200), -1);
    watch_remove(w, c);
    watch_destroy(w);
    close(pair[0]);
    close(pair[1]);
}
END_TEST

START_TEST(no_memory)
{
    struct watch *w = watch_create(LONG_MS, 0);
    mem_fail_nth(1);
    struct watched *c = watch_add(w, 0);
    ck_assert_ptr_null(c);
    watch_answer_begins(c, 1);
    ck_assert_uint_eq(watch_answer_ends(c), 0);
    watch_remove(w, c);
    ck_assert_uint_eq(watch_connections(w), 0);
    watch_destroy(w);
    watch_destroy(NULL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("viewers_watch");
    TCase *t = tcase_create("viewers_watch");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, silence_ends);
    tcase_add_test(t, an_answer_has_time_by_its_size);
    tcase_add_test(t, in_time_is_left_alone);
    tcase_add_test(t, no_memory);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
