/* usual time: 8 s */
#include "transcoder/worker.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "fixture.h"
#include "tests/support/unit.h"

#define WAIT_MS 10000
#define SECRET  "a secret of the test"

/* An orchestrator on the real link, and what it has received. */
struct boss {
    struct loop *loop;
    struct link *link;
    char addr[64];
    link_peer peer;
    bool quiet; /* answers no hello */
    int hellos, downs, accepts, refuses, parts, dones, fails;
    char reason[LINK_STRING_MAX + 1], encoder[LINK_STRING_MAX + 1], role[32];
    bool final, draining;
    uint32_t capacity;
    uint64_t job, speed;
    struct link_job_done done;
};

static void greet(struct boss *b, const struct link_hello *h)
{
    b->hellos++;
    b->capacity = h->capacity;
    b->speed = h->speed;
    b->draining = h->draining;
    snprintf(b->encoder, sizeof b->encoder, "%s", h->encoder);
    snprintf(b->role, sizeof b->role, "%s", h->role);
    if (!b->quiet) {
        struct link_msg m = {.type = LINK_WELCOME, .reason = ""};
        m.welcome = (struct link_welcome){
            .version = LINK_VERSION, .session = "s", .heartbeat_ms = 200, .timeout_ms = 1500};
        ck_assert_int_eq(link_send_msg(b->link, b->peer, &m, NULL), ERR_OK);
    }
}

static void on_message(struct boss *b, const struct link_msg *m)
{
    b->job = m->job;
    switch (m->type) {
    case LINK_HELLO:
        greet(b, &m->hello);
        break;
    case LINK_JOB_ACCEPT:
        b->accepts++;
        break;
    case LINK_JOB_REFUSE:
        b->refuses++;
        snprintf(b->reason, sizeof b->reason, "%s", m->reason);
        break;
    case LINK_RUNG_UNIT:
        b->parts++;
        break;
    case LINK_JOB_DONE:
        b->dones++;
        b->done = m->done;
        break;
    case LINK_JOB_FAILED:
        b->fails++;
        b->final = m->final;
        snprintf(b->reason, sizeof b->reason, "%s", m->reason);
        break;
    default:
        ck_abort_msg("message %d", m->type);
    }
}

static void on_link(void *arg, const struct link_event *e)
{
    struct boss *b = arg;
    if (e->type == LINK_EVENT_MESSAGE) {
        ck_assert_int_eq(e->role, LINK_ROLE_TRANSCODER);
        b->peer = e->peer;
        on_message(b, e->msg);
    } else if (e->type == LINK_EVENT_DOWN) {
        b->downs++;
    }
}

static int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int s = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(s, (struct sockaddr *)&a, len), 0);
    ck_assert_int_eq(getsockname(s, (struct sockaddr *)&a, &len), 0);
    close(s);
    return ntohs(a.sin_port);
}

static void boss_listen(struct boss *b)
{
    struct link_config c = {.addr = b->addr,
                            .peer_queue_bytes = 1 << 26,
                            .heartbeat_ms = 200,
                            .timeout_ms = 1500,
                            .retry_min_ms = 50,
                            .retry_max_ms = 200};
    ck_assert_int_eq(secret_derive(SECRET, LINK_ROLE_ORCHESTRATOR, &c.keys), ERR_OK);
    const char *why = "";
    ck_assert_msg(link_listen(b->loop, &c, on_link, b, &b->link, &why) == ERR_OK, "%s", why);
}

static struct worker_config terms(const struct boss *b, uint32_t capacity, const char *secret)
{
    struct worker_config c = {.orch_addr = b->addr,
                              .name = "t",
                              .encoder = "an encoder",
                              .capacity = capacity,
                              .heartbeat_ms = 200,
                              .timeout_ms = 1500,
                              .retry_min_ms = 50,
                              .cores_permille = 2000};
    ck_assert_int_eq(secret_derive(secret, LINK_ROLE_TRANSCODER, &c.keys), ERR_OK);
    return c;
}

static struct worker *hire_on(struct boss *b, const struct worker_config *c)
{
    struct worker *w = NULL;
    const char *why = "";
    ck_assert_msg(worker_create(b->loop, c, &w, &why) == ERR_OK, "%s", why);
    return w;
}

static struct worker *hire(struct boss *b, uint32_t capacity, const char *secret)
{
    struct worker_config c = terms(b, capacity, secret);
    return hire_on(b, &c);
}

static void boss_open(struct boss *b)
{
    *b = (struct boss){.loop = loop_create()};
    snprintf(b->addr, sizeof b->addr, "127.0.0.1:%d", free_port());
}

/* Runs the loop until the condition holds. */
#define UNTIL(b, condition)                                                                        \
    do {                                                                                           \
        int64_t end_ = clock_mono_ms() + WAIT_MS;                                                  \
        while (!(condition)) {                                                                     \
            ck_assert_msg(clock_mono_ms() < end_, "in vain: %s", #condition);                      \
            turn(b);                                                                               \
        }                                                                                          \
    } while (0)

/* One round of the loop that sleeps until something comes, for 5 ms at most. */
static void stop_loop(void *arg)
{
    loop_stop(arg);
}

static void turn(struct boss *b)
{
    struct loop_timer *t = loop_timer_create(b->loop, stop_loop, b->loop);
    loop_timer_start(t, 5, 0);
    loop_run(b->loop);
    loop_timer_destroy(t);
}

static void close_all(struct boss *b, struct worker *w)
{
    worker_destroy(w);
    link_destroy(b->link, 100);
    loop_destroy(b->loop);
}

static struct source small_source(void)
{
    struct source s = {
        .width = 160, .height = 90, .fps_num = 30, .fps_den = 1, .frames = 30, .gop = 30};
    source_make(&s);
    return s;
}

static void send_open(struct boss *b, const struct source *s, uint64_t job, uint32_t deadline_ms)
{
    struct link_msg m = {.type = LINK_JOB_OPEN, .job = job, .reason = ""};
    m.open = open_for(s, "P144p30fps16x9");
    m.open.deadline_ms = deadline_ms;
    ck_assert_int_eq(link_send_msg(b->link, b->peer, &m, NULL), ERR_OK);
}

static void send_packet(struct boss *b, const struct source *s, uint64_t job, uint32_t i)
{
    const struct packet *p = &s->packets.items[i];
    struct link_packet lp = {
        .length = (uint32_t)p->data.len, .dts = p->dts, .pts = p->pts, .flags = p->flags};
    struct link_msg m = {.type = LINK_JOB_UNIT, .job = job, .reason = ""};
    m.unit = (struct link_unit){.packets = &lp, .n_packets = 1, .seq = i};
    ck_assert_int_eq(link_send_msg(b->link, b->peer, &m, p->blob), ERR_OK);
}

static void send_last(struct boss *b, uint64_t job, uint32_t seq)
{
    struct link_msg m = {.type = LINK_JOB_UNIT, .job = job, .reason = ""};
    m.unit = (struct link_unit){.last = true, .duration = TICKS_PER_S, .seq = seq};
    ck_assert_int_eq(link_send_msg(b->link, b->peer, &m, NULL), ERR_OK);
}

static void send_segment(struct boss *b, const struct source *s, uint64_t job)
{
    for (uint32_t i = 0; i < 30; i++) {
        send_packet(b, s, job, i);
    }
    send_last(b, job, 30);
}

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

/* Until one is told to end in the midst of a picture: between two it would end at once. */
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

static uint32_t dice(void)
{
    static uint32_t seed = 11;
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

/* Any opening that the link lets through. */
static void wild_open(struct link_job_open *o, const struct source *s)
{
    static const uint32_t fps[][2] = {{30, 1}, {240, 1}, {1000000, 1000000}, {24000, 1001}};
    *o = open_for(s, "P144p30fps16x9");
    o->msn = dice();
    o->deadline_ms = dice() % 4 == 0 ? 0 : 1 + dice() % 300;
    o->track.width = (int)(1 + dice() % LINK_SIDE_MAX);
    o->track.config.len = dice() % 3 == 0 ? 1 + dice() % s->config.len : s->config.len;
    o->n_ladder = 1 + dice() % PROFILE_LADDER_MAX;
    for (size_t i = 0; i < o->n_ladder; i++) {
        const uint32_t *rate = fps[dice() % 4];
        uint32_t side = dice() % 8 == 0 ? LINK_SIDE_MAX : 200;
        struct link_rung *r = &o->ladder[i];
        *r = o->ladder[0];
        r->width = 2 + dice() % (side / 2) * 2;
        r->height = 2 + dice() % 100 * 2;
        r->fps_num = rate[0];
        r->fps_den = rate[1];
        r->bitrate_bps = 1 + dice() % 1000000000;
        r->buffer_bits = 1 + dice() % 2000000000;
        r->vbv_init_permille = dice() % 1001;
        r->crf = dice() % 52;
        r->preset = dice() % 4 == 0 ? "slower" : "ultrafast";
        r->bframes = dice() % 5;
        r->dts_delay_frames = dice() % 20;
        r->frames_per_part = 1 + dice() % 1000;
        r->emit_from = dice() % 3 == 0 ? dice() % 100001 : 0;
    }
}

static void wild_unit(struct link_unit *u, const struct source *s, struct link_packet *p)
{
    const struct packet *from = &s->packets.items[dice() % 30];
    *p = (struct link_packet){.length = (uint32_t)from->data.len,
                              .dts = dice() % 4 == 0 ? -(INT64_C(1) << 56) : from->dts,
                              .pts = from->pts,
                              .duration = dice() % 1000000,
                              .flags = dice() % 4};
    p->pts = p->dts < 0 ? p->dts : p->pts;
    *u = (struct link_unit){.packets = p,
                            .n_packets = 1,
                            .seq = dice() % 4,
                            .last = dice() % 3 == 0,
                            .duration = dice() % 4 == 0 ? 3600 * TICKS_PER_S : TICKS_PER_S};
}

static void send_wild(struct boss *b, const struct source *s)
{
    static const enum link_msg_type types[] = {
        LINK_JOB_OPEN, LINK_JOB_OPEN,   LINK_JOB_UNIT,  LINK_JOB_UNIT,  LINK_JOB_UNIT,
        LINK_WELCOME,  LINK_JOB_CANCEL, LINK_HELLO,     LINK_JOB_DONE,  LINK_JOB_FAILED,
        LINK_PING,     LINK_JOB_ACCEPT, LINK_RUNG_UNIT, LINK_JOB_REFUSE};
    struct link_packet p;
    struct blob *payload = NULL;
    struct link_msg m = {
        .type = types[dice() % (sizeof types / sizeof types[0])], .job = dice() % 6, .reason = ""};
    if (m.type == LINK_JOB_OPEN) {
        wild_open(&m.open, s);
    } else if (m.type == LINK_JOB_UNIT || m.type == LINK_RUNG_UNIT) {
        wild_unit(&m.unit, s, &p);
        payload = blob_create(p.length);
        memset(blob_bytes(payload), (int)dice() & 0xff, p.length);
    } else if (m.type == LINK_WELCOME) {
        m.welcome = (struct link_welcome){
            .version = 1 + dice() % 2, .session = "x", .heartbeat_ms = 200, .timeout_ms = 1500};
    } else if (m.type == LINK_HELLO) {
        m.hello = (struct link_hello){.version_min = 1, .version_max = 9, .role = "broadcaster"};
    }
    enum err e = link_send_msg(b->link, b->peer, &m, payload);
    blob_unref(payload);
    ck_assert_msg(e == ERR_OK, "message %d: %s", m.type, err_text(e));
}

/* Sends the opening until there is room: threads that wind down still take some. */
static void open_when_there_is_room(struct boss *b, const struct source *s, uint64_t job)
{
    int accepts = b->accepts;
    while (b->accepts == accepts) {
        int refuses = b->refuses;
        send_open(b, s, job, 30000);
        UNTIL(b, b->refuses > refuses || b->accepts > accepts);
    }
}

/* Whatever the orchestrator says, the worker lives, and an honest job is then done. */
START_TEST(a_mad_orchestrator_is_survived)
{
    struct boss b;
    boss_open(&b);
    struct source s = small_source();
    boss_listen(&b);
    struct worker *w = hire(&b, 3, SECRET);
    UNTIL(&b, b.hellos == 1 && worker_stats(w).connected);
    for (int i = 0; i < 1000; i++) {
        send_wild(&b, &s);
        if (i % 20 == 0) {
            turn(&b);
        }
    }
    ck_assert_int_eq(b.downs, 0);
    struct link_msg cancel = {.type = LINK_JOB_CANCEL, .reason = ""};
    for (cancel.job = 0; cancel.job < 6; cancel.job++) {
        ck_assert_int_eq(link_send_msg(b.link, b.peer, &cancel, NULL), ERR_OK);
    }
    UNTIL(&b, worker_stats(w).accepted > 10 && worker_stats(w).load == 0);
    open_when_there_is_room(&b, &s, 1000);
    int dones = b.dones;
    send_segment(&b, &s, 1000);
    UNTIL(&b, b.dones > dones);
    ck_assert_uint_eq(b.done.rungs[0].frames, 30);
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
                                  sudden_end,
                                  a_mad_orchestrator_is_survived};
    return unit_run("worker", tests, sizeof tests / sizeof tests[0]);
}
