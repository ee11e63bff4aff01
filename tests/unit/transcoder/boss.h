/* What the tests of the worker share: an orchestrator on the real link, what it has received, and
 * the segments that it sends. */
#ifndef TESTS_TRANSCODER_BOSS_H
#define TESTS_TRANSCODER_BOSS_H

#include "base/clock.h"
#include "fixture.h"
#include "tests/support/free_port.h"
#include "transcoder/worker.h"

#define WAIT_MS 10000
#define SECRET  "a secret of the test"

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

static inline void greet(struct boss *b, const struct link_hello *h)
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

static inline void on_message(struct boss *b, const struct link_msg *m)
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

static inline void on_link(void *arg, const struct link_event *e)
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

static inline void boss_listen(struct boss *b)
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

static inline struct worker_config terms(const struct boss *b, uint32_t capacity,
                                         const char *secret)
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

static inline struct worker *hire_on(struct boss *b, const struct worker_config *c)
{
    struct worker *w = NULL;
    const char *why = "";
    ck_assert_msg(worker_create(b->loop, c, &w, &why) == ERR_OK, "%s", why);
    return w;
}

static inline struct worker *hire(struct boss *b, uint32_t capacity, const char *secret)
{
    struct worker_config c = terms(b, capacity, secret);
    return hire_on(b, &c);
}

static inline void boss_open(struct boss *b)
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
static inline void stop_loop(void *arg)
{
    loop_stop(arg);
}

static inline void turn(struct boss *b)
{
    struct loop_timer *t = loop_timer_create(b->loop, stop_loop, b->loop);
    loop_timer_start(t, 5, 0);
    loop_run(b->loop);
    loop_timer_destroy(t);
}

static inline void close_all(struct boss *b, struct worker *w)
{
    worker_destroy(w);
    link_destroy(b->link, 100);
    loop_destroy(b->loop);
}

static inline struct source small_source(void)
{
    struct source s = {
        .width = 160, .height = 90, .fps_num = 30, .fps_den = 1, .frames = 30, .gop = 30};
    source_make(&s);
    return s;
}

static inline void send_open(struct boss *b, const struct source *s, uint64_t job,
                             uint32_t deadline_ms)
{
    struct link_msg m = {.type = LINK_JOB_OPEN, .job = job, .reason = ""};
    m.open = open_for(s, "P144p30fps16x9");
    m.open.deadline_ms = deadline_ms;
    ck_assert_int_eq(link_send_msg(b->link, b->peer, &m, NULL), ERR_OK);
}

static inline void send_packet(struct boss *b, const struct source *s, uint64_t job, uint32_t i)
{
    const struct packet *p = &s->packets.items[i];
    struct link_packet lp = {
        .length = (uint32_t)p->data.len, .dts = p->dts, .pts = p->pts, .flags = p->flags};
    struct link_msg m = {.type = LINK_JOB_UNIT, .job = job, .reason = ""};
    m.unit = (struct link_unit){.packets = &lp, .n_packets = 1, .seq = i};
    ck_assert_int_eq(link_send_msg(b->link, b->peer, &m, p->blob), ERR_OK);
}

static inline void send_last(struct boss *b, uint64_t job, uint32_t seq)
{
    struct link_msg m = {.type = LINK_JOB_UNIT, .job = job, .reason = ""};
    m.unit = (struct link_unit){.last = true, .duration = TICKS_PER_S, .seq = seq};
    ck_assert_int_eq(link_send_msg(b->link, b->peer, &m, NULL), ERR_OK);
}

static inline void send_segment(struct boss *b, const struct source *s, uint64_t job)
{
    for (uint32_t i = 0; i < 30; i++) {
        send_packet(b, s, job, i);
    }
    send_last(b, job, 30);
}

#endif
