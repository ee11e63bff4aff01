/* One job: what is kept, what an attempt asks for, which rung unit may come next. */
#include "orchestrator/job.h"
#include "world.h"

static struct transcoder transcoder = {.encoder = "enc"};

static struct job *make(size_t rungs)
{
    struct link_job_open o = world_open_of("stream", 5, rungs, 1000);
    struct job *j = job_create(&o);
    ck_assert_ptr_nonnull(j);
    j->deadline_ms = 1000;
    j->tries[0].transcoder = &transcoder;
    return j;
}

/* The first attempt, anew. */
static struct job_attempt *begin(struct job *j)
{
    job_begin(j, &j->tries[0], false);
    return &j->tries[0];
}

static enum err keep(struct job *j, uint32_t seq, size_t n_packets, bool last, struct blob *payload)
{
    static struct link_packet packets[3] = {{.length = 1}, {.length = 2}, {.length = 3}};
    struct link_unit u = {.packets = packets, .n_packets = n_packets, .seq = seq, .last = last};
    const char *why = NULL;
    enum err e = job_keep(j, &u, payload, 0, &why);
    ck_assert((e == ERR_PROTO) == (why != NULL));
    return e;
}

/* Sends all units and ends the segment, as after a whole input. */
static void feed_all(struct job *j)
{
    ck_assert_int_eq(keep(j, 0, 1, true, NULL), ERR_OK);
    job_advance(begin(j));
}

static enum err check(const struct job *j, const struct rung_part *p, uint32_t *ret_rung)
{
    const char *why = NULL;
    enum err e = job_check(&j->tries[0], &p->unit, ret_rung, &why);
    ck_assert((e == ERR_PROTO) == (why != NULL));
    return e;
}

START_TEST(copies_what_it_is_given)
{
    char stream[] = "stream", name[] = "name", preset[] = "preset";
    uint8_t config[] = {1, 2, 3};
    struct link_job_open o = world_open_of(stream, 5, 2, 1000);
    o.ladder[1].name = name;
    o.ladder[1].preset = preset;
    o.ladder[1].emit_from = 4;
    o.track.config = span_of(config, sizeof config);
    struct job *j = job_create(&o);
    memset(stream, 'x', 6);
    memset(name, 'x', 4);
    memset(preset, 'x', 6);
    memset(config, 9, 3);
    ck_assert_str_eq(j->open.stream, "stream");
    ck_assert_str_eq(j->open.ladder[1].name, "name");
    ck_assert_str_eq(j->open.ladder[1].preset, "preset");
    ck_assert_uint_eq(j->open.track.config.len, 3);
    ck_assert_uint_eq(j->open.track.config.data[2], 3);
    ck_assert_uint_eq(j->rungs[1].next_part, 4);
    ck_assert_uint_eq(j->bytes, job_open_bytes(&o));
    job_destroy(j);
    job_destroy(NULL);
}
END_TEST

START_TEST(every_allocation_fails)
{
    struct link_job_open o = world_open_of("stream", 5, 2, 1000);
    mem_fail_nth(1);
    ck_assert_ptr_null(job_create(&o));
    ck_assert(mem_has_failed());
    mem_fail_nth(0);
    struct job *j = make(1);
    size_t bytes = j->bytes;
    mem_fail_nth(1);
    ck_assert_int_eq(keep(j, 0, 1, false, NULL), ERR_NOMEM);
    mem_fail_nth(0);
    ck_assert_uint_eq(j->bytes, bytes);
    ck_assert(list_empty(&j->units));
    ck_assert_int_eq(keep(j, 0, 1, false, NULL), ERR_OK);
    job_destroy(j);
}
END_TEST

START_TEST(units_follow_each_other)
{
    struct job *j = make(1);
    ck_assert_int_eq(keep(j, 1, 1, false, NULL), ERR_PROTO);
    ck_assert_int_eq(keep(j, 0, 0, false, NULL), ERR_PROTO);
    ck_assert_int_eq(keep(j, 0, 1, false, NULL), ERR_OK);
    ck_assert_int_eq(keep(j, 0, 1, false, NULL), ERR_PROTO);
    ck_assert_int_eq(keep(j, 1, 0, true, NULL), ERR_OK);
    ck_assert_int_eq(keep(j, 2, 1, false, NULL), ERR_PROTO);
    job_destroy(j);
}
END_TEST

START_TEST(keeps_units_with_their_bytes)
{
    struct job *j = make(1);
    struct blob *payload = blob_create(6);
    size_t before = j->bytes;
    ck_assert_int_eq(keep(j, 0, 3, false, payload), ERR_OK);
    blob_unref(payload);
    ck_assert_uint_gt(j->bytes, before + 6);
    const struct job_unit *u = job_peek(&j->tries[0]);
    ck_assert_ptr_nonnull(u);
    ck_assert_uint_eq(blob_span(u->payload).len, 6);
    ck_assert_uint_eq(u->unit.n_packets, 3);
    ck_assert_uint_eq(u->unit.packets[2].length, 3);
    ck_assert_uint_eq(blob_live_bytes(), 6);
    job_destroy(j);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(the_cursor_goes_through_all_units_again)
{
    struct job *j = make(1);
    for (unsigned round = 0; round < 3; round++) {
        ck_assert_int_eq(keep(j, round, 1, false, NULL), ERR_OK);
        begin(j);
        for (unsigned i = 0; i <= round; i++) {
            ck_assert_uint_eq(job_peek(&j->tries[0])->unit.seq, i);
            job_advance(&j->tries[0]);
        }
        ck_assert_ptr_null(job_peek(&j->tries[0]));
    }
    ck_assert_int_eq(keep(j, 3, 1, false, NULL), ERR_OK);
    ck_assert_uint_eq(job_peek(&j->tries[0])->unit.seq, 3);
    job_destroy(j);
}
END_TEST

START_TEST(an_attempt_asks_for_what_is_missing)
{
    struct job *j = make(3);
    feed_all(j);
    struct rung_part p;
    uint32_t rung;
    world_part_init(&p, 0, 0, true, true);
    ck_assert_int_eq(check(j, &p, &rung), ERR_OK);
    job_deliver(&j->tries[0], rung, &p.unit, 20, 0);
    world_part_init(&p, 2, 0, true, false);
    ck_assert_int_eq(check(j, &p, &rung), ERR_OK);
    job_deliver(&j->tries[0], rung, &p.unit, 20, 0);
    ck_assert(!job_is_complete(j));
    ck_assert_str_eq(j->encoder, "enc");

    begin(j);
    struct link_job_open o;
    job_ask(&j->tries[0], 400, &o);
    ck_assert_uint_eq(o.n_ladder, 2);
    ck_assert_uint_eq(o.ladder[0].width, 200);
    ck_assert_uint_eq(o.ladder[0].emit_from, 0);
    ck_assert_uint_eq(o.ladder[1].width, 300);
    ck_assert_uint_eq(o.ladder[1].emit_from, 1);
    ck_assert_uint_eq(o.deadline_ms, 600);
    job_ask(&j->tries[0], 5000, &o);
    ck_assert_uint_eq(o.deadline_ms, 1);

    /* The second attempt's rung 1 is the ladder's rung 2, and starts anew. */
    job_advance(&j->tries[0]);
    world_part_init(&p, 1, 1, false, false);
    ck_assert_int_eq(check(j, &p, &rung), ERR_PROTO);
    world_part_init(&p, 1, 1, true, false);
    ck_assert_int_eq(check(j, &p, &rung), ERR_OK);
    ck_assert_uint_eq(rung, 2);
    world_part_init(&p, 2, 0, true, false);
    ck_assert_int_eq(check(j, &p, &rung), ERR_PROTO);
    job_destroy(j);
}
END_TEST

START_TEST(counts_what_is_delivered)
{
    struct job *j = make(2);
    feed_all(j);
    struct rung_part p;
    for (uint32_t i = 0; i < 3; i++) {
        world_part_init(&p, 1, i, i == 0, i == 2);
        job_deliver(&j->tries[0], 1, &p.unit, 20, 0);
    }
    ck_assert_uint_eq(j->rungs[1].total.frames, 6);
    ck_assert_uint_eq(j->rungs[1].total.pixels, 6 * 200 * 10);
    ck_assert_uint_eq(j->rungs[1].total.bytes, 60);
    ck_assert(!job_is_complete(j));
    world_part_init(&p, 0, 0, true, true);
    job_deliver(&j->tries[0], 0, &p.unit, 20, 0);
    ck_assert(job_is_complete(j));
    job_destroy(j);
}
END_TEST

struct bad_case {
    const char *what;
    void (*spoil)(struct rung_part *p);
    bool first; /* spoils the first part of the emission, or the second */
};

static void no_key(struct rung_part *p)
{
    p->packets[0].flags = 0;
}
static void no_config(struct rung_part *p)
{
    p->unit.config.len = 0;
}
static void other_hash(struct rung_part *p)
{
    p->unit.config_hash++;
}
static void equal_times(struct rung_part *p)
{
    p->packets[1].dts = p->packets[0].dts;
}
static void falling_times(struct rung_part *p)
{
    p->packets[1].dts = p->packets[0].dts - 1;
}
static void time_of_the_part_before(struct rung_part *p)
{
    p->packets[0].dts -= 3000;
}
static void no_packets(struct rung_part *p)
{
    p->unit.n_packets = 0;
}
static void a_part_left_out(struct rung_part *p)
{
    p->unit.part++;
}
static void a_part_again(struct rung_part *p)
{
    p->unit.part--;
}
static void one_packet(struct rung_part *p)
{
    p->unit.n_packets = 1;
}
static void three_packets(struct rung_part *p)
{
    p->packets[2] = p->packets[1];
    p->packets[2].dts += 3000;
    p->packets[2].pts += 3000;
    p->unit.n_packets = 3;
}
static void three_packets_at_the_end(struct rung_part *p)
{
    three_packets(p);
    p->unit.last = true;
}
static void shown_before_it_is_decoded(struct rung_part *p)
{
    p->packets[1].pts = p->packets[1].dts - 1;
}
static void far_too_large(struct rung_part *p)
{
    p->packets[1].length = JOB_RUNG_BYTES_MAX - 9;
}
static void shown_between_two_slots(struct rung_part *p)
{
    p->packets[1].pts += 1500;
}
static void shown_far_away(struct rung_part *p)
{
    p->packets[1].pts = INT64_C(1) << 55;
}
static void one_time_twice(struct rung_part *p)
{
    p->packets[0].pts = p->packets[1].pts;
}
static void decoded_between_two_slots(struct rung_part *p)
{
    p->packets[1].dts -= 100;
}
static void moved(struct rung_part *p, int64_t ticks)
{
    for (unsigned i = 0; i < 2; i++) {
        p->packets[i].dts += ticks;
        p->packets[i].pts += ticks;
    }
}
static void before_the_source(struct rung_part *p)
{
    moved(p, -3000);
}
static void long_after_the_source(struct rung_part *p)
{
    moved(p, 93000);
}
static void a_part_later(struct rung_part *p)
{
    moved(p, 6000);
}
static void no_such_rung(struct rung_part *p)
{
    p->unit.rung = 1;
}
static void rung_far_out(struct rung_part *p)
{
    p->unit.rung = UINT32_MAX;
}

static const struct bad_case bad_cases[] = {
    {"no key frame", no_key, true},
    {"no config", no_config, true},
    {"equal times", equal_times, true},
    {"falling times", falling_times, true},
    {"no packets", no_packets, true},
    {"a part left out", a_part_left_out, true},
    {"a part again (wraps)", a_part_again, true},
    {"too few packets", one_packet, true},
    {"too many packets", three_packets, true},
    {"too many packets at the end", three_packets_at_the_end, true},
    {"shown before it is decoded", shown_before_it_is_decoded, true},
    {"far too large", far_too_large, true},
    {"no such rung", no_such_rung, true},
    {"between two slots", shown_between_two_slots, true},
    {"far away", shown_far_away, true},
    {"one time twice", one_time_twice, true},
    {"decoded between two slots", decoded_between_two_slots, true},
    {"before the source", before_the_source, true},
    {"long after the source", long_after_the_source, true},
    {"between two slots", shown_between_two_slots, false},
    {"a part later", a_part_later, false},
    {"rung far out", rung_far_out, true},
    {"other hash", other_hash, false},
    {"equal times", equal_times, false},
    {"time of the part before", time_of_the_part_before, false},
    {"no packets", no_packets, false},
    {"a part left out", a_part_left_out, false},
    {"a part again", a_part_again, false},
};

START_TEST(bad_rung_units_are_refused)
{
    const struct bad_case *c = &bad_cases[_i];
    struct job *j = make(1);
    feed_all(j);
    struct rung_part p;
    uint32_t rung = 99;
    world_part_init(&p, 0, 0, true, false);
    if (!c->first) {
        ck_assert_int_eq(check(j, &p, &rung), ERR_OK);
        job_deliver(&j->tries[0], rung, &p.unit, 20, 0);
        world_part_init(&p, 0, 1, false, false);
    }
    rung = 99;
    c->spoil(&p);
    ck_assert_msg(check(j, &p, &rung) == ERR_PROTO, "%s", c->what);
    ck_assert_uint_eq(rung, 99);
    world_part_init(&p, 0, c->first ? 0 : 1, c->first, false);
    ck_assert_msg(check(j, &p, &rung) == ERR_OK, "%s: the right one", c->what);
    job_destroy(j);
}
END_TEST

START_TEST(the_last_part_waits_for_the_segments_end)
{
    struct job *j = make(1);
    struct rung_part p;
    uint32_t rung;
    world_part_init(&p, 0, 0, true, true);
    ck_assert_int_eq(keep(j, 0, 1, false, NULL), ERR_OK);
    begin(j);
    job_advance(&j->tries[0]);
    ck_assert_int_eq(check(j, &p, &rung), ERR_PROTO);
    ck_assert_int_eq(keep(j, 1, 0, true, NULL), ERR_OK);
    ck_assert_int_eq(check(j, &p, &rung), ERR_PROTO); /* it has not been sent there */
    job_advance(&j->tries[0]);
    ck_assert_int_eq(check(j, &p, &rung), ERR_OK);
    job_deliver(&j->tries[0], rung, &p.unit, 20, 0);
    world_part_init(&p, 0, 1, false, false);
    ck_assert_int_eq(check(j, &p, &rung), ERR_PROTO); /* after the last one */
    job_destroy(j);
}
END_TEST

START_TEST(a_continued_rung_keeps_its_parameter_sets_and_times)
{
    struct job *j = make(1);
    feed_all(j);
    struct rung_part p;
    uint32_t rung;
    world_part_init(&p, 0, 0, true, false);
    job_deliver(&j->tries[0], 0, &p.unit, 20, 0);
    begin(j);
    job_advance(&j->tries[0]);
    world_part_init(&p, 0, 1, true, true);
    p.unit.config_hash++;
    ck_assert_int_eq(check(j, &p, &rung), ERR_PROTO);
    p.unit.config_hash--;
    p.packets[0].dts = 3000; /* as the last one of part 0 */
    ck_assert_int_eq(check(j, &p, &rung), ERR_PROTO);
    p.packets[0].dts = 6000;
    ck_assert_int_eq(check(j, &p, &rung), ERR_OK);
    job_destroy(j);
}
END_TEST

/* A segment of 200 ms at 30 frames a second: six frames, give or take one. */
START_TEST(a_rung_is_as_long_as_its_segment)
{
    for (uint32_t parts = 1; parts <= 5; parts++) {
        struct job *j = make(1);
        struct link_unit u = {.last = true, .duration = 18000};
        const char *why;
        ck_assert_int_eq(job_keep(j, &u, NULL, 0, &why), ERR_OK);
        job_advance(begin(j));
        struct rung_part p;
        uint32_t rung;
        for (uint32_t i = 0; i < parts; i++) {
            world_part_init(&p, 0, i, i == 0, i + 1 == parts);
            if (i + 1 < parts) {
                job_deliver(&j->tries[0], 0, &p.unit, 20, 0);
            }
        }
        ck_assert_int_eq(check(j, &p, &rung), parts == 3 ? ERR_OK : ERR_PROTO);
        p.unit.n_packets = 1;
        ck_assert_int_eq(check(j, &p, &rung), parts == 3 || parts == 4 ? ERR_OK : ERR_PROTO);
        job_destroy(j);
    }
}
END_TEST

/* Six pictures of which the fourth is shown two frames later than in its turn, and so on, because
 * its encoder begins to reorder: they are decoded within 200 ms and shown for 267. */
START_TEST(a_rung_is_as_long_as_its_segment_is_shown)
{
    for (uint32_t frames = 1; frames <= 10; frames++) {
        struct job *j = make(1);
        for (uint32_t i = 0; i < 6; i++) {
            struct link_packet packet = {
                .length = 1, .dts = i * 3000, .pts = (i < 3 ? i : i + 2) * 3000};
            struct link_unit u = {.packets = &packet,
                                  .n_packets = 1,
                                  .seq = i,
                                  .last = i == 5,
                                  .duration = i == 5 ? 18000 : 0};
            struct blob *payload = blob_create(1);
            const char *why;
            ck_assert_int_eq(job_keep(j, &u, payload, 0, &why), ERR_OK);
            blob_unref(payload);
        }
        begin(j);
        while (!job_all_sent(&j->tries[0])) {
            job_advance(&j->tries[0]);
        }
        struct rung_part p;
        uint32_t rung;
        for (uint32_t i = 0; i * 2 < frames; i++) {
            bool last = (i + 1) * 2 >= frames;
            world_part_init(&p, 0, i, i == 0, last);
            if (!last) {
                job_deliver(&j->tries[0], 0, &p.unit, 20, 0);
            }
        }
        p.unit.n_packets = frames % 2 == 0 ? 2 : 1;
        ck_assert_int_eq(check(j, &p, &rung), frames >= 5 && frames <= 9 ? ERR_OK : ERR_PROTO);
        job_destroy(j);
    }
}
END_TEST

/* 30000/1001: slots are not whole ticks. B-frames: shown in another order than decoded. */
START_TEST(a_grid_that_is_not_whole)
{
    struct job *j = make(1);
    j->open.ladder[0].fps_num = 30000;
    j->open.ladder[0].fps_den = 1001;
    j->open.ladder[0].frames_per_part = 3;
    j->open.ladder[0].dts_delay_frames = 1;
    feed_all(j);
    static const int64_t pts[] = {0, 6006, 3003, 9009, 15015, 12012};
    struct rung_part p;
    uint32_t rung;
    for (uint32_t part = 0; part < 2; part++) {
        world_part_init(&p, 0, part, part == 0, part == 1);
        p.unit.n_packets = 3;
        for (uint32_t i = 0; i < 3; i++) {
            p.packets[i] = p.packets[0];
            p.packets[i].pts = pts[part * 3 + i];
            p.packets[i].dts = ((int64_t)part * 3 + i - 1) * 3003;
        }
        ck_assert_int_eq(check(j, &p, &rung), ERR_OK);
        job_deliver(&j->tries[0], 0, &p.unit, 30, 0);
    }
    ck_assert(job_is_complete(j));
    job_destroy(j);
}
END_TEST

START_TEST(the_sources_own_times_stay_in_its_segment)
{
    struct job *j = make(1);
    j->open.ladder[0].fps_num = 0;
    static struct link_packet packets[] = {{.length = 1, .dts = 900, .pts = 1000},
                                           {.length = 1, .dts = 950, .pts = 5000}};
    struct link_unit u = {.packets = packets, .n_packets = 2, .last = true};
    const char *why;
    ck_assert_int_eq(job_keep(j, &u, NULL, 0, &why), ERR_OK);
    job_advance(begin(j));
    struct rung_part p;
    uint32_t rung;
    static const struct {
        int64_t first, second;
        enum err e;
    } cases[] = {{1000, 5000, ERR_OK},
                 {999, 5000, ERR_PROTO},
                 {1000, 5001, ERR_PROTO},
                 {1000, 1100, ERR_OK}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world_part_init(&p, 0, 0, true, true);
        p.packets[0].dts = p.packets[0].pts = cases[i].first;
        p.packets[1].dts = p.packets[1].pts = cases[i].second;
        ck_assert_int_eq(check(j, &p, &rung), cases[i].e);
    }
    world_part_init(&p, 0, 0, true, false);
    moved(&p, 1000);
    job_deliver(&j->tries[0], 0, &p.unit, 20, 0);
    world_part_init(&p, 0, 1, false, true);
    p.packets[0].dts = p.packets[0].pts = 4500;
    p.unit.n_packets = 1;
    ck_assert_int_eq(check(j, &p, &rung), ERR_PROTO); /* three frames of two */
    job_destroy(j);
}
END_TEST

/* However many small parts: what the broadcaster has to keep of a rung is bounded. */
START_TEST(a_rung_is_bounded)
{
    struct job *j = make(1);
    feed_all(j);
    struct rung_part p;
    uint32_t rung, parts = 0;
    world_part_init(&p, 0, 0, true, false);
    while (check(j, &p, &rung) == ERR_OK) {
        job_deliver(&j->tries[0], rung, &p.unit, 20, 0);
        parts++;
        world_part_init(&p, 0, parts, false, false);
        ck_assert_uint_le(parts, JOB_RUNG_FRAMES_MAX);
    }
    ck_assert_uint_eq(parts, JOB_RUNG_FRAMES_MAX / 2);
    job_destroy(j);
    j = make(1);
    feed_all(j);
    world_part_init(&p, 0, 0, true, false);
    job_deliver(&j->tries[0], 0, &p.unit, JOB_RUNG_BYTES_MAX - 20, 0);
    world_part_init(&p, 0, 1, false, false);
    ck_assert_int_eq(check(j, &p, &rung), ERR_OK);
    p.packets[0].length++;
    ck_assert_int_eq(check(j, &p, &rung), ERR_PROTO);
    job_destroy(j);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("job");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 10);
    tcase_add_test(tc, copies_what_it_is_given);
    tcase_add_test(tc, every_allocation_fails);
    tcase_add_test(tc, units_follow_each_other);
    tcase_add_test(tc, keeps_units_with_their_bytes);
    tcase_add_test(tc, the_cursor_goes_through_all_units_again);
    tcase_add_test(tc, an_attempt_asks_for_what_is_missing);
    tcase_add_test(tc, counts_what_is_delivered);
    tcase_add_test(tc, a_rung_is_bounded);
    tcase_add_test(tc, a_rung_is_as_long_as_its_segment);
    tcase_add_test(tc, a_rung_is_as_long_as_its_segment_is_shown);
    tcase_add_test(tc, a_grid_that_is_not_whole);
    tcase_add_test(tc, the_sources_own_times_stay_in_its_segment);
    tcase_add_loop_test(tc, bad_rung_units_are_refused, 0, sizeof bad_cases / sizeof bad_cases[0]);
    tcase_add_test(tc, the_last_part_waits_for_the_segments_end);
    tcase_add_test(tc, a_continued_rung_keeps_its_parameter_sets_and_times);
    suite_add_tcase(suite, tc);
    return world_run(suite);
}
