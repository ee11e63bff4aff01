/* The job table near and beyond what its transcoders can do: streams as they are published against
 * transcoders that take time, both simulated on the table's clock. A transcoder shares its cores
 * among its jobs, each of which can use some of them. What counts is the lag: from a part's last
 * picture being published to the part being passed on. */
#include "farm.h"

#define STEP_MS     2
#define PICTURES    60 /* of a segment: 2 s at 30 a second */
#define PER_PART    2
#define SEGMENT_MS  2000
#define DEADLINE_MS 24000
#define JOBS_MAX    512
#define AT_ONCE_MAX 64
#define STREAMS_MAX 6
#define RUNGS       4
#define TRANSCODERS 3

static const uint16_t sizes[RUNGS][2] = {{256, 144}, {426, 240}, {640, 360}, {1280, 720}};
#define LADDER_RATE ((256 * 144 + 426 * 240 + 640 * 360 + 1280 * 720) * 30ull)
#define LARGE       (RUNGS - 1)

/* A job at a transcoder. */
struct work {
    uint64_t attempt; /* 0: none */
    link_peer peer;
    unsigned came, made; /* pictures */
    uint64_t done;       /* pixels of the picture that is being made */
    uint64_t cost;       /* pixels of each picture */
    size_t n_rungs;
    uint32_t emit_from[RUNGS];
};

struct segment {
    unsigned stream;
    uint64_t number; /* in its stream */
    int64_t start_ms;
    bool given_up[RUNGS], failed;
    uint32_t parts[RUNGS];
    int64_t lag_ms[RUNGS]; /* the worst of its parts */
};

struct host {
    unsigned cores, threads;    /* threads: of one job */
    uint64_t speed;             /* of one core, pixels a second */
    uint64_t per_job, per_rung; /* what each picture costs beside its rungs' pixels, in pixels */
};

static struct host hosts[TRANSCODERS + 1]; /* by peer */
static uint32_t jobs_max;                  /* of those that join */
static struct work works[AT_ONCE_MAX];
static struct segment segments[JOBS_MAX]; /* by the broadcaster's number */
static uint64_t n_segments;
static struct {
    bool on;
    size_t first, n_rungs; /* of sizes; 0: all */
    uint32_t viewers[RUNGS];
    int64_t begun_ms;  /* its first segment */
    uint64_t pictures; /* published so far */
    uint64_t job, number;
} streams[STREAMS_MAX];

static void sim_start(void)
{
    memset(hosts, 0, sizeof hosts);
    memset(works, 0, sizeof works);
    memset(segments, 0, sizeof segments);
    memset(streams, 0, sizeof streams);
    n_segments = 0;
    jobs_max = 10;
    start(NULL);
}

/* It says so much; with two cores it makes so much. */
static void sim_host(link_peer peer, unsigned threads, uint64_t makes, uint64_t says)
{
    hosts[peer] = (struct host){.cores = 2, .threads = threads, .speed = makes / 2};
    fast(peer, jobs_max, says);
}

static void sim_publish(unsigned i)
{
    streams[i].on = true;
    streams[i].begun_ms = w->now;
    streams[i].pictures = 0;
}

static void sim_end(unsigned i)
{
    streams[i].on = false;
    job_table_cancel(w->table, B, streams[i].job, w->now);
}

static void open_segment(unsigned i)
{
    const char name[] = {(char)('a' + i), '\0'};
    uint64_t job = ++n_segments;
    ck_assert_uint_lt(job, JOBS_MAX);
    segments[job] =
        (struct segment){.stream = i, .number = streams[i].number++, .start_ms = w->now};
    streams[i].job = job;
    size_t n_rungs = streams[i].n_rungs > 0 ? streams[i].n_rungs : RUNGS;
    struct link_job_open o = world_open_of(name, streams[i].number, n_rungs, DEADLINE_MS);
    for (size_t r = 0; r < n_rungs; r++) {
        o.ladder[r].width = sizes[streams[i].first + r][0];
        o.ladder[r].height = sizes[streams[i].first + r][1];
        o.ladder[r].viewers = streams[i].viewers[r];
        o.ladder[r].frames_per_part = PER_PART;
    }
    job_table_open(w->table, B, job, &o, w->now);
}

/* Whatever of it is due by now. */
static void publish_stream(unsigned i)
{
    while ((int64_t)(streams[i].pictures * 1000 / 30) <= w->now - streams[i].begun_ms) {
        uint32_t seq = (uint32_t)(streams[i].pictures % PICTURES);
        if (seq == 0) {
            open_segment(i);
        }
        world_unit(w, B, streams[i].job, seq, seq + 1 == PICTURES, 10);
        streams[i].pictures++;
    }
}

static struct work *work_of(link_peer peer, uint64_t attempt)
{
    for (size_t i = 0; i < AT_ONCE_MAX; i++) {
        if (works[i].attempt == attempt && (attempt == 0 || works[i].peer == peer)) {
            return &works[i];
        }
    }
    return NULL;
}

static void begin_work(const struct sent *s)
{
    struct work *work = work_of(0, 0);
    ck_assert_ptr_nonnull(work);
    const struct host *h = &hosts[s->to];
    *work = (struct work){.attempt = s->job, .peer = s->to, .n_rungs = s->open.n_ladder};
    work->cost = h->per_job + work->n_rungs * h->per_rung;
    for (size_t r = 0; r < work->n_rungs; r++) {
        work->cost += (uint64_t)s->open.ladder[r].width * s->open.ladder[r].height;
        work->emit_from[r] = s->open.ladder[r].emit_from;
    }
}

static void note_part(const struct sent *s)
{
    struct segment *g = &segments[s->job];
    int64_t due_ms = g->start_ms + ((int64_t)(s->part + 1) * PER_PART - 1) * 1000 / 30;
    g->parts[s->rung]++;
    if (w->now - due_ms > g->lag_ms[s->rung]) {
        g->lag_ms[s->rung] = w->now - due_ms;
    }
}

/* What the table has said since. */
static void hear(void)
{
    for (size_t i = 0; i < w->n_sent; i++) {
        const struct sent *s = &w->sent[i];
        struct work *work = s->to != B ? work_of(s->to, s->job) : NULL;
        if (s->type == LINK_JOB_OPEN) {
            begin_work(s);
        } else if (s->type == LINK_JOB_UNIT && work != NULL) {
            work->came++;
        } else if (s->type == LINK_JOB_CANCEL && work != NULL) {
            work->attempt = 0;
        } else if (s->type == LINK_RUNG_UNIT) {
            note_part(s);
        } else if (s->type == LINK_RUNG_GIVEN_UP) {
            segments[s->job].given_up[s->rung] = true;
        } else if (s->type == LINK_JOB_FAILED || s->type == LINK_JOB_REFUSE) {
            segments[s->job].failed = true;
        }
    }
    w->n_sent = 0;
}

static void emit(struct work *work)
{
    uint32_t part = work->made / PER_PART - 1;
    uint64_t attempt = work->attempt;
    for (uint32_t r = 0; r < work->n_rungs; r++) {
        if (part >= work->emit_from[r]) {
            world_part(w, work->peer, attempt, r, part, part == work->emit_from[r],
                       work->made == PICTURES);
        }
    }
    if (work->made == PICTURES) {
        world_done(w, work->peer, attempt);
        work->attempt = 0;
    }
}

static bool is_busy(const struct work *work)
{
    return work->attempt != 0 && work->made < work->came;
}

static void work_on(link_peer peer)
{
    unsigned busy = 0;
    for (size_t i = 0; i < AT_ONCE_MAX; i++) {
        busy += works[i].peer == peer && is_busy(&works[i]);
    }
    const struct host *h = &hosts[peer];
    for (size_t i = 0; i < AT_ONCE_MAX && busy > 0; i++) {
        struct work *work = &works[i];
        if (work->peer != peer || !is_busy(work)) {
            continue;
        }
        uint64_t permille = h->cores * 1000 / busy;
        permille = permille < h->threads * 1000 ? permille : h->threads * 1000;
        work->done += h->speed * STEP_MS / 1000 * permille / 1000;
        while (is_busy(work) && work->done >= work->cost) {
            work->done -= work->cost;
            work->made++;
            if (work->made % PER_PART == 0) {
                emit(work);
            }
        }
        work->done = is_busy(work) ? work->done : 0;
    }
}

static void sim_run(int64_t ms)
{
    for (int64_t end_ms = w->now + ms; w->now < end_ms; w->now += STEP_MS) {
        for (unsigned i = 0; i < STREAMS_MAX; i++) {
            if (streams[i].on) {
                publish_stream(i);
            }
        }
        hear();
        for (link_peer p = 1; p <= TRANSCODERS; p++) {
            work_on(p);
        }
        hear();
        if (w->now % JOB_TABLE_TICK_MS == 0) {
            job_table_tick(w->table, w->now);
            hear();
        }
    }
}

/* --- what came of it --- */

/* The worst lag of that rung in segments that began in this time and are over; all of it came. */
static int64_t worst_lag(unsigned stream, unsigned rung, int64_t from_ms, int64_t to_ms)
{
    int64_t worst = 0;
    for (uint64_t j = 1; j <= n_segments; j++) {
        const struct segment *g = &segments[j];
        if (g->stream != stream || g->start_ms < from_ms || g->start_ms >= to_ms ||
            g->given_up[rung]) {
            continue;
        }
        ck_assert(!g->failed);
        ck_assert_uint_eq(g->parts[rung], PICTURES / PER_PART);
        worst = g->lag_ms[rung] > worst ? g->lag_ms[rung] : worst;
    }
    return worst;
}

static unsigned gaps(unsigned stream, unsigned rung, int64_t from_ms, int64_t to_ms)
{
    unsigned n = 0;
    for (uint64_t j = 1; j <= n_segments; j++) {
        const struct segment *g = &segments[j];
        n += g->stream == stream && g->start_ms >= from_ms && g->start_ms < to_ms &&
             g->given_up[rung];
    }
    return n;
}

static void show(void)
{
    if (getenv("SHOW") == NULL) {
        return;
    }
    for (uint64_t j = 1; j <= n_segments; j++) {
        const struct segment *g = &segments[j];
        printf("%6lld %c%llu", (long long)g->start_ms, 'a' + g->stream,
               (unsigned long long)g->number);
        for (unsigned r = 0; r < RUNGS; r++) {
            printf(g->given_up[r] ? "   gap"
                   : g->failed    ? "  fail"
                                  : " %5lld",
                   (long long)g->lag_ms[r]);
        }
        printf("\n");
    }
    printf("believed %llu\n", (unsigned long long)of(1)->standing.speed);
    fflush(stdout);
}

/* --- the cases --- */

/* How far behind a stream's end players stay that do without parts, three target durations (RFC
 * 8216 6.3.3): what comes later than that stops them. */
#define HELD_BACK_S 6

/* Two cores carry it, one thread does not: a segment's end is late, the next one begins all the
 * same, and the lag does not grow. Whatever is said of the speed. */
static const struct {
    unsigned times_permille; /* of real time, that a job takes alone */
    uint64_t says;
} slow[] = {{1100, LADDER_RATE * 3 / 2},
            {1350, LADDER_RATE * 3 / 2},
            {1350, 0},
            {1350, LADDER_RATE * 3 / 4},
            {1800, LADDER_RATE * 10 / 9}};

START_TEST(a_job_slower_than_real_time_does_not_hold_up_the_next)
{
    sim_start();
    sim_host(1, 1, 2 * LADDER_RATE * 1000 / slow[_i].times_permille, slow[_i].says);
    sim_publish(0);
    sim_run(60000);
    show();
    ck_assert_uint_eq(job_table_counters(w->table).rungs_given_up, 0);
    int64_t alone_ms = SEGMENT_MS * (slow[_i].times_permille - 1000) / 1000;
    ck_assert_int_lt(worst_lag(0, LARGE, 0, 56000), alone_ms + 300);
    world_destroy(w);
}
END_TEST

/* Without the largest rung there is room for the others: what is worth more goes only while it is
 * found out how much is too much, and not once that is known (STEADY). */
#define STEADY_FROM_MS 13000
#define STEADY_TO_MS   23000
static void check_small(unsigned stream, int64_t from_ms, int64_t to_ms)
{
    for (unsigned r = 0; r < LARGE; r++) {
        ck_assert_uint_le(gaps(stream, r, from_ms, to_ms), (to_ms - from_ms) / SEGMENT_MS / 6);
        ck_assert_uint_eq(gaps(stream, r, STEADY_FROM_MS, STEADY_TO_MS), 0);
    }
    ck_assert_uint_eq(gaps(stream, 0, from_ms, to_ms), 0);
}

static void check_lag(unsigned stream, int64_t limit_ms, int64_t from_ms, int64_t to_ms)
{
    for (unsigned r = 0; r < RUNGS; r++) {
        ck_assert_int_lt(worst_lag(stream, r, from_ms, to_ms), limit_ms);
    }
}

/* Demand is half as much again as can be made: the largest rung goes, of new segments, and the
 * others are in time. */
static const uint64_t said_of_one[] = {LADDER_RATE * 2 / 3, LADDER_RATE * 4 / 3, 0};

START_TEST(beyond_capacity_the_least_worth_goes)
{
    sim_start();
    sim_host(1, 2, LADDER_RATE * 2 / 3, said_of_one[_i]);
    sim_publish(0);
    sim_run(32000);
    show();
    check_small(0, 0, 32000);
    check_lag(0, HELD_BACK_S * 1000, 0, 28000);
    check_lag(0, 1000, STEADY_FROM_MS, STEADY_TO_MS);
    ck_assert_uint_ge(gaps(0, LARGE, 0, 32000), 11);
    world_destroy(w);
}
END_TEST

/* Two streams where there is room for three quarters of them, with a viewer of the first one's
 * largest rung: that one is kept, and the other one's goes. When the first stream ends all of the
 * other one comes back. */
#define THREE_QUARTERS (2 * LADDER_RATE * 3 / 4)
static const uint64_t said_of_two[] = {THREE_QUARTERS, 2 * THREE_QUARTERS, 0};

START_TEST(streams_share_what_there_is_and_get_back_what_another_leaves)
{
    sim_start();
    sim_host(1, 2, THREE_QUARTERS, said_of_two[_i]);
    streams[0].viewers[LARGE] = 1;
    sim_publish(0);
    sim_run(700);
    sim_publish(1);
    sim_run(80000);
    show();
    for (unsigned i = 0; i < 2; i++) {
        check_small(i, 0, 80000);
        check_lag(i, HELD_BACK_S * 1000, 0, 76000);
        check_lag(i, 1000, STEADY_FROM_MS, STEADY_TO_MS);
    }
    ck_assert_uint_eq(gaps(0, LARGE, 0, 80000), 0);
    ck_assert_uint_ge(gaps(1, LARGE, 6000, 80000), 28); /* tried again now and then */
    sim_end(0);
    int64_t ended_ms = w->now;
    sim_run(20000);
    show();
    ck_assert_uint_eq(gaps(1, LARGE, ended_ms + 2 * SEGMENT_MS, w->now), 0);
    check_lag(1, 500, ended_ms + 2 * SEGMENT_MS, w->now - 3000);
    world_destroy(w);
}
END_TEST

/* Streams of one rung each, a third more of them than can be made: there is nothing else to give up
 * than the rung of some of them. Whoever is watched has it in time, what comes of the others is no
 * older than what players wait for, and what can be made is made. */
#define ONE_RUNG (640 * 360 * 30ull)
#define MADE     4 /* of all of them */
static const struct {
    uint64_t says;
    uint32_t jobs_max;
} of_six[] = {{MADE * ONE_RUNG, 10}, {2 * MADE * ONE_RUNG, 10}, {0, 10}, {MADE * ONE_RUNG, 4}};

/* How many of the stream's segments of that time came whole. */
static unsigned delivered(unsigned stream, int64_t from_ms, int64_t to_ms)
{
    unsigned n = 0;
    for (uint64_t j = 1; j <= n_segments; j++) {
        const struct segment *g = &segments[j];
        n += g->stream == stream && g->start_ms >= from_ms && g->start_ms < to_ms &&
             g->parts[0] == PICTURES / PER_PART;
    }
    return n;
}

/* The worst lag of those that came whole. */
static int64_t worst_delivered(unsigned stream, int64_t from_ms, int64_t to_ms)
{
    int64_t worst = 0;
    for (uint64_t j = 1; j <= n_segments; j++) {
        const struct segment *g = &segments[j];
        if (g->stream == stream && g->start_ms >= from_ms && g->start_ms < to_ms &&
            g->parts[0] == PICTURES / PER_PART && g->lag_ms[0] > worst) {
            worst = g->lag_ms[0];
        }
    }
    return worst;
}

START_TEST(streams_of_one_rung_beyond_capacity)
{
    sim_start();
    jobs_max = of_six[_i].jobs_max;
    sim_host(1, 2, MADE * ONE_RUNG, of_six[_i].says);
    streams[4].viewers[0] = 3;
    for (unsigned i = 0; i < 6; i++) {
        streams[i].first = 2;
        streams[i].n_rungs = 1;
        sim_publish(i);
        sim_run(300);
    }
    sim_run(80000);
    show();
    unsigned all = 0;
    for (unsigned i = 0; i < 6; i++) {
        all += delivered(i, 20000, 60000);
        /* Who says nothing is tried with all of it again. */
        int64_t limit_ms = HELD_BACK_S * 1000 + (of_six[_i].says > 0 ? 0 : SEGMENT_MS);
        ck_assert_int_lt(worst_delivered(i, 0, 60000), limit_ms);
    }
    ck_assert_uint_ge(all, 20 * MADE * 4 / 5);
    ck_assert_uint_eq(delivered(4, 20000, 60000), 20); /* the one that is watched */
    ck_assert_int_lt(worst_delivered(4, 20000, 60000), HELD_BACK_S * 500);
    /* Another one joins: of the segments that begin from the next one on nothing is lost. */
    sim_host(2, 2, MADE * ONE_RUNG, of_six[_i].says);
    int64_t joined_ms = w->now;
    sim_run(16000);
    show();
    for (unsigned i = 0; i < 6; i++) {
        ck_assert_uint_eq(delivered(i, joined_ms + SEGMENT_MS, joined_ms + 12000), 5);
        ck_assert_int_lt(worst_delivered(i, joined_ms + SEGMENT_MS, joined_ms + 12000),
                         HELD_BACK_S * 1000);
    }
    world_destroy(w);
}
END_TEST

/* What each picture costs whatever its rungs' sizes: a decoder's work, an encoder's own. As
 * measured: of 720p30 a decoder takes as long as an encoder for this many pixels. */
#define PER_JOB  200000
#define PER_RUNG 25000

START_TEST(small_rungs_that_cost_more_than_their_pixels)
{
    sim_start();
    /* Streams of a small rung beside one with all: of pixels they have a tenth. */
    uint64_t ladder = (LADDER_RATE / 30 + PER_JOB + RUNGS * PER_RUNG) * 30;
    uint64_t small = (256 * 144 + PER_JOB + PER_RUNG) * 30ull;
    uint64_t makes = (ladder + 4 * small) * 4 / 5;
    sim_host(1, 2, makes, makes * LADDER_RATE / ladder); /* as it was seen with large ones */
    hosts[1].per_job = PER_JOB;
    hosts[1].per_rung = PER_RUNG;
    for (unsigned i = 0; i < 5; i++) {
        streams[i].n_rungs = i == 0 ? 0 : 1;
        sim_publish(i);
        sim_run(300);
    }
    sim_run(80000);
    show();
    for (unsigned r = 0; r < RUNGS; r++) {
        ck_assert_int_lt(worst_lag(0, r, 0, 76000), HELD_BACK_S * 1000);
        ck_assert_int_lt(worst_lag(0, r, 12000, 27000), 1000);
    }
    for (unsigned i = 1; i < 5; i++) {
        ck_assert_int_lt(worst_lag(i, 0, 0, 76000), 1000);
        ck_assert_uint_eq(gaps(i, 0, 0, 76000), 0);
    }
    ck_assert_uint_ge(gaps(0, LARGE, 0, 76000), 15);
    world_destroy(w);
}
END_TEST

/* One stream, and transcoders of which each is slower than real time, all together faster: its
 * segments are made side by side, each as long as one of them takes for it. Nothing is given up,
 * once it is known how fast they are. */
#define KNOWN_MS 60000 /* of those who said something else, or nothing */
static const struct {
    unsigned hosts, permille; /* of real time, of each */
    unsigned says;            /* permille; 0: nothing */
    bool is_right;
} side_by_side[] = {{2, 600, 600, true},   {3, 450, 450, true}, {2, 750, 500, true},
                    {2, 600, 2000, false}, {2, 600, 0, false},  {3, 450, 2000, false},
                    {3, 450, 0, false}};

START_TEST(slow_transcoders_make_one_stream_together)
{
    unsigned permille = side_by_side[_i].permille;
    sim_start();
    for (link_peer p = 1; p <= side_by_side[_i].hosts; p++) {
        sim_host(p, 2, LADDER_RATE * permille / 1000, LADDER_RATE * side_by_side[_i].says / 1000);
    }
    sim_publish(0);
    sim_run(KNOWN_MS + 40000);
    show();
    int64_t from_ms = side_by_side[_i].is_right ? 0 : KNOWN_MS;
    int64_t alone_ms = SEGMENT_MS * 1000 / permille - SEGMENT_MS;
    for (unsigned r = 0; r < RUNGS; r++) {
        ck_assert_uint_eq(gaps(0, r, from_ms, KNOWN_MS + 40000), 0);
        ck_assert_int_lt(worst_lag(0, r, from_ms, KNOWN_MS), HELD_BACK_S * 1000);
        ck_assert_int_lt(worst_lag(0, r, from_ms + SEGMENT_MS, KNOWN_MS + 32000), alone_ms + 500);
    }
    world_destroy(w);
}
END_TEST

/* Three streams on two transcoders that make one and two thirds each: no whole number of them has
 * room on either, all have on both. */
#define ONE_AND_MORE (LADDER_RATE * 17 / 10)
static const uint64_t said_of_two_thirds[] = {ONE_AND_MORE, 2 * ONE_AND_MORE, 0};

START_TEST(streams_that_fit_on_all_but_on_none_lose_nothing)
{
    sim_start();
    for (link_peer p = 1; p <= 2; p++) {
        sim_host(p, 2, ONE_AND_MORE, said_of_two_thirds[_i]);
    }
    for (unsigned i = 0; i < 3; i++) {
        sim_publish(i);
        sim_run(700);
    }
    sim_run(60000);
    show();
    ck_assert_uint_eq(job_table_counters(w->table).rungs_given_up, 0);
    for (unsigned i = 0; i < 3; i++) {
        check_lag(i, HELD_BACK_S * 1000, 0, 56000);
    }
    world_destroy(w);
}
END_TEST

/* It finishes what it has, and stays. */
static void sim_drain(link_peer peer)
{
    struct link_hello h = {.version_min = 1,
                           .version_max = 1,
                           .role = "transcoder",
                           .name = "t",
                           .encoder = "x",
                           .software = "test",
                           .speed = of(peer)->standing.announced,
                           .capacity = of(peer)->capacity,
                           .draining = true};
    ck_assert_int_eq(job_table_transcoder_joined(w->table, peer, "127.0.0.1", &h, w->now), ERR_OK);
}

static void sim_lose(link_peer peer)
{
    for (size_t i = 0; i < AT_ONCE_MAX; i++) {
        works[i].attempt = works[i].peer == peer ? 0 : works[i].attempt;
    }
    hosts[peer] = (struct host){0};
    job_table_transcoder_lost(w->table, peer, w->now);
    hear();
}

/* Two streams, and transcoders that make three quarters of both each. One of them is gone for half
 * a minute: what is worth most goes on, and all is back with it, from the next segment on. One that
 * says more than it makes has both streams for a while, late, until that is known. */
static const uint64_t said_by_each[] = {THREE_QUARTERS, 2 * THREE_QUARTERS, 0};

START_TEST(one_leaves_and_comes_back)
{
    sim_start();
    for (link_peer p = 1; p <= 2; p++) {
        sim_host(p, 2, THREE_QUARTERS, said_by_each[_i]);
    }
    streams[0].viewers[LARGE] = 1;
    sim_publish(0);
    sim_run(700);
    sim_publish(1);
    sim_run(20000);
    sim_lose(2);
    int64_t left_ms = w->now;
    sim_run(30000);
    sim_host(3, 2, THREE_QUARTERS, said_by_each[_i]);
    int64_t back_ms = w->now;
    sim_run(34000);
    show();
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned r = 0; r < RUNGS; r++) {
            ck_assert_uint_eq(gaps(i, r, 0, left_ms - SEGMENT_MS), 0);
            ck_assert_uint_le(gaps(i, r, left_ms - SEGMENT_MS, back_ms),
                              i == 1 && r == LARGE ? 16 : 3);
            ck_assert_uint_eq(gaps(i, r, back_ms, w->now), 0);
        }
        ck_assert_uint_eq(gaps(i, 0, 0, w->now), 0);
        check_lag(i, HELD_BACK_S * 1000, 0, back_ms + 30000);
        check_lag(i, 1000, back_ms + 20000, back_ms + 30000);
    }
    ck_assert_uint_eq(gaps(0, LARGE, 0, w->now), 0);
    ck_assert_uint_ge(gaps(1, LARGE, left_ms, back_ms), 8);
    world_destroy(w);
}
END_TEST

/* Six streams of one rung on two transcoders that take four jobs each. One of them drains: the
 * other's places are all that there are. */
START_TEST(one_that_drains_has_no_places)
{
    sim_start();
    jobs_max = MADE;
    for (link_peer p = 1; p <= 2; p++) {
        sim_host(p, 2, MADE * ONE_RUNG, MADE * ONE_RUNG);
    }
    for (unsigned i = 0; i < 6; i++) {
        streams[i].first = 2;
        streams[i].n_rungs = 1;
        sim_publish(i);
        sim_run(300);
    }
    sim_run(10000);
    sim_drain(2);
    int64_t from_ms = w->now;
    sim_run(60000);
    show();
    unsigned all = 0;
    for (unsigned i = 0; i < 6; i++) {
        all += delivered(i, from_ms + 16000, from_ms + 56000);
        ck_assert_int_lt(worst_delivered(i, 0, from_ms + 56000), HELD_BACK_S * 1000);
    }
    ck_assert_uint_ge(all, 20 * MADE * 4 / 5);
    world_destroy(w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("job_table_load");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 20);
    tcase_add_loop_test(tc, a_job_slower_than_real_time_does_not_hold_up_the_next, 0,
                        sizeof slow / sizeof slow[0]);
    tcase_add_loop_test(tc, beyond_capacity_the_least_worth_goes, 0, 3);
    tcase_add_loop_test(tc, streams_share_what_there_is_and_get_back_what_another_leaves, 0, 3);
    tcase_add_loop_test(tc, streams_of_one_rung_beyond_capacity, 0, 4);
    tcase_add_test(tc, small_rungs_that_cost_more_than_their_pixels);
    tcase_add_loop_test(tc, slow_transcoders_make_one_stream_together, 0, 7);
    tcase_add_loop_test(tc, streams_that_fit_on_all_but_on_none_lose_nothing, 0, 3);
    tcase_add_loop_test(tc, one_leaves_and_comes_back, 0, 3);
    tcase_add_test(tc, one_that_drains_has_no_places);
    suite_add_tcase(suite, tc);
    return world_run(suite);
}
