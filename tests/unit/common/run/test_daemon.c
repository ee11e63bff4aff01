#include "run/daemon.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/support/unit.h"

/* A role with one number, which does one thing when it runs and then notes what it saw. */
struct config {
    struct daemon_config common;
    long number;
};

enum deed { FAIL, STOP, READ_AGAIN };

static enum deed deed;
static int stops;
static long numbers[4];
static size_t n_numbers;
static char dir[64];
static char file[128];

static void put(const char *text)
{
    FILE *f = fopen(file, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

struct instance {
    struct daemon *daemon;
    struct loop_timer *timer;
};

static void note(void *arg, const void *config)
{
    (void)arg;
    ck_assert_uint_lt(n_numbers, 4);
    numbers[n_numbers++] = ((const struct config *)config)->number;
}

static void act(void *arg)
{
    struct instance *i = arg;
    switch (deed) {
    case FAIL:
        daemon_fail(i->daemon);
        daemon_fail(i->daemon); /* said twice, stopped once */
        break;
    case STOP:
        raise(SIGTERM);
        break;
    case READ_AGAIN:
        put("number: 8\n");
        daemon_config_again(i->daemon, note, i);
        put("number: many\n");
        daemon_config_again(i->daemon, note, i);
        put("name: x\n");
        daemon_config_again(i->daemon, note, i);
        raise(SIGTERM);
        break;
    }
}

static enum err create(struct daemon *d, const void *config, void **ret_role)
{
    struct instance *i = mem_alloc(sizeof *i);
    i->daemon = d;
    i->timer = loop_timer_create(d->loop, act, i);
    loop_timer_start(i->timer, 1, 0);
    note(i, config);
    *ret_role = i;
    return ERR_OK;
}

static void stop(void *role)
{
    struct instance *i = role;
    stops++;
    daemon_stopped(i->daemon);
}

static void destroy(void *role)
{
    struct instance *i = role;
    loop_timer_destroy(i->timer);
    mem_free(i);
}

static void status(void *role, struct json *object)
{
}

static void metrics(void *role, struct metrics *m)
{
}

static const struct option options[] = {
    {"number", OPTION_INT, "3", 0, 100, false, offsetof(struct config, number), "N", "A number."},
};

static const struct role role = {.name = "tester",
                                 .node_type = "test",
                                 .default_cli_addr_port = "0",
                                 .options = options,
                                 .n_options = 1,
                                 .config_size = sizeof(struct config),
                                 .create = create,
                                 .stop = stop,
                                 .destroy = destroy,
                                 .status = status,
                                 .metrics = metrics};

/* extra: one more flag with its value. */
static int run(enum deed what, const char *extra, const char *value)
{
    char cli[] = "127.0.0.1:0";
    const char *argv[] = {"tester",  "-cliAddr", cli,   "-datadir", dir,
                          "-runDir", dir,        extra, value,      NULL};
    deed = what;
    return daemon_main(&role, extra != NULL ? 9 : 7, (char **)argv);
}

static void setup(void)
{
    snprintf(dir, sizeof dir, "/tmp/test_daemon.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/config.yaml", dir);
}

static void teardown(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", dir);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(a_stop_ends_with_0)
{
    setup();
    ck_assert_int_eq(run(STOP, NULL, NULL), 0);
    ck_assert_int_eq(stops, 1);
    teardown();
}
END_TEST

START_TEST(a_failure_stops_once_and_ends_with_1)
{
    setup();
    ck_assert_int_eq(run(FAIL, NULL, NULL), 1);
    ck_assert_int_eq(stops, 1);
    teardown();
}
END_TEST

START_TEST(the_file_is_read_again)
{
    setup();
    put("number: 7\n");
    ck_assert_int_eq(run(READ_AGAIN, "-config", file), 0);
    /* At the start; changed; wrong, so not told; gone from the file, so the default. */
    ck_assert_uint_eq(n_numbers, 3);
    ck_assert_int_eq(numbers[0], 7);
    ck_assert_int_eq(numbers[1], 8);
    ck_assert_int_eq(numbers[2], 3);
    teardown();
}
END_TEST

START_TEST(a_flag_wins_again)
{
    setup();
    ck_assert_int_eq(run(READ_AGAIN, "-number", "9"), 0);
    ck_assert_uint_eq(n_numbers, 4);
    for (size_t i = 0; i < n_numbers; i++) {
        ck_assert_int_eq(numbers[i], 9);
    }
    teardown();
}
END_TEST

UNIT_MAIN("daemon", a_stop_ends_with_0, a_failure_stops_once_and_ends_with_1,
          the_file_is_read_again, a_flag_wins_again)
