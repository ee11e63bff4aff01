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
    uint64_t job;
    struct link_job_done done;
};

static void greet(struct boss *b, const struct link_hello *h)
{
    b->hellos++;
    b->capacity = h->capacity;
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

static struct worker *hire(struct boss *b, uint32_t capacity, const char *secret)
{
    struct worker_config c = {.orch_addr = b->addr,
                              .name = "t",
                              .encoder = "an encoder",
                              .capacity = capacity,
                              .heartbeat_ms = 200,
                              .timeout_ms = 1500,
                              .retry_min_ms = 50};
    ck_assert_int_eq(secret_derive(secret, LINK_ROLE_TRANSCODER, &c.keys), ERR_OK);
    struct worker *w = NULL;
    const char *why = "";
    ck_assert_msg(worker_create(b->loop, &c, &w, &why) == ERR_OK, "%s", why);
    return w;
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
                                  another_secret,
                                  sudden_end};
    return unit_run("worker", tests, sizeof tests / sizeof tests[0]);
}
