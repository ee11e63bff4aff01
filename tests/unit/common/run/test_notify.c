#include "run/notify.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/support/unit.h"

#define LOOP_MAX_MS 5000

/* The service manager: a datagram socket with an abstract name, as a container's may have. */
struct manager {
    struct loop *loop;
    int fd;
    int asked; /* for the sentence */
    const char *sentence;
};

static void open_manager(struct manager *m)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int len = snprintf(at.sun_path + 1, sizeof at.sun_path - 1, "test-notify-%d", (int)getpid());
    char name[sizeof at.sun_path + 1];
    snprintf(name, sizeof name, "@%s", at.sun_path + 1);
    m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(m->fd, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
    ck_assert_int_eq(bind(m->fd, (struct sockaddr *)&at, size), 0);
    setenv("NOTIFY_SOCKET", name, 1);
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    m->loop = loop_create();
}

static void close_manager(struct manager *m)
{
    loop_destroy(m->loop);
    close(m->fd);
}

/* The next datagram, the loop running meanwhile; "" when none comes in LOOP_MAX_MS. */
static const char *next(struct manager *m)
{
    static char text[1024];
    int64_t until = clock_mono_ms() + LOOP_MAX_MS;
    while (clock_mono_ms() < until) {
        ssize_t n = recv(m->fd, text, sizeof text - 1, 0);
        if (n >= 0) {
            text[n] = '\0';
            return text;
        }
        loop_run_once(m->loop);
        usleep(500);
    }
    return "";
}

static bool silent(struct manager *m)
{
    char text[64];
    return recv(m->fd, text, sizeof text, 0) < 0;
}

static void sentence(void *arg, char *text, size_t size)
{
    struct manager *m = arg;
    m->asked++;
    snprintf(text, size, "%s", m->sentence);
}

START_TEST(nothing_without_a_service_manager)
{
    struct loop *l = loop_create();
    unsetenv("NOTIFY_SOCKET");
    ck_assert_ptr_null(notify_create(l, NULL, NULL));
    setenv("NOTIFY_SOCKET", "", 1);
    ck_assert_ptr_null(notify_create(l, NULL, NULL));
    notify_stopping(NULL);
    notify_destroy(NULL);
    loop_destroy(l);
}
END_TEST

START_TEST(ready_comes_once_the_loop_runs)
{
    struct manager m = {.sentence = "streams live: 1"};
    char wanted[64];
    open_manager(&m);
    struct notify *n = notify_create(m.loop, sentence, &m);
    ck_assert_ptr_nonnull(n);
    ck_assert(silent(&m));
    snprintf(wanted, sizeof wanted, "READY=1\nMAINPID=%d", (int)getpid());
    ck_assert_str_eq(next(&m), wanted);
    ck_assert_str_eq(next(&m), "STATUS=streams live: 1");
    notify_stopping(n);
    ck_assert_str_eq(next(&m), "STOPPING=1");
    notify_destroy(n);
    ck_assert(silent(&m));
    close_manager(&m);
}
END_TEST

START_TEST(signs_of_life_only_for_the_process_that_is_watched)
{
    struct manager m = {.sentence = ""};
    char pid[16];
    open_manager(&m);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("WATCHDOG_USEC", "20000", 1);
    setenv("WATCHDOG_PID", pid, 1);
    struct notify *n = notify_create(m.loop, sentence, &m);
    ck_assert_ptr_nonnull(strstr(next(&m), "READY=1"));
    int64_t first = clock_mono_ms();
    for (int i = 0; i < 5; i++) {
        ck_assert_str_eq(next(&m), "WATCHDOG=1");
    }
    ck_assert_int_ge(clock_mono_ms() - first, 30); /* four halves of 20 ms, less what was late */
    notify_destroy(n);
    setenv("WATCHDOG_PID", "1", 1);
    n = notify_create(m.loop, NULL, NULL);
    ck_assert_ptr_nonnull(strstr(next(&m), "READY=1"));
    notify_stopping(n);
    ck_assert_str_eq(next(&m), "STOPPING=1");
    notify_destroy(n);
    close_manager(&m);
}
END_TEST

START_TEST(a_sentence_is_sent_when_it_is_new_and_stays_one_line)
{
    struct manager m = {.sentence = "one\nMAINPID=1"};
    char pid[16];
    open_manager(&m);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("WATCHDOG_USEC", "2000", 1);
    setenv("WATCHDOG_PID", pid, 1);
    struct notify *n = notify_create(m.loop, sentence, &m);
    ck_assert_ptr_nonnull(strstr(next(&m), "READY=1"));
    ck_assert_str_eq(next(&m), "WATCHDOG=1");
    ck_assert_str_eq(next(&m), "STATUS=one MAINPID=1");
    while (m.asked < 3) {
        ck_assert_str_eq(next(&m), "WATCHDOG=1");
    }
    m.sentence = "two";
    const char *got = next(&m);
    for (int i = 0; i < 3 && strcmp(got, "WATCHDOG=1") == 0; i++) {
        got = next(&m);
    }
    ck_assert_str_eq(got, "STATUS=two");
    notify_destroy(n);
    close_manager(&m);
}
END_TEST

START_TEST(a_manager_that_has_gone_harms_nothing)
{
    struct loop *l = loop_create();
    setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
    struct notify *n = notify_create(l, NULL, NULL);
    ck_assert_ptr_nonnull(n);
    loop_run_once(l);
    notify_stopping(n);
    notify_destroy(n);
    loop_destroy(l);
}
END_TEST

UNIT_MAIN("notify", nothing_without_a_service_manager, ready_comes_once_the_loop_runs,
          signs_of_life_only_for_the_process_that_is_watched,
          a_sentence_is_sent_when_it_is_new_and_stays_one_line,
          a_manager_that_has_gone_harms_nothing)
