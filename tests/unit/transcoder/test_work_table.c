#include "transcoder/work_table.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "fixture.h"
#include "tests/support/unit.h"

#define JOBS    3
#define SOON_MS 10

/* Real jobs that are never given a unit: they run until they are told to end. */
struct desk {
    struct loop *loop;
    struct mailbox *mail;
    struct source source;
    struct work_table table;
    struct work *works[JOBS];
    struct job *jobs[JOBS];
    struct job *late; /* whose time was over */
    size_t ended;
};

static void on_event(void *arg, void *item)
{
    struct desk *d = arg;
    d->ended++;
    work_event_destroy(item);
    if (d->ended == JOBS) {
        loop_stop(d->loop);
    }
}

static void on_deadline(void *arg)
{
    struct job *j = arg;
    struct desk *d = j->owner;
    d->late = j;
    loop_stop(d->loop);
}

static void add(struct desk *d, size_t i, uint32_t deadline_ms)
{
    struct link_job_open open = open_for(&d->source, "P144p30fps16x9");
    struct fault f = {0};
    open.msn = 10 + i;
    open.deadline_ms = deadline_ms;
    ck_assert_int_eq(work_create(d->mail, i + 1, &open, 1, &f, &d->works[i]), ERR_OK);
    d->jobs[i] = work_table_add(&d->table, d->loop, d->works[i], &open, on_deadline, d);
    ck_assert_uint_eq(d->jobs[i]->msn, 10 + i);
    ck_assert_str_eq(d->jobs[i]->stream, open.stream);
}

static void desk_open(struct desk *d, uint32_t deadline_ms)
{
    *d = (struct desk){.loop = loop_create()};
    d->source = (struct source){
        .width = 160, .height = 90, .fps_num = 30, .fps_den = 1, .frames = 1, .gop = 1};
    source_make(&d->source);
    d->mail = mailbox_create(d->loop, on_event, d);
    work_table_init(&d->table);
    for (size_t i = 0; i < JOBS; i++) {
        add(d, i, deadline_ms);
    }
}

static void desk_close(struct desk *d)
{
    struct job *j;
    while ((j = work_table_running(&d->table)) != NULL) {
        work_cancel(j->work);
    }
    if (d->ended < JOBS) {
        loop_run(d->loop);
    }
    for (size_t i = 0; i < JOBS; i++) {
        work_table_remove(&d->table, work_table_of(&d->table, d->works[i]));
        work_destroy(d->works[i]);
    }
    ck_assert(list_empty(&d->table.jobs) && d->table.n == 0 && d->table.hanging == 0);
    mailbox_destroy(d->mail, NULL);
    source_free(&d->source);
    loop_destroy(d->loop);
}

START_TEST(jobs_are_found_while_they_run)
{
    struct desk d;
    desk_open(&d, 0);
    ck_assert_uint_eq(work_table_load(&d.table), 3);
    ck_assert_ptr_eq(work_table_running(&d.table), d.jobs[0]);
    for (size_t i = 0; i < JOBS; i++) {
        ck_assert_ptr_eq(work_table_find(&d.table, i + 1), d.jobs[i]);
        ck_assert_ptr_eq(work_table_of(&d.table, d.works[i]), d.jobs[i]);
    }
    ck_assert_ptr_null(work_table_find(&d.table, 4));
    work_table_wind_down(d.jobs[0], 60000);
    ck_assert_ptr_null(work_table_find(&d.table, 1));
    ck_assert_ptr_eq(work_table_of(&d.table, d.works[0]), d.jobs[0]);
    ck_assert_ptr_eq(work_table_running(&d.table), d.jobs[1]);
    ck_assert_uint_eq(work_table_load(&d.table), 2);
    ck_assert_uint_eq(d.table.n, 3);
    work_table_wind_down(d.jobs[1], 60000);
    work_table_wind_down(d.jobs[2], 60000);
    ck_assert_ptr_null(work_table_running(&d.table));
    desk_close(&d);
}
END_TEST

START_TEST(places)
{
    struct desk d;
    desk_open(&d, 0);
    ck_assert(work_table_is_full(&d.table, 3) && !work_table_is_full(&d.table, 4));
    /* One that ends leaves its place, but only so many may be ending. */
    work_table_wind_down(d.jobs[0], 60000);
    ck_assert(!work_table_is_full(&d.table, 3) && work_table_is_full(&d.table, 2));
    work_table_wind_down(d.jobs[1], 60000);
    work_table_wind_down(d.jobs[2], 60000);
    ck_assert(!work_table_is_full(&d.table, 2) && work_table_is_full(&d.table, 1));
    /* One that hangs takes its place with it, the last one aside, and may come back. */
    work_table_set_hangs(&d.table, d.jobs[0], true);
    work_table_set_hangs(&d.table, d.jobs[0], true);
    ck_assert(d.table.n == 2 && d.table.hanging == 1);
    ck_assert_uint_eq(work_table_places(&d.table, 3), 2);
    ck_assert_uint_eq(work_table_places(&d.table, 1), 1);
    work_table_set_hangs(&d.table, d.jobs[0], false);
    work_table_set_hangs(&d.table, d.jobs[0], false);
    ck_assert(d.table.n == 3 && d.table.hanging == 0);
    ck_assert_uint_eq(work_table_places(&d.table, 3), 3);
    /* Also one that hangs can be taken out. */
    work_table_set_hangs(&d.table, d.jobs[1], true);
    desk_close(&d);
}
END_TEST

START_TEST(a_job_s_time_is_over_twice)
{
    struct desk d;
    desk_open(&d, 60000);
    loop_timer_start(d.jobs[1]->deadline, SOON_MS, 0);
    loop_run(d.loop);
    ck_assert_ptr_eq(d.late, d.jobs[1]);
    ck_assert(!work_is_cancelled(d.works[1]));
    d.late = NULL;
    work_table_wind_down(d.jobs[1], SOON_MS);
    loop_run(d.loop);
    ck_assert_ptr_eq(d.late, d.jobs[1]);
    ck_assert(work_is_cancelled(d.works[1]));
    desk_close(&d);
}
END_TEST

#define ENDING_MS  400
#define STOPPED_MS 1000

/* Stops this process, all of its threads, as a shell or a machine that falls asleep does. */
static void stand_still(int64_t ms)
{
    int64_t before = clock_mono_ms();
    pid_t self = getpid();
    pid_t other = fork();
    ck_assert_int_ge(other, 0);
    if (other == 0) {
        struct timespec t = {ms / 1000, ms % 1000 * 1000000};
        kill(self, SIGSTOP);
        nanosleep(&t, NULL);
        kill(self, SIGCONT);
        _exit(0);
    }
    while (waitpid(other, NULL, 0) != other) {
    }
    ck_assert_int_ge(clock_mono_ms() - before, ms);
}

START_TEST(time_in_which_the_process_is_stopped_is_not_a_job_s)
{
    struct desk d;
    desk_open(&d, 60000);
    work_table_wind_down(d.jobs[1], ENDING_MS);
    for (int i = 0; i < 2; i++) {
        stand_still(STOPPED_MS);
    }
    int64_t back = clock_mono_ms();
    while (d.late == NULL) {
        loop_run(d.loop);
    }
    ck_assert_ptr_eq(d.late, d.jobs[1]);
    ck_assert_int_ge(clock_mono_ms() - back, ENDING_MS / 2);
    desk_close(&d);
}
END_TEST

START_TEST(an_open_tells_the_time)
{
    struct desk d;
    desk_open(&d, SOON_MS);
    loop_run(d.loop);
    ck_assert_ptr_nonnull(d.late);
    desk_close(&d);
}
END_TEST

int main(void)
{
    av_log_set_level(AV_LOG_QUIET);
    const TTest *const tests[] = {jobs_are_found_while_they_run, places, a_job_s_time_is_over_twice,
                                  time_in_which_the_process_is_stopped_is_not_a_job_s,
                                  an_open_tells_the_time};
    return unit_run("work_table", tests, sizeof tests / sizeof tests[0]);
}
