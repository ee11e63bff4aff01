/* Links of this process that meet over loopback, what they have seen, and raw peers. */
#ifndef TESTS_LINK_BENCH_H
#define TESTS_LINK_BENCH_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>
#include <zmq.h>

#include "base/clock.h"
#include "base/mem.h"
#include "run/credential.h"
#include "run/link.h"
#include "run/log.h"
#include "tests/support/slowness.h"
#include "tests/support/unit.h"

#define HEARTBEAT_MS scaled_ms(100)
#define TIMEOUT_MS   scaled_ms(700)
#define PATIENCE_MS  scaled_ms(8000)
#define BIG          60000

static struct link_keys keys_o, keys_t, keys_b, keys_wrong;

/* Two minted key pairs, and what the listening side makes of them: the link's thread asks. */
static struct link_keys minted_t, minted_b;
static atomic_bool revoked_t;
static atomic_int asked;

static inline void admit(void *arg, const unsigned char *key, struct link_admission *a)
{
    ck_assert_ptr_eq(arg, &asked);
    atomic_fetch_add(&asked, 1);
    if (memcmp(key, minted_b.public_key, LINK_KEY_BYTES) == 0) {
        a->role = LINK_ROLE_BROADCASTER;
        strcpy(a->credential, "cam");
    } else if (memcmp(key, minted_t.public_key, LINK_KEY_BYTES) == 0) {
        if (atomic_load(&revoked_t)) {
            strcpy(a->words, "the credential \"edge\" was revoked");
        } else {
            a->role = LINK_ROLE_TRANSCODER;
            strcpy(a->credential, "edge");
        }
    }
}

/* One end and what it has seen. */
struct end {
    struct link *k;
    int ups, downs, refusals, writables, messages;
    link_peer last_peer, down_peer;
    size_t target;
    enum link_role role;
    char address[64];
    char credential[LINK_NAME_SIZE];
    char last_reason[128], down_reason[128];
    struct link_msg last; /* texts are not kept */
    uint64_t next_job;    /* in_order: the job number that must come next */
    bool in_order;
    struct blob **kept; /* NULL, or payloads, which outlive their messages */
    size_t n_kept;
    int64_t down_at_ms;
};

static inline void check_big(struct end *e, const struct link_event *ev)
{
    ck_assert_uint_eq(ev->msg->job, e->next_job);
    struct span s = blob_span(ev->payload);
    ck_assert_uint_eq(s.len, BIG);
    for (size_t i = 0; i < BIG; i += 997) {
        ck_assert_uint_eq(s.data[i], (uint8_t)(e->next_job + i));
    }
    e->next_job++;
}

static inline void on_event(void *arg, const struct link_event *ev)
{
    struct end *e = arg;
    switch (ev->type) {
    case LINK_EVENT_UP:
        e->ups++;
        e->target = ev->target;
        break;
    case LINK_EVENT_DOWN:
        e->downs++;
        e->down_peer = ev->peer;
        e->down_at_ms = clock_mono_ms();
        snprintf(e->down_reason, sizeof e->down_reason, "%s", ev->reason);
        break;
    case LINK_EVENT_REFUSED:
        e->refusals++;
        break;
    case LINK_EVENT_WRITABLE:
        e->writables++;
        break;
    case LINK_EVENT_MESSAGE:
        e->messages++;
        e->last_peer = ev->peer;
        e->role = ev->role;
        snprintf(e->address, sizeof e->address, "%s", ev->address);
        snprintf(e->credential, sizeof e->credential, "%s", ev->credential);
        snprintf(e->last_reason, sizeof e->last_reason, "%s", ev->msg->reason);
        e->last = *ev->msg;
        if (e->in_order) {
            check_big(e, ev);
        }
        if (e->kept != NULL) {
            e->kept[e->n_kept++] = blob_ref(ev->payload);
        }
        break;
    }
}

static struct loop *loop;
static char addr[64];
static int port;

static inline void tick(void *arg)
{
    (void)arg;
}

/* Runs the loop until the condition holds; fails the test when it never does. */
#define RUN_UNTIL(condition)                                                                       \
    do {                                                                                           \
        int64_t until_ = clock_mono_ms() + PATIENCE_MS;                                            \
        struct loop_timer *t_ = loop_timer_create(loop, tick, NULL);                               \
        loop_timer_start(t_, 10, 10);                                                              \
        bool holds_ = (condition);                                                                 \
        while (!holds_ && clock_mono_ms() < until_) {                                              \
            uv_run(loop_uv(loop), UV_RUN_ONCE);                                                    \
            holds_ = (condition);                                                                  \
        }                                                                                          \
        loop_timer_destroy(t_);                                                                    \
        ck_assert_msg(holds_, "never: %s", #condition);                                            \
    } while (0)

/* For "nothing of that kind happens". */
static inline void run_for(int64_t ms)
{
    int64_t until = clock_mono_ms() + ms;
    RUN_UNTIL(clock_mono_ms() >= until);
}

static inline int free_port(int family)
{
    struct sockaddr_storage a = {.ss_family = (sa_family_t)family};
    socklen_t len = family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (family == AF_INET6) {
        ((struct sockaddr_in6 *)&a)->sin6_addr = in6addr_loopback;
    } else {
        ((struct sockaddr_in *)&a)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    int fd = socket(family, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) != 0) {
        close(fd);
        return 0;
    }
    getsockname(fd, (struct sockaddr *)&a, &len);
    close(fd);
    return ntohs(((struct sockaddr_in *)&a)->sin_port);
}

static inline void setup(void)
{
    port = free_port(AF_INET);
    snprintf(addr, sizeof addr, "127.0.0.1:%d", port);
    loop = loop_create();
}

static inline void teardown(void)
{
    loop_destroy(loop);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

static inline struct link_config config(const struct link_keys *keys)
{
    return (struct link_config){
        .addr = addr,
        .keys = *keys,
        .peer_queue_bytes = 4 * 1024 * 1024,
        .heartbeat_ms = HEARTBEAT_MS,
        .timeout_ms = TIMEOUT_MS,
        .retry_min_ms = 20,
        .retry_max_ms = 100,
    };
}

static inline void listen_with(struct end *e, const struct link_config *c)
{
    const char *why = "";
    enum err err = link_listen(loop, c, on_event, e, &e->k, &why);
    ck_assert_msg(err == ERR_OK, "%s", why);
}

static inline void dial_with(struct end *e, const struct link_config *c)
{
    const char *why = "";
    enum err err = link_dial(loop, c, on_event, e, &e->k, &why);
    ck_assert_msg(err == ERR_OK, "%s", why);
}

static inline void start(struct end *o, struct end *t)
{
    struct link_config c = config(&keys_o);
    listen_with(o, &c);
    c = config(&keys_t);
    dial_with(t, &c);
}

static inline void hello(struct end *e, const char *role)
{
    struct link_msg m = {.type = LINK_HELLO, .reason = ""};
    m.hello = (struct link_hello){
        .version_min = 1, .version_max = 1, .role = role, .name = "test", .capacity = 1};
    ck_assert_int_eq(link_send_msg(e->k, 0, &m, NULL), ERR_OK);
}

/* Both up, and the listening side knows the other. */
static inline void meet(struct end *o, struct end *t)
{
    start(o, t);
    RUN_UNTIL(t->ups == 1);
    hello(t, "transcoder");
    RUN_UNTIL(o->messages == 1);
}

static inline enum err send_big(struct end *e, link_peer peer, uint64_t job)
{
    struct link_packet p = {.length = BIG};
    struct link_msg m = {.type = LINK_JOB_UNIT, .job = job};
    m.unit.packets = &p;
    m.unit.n_packets = 1;
    struct blob *b = blob_create(BIG);
    for (size_t i = 0; i < BIG; i++) {
        blob_bytes(b)[i] = (uint8_t)(job + i);
    }
    enum err err = link_send_msg(e->k, peer, &m, b);
    blob_unref(b);
    return err;
}

static inline void still_lives(struct end *o)
{
    struct end t = {0};
    int before = o->messages;
    struct link_config c = config(&keys_t);
    dial_with(&t, &c);
    RUN_UNTIL(t.ups == 1);
    hello(&t, "transcoder");
    RUN_UNTIL(o->messages == before + 1);
    link_destroy(t.k, 0);
}

static inline struct link_config door_with_list(const struct link_keys *keys)
{
    struct link_config c = config(keys);
    c.admit = admit;
    c.admit_arg = &asked;
    return c;
}

static inline void mint(void)
{
    ck_assert_int_eq(credential_make(LINK_ROLE_TRANSCODER, "edge", keys_o.public_key, &minted_t),
                     ERR_OK);
    ck_assert_int_eq(credential_make(LINK_ROLE_BROADCASTER, "cam", keys_o.public_key, &minted_b),
                     ERR_OK);
}

static inline void *raw_dealer(void *ctx, const struct link_keys *keys)
{
    char endpoint[80];
    int linger = 0, timeout = 5000;
    void *s = zmq_socket(ctx, ZMQ_DEALER);
    zmq_setsockopt(s, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(s, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    if (keys != NULL) {
        zmq_setsockopt(s, ZMQ_CURVE_PUBLICKEY, keys->public_key, LINK_KEY_BYTES);
        zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, keys->secret_key, LINK_KEY_BYTES);
        zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, keys->server_key, LINK_KEY_BYTES);
    }
    snprintf(endpoint, sizeof endpoint, "tcp://%s", addr);
    ck_assert_int_eq(zmq_connect(s, endpoint), 0);
    return s;
}

static inline struct blob *hello_envelope(void)
{
    struct link_msg m = {.type = LINK_HELLO};
    m.hello = (struct link_hello){
        .version_min = 1, .version_max = 1, .role = "transcoder", .name = "raw", .capacity = 1};
    return link_msg_pack(&m);
}

static inline void raw_hello(void *s)
{
    struct blob *b = hello_envelope();
    ck_assert_int_gt(zmq_send(s, blob_span(b).data, blob_span(b).len, 0), 0);
    blob_unref(b);
}

/* With the keys of all. */
static inline int link_bench_run(const char *name, const TTest *const *tests, size_t n)
{
    log_init("test", getenv("LINK_LOG") ? LOG_DEBUG : LOG_ERROR);
    if (secret_derive("the right secret", LINK_ROLE_ORCHESTRATOR, &keys_o) != ERR_OK ||
        secret_derive("the right secret", LINK_ROLE_TRANSCODER, &keys_t) != ERR_OK ||
        secret_derive("the right secret", LINK_ROLE_BROADCASTER, &keys_b) != ERR_OK ||
        secret_derive("the wrong secret", LINK_ROLE_TRANSCODER, &keys_wrong) != ERR_OK) {
        return EXIT_FAILURE;
    }
    return unit_run(name, tests, n);
}

#define LINK_MAIN(name, ...)                                                                       \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const tests[] = {__VA_ARGS__};                                                \
        return link_bench_run(name, tests, sizeof tests / sizeof tests[0]);                        \
    }

#endif
