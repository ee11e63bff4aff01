/* Who gets a job again, and who does not: after failures, rejections and lateness, on a farm that
 * is starved, and when what is believed of a transcoder is wrong. B = 100 is the broadcaster; a job
 * of three rungs asks for 180000 pixels a second. */
#include "farm.h"
#include "orchestrator/job.h"

static struct job_table_counters counters(void)
{
    return job_table_counters(w->table);
}

static void open_long(uint64_t job, const char *stream, uint64_t msn, size_t rungs)
{
    struct link_job_open o = world_open_of(stream, msn, rungs, 60000);
    job_table_open(w->table, B, job, &o, w->now);
}

/* So many pictures at once: they are there. */
static void feed(uint64_t job, unsigned pictures)
{
    for (uint32_t i = 0; i < pictures; i++) {
        world_unit(w, B, job, i, i + 1 == pictures, 10);
    }
}

static void lose(link_peer t)
{
    job_table_failed(w->table, t, world_attempt(w, t), "no good", false, w->now);
}

static void reject(uint64_t job, uint32_t rung, uint32_t part)
{
    struct link_rung_word word = {.rung = rung, .part = part};
    job_table_rung_reject(w->table, B, job, &word, "it does not decode", w->now);
}

static void check_asks_for(link_peer t, size_t n, const uint32_t *emit_from)
{
    const struct link_job_open *o = &world_last(w, t, LINK_JOB_OPEN)->open;
    ck_assert_uint_eq(o->n_ladder, n);
    for (size_t i = 0; i < n; i++) {
        ck_assert_uint_eq(o->ladder[i].emit_from, emit_from[i]);
    }
}

START_TEST(rejected_rungs_of_one_attempt_count_once)
{
    start(NULL);
    fast(1, 9, 0);
    open_long(1, "a", 1, 3);
    feed(1, 60);
    uint64_t one = world_attempt(w, 1);
    for (uint32_t rung = 0; rung < 3; rung++) {
        world_part(w, 1, one, rung, 0, true, false);
        world_part(w, 1, one, rung, 1, false, false);
    }
    fast(2, 9, 0);
    for (uint32_t rung = 0; rung < 3; rung++) {
        reject(1, rung, rung == 1 ? 1 : 0);
        /* All that is open is begun at once, and no more than once. */
        check_asks_for(2, 3, (const uint32_t[]){0, rung >= 1 ? 1 : 2, rung >= 2 ? 0 : 2});
        ck_assert_uint_eq(of(1)->load, 0);
        ck_assert_uint_eq(of(2)->load, 1);
        ck_assert_uint_eq(of(2)->rate, 180000);
    }
    ck_assert_uint_eq(counters().rungs_rejected, 3);
    ck_assert_uint_eq(counters().failed, 0);
    ck_assert_uint_eq(of(1)->failed, 1);
    ck_assert_uint_eq(of(2)->failed, 0);
    uint64_t two = world_attempt(w, 2);
    world_part(w, 2, two, 0, 0, true, true);
    world_part(w, 2, two, 1, 1, true, true);
    world_part(w, 2, two, 2, 0, true, true);
    world_done(w, 2, two);
    ck_assert_ptr_nonnull(world_last(w, B, LINK_JOB_DONE));
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

static void check_pay(link_peer t, uint64_t earned, uint64_t unearned)
{
    ck_assert_uint_eq(w->pay[t].earned, earned);
    ck_assert_uint_eq(w->pay[t].unearned, unearned);
}

/* By the pixels of a part: 2000. Who made one badly gives back what it had when another one has
 * made it. */
START_TEST(a_part_is_paid_once)
{
    w = world_create_with(NULL, true);
    world_broadcaster(w, B);
    fast(1, 9, 0);
    open_long(1, "a", 1, 1);
    feed(1, 60);
    uint64_t one = world_attempt(w, 1);
    for (uint32_t part = 0; part < 3; part++) {
        world_part(w, 1, one, 0, part, part == 0, false);
    }
    fast(2, 9, 0);
    reject(1, 0, 1);
    check_pay(1, 6000, 0);
    world_part(w, 2, world_attempt(w, 2), 0, 1, true, false);
    check_pay(1, 6000, 2000);
    fast(3, 9, 0);
    reject(1, 0, 1);
    check_pay(2, 2000, 0);
    uint64_t three = world_attempt(w, 3);
    for (uint32_t part = 1; part < 4; part++) {
        world_part(w, 3, three, 0, part, part == 1, part == 3);
    }
    check_pay(1, 6000, 4000);
    check_pay(2, 2000, 2000);
    check_pay(3, 6000, 0);
    world_done(w, 3, three);
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

/* Whoever made it badly has gone, before it is rejected or after. */
START_TEST(a_part_is_paid_once_though_its_maker_has_gone)
{
    for (int before = 0; before < 2; before++) {
        w = world_create_with(NULL, true);
        world_broadcaster(w, B);
        fast(1, 9, 0);
        open_long(1, "a", 1, 1);
        feed(1, 60);
        world_part(w, 1, world_attempt(w, 1), 0, 0, true, false);
        world_part(w, 1, world_attempt(w, 1), 0, 1, false, false);
        if (before == 1) {
            job_table_transcoder_lost(w->table, 1, w->now);
        }
        reject(1, 0, 1);
        if (before == 0) {
            job_table_transcoder_lost(w->table, 1, w->now);
        }
        check_pay(1, 4000, 0);
        fast(2, 9, 0);
        world_part(w, 2, world_attempt(w, 2), 0, 1, true, true);
        check_pay(1, 4000, 2000);
        check_pay(2, 2000, 0);
        world_done(w, 2, world_attempt(w, 2));
        world_check_empty(w);
        world_destroy(w);
    }
}
END_TEST

/* Of more than that the oldest one is forgotten. */
START_TEST(a_part_may_be_rejected_so_often)
{
    struct job_table_config c = defaults();
    c.max_attempts = 100;
    w = world_create_with(&c, true);
    world_broadcaster(w, B);
    fast(1, 9, 0);
    open_long(1, "a", 1, 1);
    feed(1, 60);
    uint32_t from = 6;
    for (uint32_t part = 0; part < from; part++) {
        world_part(w, 1, world_attempt(w, 1), 0, part, part == 0, false);
    }
    link_peer t = 1;
    for (; from > 1; from -= 1, t++) { /* each time one part more of what is left is bad */
        fast(t + 1, 9, 0);
        reject(1, 0, from - 2);
        world_part(w, t + 1, world_attempt(w, t + 1), 0, from - 2, true, false);
    }
    ck_assert_uint_eq(w->pay[1].earned, 12000);
    uint64_t net = 0;
    uint64_t last = world_attempt(w, t);
    for (uint32_t part = 1; part < 6; part++) {
        world_part(w, t, last, 0, part, false, part == 5);
    }
    for (size_t i = 0; i < WORLD_PAYEES; i++) {
        net += w->pay[i].earned - w->pay[i].unearned;
    }
    ck_assert_uint_eq(net, 14000); /* of the oldest the last part was paid twice */
    world_done(w, t, last);
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

START_TEST(rejections_of_several_attempts_count_each)
{
    start(NULL);
    open_long(1, "a", 1, 2);
    feed(1, 60);
    for (link_peer t = 1; t <= JOB_TABLE_ATTEMPTS_DEFAULT; t++) {
        ck_assert_uint_eq(counters().failed, 0);
        fast(t, 9, 0);
        uint64_t attempt = world_attempt(w, t);
        world_part(w, t, attempt, 0, 0, true, false);
        world_part(w, t, attempt, 1, 0, true, false);
        reject(1, 0, 0);
        reject(1, 1, 0);
    }
    ck_assert_uint_eq(counters().failed, 1);
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

/* A rung that comes back late beside others that go on: its maker's host is good for it, if it is
 * the only one that is left. */
START_TEST(a_rung_that_comes_back_late_is_begun_at_once)
{
    start(NULL);
    fast(1, 9, 0);
    open_long(1, "a", 1, 2);
    feed(1, 60);
    uint64_t one = world_attempt(w, 1);
    world_part(w, 1, one, 0, 0, true, false);
    world_part(w, 1, one, 1, 0, true, false);
    fast(2, 9, 0);
    reject(1, 0, 0);
    uint64_t two = world_attempt(w, 2);
    world_part(w, 2, two, 0, 0, true, false);
    reject(1, 1, 0); /* T1 made that */
    ck_assert_uint_eq(of(2)->load, 2);
    ck_assert_uint_eq(of(2)->failed, 0);
    check_asks_for(2, 1, (const uint32_t[]){0});
    world_destroy(w);
}
END_TEST

/* Two are at work on the job, so that a third rung that comes back has to wait; the DONE of one of
 * them never comes. */
START_TEST(a_rung_that_comes_back_takes_the_place_of_who_says_no_done)
{
    start(NULL);
    fast(1, 9, 0);
    open_long(1, "a", 1, 3);
    feed(1, 60);
    uint64_t one = world_attempt(w, 1);
    for (uint32_t rung = 0; rung < 3; rung++) {
        world_part(w, 1, one, rung, 0, true, false);
    }
    fast(2, 1, 0);
    reject(1, 0, 0);
    world_part(w, 2, world_attempt(w, 2), 0, 0, true, false);
    job_table_accepted(w->table, 2, world_attempt(w, 2));
    fast(3, 1, 0);
    reject(1, 1, 0);
    world_part(w, 3, world_attempt(w, 3), 0, 0, true, true);
    reject(1, 2, 0);
    ck_assert_uint_eq(opens(3), 1);
    for (uint32_t part = 1; part < 12; part++) {
        tick();
        world_part(w, 2, world_attempt(w, 2), 0, part, false, false);
    }
    ck_assert_uint_eq(opens(2), 1);
    ck_assert_uint_eq(opens(3), 2);
    check_asks_for(3, 1, (const uint32_t[]){0});
    world_destroy(w);
}
END_TEST

/* It has gone with both attempts at a job that is given up for it. */
START_TEST(one_that_is_lost_had_the_job_twice)
{
    start(NULL);
    open_long(1, "a", 1, 2);
    feed(1, 60);
    link_peer t = 1;
    for (; t < JOB_LOSSES_MAX; t++) {
        fast(t, 9, 0);
        job_table_transcoder_lost(w->table, t, w->now);
    }
    fast(t, 9, 0);
    world_part(w, t, world_attempt(w, t), 0, 0, true, false);
    world_part(w, t, world_attempt(w, t), 1, 0, true, false);
    t++;
    fast(t, 9, 0);
    reject(1, 0, 0);
    world_part(w, t, world_attempt(w, t), 0, 0, true, false);
    reject(1, 1, 0); /* of the one before: this one makes it too */
    ck_assert_uint_eq(of(t)->load, 2);
    ck_assert_uint_eq(counters().failed, 0);
    job_table_transcoder_lost(w->table, t, w->now);
    ck_assert_uint_eq(counters().failed, 1);
    ck_assert_ptr_nonnull(
        strstr(world_last(w, B, LINK_JOB_FAILED)->reason, "too many transcoders were lost"));
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

START_TEST(who_failed_it_is_not_asked_again_while_another_can)
{
    start(NULL);
    fast(2, 1, 0);
    open_long(2, "b", 1, 1); /* T2 can do one at a time: this one */
    job_table_accepted(w->table, 2, world_attempt(w, 2));
    fast(1, 9, 0);
    open_long(1, "a", 1, 1);
    feed(1, 60);
    ck_assert_uint_eq(opens(1), 1);
    lose(1);
    advance(5 * JOB_AVOID_MS);
    ck_assert_uint_eq(opens(1), 1);
    ck_assert_uint_eq(job_table_gauges(w->table).queued, 1);
    feed(2, 1);
    world_part(w, 2, world_attempt(w, 2), 0, 0, true, true);
    world_done(w, 2, world_attempt(w, 2));
    ck_assert_uint_eq(opens(2), 2);
    job_table_transcoder_lost(w->table, 2, w->now);
    ck_assert_uint_eq(opens(1), 2); /* nobody else is there */
    world_destroy(w);
}
END_TEST

START_TEST(who_was_late_is_asked_again_when_others_are_full)
{
    start(NULL);
    fast(1, 1, 0);
    open_long(1, "a", 1, 1);
    feed(1, 60);
    fast(2, 1, 0);
    advance(JOB_TABLE_ANSWER_MS_DEFAULT + JOB_TABLE_LATE_MS_DEFAULT);
    ck_assert_uint_eq(opens(2), 1); /* T1 does not answer */
    ck_assert_uint_eq(opens(1), 1);
    job_table_refused(w->table, 2, world_attempt(w, 2), "no", w->now);
    advance(JOB_TABLE_STRETCH_AFTER_MS);
    ck_assert_uint_eq(opens(1), 2);
    ck_assert_uint_eq(opens(2), 1);
    world_destroy(w);
}
END_TEST

START_TEST(nothing_moves_when_all_are_late)
{
    start(NULL);
    fast(1, 9, 0);
    fast(2, 9, 0);
    for (uint64_t n = 1; n <= 8; n++) {
        open_long(n, n % 2 ? "a" : "b", n, 3);
        feed(n, 60);
    }
    for (size_t i = 0; i < w->n_sent; i++) {
        if (w->sent[i].type == LINK_JOB_OPEN) {
            job_table_accepted(w->table, w->sent[i].to, w->sent[i].job);
        }
    }
    ck_assert_uint_gt(of(1)->load, 0);
    ck_assert_uint_gt(of(2)->load, 0);
    advance(20000);
    ck_assert_uint_eq(opens(1) + opens(2), 8);
    ck_assert_uint_eq(counters().redispatched, 0);
    ck_assert_uint_eq(counters().hedged, 0);
    ck_assert_uint_eq(counters().rungs_given_up, 0);
    world_destroy(w);
}
END_TEST

START_TEST(a_job_moves_only_so_often)
{
    start(NULL);
    for (link_peer t = 1; t <= 8; t++) {
        fast(t, 1, 0);
    }
    open_long(1, "a", 1, 1);
    feed(1, 60);
    advance(30000); /* nobody ever answers */
    size_t all = 0;
    for (link_peer t = 1; t <= 8; t++) {
        all += opens(t);
    }
    ck_assert_uint_ge(all, 2);
    ck_assert_uint_le(all, 1 + JOB_LATE_MAX + JOB_HEDGES_MAX);
    world_destroy(w);
}
END_TEST

/* While the orchestrator itself stood still, what came was not read. */
START_TEST(nobody_is_late_because_the_table_stood_still)
{
    start(NULL);
    fast(1, 9, 0);
    open_long(1, "a", 1, 1);
    feed(1, 60);
    job_table_accepted(w->table, 1, world_attempt(w, 1));
    fast(2, 9, 0);
    w->now += 4000;
    job_table_stalled(w->table, 3900, w->now);
    job_table_tick(w->table, w->now);
    ck_assert_uint_eq(opens(2), 0);
    advance(JOB_TABLE_CALM_MAX_MS + 100);
    ck_assert_uint_eq(opens(2), 1); /* but it is all the same */
    world_destroy(w);
}
END_TEST

/* Segments that wait, whole: nobody gets all of them. */
START_TEST(a_backlog_is_spread_and_taken_bit_by_bit)
{
    start(NULL);
    const char *streams[] = {"a", "b", "c", "d", "e", "f"};
    for (uint64_t n = 1; n <= 6; n++) {
        open_long(n, streams[n - 1], 1, 3);
        feed(n, 60);
    }
    fast(1, 9, 200000);
    fast(2, 9, 400000);
    ck_assert_uint_eq(of(1)->load, 1);
    ck_assert_uint_eq(of(2)->load, 2);
    uint64_t attempt = world_attempt(w, 1);
    for (uint32_t rung = 0; rung < 3; rung++) {
        world_part(w, 1, attempt, rung, 0, true, true);
    }
    w->now += 200;
    world_done(w, 1, attempt);
    ck_assert_uint_eq(of(1)->load, 1);
    ck_assert_uint_eq(opens(1), 2);
    world_destroy(w);
}
END_TEST

START_TEST(the_oldest_of_a_backlog_come_first)
{
    start(NULL);
    const unsigned all = ROSTER_WHOLE_MAX + 2;
    for (uint64_t n = 1; n <= all; n++) {
        open_long(n, "a", n, 1);
        feed(n, 60);
        w->now++;
    }
    fast(1, 9, 0);
    ck_assert_uint_eq(of(1)->whole, ROSTER_WHOLE_MAX);
    ck_assert_uint_eq(world_last(w, 1, LINK_JOB_OPEN)->open.msn, ROSTER_WHOLE_MAX);
    uint64_t last = world_attempt(w, 1), first = last - (ROSTER_WHOLE_MAX - 1);
    open_long(99, "b", 1, 1); /* still being published */
    ck_assert_uint_eq(of(1)->load, ROSTER_WHOLE_MAX + 1);
    world_part(w, 1, first, 0, 0, true, true);
    world_done(w, 1, first);
    ck_assert_uint_eq(world_last(w, 1, LINK_JOB_OPEN)->open.msn, ROSTER_WHOLE_MAX + 1);
    ck_assert_uint_eq(of(1)->whole, ROSTER_WHOLE_MAX);
    job_table_broadcaster_lost(w->table, B, w->now);
    ck_assert_uint_eq(of(1)->whole, 0);
    world_destroy(w);
}
END_TEST

/* It says less than it can: that is found out, and nothing is given up. */
START_TEST(what_is_believed_too_low_is_tried)
{
    start(NULL);
    fast(1, 9, 200000);
    open_long(1, "a", 1, 3);
    open_long(2, "b", 1, 3);
    ck_assert_uint_eq(opens(1), 1);
    advance(JOB_TABLE_STRETCH_AFTER_MS + JOB_TABLE_TICK_MS);
    ck_assert_uint_eq(opens(1), 2);
    ck_assert_uint_eq(world_last(w, 1, LINK_JOB_OPEN)->open.n_ladder, 3);
    uint64_t attempt = world_attempt(w, 1);
    world_unit(w, B, 2, 0, true, 10);
    for (uint32_t rung = 0; rung < 3; rung++) {
        world_part(w, 1, attempt, rung, 0, true, true);
    }
    world_done(w, 1, attempt);
    ck_assert_uint_ge(of(1)->standing.speed, 360000); /* in time with both */
    ck_assert_uint_eq(counters().rungs_given_up, 0);
    world_destroy(w);
}
END_TEST

/* --- a transcoder that says that the input is at fault --- */

static void blame(link_peer t, const char *reason)
{
    job_table_failed(w->table, t, world_attempt(w, t), reason, true, w->now);
}

static void make(uint64_t job, link_peer t)
{
    world_unit(w, B, job, 0, true, 10);
    world_part(w, t, world_attempt(w, t), 0, 0, true, true);
    world_done(w, t, world_attempt(w, t));
}

START_TEST(a_fault_of_the_input_is_confirmed_by_another_host)
{
    start(NULL);
    world_transcoder_on(w, "10.0.0.1", 1, 9, "x", 0);
    open_long(1, "a", 1, 1);
    world_transcoder_on(w, "10.0.0.1", 2, 9, "x", 0);
    world_transcoder_on(w, "10.0.0.2", 3, 9, "x", 0);
    blame(1, "not H.264");
    ck_assert_uint_eq(opens(2), 0);
    ck_assert_uint_eq(opens(3), 1);
    ck_assert_uint_eq(counters().failed, 0);
    blame(3, "not H.264 at all");
    const struct sent *failed = world_last(w, B, LINK_JOB_FAILED);
    ck_assert(failed->final);
    ck_assert_str_eq(failed->reason, "not H.264 at all");
    ck_assert_uint_eq(opens(2), 0);
    ck_assert_uint_eq(of(1)->standing.failures + of(3)->standing.failures, 0);
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

START_TEST(one_that_calls_good_input_faulty_loses_nothing_and_is_suspended)
{
    start(NULL);
    fast(1, 9, 0);
    fast(2, 9, 0);
    for (uint64_t job = 1; job <= STANDING_FAILURES_MAX; job++) {
        ck_assert_uint_eq(of(1)->standing.suspensions, 0);
        char stream[] = {(char)('a' + job), '\0'};
        open_long(job, stream, 1, 1);
        /* Each stream is new: the one that idles longest is asked. */
        blame(1, "no good");
        make(job, 2);
        ck_assert_uint_eq(counters().done, job);
    }
    ck_assert_uint_eq(counters().failed, 0);
    ck_assert_uint_eq(of(1)->standing.suspensions, 1);
    ck_assert_int_eq(w->last_note.type, JOB_NOTE_SUSPENDED);
    ck_assert_uint_eq(of(2)->standing.failures, 0);
    world_destroy(w);
}
END_TEST

START_TEST(who_has_no_time_to_confirm_is_not_waited_for)
{
    start(NULL);
    fast(1, 1, 0);
    open_long(3, "a", 1, 1);
    make(3, 1);
    open_long(1, "a", 2, 1);
    job_table_accepted(w->table, 1, world_attempt(w, 1));
    fast(2, 1, 0);
    open_long(2, "b", 1, 1);
    job_table_accepted(w->table, 2, world_attempt(w, 2));
    blame(1, "no good");
    advance(JOB_CONFIRM_MS - JOB_TABLE_TICK_MS);
    ck_assert_uint_eq(opens(1), 2);
    ck_assert_uint_eq(counters().failed, 0);
    advance(JOB_TABLE_TICK_MS);
    ck_assert(world_last(w, B, LINK_JOB_FAILED)->final);
    ck_assert_str_eq(world_last(w, B, LINK_JOB_FAILED)->reason, "no good");
    world_destroy(w);
}
END_TEST

/* One that did nothing well so far is not believed: whoever has room again looks at it. */
START_TEST(a_stranger_s_word_waits_for_another)
{
    start(NULL);
    fast(1, 1, 0);
    open_long(1, "a", 1, 1);
    job_table_accepted(w->table, 1, world_attempt(w, 1));
    fast(2, 1, 0);
    open_long(2, "b", 1, 1);
    job_table_accepted(w->table, 2, world_attempt(w, 2));
    blame(1, "no good");
    advance(2 * JOB_CONFIRM_MS);
    ck_assert_uint_eq(counters().failed, 0);
    make(2, 2);
    make(1, 2);
    ck_assert_uint_eq(counters().done, 2);
    ck_assert_uint_eq(of(1)->standing.failures, 1);
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

START_TEST(the_attempts_bound_the_confirming_too)
{
    struct job_table_config c = defaults();
    c.max_attempts = 1;
    start(&c);
    fast(1, 9, 0);
    open_long(1, "a", 1, 1);
    fast(2, 9, 0);
    blame(1, "no good");
    ck_assert(world_last(w, B, LINK_JOB_FAILED)->final);
    ck_assert_uint_eq(opens(2), 0);
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

/* It is not asked at once: that is no reason to believe the other. */
START_TEST(who_was_late_with_it_just_now_looks_at_it_all_the_same)
{
    start(NULL);
    fast(1, 9, 0);
    open_long(1, "a", 1, 1);
    feed(1, 60);
    fast(2, 9, 0);
    while (counters().redispatched == 0) {
        advance(JOB_TABLE_TICK_MS);
    }
    ck_assert_uint_eq(of(1)->load, 0);
    ck_assert_uint_eq(of(2)->load, 1);
    blame(2, "no good");
    ck_assert_uint_eq(counters().failed, 0);
    advance(JOB_AVOID_MS + JOB_TABLE_STRETCH_AFTER_MS);
    ck_assert_uint_eq(opens(1), 2);
    blame(1, "no good");
    ck_assert(world_last(w, B, LINK_JOB_FAILED)->final);
    ck_assert_uint_eq(of(1)->standing.failures + of(2)->standing.failures, 0);
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

/* The other one neither confirms it nor makes it. */
START_TEST(a_fault_of_the_other_leaves_it_open)
{
    start(NULL);
    fast(1, 9, 0);
    open_long(1, "a", 1, 1);
    fast(2, 9, 0);
    blame(1, "no good");
    lose(2);
    ck_assert_uint_eq(counters().failed, 0);
    advance(JOB_AVOID_MS);
    blame(world_last(w, 1, LINK_JOB_OPEN)->job > world_attempt(w, 2) ? 1 : 2, "no good");
    ck_assert(world_last(w, B, LINK_JOB_FAILED)->final);
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("job_table_again");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 10);
    tcase_add_test(tc, rejected_rungs_of_one_attempt_count_once);
    tcase_add_test(tc, a_part_is_paid_once);
    tcase_add_test(tc, a_part_is_paid_once_though_its_maker_has_gone);
    tcase_add_test(tc, a_part_may_be_rejected_so_often);
    tcase_add_test(tc, rejections_of_several_attempts_count_each);
    tcase_add_test(tc, a_rung_that_comes_back_late_is_begun_at_once);
    tcase_add_test(tc, a_rung_that_comes_back_takes_the_place_of_who_says_no_done);
    tcase_add_test(tc, one_that_is_lost_had_the_job_twice);
    tcase_add_test(tc, who_failed_it_is_not_asked_again_while_another_can);
    tcase_add_test(tc, who_was_late_is_asked_again_when_others_are_full);
    tcase_add_test(tc, nothing_moves_when_all_are_late);
    tcase_add_test(tc, a_job_moves_only_so_often);
    tcase_add_test(tc, nobody_is_late_because_the_table_stood_still);
    tcase_add_test(tc, a_backlog_is_spread_and_taken_bit_by_bit);
    tcase_add_test(tc, the_oldest_of_a_backlog_come_first);
    tcase_add_test(tc, what_is_believed_too_low_is_tried);
    tcase_add_test(tc, a_fault_of_the_input_is_confirmed_by_another_host);
    tcase_add_test(tc, one_that_calls_good_input_faulty_loses_nothing_and_is_suspended);
    tcase_add_test(tc, who_has_no_time_to_confirm_is_not_waited_for);
    tcase_add_test(tc, a_stranger_s_word_waits_for_another);
    tcase_add_test(tc, who_was_late_with_it_just_now_looks_at_it_all_the_same);
    tcase_add_test(tc, the_attempts_bound_the_confirming_too);
    tcase_add_test(tc, a_fault_of_the_other_leaves_it_open);
    suite_add_tcase(suite, tc);
    return world_run(suite);
}
