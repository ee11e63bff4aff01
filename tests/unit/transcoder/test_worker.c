/* usual time: 8 s */
#include "boss.h"
#include "tests/support/unit.h"

START_TEST(jobs_are_done)
{
    struct source s = small_source();
    struct boss b;
    boss_open(&b);
    struct worker *w = hire(&b, 3, SECRET);
    boss_listen(&b);
    UNTIL(&b, worker_stats(w).connected);
    ck_assert_str_eq(b.encoder, "an encoder");
    ck_assert_str_eq(b.role, "transcoder");
    ck_assert_uint_eq(b.capacity, 3);
    ck_assert_str_eq(worker_stats(w).state, "connected");
    for (uint64_t job = 1; job <= 3; job++) {
        send_open(&b, &s, job, 10000);
        send_segment(&b, &s, job);
    }
    UNTIL(&b, b.dones == 3);
    ck_assert_int_eq(b.accepts, 3);
    ck_assert_int_eq(b.parts, 15);
    ck_assert_uint_eq(b.done.rungs[0].frames, 30);
    UNTIL(&b, worker_stats(w).done == 3);
    ck_assert_uint_eq(worker_stats(w).frames, 90);
    ck_assert_uint_eq(worker_stats(w).pixels, 90u * 256 * 144);
    ck_assert_uint_eq(worker_stats(w).load, 0);
    close_all(&b, w);
    source_free(&s);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(full_is_refused)
{
    struct source s = small_source();
    struct boss b;
    boss_open(&b);
    boss_listen(&b);
    struct worker *w = hire(&b, 1, SECRET);
    UNTIL(&b, worker_stats(w).connected);
    send_open(&b, &s, 1, 10000);
    send_open(&b, &s, 2, 10000);
    UNTIL(&b, b.accepts == 1 && b.refuses == 1);
    ck_assert_str_eq(b.reason, "this transcoder is full");
    ck_assert_uint_eq(worker_stats(w).load, 1);
    send_segment(&b, &s, 2);
    send_segment(&b, &s, 1);
    UNTIL(&b, b.dones == 1);
    ck_assert_uint_eq(worker_stats(w).units_unknown, 31);
    ck_assert_uint_eq(worker_stats(w).refused, 1);
    close_all(&b, w);
    source_free(&s);
}
END_TEST

START_TEST(failures_have_words)
{
    struct source s = small_source();
    struct boss b;
    boss_open(&b);
    boss_listen(&b);
    struct worker *w = hire(&b, 10, SECRET);
    UNTIL(&b, worker_stats(w).connected);
    send_open(&b, &s, 1, 10000);
    send_last(&b, 1, 0);
    UNTIL(&b, b.fails == 1);
    ck_assert_str_eq(b.reason, "no picture of the segment can be decoded");
    ck_assert(b.final);
    send_open(&b, &s, 2, 10000);
    send_packet(&b, &s, 2, 0);
    send_packet(&b, &s, 2, 2);
    UNTIL(&b, b.fails == 2);
    ck_assert(!b.final);
    send_open(&b, &s, 3, 100);
    send_packet(&b, &s, 3, 0);
    UNTIL(&b, b.fails == 3);
    ck_assert_str_eq(b.reason, "not finished within its deadline");
    ck_assert(!b.final);
    ck_assert_uint_eq(b.job, 3);
    struct source odd = s;
    odd.track.config = span_cstr("no config");
    send_open(&b, &odd, 4, 10000);
    UNTIL(&b, b.fails == 4);
    ck_assert(b.final);
    UNTIL(&b, worker_stats(w).load == 0);
    send_open(&b, &s, 5, 10000);
    send_segment(&b, &s, 5);
    UNTIL(&b, b.dones == 1);
    ck_assert_uint_eq(worker_stats(w).failed, 4);
    close_all(&b, w);
    source_free(&s);
}
END_TEST

START_TEST(cancelled_jobs_make_room)
{
    struct source s = small_source();
    struct boss b;
    boss_open(&b);
    boss_listen(&b);
    struct worker *w = hire(&b, 1, SECRET);
    UNTIL(&b, worker_stats(w).connected);
    send_open(&b, &s, 1, 10000);
    send_packet(&b, &s, 1, 0);
    struct link_msg m = {.type = LINK_JOB_CANCEL, .job = 1, .reason = "not wanted"};
    ck_assert_int_eq(link_send_msg(b.link, b.peer, &m, NULL), ERR_OK);
    send_open(&b, &s, 2, 10000);
    send_segment(&b, &s, 2);
    UNTIL(&b, b.dones == 1);
    ck_assert_int_eq(b.refuses, 0);
    ck_assert_int_eq(b.fails, 0);
    ck_assert_uint_eq(worker_stats(w).cancelled, 1);
    close_all(&b, w);
    source_free(&s);
}
END_TEST

/* The orchestrator goes away in mid job and comes back: the job is dropped, the next is done. */
START_TEST(orchestrator_restarts)
{
    struct source s = small_source();
    struct boss b;
    boss_open(&b);
    boss_listen(&b);
    struct worker *w = hire(&b, 2, SECRET);
    UNTIL(&b, worker_stats(w).connected);
    send_open(&b, &s, 1, 10000);
    send_packet(&b, &s, 1, 0);
    UNTIL(&b, worker_stats(w).load == 1);
    link_destroy(b.link, 0);
    UNTIL(&b, !worker_stats(w).connected);
    ck_assert_uint_eq(worker_stats(w).load, 0);
    ck_assert_uint_eq(worker_stats(w).cancelled, 1);
    ck_assert_str_ne(worker_stats(w).state, "connected");
    boss_listen(&b);
    UNTIL(&b, worker_stats(w).connected);
    ck_assert_uint_eq(worker_stats(w).connections, 2);
    send_open(&b, &s, 1, 10000);
    send_segment(&b, &s, 1);
    UNTIL(&b, b.dones == 1);
    ck_assert_int_eq(b.parts, 5);
    close_all(&b, w);
    source_free(&s);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

static void on_drained(void *arg)
{
    (*(int *)arg)++;
}

START_TEST(draining_finishes_its_jobs)
{
    struct source s = small_source();
    struct boss b;
    int drained = 0;
    boss_open(&b);
    boss_listen(&b);
    struct worker *w = hire(&b, 2, SECRET);
    UNTIL(&b, worker_stats(w).connected);
    send_open(&b, &s, 1, 10000);
    UNTIL(&b, b.accepts == 1);
    worker_drain(w, on_drained, &drained);
    UNTIL(&b, b.draining);
    ck_assert_int_eq(drained, 0);
    send_open(&b, &s, 2, 10000);
    UNTIL(&b, b.refuses == 1);
    send_segment(&b, &s, 1);
    UNTIL(&b, drained == 1);
    UNTIL(&b, b.dones == 1);
    ck_assert_int_eq(b.parts, 5);
    close_all(&b, w);
    source_free(&s);
}
END_TEST

START_TEST(draining_without_an_orchestrator)
{
    struct boss b;
    int drained = 0;
    boss_open(&b);
    struct worker *w = hire(&b, 2, SECRET);
    worker_drain(w, on_drained, &drained);
    ck_assert_int_eq(drained, 0);
    UNTIL(&b, drained == 1);
    close_all(&b, w);
}
END_TEST

/* A job that never ends does not hold the drain: it fails, in words. */
START_TEST(draining_has_an_end)
{
    struct source s = small_source();
    struct boss b;
    int drained = 0;
    boss_open(&b);
    boss_listen(&b);
    struct worker_config c = terms(&b, 2, SECRET);
    c.drain_ms = 300;
    struct worker *w = hire_on(&b, &c);
    UNTIL(&b, worker_stats(w).connected);
    send_open(&b, &s, 1, 60000);
    send_packet(&b, &s, 1, 0);
    UNTIL(&b, b.accepts == 1);
    int64_t from = clock_mono_ms();
    worker_drain(w, on_drained, &drained);
    UNTIL(&b, drained == 1);
    ck_assert_int_ge(clock_mono_ms() - from, 300);
    UNTIL(&b, b.fails == 1);
    ck_assert_str_eq(b.reason,
                     "this transcoder is leaving and does not wait for the job any longer");
    ck_assert(!b.final);
    close_all(&b, w);
    source_free(&s);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(the_speed_is_announced_and_corrected)
{
    struct source s = small_source();
    struct boss b;
    boss_open(&b);
    boss_listen(&b);
    struct worker *w = hire(&b, 2, SECRET);
    UNTIL(&b, worker_stats(w).connected);
    ck_assert_uint_eq(b.speed, 0);
    worker_measured(w, 1, 1000000); /* a host so slow that any job proves otherwise */
    UNTIL(&b, b.speed == 2);
    send_open(&b, &s, 1, 10000);
    send_segment(&b, &s, 1);
    UNTIL(&b, b.dones == 1 && b.speed > 100000);
    ck_assert_int_eq(worker_stats(w).speed.source, SPEED_SEEN);
    struct speed known = worker_stats(w).speed;
    ck_assert_uint_eq(speed_now(&known), b.speed);
    const struct speed_setting fixed = {.source = SPEED_FIXED, .fixed = 123456789};
    worker_set_speed(w, &fixed, 1000);
    UNTIL(&b, b.speed == 123456789);
    worker_measured(w, 1, 1);
    worker_set_capacity(w, 5);
    UNTIL(&b, b.capacity == 5);
    ck_assert_uint_eq(b.speed, 123456789);
    const struct speed_setting off = {.source = SPEED_OFF};
    worker_set_speed(w, &off, 1000);
    UNTIL(&b, b.speed == 0);
    close_all(&b, w);
    source_free(&s);
}
END_TEST

/* One picture of it takes libx264 many times STUCK_MS. */
#define STUCK_MS 20
static void send_slow_open(struct boss *b, const struct source *s, uint64_t job,
                           uint32_t deadline_ms)
{
    struct link_msg m = {.type = LINK_JOB_OPEN, .job = job, .reason = ""};
    m.open = open_for(s, "P144p30fps16x9");
    m.open.deadline_ms = deadline_ms;
    m.open.ladder[0].width = 4096;
    m.open.ladder[0].height = 2304;
    m.open.ladder[0].preset = "slower";
    ck_assert_int_eq(link_send_msg(b->link, b->peer, &m, NULL), ERR_OK);
    send_segment(b, s, job);
}

/* On a lane where the worker has two processors, otherwise on the job's own thread. Until one is
 * told to end in the midst of a picture: between two it would end at once. */
static void hang_one(struct boss *b, const struct source *s, const struct worker *w)
{
    for (uint32_t job = 1; worker_stats(w).stuck_total == 0; job++) {
        ck_assert_uint_le(job, 30);
        uint64_t before = worker_stats(w).cpu_us;
        send_slow_open(b, s, job, 100 + 70 * job);
        UNTIL(b, b->fails == (int)job);
        ck_assert_str_eq(b->reason, "not finished within its deadline");
        /* Its processor time is counted when it ends. */
        UNTIL(b, worker_stats(w).stuck_total == 1 || worker_stats(w).cpu_us > before);
    }
}

static void on_worn(void *arg)
{
    (*(int *)arg)++;
}

START_TEST(a_job_that_hangs_takes_its_place_with_it)
{
    struct source s = small_source();
    struct boss b;
    int worn = 0;
    boss_open(&b);
    boss_listen(&b);
    struct worker_config c = terms(&b, 2, SECRET);
    c.stuck_ms = STUCK_MS;
    c.on_worn = on_worn;
    c.on_worn_arg = &worn;
    struct worker *w = hire_on(&b, &c);
    UNTIL(&b, worker_stats(w).connected);
    ck_assert_uint_eq(b.capacity, 2);
    hang_one(&b, &s, w);
    ck_assert_int_eq(worn, 0);
    /* Others go on beside it. */
    send_open(&b, &s, 100, 10000);
    send_segment(&b, &s, 100);
    UNTIL(&b, b.dones == 1);
    /* It is no endless loop, and gets its place back. */
    UNTIL(&b, worker_stats(w).stuck == 0 && b.capacity == 2);
    ck_assert_uint_eq(worker_stats(w).stuck_total, 1);
    close_all(&b, w);
    source_free(&s);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(when_all_places_hang_it_is_said_and_the_end_does_not_wait)
{
    struct source s = small_source();
    struct boss b;
    int worn = 0;
    int drained = 0;
    boss_open(&b);
    boss_listen(&b);
    struct worker_config c = terms(&b, 1, SECRET);
    c.stuck_ms = STUCK_MS;
    c.cores_permille = 1000;
    c.on_worn = on_worn;
    c.on_worn_arg = &worn;
    struct worker *w = hire_on(&b, &c);
    UNTIL(&b, worker_stats(w).connected);
    hang_one(&b, &s, w);
    UNTIL(&b, worn == 1);
    worker_drain(w, on_drained, &drained);
    UNTIL(&b, drained == 1);
    close_all(&b, w);
    ck_assert_int_eq(worn, 1);
    source_free(&s);
}
END_TEST

START_TEST(the_next_of_a_list_when_one_is_not_there)
{
    struct source s = small_source();
    struct boss b;
    struct boss absent;
    char list[200];
    boss_open(&b);
    boss_open(&absent);
    snprintf(list, sizeof list, "%s,%s", absent.addr, b.addr);
    boss_listen(&b);
    struct worker_config c = terms(&b, 2, SECRET);
    c.orch_addr = list;
    struct worker *w = hire_on(&b, &c);
    ck_assert_str_eq(worker_stats(w).addr, absent.addr);
    UNTIL(&b, worker_stats(w).connected);
    ck_assert_str_eq(worker_stats(w).addr, b.addr);
    send_open(&b, &s, 1, 10000);
    send_segment(&b, &s, 1);
    UNTIL(&b, b.dones == 1);
    close_all(&b, w);
    loop_destroy(absent.loop);
    source_free(&s);
}
END_TEST

START_TEST(another_secret)
{
    struct boss b;
    boss_open(&b);
    boss_listen(&b);
    struct worker *w = hire(&b, 2, "another secret");
    UNTIL(&b, strstr(worker_stats(w).state, "does not accept") != NULL);
    ck_assert(!worker_stats(w).connected);
    ck_assert_int_eq(b.hellos, 0);
    close_all(&b, w);
}
END_TEST

/* Ended in the middle of everything: nothing is leaked, nothing is waited for. */
START_TEST(sudden_end)
{
    struct source s = small_source();
    struct boss b;
    boss_open(&b);
    boss_listen(&b);
    struct worker *w = hire(&b, 4, SECRET);
    UNTIL(&b, worker_stats(w).connected);
    for (uint64_t job = 1; job <= 4; job++) {
        send_open(&b, &s, job, 10000);
        send_segment(&b, &s, job);
    }
    UNTIL(&b, b.parts > 0);
    close_all(&b, w);
    source_free(&s);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

int main(void)
{
    av_log_set_level(AV_LOG_QUIET);
    const TTest *const tests[] = {jobs_are_done,
                                  full_is_refused,
                                  failures_have_words,
                                  cancelled_jobs_make_room,
                                  orchestrator_restarts,
                                  draining_finishes_its_jobs,
                                  draining_without_an_orchestrator,
                                  draining_has_an_end,
                                  the_speed_is_announced_and_corrected,
                                  a_job_that_hangs_takes_its_place_with_it,
                                  when_all_places_hang_it_is_said_and_the_end_does_not_wait,
                                  the_next_of_a_list_when_one_is_not_there,
                                  another_secret,
                                  sudden_end};
    return unit_run("worker", tests, sizeof tests / sizeof tests[0]);
}
