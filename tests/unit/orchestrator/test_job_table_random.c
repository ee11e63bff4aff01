/* usual time: 12 s */
/* The job table under random days: peers come and go, queues fill, transcoders refuse, fail, lie
 * and answer late. What must hold at every step is checked where messages leave the table. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "orchestrator/job.h"
#include "orchestrator/job_table.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RUNS 10 /* each in a process of its own, which sanitizers make slow */
#else
#define RUNS 60
#endif
#define STEPS        3000
#define N_BROADCAST  3
#define JOBS_MAX     400 /* per run */
#define ATTEMPTS_MAX 4000
#define RUNGS_MAX    3
#define UNITS        4 /* per job; a part of every rung ends with each */
#define PEERS_MAX    64

struct sim_job {
    link_peer broadcaster;
    bool cancelled;
    unsigned rungs;
    uint32_t units_sent;
    uint32_t next_part[RUNGS_MAX];
    uint32_t maker[RUNGS_MAX]; /* the attempt that made the newest part */
    bool given_up[RUNGS_MAX];
    unsigned ends; /* DONE, FAILED or REFUSE: exactly one */
    bool is_done;
};

struct sim_attempt {
    link_peer transcoder;
    size_t job;
    unsigned rungs;
    unsigned map[RUNGS_MAX]; /* by width */
    uint32_t next_part[RUNGS_MAX];
    bool emitting[RUNGS_MAX];
    uint32_t units;
    bool over; /* cancelled, answered for good, or its transcoder has gone */
};

struct sim {
    struct job_table *table;
    int64_t now;
    uint32_t random;
    struct sim_job jobs[JOBS_MAX];
    size_t n_jobs;
    struct sim_attempt attempts[ATTEMPTS_MAX];
    uint64_t base; /* attempt numbers start behind this */
    size_t n_attempts;
    link_peer broadcasters[N_BROADCAST];
    struct {
        link_peer peer;
        bool full;
    } transcoders[PEERS_MAX];
    size_t n_transcoders;
    link_peer next_peer;
    bool speeds; /* transcoders say how fast they are */
    bool priced; /* rungs have a price, and some jobs are refused for want of money */
    uint64_t reserved, earned, unearned;
    unsigned unpaid;
};

static uint32_t chance(struct sim *s, uint32_t n)
{
    s->random = s->random * 1664525u + 1013904223u;
    return (s->random >> 8) % n;
}

static size_t transcoder_index(const struct sim *s, link_peer peer)
{
    size_t i = 0;
    while (i < s->n_transcoders && s->transcoders[i].peer != peer) {
        i++;
    }
    return i;
}

static struct sim_attempt *attempt_of(struct sim *s, uint64_t number)
{
    ck_assert_uint_ge(number, 1);
    ck_assert_uint_le(number, s->n_attempts);
    return &s->attempts[number - 1];
}

/* --- what leaves the table --- */

static void on_open(struct sim *s, link_peer to, const struct link_msg *m)
{
    ck_assert_uint_lt(s->n_attempts, ATTEMPTS_MAX);
    struct sim_attempt *a = &s->attempts[m->job - 1];
    ck_assert_uint_eq(a->transcoder, 0); /* numbers are never reused */
    s->n_attempts = m->job > s->n_attempts ? m->job : s->n_attempts;
    *a = (struct sim_attempt){.transcoder = to, .job = m->open.msn};
    const struct sim_job *j = &s->jobs[a->job];
    a->rungs = (unsigned)m->open.n_ladder;
    ck_assert_uint_ge(a->rungs, 1);
    for (unsigned i = 0; i < a->rungs; i++) {
        a->map[i] = m->open.ladder[i].width / 100 - 1;
        a->next_part[i] = m->open.ladder[i].emit_from;
        ck_assert_uint_eq(a->next_part[i], j->next_part[a->map[i]]);
        ck_assert_uint_lt(a->next_part[i], UNITS);
        ck_assert(!j->given_up[a->map[i]]);
    }
    ck_assert_uint_eq(j->ends, 0);
    ck_assert(!j->cancelled);
}

static void on_unit(struct sim *s, link_peer to, const struct link_msg *m, struct blob *payload)
{
    struct sim_attempt *a = attempt_of(s, m->job);
    ck_assert_uint_eq(a->transcoder, to);
    ck_assert_uint_eq(m->unit.seq, a->units);
    ck_assert_uint_eq(m->unit.packets[0].duration, a->job);
    ck_assert_uint_eq(blob_span(payload).data[0], (uint8_t)a->units);
    a->units++;
    ck_assert(m->unit.last == (a->units == UNITS));
}

static void on_rung_unit(struct sim *s, link_peer to, const struct link_msg *m)
{
    struct sim_job *j = &s->jobs[m->job - 1];
    ck_assert_uint_eq(j->broadcaster, to);
    ck_assert_uint_eq(j->ends, 0);
    ck_assert_uint_lt(m->unit.rung, j->rungs);
    ck_assert_uint_eq(m->unit.part, j->next_part[m->unit.rung]);
    ck_assert_uint_eq(m->unit.packets[0].dts, m->unit.part * 100);
    ck_assert(m->unit.last == (m->unit.part == UNITS - 1));
    ck_assert(!j->given_up[m->unit.rung]);
    /* Whoever goes on with what another one has begun starts where decoding can start. */
    uint32_t maker = m->unit.packets[0].duration;
    ck_assert(maker == j->maker[m->unit.rung] || (m->unit.packets[0].flags & PACKET_KEY) != 0);
    j->maker[m->unit.rung] = maker;
    j->next_part[m->unit.rung]++;
}

static void on_given_up(struct sim *s, link_peer to, const struct link_msg *m)
{
    struct sim_job *j = &s->jobs[m->job - 1];
    ck_assert_uint_eq(j->broadcaster, to);
    ck_assert_uint_eq(j->ends, 0);
    ck_assert_uint_lt(m->word.rung, j->rungs);
    ck_assert(!j->given_up[m->word.rung]);
    ck_assert_uint_lt(j->next_part[m->word.rung], UNITS);
    j->given_up[m->word.rung] = true;
    bool others = false;
    for (unsigned i = 0; i < j->rungs; i++) {
        others |= !j->given_up[i];
    }
    ck_assert(others);
}

static void on_end(struct sim *s, link_peer to, const struct link_msg *m)
{
    struct sim_job *j = &s->jobs[m->job - 1];
    ck_assert_uint_eq(j->broadcaster, to);
    ck_assert_uint_eq(j->ends, 0);
    ck_assert(!j->cancelled);
    j->ends++;
    j->is_done = m->type == LINK_JOB_DONE;
    for (unsigned i = 0; j->is_done && i < j->rungs; i++) {
        ck_assert(j->given_up[i] || j->next_part[i] == UNITS);
        ck_assert_uint_eq(m->done.rungs[i].frames, j->next_part[i]);
    }
}

static enum err sim_send(void *arg, link_peer to, const struct link_msg *m, struct blob *payload)
{
    struct sim *s = arg;
    size_t t = transcoder_index(s, to);
    switch (m->type) {
    case LINK_JOB_OPEN:
    case LINK_JOB_UNIT:
        ck_assert_uint_lt(t, s->n_transcoders);
        if (s->transcoders[t].full || chance(s, 40) == 0) {
            s->transcoders[t].full = true;
            return ERR_AGAIN;
        }
        m->type == LINK_JOB_OPEN ? on_open(s, to, m) : on_unit(s, to, m, payload);
        return ERR_OK;
    case LINK_JOB_CANCEL:
        ck_assert_uint_lt(t, s->n_transcoders);
        ck_assert_uint_eq(attempt_of(s, m->job)->transcoder, to);
        return ERR_OK; /* it goes on answering for a while: late answers */
    case LINK_RUNG_UNIT:
        on_rung_unit(s, to, m);
        return ERR_OK;
    case LINK_RUNG_GIVEN_UP:
        on_given_up(s, to, m);
        return ERR_OK;
    case LINK_JOB_DONE:
    case LINK_JOB_FAILED:
    case LINK_JOB_REFUSE:
        on_end(s, to, m);
        return ERR_OK;
    default:
        ck_assert_int_eq(m->type, LINK_JOB_ACCEPT);
        return ERR_OK;
    }
}

/* --- what happens --- */

static void join_transcoder(struct sim *s, const char *encoder, uint32_t capacity)
{
    if (s->n_transcoders == PEERS_MAX) {
        return;
    }
    link_peer peer = s->next_peer++;
    s->transcoders[s->n_transcoders].peer = peer;
    s->transcoders[s->n_transcoders++].full = false;
    struct link_hello h = {.role = "transcoder",
                           .name = "t",
                           .software = "",
                           .encoder = encoder,
                           .speed = s->speeds ? 1 + chance(s, 8000) : 0,
                           .capacity = capacity};
    ck_assert_int_eq(job_table_transcoder_joined(s->table, peer, "", &h, s->now), ERR_OK);
}

static void lose_transcoder(struct sim *s, size_t i)
{
    link_peer peer = s->transcoders[i].peer;
    for (size_t k = 0; k < s->n_attempts; k++) {
        s->attempts[k].over |= s->attempts[k].transcoder == peer;
    }
    s->transcoders[i].full = false;
    job_table_transcoder_lost(s->table, peer, s->now);
    s->transcoders[i] = s->transcoders[--s->n_transcoders];
}

static void join_broadcaster(struct sim *s, size_t i)
{
    s->broadcasters[i] = s->next_peer++;
    struct link_hello h = {.role = "broadcaster", .name = "b", .software = "", .encoder = ""};
    ck_assert_int_eq(job_table_broadcaster_joined(s->table, s->broadcasters[i], "", &h, s->now),
                     ERR_OK);
}

static void lose_broadcaster(struct sim *s, size_t i)
{
    for (size_t k = 0; k < s->n_jobs; k++) {
        s->jobs[k].cancelled |= s->jobs[k].broadcaster == s->broadcasters[i];
    }
    job_table_broadcaster_lost(s->table, s->broadcasters[i], s->now);
    join_broadcaster(s, i);
}

static void open_job(struct sim *s, uint32_t deadline_ms)
{
    if (s->n_jobs == JOBS_MAX) {
        return;
    }
    struct sim_job *j = &s->jobs[s->n_jobs];
    *j = (struct sim_job){.broadcaster = s->broadcasters[chance(s, N_BROADCAST)],
                          .rungs = 1 + chance(s, RUNGS_MAX)};
    struct link_job_open o = {.stream = chance(s, 2) ? "a" : "b",
                              .msn = s->n_jobs, /* so that an attempt tells its job */
                              .deadline_ms = deadline_ms,
                              .n_ladder = j->rungs};
    for (uint32_t i = 0; i < j->rungs; i++) {
        o.ladder[i] = (struct link_rung){.name = "r",
                                         .preset = "p",
                                         .width = (i + 1) * 100,
                                         .height = 1,
                                         .frames_per_part = 1,
                                         .viewers = chance(s, 3)};
    }
    s->n_jobs++;
    job_table_open(s->table, j->broadcaster, s->n_jobs, &o, s->now);
}

static void send_unit(struct sim *s, size_t k)
{
    struct sim_job *j = &s->jobs[k];
    if (j->units_sent == UNITS || j->cancelled || j->ends > 0) {
        return;
    }
    struct link_packet p = {.length = 5,
                            .dts = j->units_sent * 100,
                            .pts = j->units_sent * 100,
                            .duration = (uint32_t)k};
    struct link_unit u = {
        .packets = &p, .n_packets = 1, .seq = j->units_sent, .last = j->units_sent == UNITS - 1};
    struct blob *payload = blob_create(5);
    memset(blob_bytes(payload), (int)j->units_sent, 5);
    j->units_sent++;
    job_table_unit(s->table, j->broadcaster, k + 1, &u, payload, s->now);
    blob_unref(payload);
}

static void emit(struct sim *s, size_t k, bool spoil)
{
    struct sim_attempt *a = &s->attempts[k];
    unsigned i = chance(s, a->rungs);
    uint32_t part = a->next_part[i];
    if (part >= a->units || part >= UNITS) {
        return;
    }
    struct link_packet p = {.length = 1,
                            .dts = part * 100,
                            .pts = part * 100,
                            .duration = (uint32_t)k + 1,
                            .flags = a->emitting[i] ? 0 : PACKET_KEY};
    struct link_unit u = {.rung = i,
                          .part = part,
                          .packets = &p,
                          .n_packets = 1,
                          .last = part == UNITS - 1,
                          .config_hash = 5};
    uint8_t config = 0;
    u.config = span_of(&config, a->emitting[i] ? 0 : 1);
    if (spoil) {
        chance(s, 2) ? (u.part++) : (u.n_packets = 0);
        a->over = true;
    } else {
        a->next_part[i]++;
        a->emitting[i] = true;
    }
    job_table_rung_unit(s->table, a->transcoder, k + 1, &u, NULL, s->now);
}

/* Its broadcaster cannot use what came of a rung from some part on. */
static void reject(struct sim *s, size_t k)
{
    struct sim_job *j = &s->jobs[k];
    unsigned rung = chance(s, j->rungs);
    if (j->cancelled || j->ends > 0 || j->given_up[rung] || j->next_part[rung] == 0) {
        return;
    }
    j->next_part[rung] = chance(s, j->next_part[rung]);
    j->maker[rung] = 0;
    struct link_rung_word word = {.rung = rung, .part = j->next_part[rung]};
    job_table_rung_reject(s->table, j->broadcaster, k + 1, &word, "it is green", s->now);
}

static bool has_emitted_all(const struct sim_attempt *a)
{
    for (unsigned i = 0; i < a->rungs; i++) {
        if (a->next_part[i] < UNITS) {
            return false;
        }
    }
    return true;
}

static void finish(struct sim *s, size_t k)
{
    struct link_job_done d = {.n_rungs = s->attempts[k].rungs};
    s->attempts[k].over = true;
    job_table_done(s->table, s->attempts[k].transcoder, k + 1, &d, s->now);
}

/* One thing that a transcoder does about one of its attempts. */
static void work(struct sim *s, bool kind)
{
    if (s->n_attempts == 0) {
        return;
    }
    /* The newest are the likeliest to be alive. */
    size_t back = chance(s, s->n_attempts < 40 ? (uint32_t)s->n_attempts : 40);
    size_t k = s->n_attempts - 1 - back;
    struct sim_attempt *a = &s->attempts[k];
    if (a->transcoder == 0 || a->over) {
        return;
    }
    uint32_t what = kind ? 10 + chance(s, 90) : chance(s, 100);
    if (what == 0) {
        a->over = true;
        job_table_refused(s->table, a->transcoder, k + 1, "no", s->now);
    } else if (what <= 2) {
        a->over = true;
        job_table_failed(s->table, a->transcoder, k + 1, "broke", what == 1, s->now);
    } else if (what == 3) {
        emit(s, k, true);
    } else if (what == 4) {
        finish(s, k); /* too early, most likely */
    } else if (what < 15) {
        job_table_accepted(s->table, a->transcoder, k + 1);
    } else if (has_emitted_all(a)) {
        finish(s, k);
    } else {
        emit(s, k, false);
    }
}

static void drain_full(struct sim *s, size_t i)
{
    s->transcoders[i].full = false;
    job_table_writable(s->table, s->transcoders[i].peer, s->now);
}

static void check_loads(const struct sim *s)
{
    uint64_t load = 0;
    const struct roster *r = job_table_roster(s->table);
    LIST_EACH (&r->transcoders, it, tmp) {
        const struct transcoder *t = LIST_ITEM(it, const struct transcoder, node);
        ck_assert_uint_le(t->load, t->capacity);
        load += t->load;
        ck_assert(t->load > 0 || t->rate == 0);
    }
    struct job_table_gauges g = job_table_gauges(s->table);
    ck_assert_uint_eq(load, g.offered + g.active + g.doubled);
    size_t held = 0;
    LIST_EACH (&r->broadcasters, it, tmp) {
        held += LIST_ITEM(it, const struct broadcaster, node)->held_bytes;
    }
    ck_assert_uint_eq(held, g.held_bytes);
}

static const char *sim_open(void *arg, link_peer broadcaster, uint64_t pixels)
{
    struct sim *s = arg;
    ck_assert_uint_gt(pixels, 0);
    if (chance(s, 20) == 0) {
        s->unpaid++;
        return "no funds";
    }
    s->reserved += pixels;
    return NULL;
}

static void sim_closed(void *arg, link_peer broadcaster, uint64_t pixels)
{
    struct sim *s = arg;
    ck_assert_uint_le(pixels, s->reserved);
    s->reserved -= pixels;
}

static void sim_earned(void *arg, link_peer broadcaster, const struct transcoder *by,
                       uint64_t pixels)
{
    struct sim *s = arg;
    ck_assert_ptr_nonnull(by);
    s->earned += pixels;
}

static void sim_unearned(void *arg, link_peer broadcaster, link_peer by, uint64_t pixels)
{
    struct sim *s = arg;
    ck_assert_uint_ne(by, 0);
    s->unearned += pixels;
    ck_assert_uint_lt(s->unearned, s->earned);
}

static struct sim *sim_create(uint32_t seed, bool speeds, bool priced)
{
    struct sim *s = mem_alloc(sizeof *s);
    s->random = seed;
    s->next_peer = 1;
    s->speeds = speeds;
    struct job_table_config c;
    job_table_config_defaults(&c);
    struct job_table_out out = {.arg = s, .send = sim_send};
    if (priced) {
        s->priced = true;
        out.open = sim_open;
        out.closed = sim_closed;
        out.earned = sim_earned;
        out.unearned = sim_unearned;
    }
    s->table = job_table_create(&c, &out);
    for (size_t i = 0; i < N_BROADCAST; i++) {
        join_broadcaster(s, i);
    }
    return s;
}

static void step(struct sim *s)
{
    switch (chance(s, 25)) {
    case 0:
        join_transcoder(s, chance(s, 3) ? "x" : "y", chance(s, 4));
        break;
    case 1:
        if (s->n_transcoders > 0 && chance(s, 2)) {
            lose_transcoder(s, chance(s, (uint32_t)s->n_transcoders));
        }
        break;
    case 2:
        if (chance(s, 40) == 0) {
            lose_broadcaster(s, chance(s, N_BROADCAST));
        }
        break;
    case 3:
        open_job(s, 1 + chance(s, 4000));
        break;
    case 4:
        s->now += chance(s, 300);
        job_table_tick(s->table, s->now);
        break;
    case 5:
        if (s->n_jobs > 0 && chance(s, 20) == 0) {
            size_t k = chance(s, (uint32_t)s->n_jobs);
            if (s->jobs[k].ends == 0) {
                s->jobs[k].cancelled = true;
                job_table_cancel(s->table, s->jobs[k].broadcaster, k + 1, s->now);
            }
        }
        break;
    case 6:
        if (s->n_jobs > 0 && chance(s, 5) == 0) {
            reject(s, s->n_jobs - 1 - chance(s, s->n_jobs < 10 ? (uint32_t)s->n_jobs : 10));
        }
        break;
    case 7:
    case 8:
        if (s->n_transcoders > 0) {
            drain_full(s, chance(s, (uint32_t)s->n_transcoders));
        }
        break;
    default:
        work(s, false);
        if (s->n_jobs > 0) {
            size_t n = s->n_jobs < 10 ? s->n_jobs : 10;
            send_unit(s, s->n_jobs - 1 - chance(s, (uint32_t)n));
        }
        break;
    }
}

static void sim_end(struct sim *s)
{
    struct job_table_gauges g = job_table_gauges(s->table);
    ck_assert_uint_eq(g.queued + g.offered + g.active, 0);
    ck_assert_uint_eq(g.held_bytes, 0);
    ck_assert_uint_eq(roster_load(job_table_roster(s->table)), 0);
    for (size_t k = 0; k < s->n_jobs; k++) {
        ck_assert_uint_eq(s->jobs[k].ends, s->jobs[k].cancelled && s->jobs[k].ends == 0 ? 0 : 1);
    }
    struct job_table_counters c = job_table_counters(s->table);
    ck_assert_uint_eq(c.opened, c.done + c.failed + c.cancelled);
    ck_assert_uint_eq(s->reserved, 0);
    ck_assert_uint_eq(s->earned, s->priced ? c.pixels : 0);
    ck_assert(!s->priced || s->unpaid > 0);
    job_table_destroy(s->table);
    mem_free(s);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

START_TEST(any_day)
{
    struct sim *s = sim_create((uint32_t)_i * 7919 + 1, _i % 2 == 1, _i % 3 == 1);
    for (unsigned i = 0; i < STEPS; i++) {
        step(s);
        check_loads(s);
    }
    struct job_table_counters c = job_table_counters(s->table);
    ck_assert_uint_gt(c.done, 0); /* the day had something in it */
    ck_assert_uint_gt(c.redispatched, 0);
    ck_assert_uint_gt(c.failed, 0);
    ck_assert_uint_gt(c.hedged, 0);
    ck_assert_uint_gt(c.rungs_rejected, 0);
    for (unsigned i = 0; i < 50; i++) {
        s->now += 100;
        job_table_tick(s->table, s->now);
    }
    sim_end(s);
}
END_TEST

/* When transcoders are only lost, seldom, and others of their kind come: every job is done. */
START_TEST(losses_cost_nothing)
{
    struct sim *s = sim_create((uint32_t)_i * 104729 + 3, false, false);
    unsigned losses = 0;
    for (unsigned i = 0; i < STEPS; i++) {
        if (chance(s, 400) == 0 && s->n_transcoders > 0 && losses + 1 < JOB_LOSSES_MAX) {
            lose_transcoder(s, chance(s, (uint32_t)s->n_transcoders));
            losses++;
        }
        if (s->n_transcoders < 2) {
            join_transcoder(s, "x", 3);
        }
        if (chance(s, 60) == 0) {
            open_job(s, 500000);
        }
        if (s->n_jobs > 0) {
            send_unit(s, chance(s, (uint32_t)s->n_jobs));
        }
        drain_full(s, chance(s, (uint32_t)s->n_transcoders));
        work(s, true);
        check_loads(s);
    }
    for (unsigned i = 0; i < 100000 && job_table_gauges(s->table).held_bytes > 0; i++) {
        send_unit(s, chance(s, (uint32_t)s->n_jobs));
        drain_full(s, chance(s, (uint32_t)s->n_transcoders));
        work(s, true);
    }
    ck_assert_uint_gt(losses, 0);
    ck_assert_uint_gt(s->n_jobs, 10);
    for (size_t k = 0; k < s->n_jobs; k++) {
        ck_assert_msg(s->jobs[k].is_done, "run %d: job %zu was not done", _i, k);
    }
    sim_end(s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("job_table_random");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 30);
    tcase_add_loop_test(tc, any_day, 0, RUNS);
    tcase_add_loop_test(tc, losses_cost_nothing, 0, RUNS);
    suite_add_tcase(suite, tc);
    SRunner *sr = srunner_create(suite);
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
