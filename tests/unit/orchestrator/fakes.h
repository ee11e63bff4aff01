/* The relay with the real link on loopback, and peers of it that speak link messages. Waiting is
 * always for something that is asked of the loop, with a limit. */
#ifndef TESTS_ORCHESTRATOR_FAKES_H
#define TESTS_ORCHESTRATOR_FAKES_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "orchestrator/relay.h"
#include "run/link.h"
#include "run/log.h"
#include "run/secret.h"
#include "tests/support/free_port.h"
#include "tests/support/slowness.h"

#define SECRET    "a secret for tests only"
#define LIMIT_MS  scaled_ms(25000) /* no wait takes long, but on a busy machine it may */
#define FAKES_MAX 4
#define GOT_MAX   512
#define MB        ((size_t)1 << 20)

/* More than a peer that sleeps, the link to it and the kernel take in together: 64 messages and
 * 16 MB there, 16 MB here and a few MB on the way. */
#define FLOOD      400
#define FLOOD_SIZE (MB / 4)

struct got {
    enum link_msg_type type;
    uint64_t job;
    char reason[LINK_STRING_MAX + 1];
    bool final;
    struct link_job_open open; /* texts are not kept */
    uint32_t rung, part, seq;
    bool last;
    uint64_t frames;
    size_t payload_len;
    uint8_t first_byte;
};

/* A peer of the orchestrator. */
struct fake {
    struct loop *loop; /* of its own, so that it can stop taking what comes */
    bool asleep;
    struct link *link;
    bool up, down, welcomed;
    bool forgetful; /* starts got anew when it is full */
    char session[LINK_STRING_MAX + 1];
    struct got got[GOT_MAX];
    size_t n_got;
};

static struct link_keys keys[LINK_ROLES_];
static struct loop *loop;
static struct relay *relay;
static char addr[64];
static struct fake fakes[FAKES_MAX];
static size_t n_fakes;
static const char *fake_name = "fake"; /* of those that say hello from here on */
static struct ledger *ledger;          /* what a pixel costs, 1, is charged there; NULL: nothing */

/* --- waiting --- */

typedef bool condition_fn(const void *arg);

struct wait {
    condition_fn *fn;
    const void *arg;
    int64_t until_ms;
    bool met;
};

static inline void run_fakes(void)
{
    for (size_t i = 0; i < n_fakes; i++) {
        if (!fakes[i].asleep && fakes[i].loop != NULL) {
            loop_run_once(fakes[i].loop);
        }
    }
}

static inline void check_wait(void *arg)
{
    struct wait *w = arg;
    run_fakes();
    w->met = w->fn(w->arg);
    if (w->met || clock_mono_ms() >= w->until_ms) {
        loop_stop(loop);
    }
}

static inline bool wait_for(condition_fn *fn, const void *arg)
{
    struct wait w = {.fn = fn, .arg = arg, .until_ms = clock_mono_ms() + LIMIT_MS};
    struct loop_timer *t = loop_timer_create(loop, check_wait, &w);
    loop_timer_start(t, 0, 1);
    loop_run(loop);
    loop_timer_destroy(t);
    return w.met;
}

#define WAIT(fn, arg) ck_assert_msg(wait_for(fn, arg), "waited in vain for %s", #fn)

/* --- fakes --- */

static inline void on_event(void *arg, const struct link_event *e)
{
    struct fake *f = arg;
    f->up |= e->type == LINK_EVENT_UP;
    f->down |= e->type == LINK_EVENT_DOWN;
    if (e->type != LINK_EVENT_MESSAGE || e->msg->type == LINK_PING) {
        return;
    }
    const struct link_msg *m = e->msg;
    f->n_got = f->forgetful && f->n_got == GOT_MAX ? 0 : f->n_got;
    ck_assert_uint_lt(f->n_got, GOT_MAX);
    struct got *g = &f->got[f->n_got++];
    *g = (struct got){.type = m->type, .job = m->job, .final = m->final};
    snprintf(g->reason, sizeof g->reason, "%s", m->reason != NULL ? m->reason : "");
    struct span payload = blob_span(e->payload);
    g->payload_len = payload.len;
    g->first_byte = payload.len > 0 ? payload.data[0] : 0;
    if (m->type == LINK_WELCOME) {
        f->welcomed = true;
        snprintf(f->session, sizeof f->session, "%s", m->welcome.session);
    } else if (m->type == LINK_JOB_OPEN) {
        g->open = m->open;
    } else if (m->type == LINK_JOB_UNIT || m->type == LINK_RUNG_UNIT) {
        g->rung = m->unit.rung;
        g->part = m->unit.part;
        g->seq = m->unit.seq;
        g->last = m->unit.last;
    } else if (m->type == LINK_JOB_DONE) {
        g->frames = m->done.rungs[0].frames;
    }
}

static inline bool is_up(const void *arg)
{
    return ((const struct fake *)arg)->up;
}

static inline bool is_down(const void *arg)
{
    return ((const struct fake *)arg)->down;
}

static inline bool is_welcomed(const void *arg)
{
    return ((const struct fake *)arg)->welcomed;
}

static inline struct fake *dial(enum link_role role)
{
    ck_assert_uint_lt(n_fakes, FAKES_MAX);
    struct fake *f = &fakes[n_fakes++];
    f->loop = loop_create();
    struct link_config c = {.addr = addr,
                            .keys = keys[role],
                            .peer_queue_bytes = 256 * MB,
                            .heartbeat_ms = 500,
                            .timeout_ms = scaled_ms(5000),
                            .retry_min_ms = 20,
                            .retry_max_ms = 100};
    const char *why = "";
    ck_assert_int_eq(link_dial(f->loop, &c, on_event, f, &f->link, &why), ERR_OK);
    WAIT(is_up, f);
    return f;
}

static inline void tell(struct fake *f, const struct link_msg *m, struct blob *payload)
{
    ck_assert_int_eq(link_send_msg(f->link, 0, m, payload), ERR_OK);
}

static inline void hello_of(struct fake *f, const char *role, uint32_t version, uint32_t capacity,
                            const char *instance)
{
    struct link_msg m = {.type = LINK_HELLO, .reason = ""};
    m.hello = (struct link_hello){.version_min = version,
                                  .version_max = version,
                                  .role = role,
                                  .name = fake_name,
                                  .encoder = strcmp(role, "transcoder") == 0 ? "x264" : "",
                                  .software = "0",
                                  .instance = instance,
                                  .capacity = capacity};
    tell(f, &m, NULL);
}

static inline void hello(struct fake *f, const char *role, uint32_t version, uint32_t capacity)
{
    hello_of(f, role, version, capacity, "");
}

static inline struct fake *join(enum link_role role, uint32_t capacity)
{
    struct fake *f = dial(role);
    hello(f, link_role_name(role), LINK_VERSION, capacity);
    WAIT(is_welcomed, f);
    ck_assert_int_eq(f->got[0].type, LINK_WELCOME); /* before anything else */
    return f;
}

static inline void leave(struct fake *f)
{
    link_destroy(f->link, 0);
    f->link = NULL;
    loop_destroy(f->loop);
    f->loop = NULL;
}

static inline const struct got *last_of(const struct fake *f, enum link_msg_type type)
{
    for (size_t i = f->n_got; i > 0; i--) {
        if (f->got[i - 1].type == type) {
            return &f->got[i - 1];
        }
    }
    return NULL;
}

static inline size_t count_of(const struct fake *f, enum link_msg_type type)
{
    size_t n = 0;
    for (size_t i = 0; i < f->n_got; i++) {
        n += f->got[i].type == type;
    }
    return n;
}

struct want {
    const struct fake *fake;
    enum link_msg_type type;
    size_t count;
};

static inline bool has_got(const void *arg)
{
    const struct want *w = arg;
    return count_of(w->fake, w->type) >= w->count;
}

/* What peers were told last, when something does not come. */
static inline void show_last(void)
{
    for (size_t i = 0; i < n_fakes; i++) {
        for (size_t k = fakes[i].n_got > 4 ? fakes[i].n_got - 4 : 0; k < fakes[i].n_got; k++) {
            const struct got *g = &fakes[i].got[k];
            fprintf(stderr, "fake %zu got message %d of job %llu: %s\n", i, (int)g->type,
                    (unsigned long long)g->job, g->reason);
        }
    }
}

static inline void wait_msg(const struct fake *f, enum link_msg_type type, size_t count)
{
    struct want w = {f, type, count};
    bool came = wait_for(has_got, &w);
    if (!came) {
        show_last();
    }
    ck_assert_msg(came, "message %d came %zu times, not %zu", (int)type, count_of(f, type), count);
}

static inline void open_job(struct fake *b, uint64_t job)
{
    static const uint8_t config[] = {1, 66, 0, 30};
    struct link_msg m = {.type = LINK_JOB_OPEN, .job = job, .reason = ""};
    m.open = (struct link_job_open){
        .stream = "stream",
        .msn = 100 + job,
        .track = {.kind = TRACK_VIDEO,
                  .codec = CODEC_H264,
                  .config = {config, sizeof config},
                  .width = 640,
                  .height = 480,
                  .sar_den = 1},
        .n_ladder = 1,
        .deadline_ms = (uint32_t)scaled_ms(20000),
    };
    m.open.ladder[0] = (struct link_rung){.name = "P144p30fps16x9",
                                          .preset = "veryfast",
                                          .width = 192,
                                          .height = 144,
                                          .fps_num = 30,
                                          .fps_den = 1,
                                          .bitrate_bps = 400000,
                                          .buffer_bits = 400000,
                                          .crf = 23,
                                          .frames_per_part = 1};
    tell(b, &m, NULL);
}

static inline struct blob *payload_of(size_t size, uint8_t byte)
{
    struct blob *b = blob_create(size);
    ck_assert_ptr_nonnull(b);
    memset(blob_bytes(b), byte, size);
    return b;
}

static inline void send_unit(struct fake *b, uint64_t job, uint32_t seq, bool last, size_t size)
{
    struct link_packet p = {.length = (uint32_t)size, .dts = seq * 3000, .pts = seq * 3000};
    struct link_msg m = {.type = LINK_JOB_UNIT, .job = job, .reason = ""};
    m.unit = (struct link_unit){.packets = &p, .n_packets = 1, .seq = seq, .last = last};
    struct blob *payload = payload_of(size, (uint8_t)seq);
    tell(b, &m, payload);
    blob_unref(payload);
}

static inline void send_part(struct fake *t, uint64_t attempt, uint32_t part, bool first, bool last,
                             size_t size)
{
    static const uint8_t config[] = {1, 2, 3};
    struct link_packet p = {.length = (uint32_t)size,
                            .dts = part * 3000,
                            .pts = part * 3000,
                            .flags = first ? PACKET_KEY : 0};
    struct link_msg m = {.type = LINK_RUNG_UNIT, .job = attempt, .reason = ""};
    m.unit = (struct link_unit){
        .part = part, .packets = &p, .n_packets = 1, .last = last, .config_hash = 7};
    m.unit.config = span_of(config, first ? sizeof config : 0);
    struct blob *payload = payload_of(size, (uint8_t)(part + 100));
    tell(t, &m, payload);
    blob_unref(payload);
}

static inline void say(struct fake *f, enum link_msg_type type, uint64_t job, const char *reason)
{
    struct link_msg m = {.type = type, .job = job, .reason = reason};
    tell(f, &m, NULL);
}

/* --- life --- */

static inline void derive_once(void)
{
    for (int r = 0; r < LINK_ROLES_; r++) {
        ck_assert_int_eq(secret_derive(SECRET, (enum link_role)r, &keys[r]), ERR_OK);
    }
    log_init("test", LOG_ERROR);
}

static inline enum err try_start(int port, struct relay **ret_relay, const char **ret_why)
{
    snprintf(addr, sizeof addr, "127.0.0.1:%d", port);
    struct relay_config c = {.addr = addr,
                             .keys = &keys[LINK_ROLE_ORCHESTRATOR],
                             .heartbeat_ms = 500,
                             .timeout_ms = scaled_ms(5000),
                             .price = ledger != NULL,
                             .price_pixels = 1,
                             .ledger = ledger};
    job_table_config_defaults(&c.jobs);
    c.jobs.job_bytes = 2 * FLOOD * FLOOD_SIZE;
    /* Who waits for a processor is not late: lateness is tested where time is an argument. */
    c.jobs.answer_ms = LIMIT_MS;
    c.jobs.late_ms = 0;
    c.jobs.hedge_ms = 0;
    return relay_create(loop, &c, ret_relay, ret_why);
}

static inline void start_relay(void)
{
    const char *why = "";
    enum err e = ERR_IO;
    /* Somebody else may take the port between the asking and the using. */
    for (int i = 0; i < 5 && e != ERR_OK; i++) {
        e = try_start(free_port(), &relay, &why);
    }
    ck_assert_msg(e == ERR_OK, "%s", why);
}

static inline void setup(void)
{
    loop = loop_create();
    start_relay();
}

static inline void teardown(void)
{
    for (size_t i = 0; i < n_fakes; i++) {
        if (fakes[i].link != NULL) {
            leave(&fakes[i]);
        }
    }
    relay_destroy(relay, 0);
    loop_destroy(loop);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

static inline struct job_table_gauges gauges(void)
{
    return job_table_gauges(relay_table(relay));
}

static inline const struct roster *roster(void)
{
    return job_table_roster(relay_table(relay));
}

#endif
