/* The relay with the real link on loopback: a broadcaster and transcoders that speak link messages
 * through it. Waiting is always for something that is asked of the loop, with a limit. */
#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "orchestrator/relay.h"
#include "run/link.h"
#include "run/log.h"
#include "run/secret.h"

#define SECRET    "a secret for tests only"
#define LIMIT_MS  10000
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

/* --- waiting --- */

typedef bool condition_fn(const void *arg);

struct wait {
    condition_fn *fn;
    const void *arg;
    int64_t until_ms;
    bool met;
};

static void run_fakes(void)
{
    for (size_t i = 0; i < n_fakes; i++) {
        if (!fakes[i].asleep && fakes[i].loop != NULL) {
            loop_run_once(fakes[i].loop);
        }
    }
}

static void check_wait(void *arg)
{
    struct wait *w = arg;
    run_fakes();
    w->met = w->fn(w->arg);
    if (w->met || clock_mono_ms() >= w->until_ms) {
        loop_stop(loop);
    }
}

static bool wait_for(condition_fn *fn, const void *arg)
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

static void on_event(void *arg, const struct link_event *e)
{
    struct fake *f = arg;
    f->up |= e->type == LINK_EVENT_UP;
    f->down |= e->type == LINK_EVENT_DOWN;
    if (e->type != LINK_EVENT_MESSAGE || e->msg->type == LINK_PING) {
        return;
    }
    const struct link_msg *m = e->msg;
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

static bool is_up(const void *arg)
{
    return ((const struct fake *)arg)->up;
}

static bool is_down(const void *arg)
{
    return ((const struct fake *)arg)->down;
}

static bool is_welcomed(const void *arg)
{
    return ((const struct fake *)arg)->welcomed;
}

static struct fake *dial(enum link_role role)
{
    ck_assert_uint_lt(n_fakes, FAKES_MAX);
    struct fake *f = &fakes[n_fakes++];
    f->loop = loop_create();
    struct link_config c = {.addr = addr,
                            .keys = keys[role],
                            .peer_queue_bytes = 256 * MB,
                            .heartbeat_ms = 500,
                            .timeout_ms = 5000,
                            .retry_min_ms = 20,
                            .retry_max_ms = 100};
    const char *why = "";
    ck_assert_int_eq(link_dial(f->loop, &c, on_event, f, &f->link, &why), ERR_OK);
    WAIT(is_up, f);
    return f;
}

static void tell(struct fake *f, const struct link_msg *m, struct blob *payload)
{
    ck_assert_int_eq(link_send_msg(f->link, 0, m, payload), ERR_OK);
}

static void hello_of(struct fake *f, const char *role, uint32_t version, uint32_t capacity,
                     const char *instance)
{
    struct link_msg m = {.type = LINK_HELLO, .reason = ""};
    m.hello = (struct link_hello){.version_min = version,
                                  .version_max = version,
                                  .role = role,
                                  .name = "fake",
                                  .encoder = strcmp(role, "transcoder") == 0 ? "x264" : "",
                                  .software = "0",
                                  .instance = instance,
                                  .capacity = capacity};
    tell(f, &m, NULL);
}

static void hello(struct fake *f, const char *role, uint32_t version, uint32_t capacity)
{
    hello_of(f, role, version, capacity, "");
}

static struct fake *join(enum link_role role, uint32_t capacity)
{
    struct fake *f = dial(role);
    hello(f, link_role_name(role), LINK_VERSION, capacity);
    WAIT(is_welcomed, f);
    ck_assert_int_eq(f->got[0].type, LINK_WELCOME); /* before anything else */
    return f;
}

static void leave(struct fake *f)
{
    link_destroy(f->link, 0);
    f->link = NULL;
    loop_destroy(f->loop);
    f->loop = NULL;
}

static const struct got *last_of(const struct fake *f, enum link_msg_type type)
{
    for (size_t i = f->n_got; i > 0; i--) {
        if (f->got[i - 1].type == type) {
            return &f->got[i - 1];
        }
    }
    return NULL;
}

static size_t count_of(const struct fake *f, enum link_msg_type type)
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

static bool has_got(const void *arg)
{
    const struct want *w = arg;
    return count_of(w->fake, w->type) >= w->count;
}

static void wait_msg(const struct fake *f, enum link_msg_type type, size_t count)
{
    struct want w = {f, type, count};
    ck_assert_msg(wait_for(has_got, &w), "message %d came %zu times, not %zu", (int)type,
                  count_of(f, type), count);
}

static void open_job(struct fake *b, uint64_t job)
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
        .deadline_ms = 20000,
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

static struct blob *payload_of(size_t size, uint8_t byte)
{
    struct blob *b = blob_create(size);
    ck_assert_ptr_nonnull(b);
    memset(blob_bytes(b), byte, size);
    return b;
}

static void send_unit(struct fake *b, uint64_t job, uint32_t seq, bool last, size_t size)
{
    struct link_packet p = {.length = (uint32_t)size, .dts = seq * 3000, .pts = seq * 3000};
    struct link_msg m = {.type = LINK_JOB_UNIT, .job = job, .reason = ""};
    m.unit = (struct link_unit){.packets = &p, .n_packets = 1, .seq = seq, .last = last};
    struct blob *payload = payload_of(size, (uint8_t)seq);
    tell(b, &m, payload);
    blob_unref(payload);
}

static void send_part(struct fake *t, uint64_t attempt, uint32_t part, bool first, bool last,
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

static void say(struct fake *f, enum link_msg_type type, uint64_t job, const char *reason)
{
    struct link_msg m = {.type = type, .job = job, .reason = reason};
    tell(f, &m, NULL);
}

/* --- life --- */

static void derive_once(void)
{
    for (int r = 0; r < LINK_ROLES_; r++) {
        ck_assert_int_eq(secret_derive(SECRET, (enum link_role)r, &keys[r]), ERR_OK);
    }
    log_init("test", LOG_ERROR);
}

static int free_port(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    close(fd);
    return ntohs(in.sin_port);
}

static enum err try_start(int port, struct relay **ret_relay, const char **ret_why)
{
    snprintf(addr, sizeof addr, "127.0.0.1:%d", port);
    struct relay_config c = {.addr = addr,
                             .keys = &keys[LINK_ROLE_ORCHESTRATOR],
                             .heartbeat_ms = 500,
                             .timeout_ms = 5000};
    job_table_config_defaults(&c.jobs);
    c.jobs.job_bytes = 2 * FLOOD * FLOOD_SIZE;
    return relay_create(loop, &c, ret_relay, ret_why);
}

static void setup(void)
{
    const char *why = "";
    loop = loop_create();
    enum err e = ERR_IO;
    /* Somebody else may take the port between the asking and the using. */
    for (int i = 0; i < 5 && e != ERR_OK; i++) {
        e = try_start(free_port(), &relay, &why);
    }
    ck_assert_msg(e == ERR_OK, "%s", why);
}

static void teardown(void)
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

static struct job_table_gauges gauges(void)
{
    return job_table_gauges(relay_table(relay));
}

static const struct roster *roster(void)
{
    return job_table_roster(relay_table(relay));
}

/* --- the tests --- */

START_TEST(a_job_passes_through)
{
    struct fake *b = join(LINK_ROLE_BROADCASTER, 0);
    struct fake *t = join(LINK_ROLE_TRANSCODER, 2);
    ck_assert_str_eq(b->session, relay_session(relay));
    ck_assert_str_eq(t->session, relay_session(relay));
    open_job(b, 5);
    wait_msg(t, LINK_JOB_OPEN, 1);
    const struct got *open = last_of(t, LINK_JOB_OPEN);
    ck_assert_uint_eq(open->open.msn, 105);
    ck_assert_uint_eq(open->open.ladder[0].height, 144);
    uint64_t attempt = open->job;
    say(t, LINK_JOB_ACCEPT, attempt, "");
    wait_msg(b, LINK_JOB_ACCEPT, 1);
    for (uint32_t i = 0; i < 3; i++) {
        send_unit(b, 5, i, i == 2, 1000 + i);
    }
    wait_msg(t, LINK_JOB_UNIT, 3);
    for (size_t i = 0, n = 0; i < t->n_got; i++) {
        if (t->got[i].type == LINK_JOB_UNIT) {
            ck_assert_uint_eq(t->got[i].seq, n);
            ck_assert_uint_eq(t->got[i].payload_len, 1000 + n);
            ck_assert_uint_eq(t->got[i].first_byte, n);
            n++;
        }
    }
    send_part(t, attempt, 0, true, false, 700);
    wait_msg(b, LINK_RUNG_UNIT, 1);
    send_part(t, attempt, 1, false, true, 800);
    struct link_msg done = {.type = LINK_JOB_DONE, .job = attempt, .reason = ""};
    done.done.n_rungs = 1;
    tell(t, &done, NULL);
    wait_msg(b, LINK_JOB_DONE, 1);
    ck_assert_uint_eq(count_of(b, LINK_RUNG_UNIT), 2);
    const struct got *part = last_of(b, LINK_RUNG_UNIT);
    ck_assert_uint_eq(part->job, 5);
    ck_assert_uint_eq(part->part, 1);
    ck_assert(part->last);
    ck_assert_uint_eq(part->payload_len, 800);
    ck_assert_uint_eq(part->first_byte, 101);
    ck_assert_uint_eq(last_of(b, LINK_JOB_DONE)->frames, 2);
    ck_assert_uint_eq(gauges().held_bytes, 0);
    ck_assert_uint_eq(roster_load(roster()), 0);
}
END_TEST

static bool has_one_transcoder(const void *arg)
{
    return roster()->n_transcoders == 1;
}

static bool has_no_transcoder(const void *arg)
{
    return roster()->n_transcoders == 0;
}

static bool has_no_broadcaster(const void *arg)
{
    return roster()->n_broadcasters == 0;
}

START_TEST(a_transcoder_dies_and_another_goes_on)
{
    struct fake *b = join(LINK_ROLE_BROADCASTER, 0);
    struct fake *t1 = join(LINK_ROLE_TRANSCODER, 2);
    open_job(b, 1);
    send_unit(b, 1, 0, false, 500);
    wait_msg(t1, LINK_JOB_UNIT, 1);
    send_part(t1, last_of(t1, LINK_JOB_OPEN)->job, 0, true, false, 300);
    wait_msg(b, LINK_RUNG_UNIT, 1);
    leave(t1);
    WAIT(has_no_transcoder, NULL);
    send_unit(b, 1, 1, true, 500);
    struct fake *t2 = join(LINK_ROLE_TRANSCODER, 2);
    wait_msg(t2, LINK_JOB_UNIT, 2);
    const struct got *open = last_of(t2, LINK_JOB_OPEN);
    ck_assert_uint_eq(open->open.ladder[0].emit_from, 1);
    send_part(t2, open->job, 1, true, true, 300);
    struct link_msg done = {.type = LINK_JOB_DONE, .job = open->job, .reason = ""};
    tell(t2, &done, NULL);
    wait_msg(b, LINK_JOB_DONE, 1);
    ck_assert_uint_eq(count_of(b, LINK_RUNG_UNIT), 2);
    ck_assert_uint_eq(last_of(b, LINK_RUNG_UNIT)->part, 1);
    ck_assert_uint_eq(gauges().held_bytes, 0);
}
END_TEST

START_TEST(a_transcoder_says_goodbye)
{
    struct fake *b = join(LINK_ROLE_BROADCASTER, 0);
    struct fake *t1 = join(LINK_ROLE_TRANSCODER, 9);
    struct fake *t2 = join(LINK_ROLE_TRANSCODER, 1);
    open_job(b, 1);
    wait_msg(t1, LINK_JOB_OPEN, 1);
    say(t1, LINK_BYE, 0, "maintenance");
    wait_msg(t2, LINK_JOB_OPEN, 1);
    WAIT(has_one_transcoder, NULL);
}
END_TEST

START_TEST(a_broadcaster_goes_and_its_jobs_are_cancelled)
{
    struct fake *b = join(LINK_ROLE_BROADCASTER, 0);
    struct fake *t = join(LINK_ROLE_TRANSCODER, 9);
    open_job(b, 1);
    wait_msg(t, LINK_JOB_OPEN, 1);
    leave(b);
    wait_msg(t, LINK_JOB_CANCEL, 1);
    WAIT(has_no_broadcaster, NULL);
    ck_assert_uint_eq(last_of(t, LINK_JOB_CANCEL)->job, last_of(t, LINK_JOB_OPEN)->job);
    ck_assert_uint_eq(gauges().held_bytes, 0);
}
END_TEST

START_TEST(another_version_is_named)
{
    struct fake *t = dial(LINK_ROLE_TRANSCODER);
    hello(t, "transcoder", LINK_VERSION + 1, 1);
    wait_msg(t, LINK_BYE, 1);
    const char *reason = t->got[0].reason;
    ck_assert_int_eq(t->got[0].type, LINK_BYE);
    ck_assert_msg(strstr(reason, "speaks versions 2 to 2") != NULL, "%s", reason);
    ck_assert_uint_eq(roster()->n_transcoders, 0);
    ck_assert_uint_eq(relay_counters(relay).rejected, 1);
    ck_assert(!t->welcomed);
}
END_TEST

START_TEST(a_role_must_be_the_keys)
{
    struct fake *t = dial(LINK_ROLE_TRANSCODER);
    hello(t, "broadcaster", LINK_VERSION, 0);
    wait_msg(t, LINK_BYE, 1);
    ck_assert_str_eq(t->got[0].reason,
                     "the peer says it is a broadcaster, but its key is that of a transcoder");
    ck_assert_uint_eq(roster()->n_broadcasters, 0);
    struct fake *b = dial(LINK_ROLE_BROADCASTER);
    hello(b, "transcoder", LINK_VERSION, 5);
    wait_msg(b, LINK_BYE, 1);
    ck_assert_uint_eq(roster()->n_transcoders, 0);
    ck_assert_uint_eq(relay_counters(relay).rejected, 2);
}
END_TEST

START_TEST(what_a_peer_may_not_send_is_dropped)
{
    struct fake *b = dial(LINK_ROLE_BROADCASTER);
    open_job(b, 1); /* before hello */
    hello(b, "broadcaster", LINK_VERSION, 0);
    WAIT(is_welcomed, b);
    ck_assert_uint_eq(relay_counters(relay).unwelcome, 1);
    struct fake *t = join(LINK_ROLE_TRANSCODER, 1);
    open_job(t, 1);
    say(t, LINK_JOB_CANCEL, 1, "");
    send_part(b, 1, 0, true, true, 10);
    say(b, LINK_JOB_FAILED, 1, "");
    open_job(b, 2);
    wait_msg(t, LINK_JOB_OPEN, 1);
    say(t, LINK_JOB_REFUSE, last_of(t, LINK_JOB_OPEN)->job, "");
    say(b, LINK_JOB_CANCEL, 2, "");
    open_job(b, 3);
    wait_msg(t, LINK_JOB_OPEN, 2);
    ck_assert_uint_eq(relay_counters(relay).unwelcome, 5);
    ck_assert_uint_eq(job_table_counters(relay_table(relay)).opened, 2);
}
END_TEST

static bool is_draining(const void *arg)
{
    return transcoder_room(LIST_ITEM(roster()->transcoders.next, const struct transcoder, node)) ==
           0;
}

START_TEST(a_second_hello_brings_up_to_date)
{
    struct fake *t = join(LINK_ROLE_TRANSCODER, 3);
    hello(t, "transcoder", LINK_VERSION, 0);
    WAIT(is_draining, NULL);
    ck_assert_uint_eq(roster()->n_transcoders, 1);
    ck_assert_uint_eq(count_of(t, LINK_WELCOME), 1);
}
END_TEST

/* The old connection is not known to be dead yet. */
START_TEST(a_peer_that_comes_back_replaces_itself)
{
    struct fake *b = join(LINK_ROLE_BROADCASTER, 0);
    struct fake *t1 = dial(LINK_ROLE_TRANSCODER);
    hello_of(t1, "transcoder", LINK_VERSION, 2, "a1b2");
    WAIT(is_welcomed, t1);
    open_job(b, 1);
    wait_msg(t1, LINK_JOB_OPEN, 1);
    struct fake *other = dial(LINK_ROLE_TRANSCODER);
    hello_of(other, "transcoder", LINK_VERSION, 0, "a1b3");
    WAIT(is_welcomed, other);
    struct fake *t2 = dial(LINK_ROLE_TRANSCODER);
    hello_of(t2, "transcoder", LINK_VERSION, 2, "a1b2");
    wait_msg(t2, LINK_JOB_OPEN, 1);
    ck_assert_uint_eq(roster()->n_transcoders, 2);
    WAIT(is_down, t1);
    ck_assert(!other->down);
    ck_assert_uint_eq(roster_load(roster()), 1);
}
END_TEST

START_TEST(the_end_is_told)
{
    struct fake *b = join(LINK_ROLE_BROADCASTER, 0);
    struct fake *t = join(LINK_ROLE_TRANSCODER, 3);
    open_job(b, 1); /* comes after the stop, and is ignored */
    relay_stop(relay, "the orchestrator is stopping");
    wait_msg(b, LINK_BYE, 1);
    wait_msg(t, LINK_BYE, 1);
    ck_assert_str_eq(last_of(t, LINK_BYE)->reason, "the orchestrator is stopping");
    ck_assert_uint_eq(count_of(t, LINK_JOB_OPEN), 0);
    ck_assert_uint_eq(job_table_counters(relay_table(relay)).opened, 0);
}
END_TEST

START_TEST(an_address_in_use_is_told)
{
    struct relay *second = NULL;
    const char *why = "";
    int port = atoi(strchr(addr, ':') + 1);
    ck_assert_int_eq(try_start(port, &second, &why), ERR_IO);
    ck_assert_ptr_null(second);
    ck_assert_msg(why[0] != '\0', "%s", why);
}
END_TEST

static bool holds_all(const void *arg)
{
    return gauges().held_bytes >= FLOOD * FLOOD_SIZE;
}

START_TEST(units_wait_for_a_slow_transcoder)
{
    struct fake *b = join(LINK_ROLE_BROADCASTER, 0);
    struct fake *t = join(LINK_ROLE_TRANSCODER, 3);
    t->asleep = true;
    open_job(b, 1);
    for (uint32_t i = 0; i < FLOOD; i++) {
        send_unit(b, 1, i, i == FLOOD - 1, FLOOD_SIZE);
    }
    WAIT(holds_all, NULL);
    t->asleep = false;
    wait_msg(t, LINK_JOB_UNIT, FLOOD);
    uint32_t n = 0;
    for (size_t i = 0; i < t->n_got; i++) {
        if (t->got[i].type == LINK_JOB_UNIT) {
            ck_assert_uint_eq(t->got[i].seq, n);
            ck_assert_uint_eq(t->got[i].first_byte, (uint8_t)n);
            n++;
        }
    }
    ck_assert_uint_eq(n, FLOOD);
    ck_assert_uint_eq(count_of(b, LINK_JOB_FAILED), 0);
}
END_TEST

static bool has_failed_one(const void *arg)
{
    return job_table_counters(relay_table(relay)).failed == 1;
}

START_TEST(a_broadcaster_that_takes_nothing_loses_its_job_not_the_orchestrator)
{
    struct fake *b = join(LINK_ROLE_BROADCASTER, 0);
    struct fake *t = join(LINK_ROLE_TRANSCODER, 3);
    open_job(b, 1);
    send_unit(b, 1, 0, true, 10);
    wait_msg(t, LINK_JOB_UNIT, 1);
    b->asleep = true;
    uint64_t attempt = last_of(t, LINK_JOB_OPEN)->job;
    for (uint32_t i = 0; i < FLOOD; i++) {
        send_part(t, attempt, i, i == 0, false, FLOOD_SIZE);
    }
    WAIT(has_failed_one, NULL);
    ck_assert_uint_le(relay_waiting_bytes(relay), RELAY_RUNG_BYTES + RELAY_CONTROL_BYTES);
    wait_msg(t, LINK_JOB_CANCEL, 1);
    b->asleep = false;
    wait_msg(b, LINK_JOB_FAILED, 1);
    ck_assert_str_eq(last_of(b, LINK_JOB_FAILED)->reason,
                     "the broadcaster takes its results too slowly");
    ck_assert_int_eq(b->got[b->n_got - 1].type, LINK_JOB_FAILED); /* in order, after the parts */
    uint32_t n = 0;
    for (size_t i = 0; i < b->n_got; i++) {
        if (b->got[i].type == LINK_RUNG_UNIT) {
            ck_assert_uint_eq(b->got[i].part, n++);
        }
    }
    ck_assert_uint_ge(n * FLOOD_SIZE, RELAY_RUNG_BYTES);
    ck_assert_uint_lt(n, FLOOD);
    ck_assert_uint_eq(relay_waiting_bytes(relay), 0);
    ck_assert_uint_eq(relay_counters(relay).dropped, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("relay");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 30);
    tcase_add_unchecked_fixture(tc, derive_once, NULL);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_job_passes_through);
    tcase_add_test(tc, a_transcoder_dies_and_another_goes_on);
    tcase_add_test(tc, a_transcoder_says_goodbye);
    tcase_add_test(tc, a_broadcaster_goes_and_its_jobs_are_cancelled);
    tcase_add_test(tc, another_version_is_named);
    tcase_add_test(tc, a_role_must_be_the_keys);
    tcase_add_test(tc, what_a_peer_may_not_send_is_dropped);
    tcase_add_test(tc, a_second_hello_brings_up_to_date);
    tcase_add_test(tc, a_peer_that_comes_back_replaces_itself);
    tcase_add_test(tc, the_end_is_told);
    tcase_add_test(tc, an_address_in_use_is_told);
    tcase_add_test(tc, units_wait_for_a_slow_transcoder);
    tcase_add_test(tc, a_broadcaster_that_takes_nothing_loses_its_job_not_the_orchestrator);
    suite_add_tcase(suite, tc);
    SRunner *sr = srunner_create(suite);
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
