/* usual time: 22 s */
#include "run/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <signal.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>
#include <zmq.h>

#include "base/clock.h"
#include "base/mem.h"
#include "run/credential.h"
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

static void admit(void *arg, const unsigned char *key, struct link_admission *a)
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

static void check_big(struct end *e, const struct link_event *ev)
{
    ck_assert_uint_eq(ev->msg->job, e->next_job);
    struct span s = blob_span(ev->payload);
    ck_assert_uint_eq(s.len, BIG);
    for (size_t i = 0; i < BIG; i += 997) {
        ck_assert_uint_eq(s.data[i], (uint8_t)(e->next_job + i));
    }
    e->next_job++;
}

static void on_event(void *arg, const struct link_event *ev)
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

/* --- running --- */

static struct loop *loop;
static char addr[64];
static int port;

static void tick(void *arg)
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
static void run_for(int64_t ms)
{
    int64_t until = clock_mono_ms() + ms;
    RUN_UNTIL(clock_mono_ms() >= until);
}

static int free_port(int family)
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

static void setup(void)
{
    port = free_port(AF_INET);
    snprintf(addr, sizeof addr, "127.0.0.1:%d", port);
    loop = loop_create();
}

static void teardown(void)
{
    loop_destroy(loop);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

static struct link_config config(const struct link_keys *keys)
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

static void listen_with(struct end *e, const struct link_config *c)
{
    const char *why = "";
    enum err err = link_listen(loop, c, on_event, e, &e->k, &why);
    ck_assert_msg(err == ERR_OK, "%s", why);
}

static void dial_with(struct end *e, const struct link_config *c)
{
    const char *why = "";
    enum err err = link_dial(loop, c, on_event, e, &e->k, &why);
    ck_assert_msg(err == ERR_OK, "%s", why);
}

static void start(struct end *o, struct end *t)
{
    struct link_config c = config(&keys_o);
    listen_with(o, &c);
    c = config(&keys_t);
    dial_with(t, &c);
}

static void hello(struct end *e, const char *role)
{
    struct link_msg m = {.type = LINK_HELLO, .reason = ""};
    m.hello = (struct link_hello){
        .version_min = 1, .version_max = 1, .role = role, .name = "test", .capacity = 1};
    ck_assert_int_eq(link_send_msg(e->k, 0, &m, NULL), ERR_OK);
}

/* Both up, and the listening side knows the other. */
static void meet(struct end *o, struct end *t)
{
    start(o, t);
    RUN_UNTIL(t->ups == 1);
    hello(t, "transcoder");
    RUN_UNTIL(o->messages == 1);
}

static enum err send_big(struct end *e, link_peer peer, uint64_t job)
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

/* --- meeting --- */

START_TEST(right_secret_comes_up_and_roles_are_told)
{
    setup();
    struct end o = {0}, t = {0}, b = {0};
    meet(&o, &t);
    ck_assert_int_eq(o.role, LINK_ROLE_TRANSCODER);
    ck_assert_str_eq(o.address, "127.0.0.1");
    ck_assert_int_eq(o.last.type, LINK_HELLO);
    link_peer transcoder = o.last_peer;
    ck_assert_uint_ne(transcoder, 0);
    struct link_config c = config(&keys_b);
    dial_with(&b, &c);
    RUN_UNTIL(b.ups == 1);
    hello(&b, "broadcaster");
    RUN_UNTIL(o.messages == 2);
    ck_assert_int_eq(o.role, LINK_ROLE_BROADCASTER);
    ck_assert_uint_ne(o.last_peer, transcoder);
    struct link_msg m = {.type = LINK_JOB_REFUSE, .job = 77, .reason = "full"};
    ck_assert_int_eq(link_send_msg(o.k, transcoder, &m, NULL), ERR_OK);
    RUN_UNTIL(t.messages == 1);
    ck_assert_uint_eq(t.last.job, 77);
    ck_assert_str_eq(t.last_reason, "full");
    ck_assert_uint_eq(t.last_peer, 0);
    ck_assert_int_eq(link_send_msg(o.k, transcoder + 100, &m, NULL), ERR_NOENT);
    ck_assert_int_eq(link_send_msg(o.k, 0, &m, NULL), ERR_NOENT);
    /* Pings keep it alive well past the silence that would end it, and are not delivered. */
    run_for(2 * TIMEOUT_MS);
    ck_assert_int_eq(o.downs + t.downs + b.downs, 0);
    ck_assert_int_eq(o.messages, 2);
    ck_assert_int_eq(b.messages, 0);
    RUN_UNTIL(link_queued(o.k, transcoder) == 0);
    struct link_counters count = link_counters(o.k);
    ck_assert_uint_eq(count.refused, 0);
    ck_assert_uint_eq(count.dropped, 0);
    ck_assert_uint_gt(count.received, 2 * TIMEOUT_MS / HEARTBEAT_MS);
    link_destroy(b.k, 0);
    link_destroy(t.k, 0);
    RUN_UNTIL(o.downs == 2);
    ck_assert_int_eq(link_send_msg(o.k, transcoder, &m, NULL), ERR_NOENT);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

START_TEST(a_dialler_that_comes_first_waits)
{
    setup();
    struct end o = {0}, t = {0};
    struct link_config c = config(&keys_t);
    dial_with(&t, &c);
    run_for(300);
    ck_assert_int_eq(t.ups + t.downs + t.refusals, 0);
    struct link_msg m = {.type = LINK_PING};
    ck_assert_int_eq(link_send_msg(t.k, 0, &m, NULL), ERR_AGAIN);
    c = config(&keys_o);
    listen_with(&o, &c);
    RUN_UNTIL(t.ups == 1);
    link_destroy(t.k, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

/* A socket that takes connections and keeps silent, or none: what dials it counts. */
static int listen_raw(int on_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)on_port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
    return fd;
}

/* When the next n dials came, each closed at once. */
static void time_dials(int fd, size_t n, int64_t *ret_ms)
{
    for (size_t i = 0; i < n; i++) {
        int c = -1;
        RUN_UNTIL((c = accept(fd, NULL, NULL)) >= 0);
        ret_ms[i] = clock_mono_ms();
        close(c);
    }
}

#define MIN_MS 100
#define MAX_MS 400

/* Redials come after 1, 2, 4, 4 ... times the least interval, and a quarter more at most (and what
 * a busy machine adds); one that stood begins anew. */
START_TEST(redials_grow_to_a_limit_and_begin_anew_after_a_success)
{
    setup();
    int64_t at[6];
    struct end o = {0}, t = {0};
    struct link_config c = config(&keys_t);
    c.retry_min_ms = MIN_MS;
    c.retry_max_ms = MAX_MS;
    int fd = listen_raw(port);
    dial_with(&t, &c);
    time_dials(fd, 2, at);
    ck_assert_int_ge(at[1] - at[0], MIN_MS - 10);
    close(fd);
    int64_t gone = clock_mono_ms();
    /* Nobody is there for long enough that the interval is at its limit. */
    run_for(4 * MAX_MS);
    c = config(&keys_o);
    listen_with(&o, &c);
    int64_t back = clock_mono_ms();
    RUN_UNTIL(t.ups == 1);
    ck_assert_int_ge(clock_mono_ms() - gone, 4 * MAX_MS);
    ck_assert_int_lt(clock_mono_ms() - back, PATIENCE_MS / 2);
    /* It stood: what follows a loss is the least interval, not the limit. */
    link_destroy(o.k, 0);
    RUN_UNTIL(t.downs == 1);
    int64_t lost = clock_mono_ms();
    fd = listen_raw(port);
    time_dials(fd, 1, at);
    ck_assert_int_lt(at[0] - lost, MAX_MS - 10);
    ck_assert_int_ge(at[0] - lost, MIN_MS / 2);
    close(fd);
    link_destroy(t.k, 0);
    teardown();
}
END_TEST

START_TEST(a_list_is_gone_through_until_one_is_there)
{
    setup();
    char list[300];
    struct end o = {0}, t = {0};
    snprintf(list, sizeof list, "127.0.0.1:%d,127.0.0.1:%d,%s", free_port(AF_INET),
             free_port(AF_INET), addr);
    struct link_config c = config(&keys_o);
    listen_with(&o, &c);
    c = config(&keys_t);
    c.addr = list;
    dial_with(&t, &c);
    RUN_UNTIL(t.ups == 1);
    ck_assert_uint_eq(t.target, 2);
    hello(&t, "transcoder");
    RUN_UNTIL(o.messages == 1);
    /* The same one first, when it was lost. */
    link_destroy(o.k, 0);
    RUN_UNTIL(t.downs == 1);
    c = config(&keys_o);
    listen_with(&o, &c);
    RUN_UNTIL(t.ups == 2);
    ck_assert_uint_eq(t.target, 2);
    link_destroy(t.k, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

/* One of the list takes connections and says nothing: its turn is over after the handshake's time.
 */
START_TEST(a_silent_one_of_a_list_is_passed_over)
{
    setup();
    char list[300];
    struct end o = {0}, t = {0};
    int silent_port = free_port(AF_INET);
    int fd = listen_raw(silent_port);
    snprintf(list, sizeof list, "127.0.0.1:%d,%s", silent_port, addr);
    struct link_config c = config(&keys_o);
    listen_with(&o, &c);
    c = config(&keys_t);
    c.addr = list;
    dial_with(&t, &c);
    RUN_UNTIL(t.ups == 1);
    ck_assert_uint_eq(t.target, 1);
    link_destroy(t.k, 0);
    link_destroy(o.k, 0);
    close(fd);
    teardown();
}
END_TEST

START_TEST(a_list_that_is_wrong_is_said)
{
    static const char *const lists[] = {"",
                                        ",",
                                        "127.0.0.1:1,",
                                        "127.0.0.1:1,,127.0.0.1:2",
                                        "127.0.0.1:1,127.0.0.1:0",
                                        "a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,"
                                        "a:1,a:1,a:1"};
    setup();
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct end t = {0};
        struct link_config c = config(&keys_t);
        const char *why = "";
        c.addr = lists[i];
        ck_assert_msg(link_dial(loop, &c, on_event, &t, &t.k, &why) == ERR_IO, "%s", lists[i]);
        ck_assert_str_ne(why, "");
    }
    teardown();
}
END_TEST

START_TEST(ipv6_and_names)
{
    setup();
    port = free_port(AF_INET6);
    struct end o = {0}, t = {0};
    if (port != 0) { /* a host may have no IPv6 */
        snprintf(addr, sizeof addr, "[::1]:%d", port);
        meet(&o, &t);
        ck_assert_str_eq(o.address, "::1");
        link_destroy(t.k, 0);
        link_destroy(o.k, 0);
    }
    struct end o2 = {0}, t2 = {0};
    snprintf(addr, sizeof addr, "localhost:%d", free_port(AF_INET));
    meet(&o2, &t2);
    link_destroy(t2.k, 0);
    link_destroy(o2.k, 0);
    teardown();
}
END_TEST

START_TEST(a_port_in_use_is_said)
{
    setup();
    struct end o = {0}, o2 = {0};
    struct link_config c = config(&keys_o);
    const char *why = "";
    listen_with(&o, &c);
    ck_assert_int_eq(link_listen(loop, &c, on_event, &o2, &o2.k, &why), ERR_IO);
    ck_assert_ptr_nonnull(strstr(why, "another program"));
    c.addr = "192.0.2.1:8936";
    ck_assert_int_eq(link_listen(loop, &c, on_event, &o2, &o2.k, &why), ERR_IO);
    ck_assert_ptr_nonnull(strstr(why, "no such address"));
    c.addr = "127.0.0.1:nonsense";
    ck_assert_int_eq(link_listen(loop, &c, on_event, &o2, &o2.k, &why), ERR_IO);
    ck_assert_int_eq(link_dial(loop, &c, on_event, &o2, &o2.k, &why), ERR_IO);
    link_destroy(o.k, 0);
    link_destroy(NULL, 0);
    teardown();
}
END_TEST

/* --- who may not come in --- */

static void still_lives(struct end *o)
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

START_TEST(a_wrong_secret_is_refused)
{
    setup();
    struct end o = {0}, t = {0};
    struct link_config c = config(&keys_o);
    listen_with(&o, &c);
    c = config(&keys_wrong);
    dial_with(&t, &c);
    RUN_UNTIL(t.refusals >= 2 && link_counters(o.k).refused >= 3);
    ck_assert_int_eq(t.ups, 0);
    ck_assert_int_eq(o.messages + o.downs, 0);
    still_lives(&o);
    link_destroy(t.k, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

START_TEST(an_unknown_key_is_refused)
{
    setup();
    struct end o = {0}, t = {0};
    struct link_config c = config(&keys_o);
    listen_with(&o, &c);
    c = config(&keys_t); /* the orchestrator's true key, and a key pair of one's own */
    crypto_box_keypair(c.keys.public_key, c.keys.secret_key);
    dial_with(&t, &c);
    RUN_UNTIL(t.refusals >= 2 && link_counters(o.k).refused >= 2);
    ck_assert_int_eq(t.ups, 0);
    ck_assert_int_eq(o.messages + o.downs, 0);
    still_lives(&o);
    link_destroy(t.k, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

/* An orchestrator's own key, and the zero key that stands where no role is admitted. */
START_TEST(no_role_means_no_entry)
{
    setup();
    struct end o = {0}, t = {0};
    struct link_config c = config(&keys_o);
    memset(c.keys.admitted[LINK_ROLE_TRANSCODER], 0, LINK_KEY_BYTES);
    listen_with(&o, &c);
    c = config(&keys_t);
    dial_with(&t, &c);
    struct end me = {0};
    c = config(&keys_o);
    memcpy(c.keys.server_key, keys_o.public_key, LINK_KEY_BYTES);
    dial_with(&me, &c);
    RUN_UNTIL(t.refusals >= 1 && me.refusals >= 1);
    ck_assert_int_eq(t.ups + me.ups + o.messages, 0);
    link_destroy(t.k, 0);
    link_destroy(me.k, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

/* --- minted keys --- */

static struct link_config door_with_list(const struct link_keys *keys)
{
    struct link_config c = config(keys);
    c.admit = admit;
    c.admit_arg = &asked;
    return c;
}

static void mint(void)
{
    ck_assert_int_eq(credential_make(LINK_ROLE_TRANSCODER, "edge", keys_o.public_key, &minted_t),
                     ERR_OK);
    ck_assert_int_eq(credential_make(LINK_ROLE_BROADCASTER, "cam", keys_o.public_key, &minted_b),
                     ERR_OK);
}

START_TEST(minted_keys_and_the_secret_come_in_side_by_side)
{
    setup();
    mint();
    struct end o = {0}, t = {0}, b = {0}, s = {0}, stranger = {0};
    struct link_config c = door_with_list(&keys_o);
    listen_with(&o, &c);
    c = config(&minted_t);
    dial_with(&t, &c);
    RUN_UNTIL(t.ups == 1);
    hello(&t, "transcoder");
    RUN_UNTIL(o.messages == 1);
    ck_assert_int_eq(o.role, LINK_ROLE_TRANSCODER);
    ck_assert_str_eq(o.credential, "edge");
    c = config(&minted_b);
    dial_with(&b, &c);
    RUN_UNTIL(b.ups == 1);
    hello(&b, "transcoder"); /* whatever it says */
    RUN_UNTIL(o.messages == 2);
    ck_assert_int_eq(o.role, LINK_ROLE_BROADCASTER);
    ck_assert_str_eq(o.credential, "cam");
    int before = atomic_load(&asked);
    c = config(&keys_t);
    dial_with(&s, &c);
    RUN_UNTIL(s.ups == 1);
    hello(&s, "transcoder");
    RUN_UNTIL(o.messages == 3);
    ck_assert_int_eq(o.role, LINK_ROLE_TRANSCODER);
    ck_assert_str_eq(o.credential, "");
    ck_assert_int_eq(atomic_load(&asked), before); /* not about the secret's keys */
    struct link_keys unknown;
    ck_assert_int_eq(credential_make(LINK_ROLE_TRANSCODER, "edge", keys_o.public_key, &unknown),
                     ERR_OK);
    c = config(&unknown);
    dial_with(&stranger, &c);
    RUN_UNTIL(stranger.refusals >= 1);
    ck_assert_int_eq(stranger.ups, 0);
    link_recheck(o.k); /* nothing has changed */
    run_for(2 * HEARTBEAT_MS);
    ck_assert_int_eq(o.downs, 0);
    link_destroy(stranger.k, 0);
    link_destroy(s.k, 0);
    link_destroy(b.k, 0);
    link_destroy(t.k, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

/* An orchestrator without a shared secret: nobody has a derived key. */
START_TEST(without_a_secret_only_minted_keys_come_in)
{
    setup();
    struct end o = {0}, t = {0}, s = {0};
    struct link_keys own;
    ck_assert_int_eq(credential_make(LINK_ROLE_ORCHESTRATOR, "o", NULL, &own), ERR_OK);
    ck_assert_int_eq(credential_make(LINK_ROLE_TRANSCODER, "edge", own.public_key, &minted_t),
                     ERR_OK);
    struct link_config c = door_with_list(&own);
    listen_with(&o, &c);
    c = config(&minted_t);
    dial_with(&t, &c);
    RUN_UNTIL(t.ups == 1);
    c = config(&keys_t);
    dial_with(&s, &c);
    RUN_UNTIL(s.refusals >= 1);
    ck_assert_int_eq(s.ups, 0);
    link_destroy(s.k, 0);
    link_destroy(t.k, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

START_TEST(a_revoked_key_is_turned_out_with_words)
{
    setup();
    mint();
    struct end o = {0}, t = {0}, b = {0};
    struct link_config c = door_with_list(&keys_o);
    listen_with(&o, &c);
    c = config(&minted_t);
    dial_with(&t, &c);
    c = config(&minted_b);
    dial_with(&b, &c);
    RUN_UNTIL(t.ups == 1 && b.ups == 1);
    hello(&b, "broadcaster");
    RUN_UNTIL(o.messages == 1);
    hello(&t, "transcoder");
    RUN_UNTIL(o.messages == 2);
    link_peer peer = o.last_peer;
    int64_t from = clock_mono_ms();
    atomic_store(&revoked_t, true);
    link_recheck(o.k);
    RUN_UNTIL(o.downs == 1 && t.downs == 1);
    ck_assert_int_lt(clock_mono_ms() - from, TIMEOUT_MS);
    ck_assert_uint_eq(o.down_peer, peer);
    ck_assert_str_eq(o.down_reason, "the credential \"edge\" was revoked");
    ck_assert_str_eq(t.last_reason, "the credential \"edge\" was revoked");
    RUN_UNTIL(t.refusals >= 1);
    ck_assert_int_eq(t.ups, 1);
    ck_assert_int_eq(b.downs, 0);
    struct link_msg m = {.type = LINK_JOB_REFUSE, .job = 1, .reason = ""};
    ck_assert_int_eq(link_send_msg(o.k, peer, &m, NULL), ERR_NOENT);
    atomic_store(&revoked_t, false); /* it was never out of the list for good */
    RUN_UNTIL(t.ups == 2);
    link_destroy(b.k, 0);
    link_destroy(t.k, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

static void *raw_dealer(void *ctx, const struct link_keys *keys)
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

static int raw_tcp(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static bool is_closed(int fd)
{
    char bytes[256];
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN);
}

START_TEST(strangers_are_counted_and_closed)
{
    setup();
    struct end o = {0};
    struct link_config c = config(&keys_o);
    listen_with(&o, &c);
    void *ctx = zmq_ctx_new();
    void *plain = raw_dealer(ctx, NULL);
    zmq_send(plain, "x", 1, ZMQ_DONTWAIT);
    RUN_UNTIL(link_counters(o.k).refused >= 1);
    int web = raw_tcp();
    ck_assert_int_eq(send(web, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27, 0), 27);
    RUN_UNTIL(is_closed(web) && link_counters(o.k).refused >= 2);
    uint64_t before = link_counters(o.k).refused;
    int silent = raw_tcp(); /* a handshake that never goes on */
    RUN_UNTIL(is_closed(silent) && link_counters(o.k).refused > before);
    zmq_close(plain);
    zmq_ctx_term(ctx);
    close(web);
    close(silent);
    ck_assert_int_eq(o.messages, 0);
    still_lives(&o);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

START_TEST(a_gigabyte_that_is_announced_closes_the_connection)
{
    setup();
    struct end o = {0};
    struct link_config c = config(&keys_o);
    listen_with(&o, &c);
    /* ZMTP 3.1 greeting, mechanism CURVE, then a long command of 1 GiB (RFC 37). */
    uint8_t bytes[64 + 9] = {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1, 'C', 'U', 'R', 'V', 'E'};
    bytes[64] = 6;
    bytes[64 + 5] = 0x40;
    int fd = raw_tcp();
    ck_assert_int_eq(send(fd, bytes, sizeof bytes, 0), sizeof bytes);
    int64_t from = clock_mono_ms();
    RUN_UNTIL(is_closed(fd) && link_counters(o.k).refused >= 1);
    ck_assert_int_lt(clock_mono_ms() - from, TIMEOUT_MS); /* not by the handshake's time limit */
    close(fd);
    still_lives(&o);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

static struct blob *hello_envelope(void)
{
    struct link_msg m = {.type = LINK_HELLO};
    m.hello = (struct link_hello){
        .version_min = 1, .version_max = 1, .role = "transcoder", .name = "raw", .capacity = 1};
    return link_msg_pack(&m);
}

static void raw_hello(void *s)
{
    struct blob *b = hello_envelope();
    ck_assert_int_gt(zmq_send(s, blob_span(b).data, blob_span(b).len, 0), 0);
    blob_unref(b);
}

START_TEST(a_frame_too_large_drops_the_peer)
{
    setup();
    struct end o = {0}, t = {0};
    struct link_config c = config(&keys_o);
    c.frame_max_bytes = 100000;
    listen_with(&o, &c);
    c = config(&keys_b);
    dial_with(&t, &c);
    RUN_UNTIL(t.ups == 1);
    void *ctx = zmq_ctx_new();
    void *raw = raw_dealer(ctx, &keys_t);
    raw_hello(raw);
    RUN_UNTIL(o.messages == 1);
    uint8_t *large = calloc(1, 200000);
    zmq_send(raw, large, 200000, ZMQ_DONTWAIT);
    free(large);
    RUN_UNTIL(o.downs == 1);
    ck_assert_int_eq(t.downs, 0); /* nobody else's concern */
    zmq_close(raw);
    zmq_ctx_term(ctx);
    still_lives(&o);
    link_destroy(t.k, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

static void expect_bye(void *raw, const char *word)
{
    uint8_t bytes[1000];
    const char *why = "";
    struct link_msg *m = NULL;
    do {
        link_msg_destroy(m);
        m = NULL;
        int n = zmq_recv(raw, bytes, sizeof bytes, 0);
        ck_assert_int_gt(n, 0);
        ck_assert_msg(link_msg_unpack(span_of(bytes, (size_t)n), 0, &m, &why) == ERR_OK, "%s", why);
    } while (m->type == LINK_PING);
    ck_assert_int_eq(m->type, LINK_BYE);
    ck_assert_msg(strstr(m->reason, word) != NULL, "%s", m->reason);
    link_msg_destroy(m);
}

START_TEST(garbage_from_a_peer_drops_it_with_a_reason)
{
    setup();
    struct end o = {0};
    struct link_config c = config(&keys_o);
    listen_with(&o, &c);
    void *ctx = zmq_ctx_new();
    void *raw = raw_dealer(ctx, &keys_t);
    raw_hello(raw);
    RUN_UNTIL(o.messages == 1);
    zmq_send(raw, "\xff\xff\xff", 3, 0);
    RUN_UNTIL(o.downs == 1 && link_counters(o.k).dropped == 1);
    ck_assert_uint_eq(o.down_peer, o.last_peer);
    expect_bye(raw, "not a message");
    raw_hello(raw); /* the same connection stays given up */
    run_for(HEARTBEAT_MS * 2);
    ck_assert_int_eq(o.messages, 1);
    void *many = raw_dealer(ctx, &keys_t);
    for (int i = 0; i < 50; i++) {
        zmq_send(many, "x", 1, ZMQ_SNDMORE);
    }
    zmq_send(many, "x", 1, 0);
    RUN_UNTIL(link_counters(o.k).dropped == 2);
    expect_bye(many, "frames");
    ck_assert_int_eq(o.downs, 1); /* whom nobody knew, nobody misses */
    zmq_close(raw);
    zmq_close(many);
    zmq_ctx_term(ctx);
    still_lives(&o);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

START_TEST(a_chosen_routing_id_is_not_served)
{
    setup();
    struct end o = {0};
    struct link_config c = config(&keys_o);
    listen_with(&o, &c);
    void *ctx = zmq_ctx_new();
    void *raw = zmq_socket(ctx, ZMQ_DEALER);
    int linger = 0;
    char endpoint[80];
    snprintf(endpoint, sizeof endpoint, "tcp://%s", addr);
    zmq_setsockopt(raw, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(raw, ZMQ_ROUTING_ID, "me", 2);
    zmq_setsockopt(raw, ZMQ_CURVE_PUBLICKEY, keys_t.public_key, LINK_KEY_BYTES);
    zmq_setsockopt(raw, ZMQ_CURVE_SECRETKEY, keys_t.secret_key, LINK_KEY_BYTES);
    zmq_setsockopt(raw, ZMQ_CURVE_SERVERKEY, keys_t.server_key, LINK_KEY_BYTES);
    zmq_connect(raw, endpoint);
    raw_hello(raw);
    RUN_UNTIL(link_counters(o.k).dropped == 1);
    ck_assert_int_eq(o.messages, 0);
    zmq_close(raw);
    zmq_ctx_term(ctx);
    still_lives(&o);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

/* --- ends of connections --- */

/* A process of its own that dials (or listens) until it is killed. It starts before this process
 * has any thread. */
static pid_t other_process(bool listens)
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid > 0) {
        return pid;
    }
    loop = loop_create();
    struct end e = {0};
    struct link_config c = config(listens ? &keys_o : &keys_t);
    listens ? listen_with(&e, &c) : dial_with(&e, &c);
    int ups = 0;
    int64_t until = clock_mono_ms() + 2 * PATIENCE_MS;
    struct loop_timer *timer = loop_timer_create(loop, tick, NULL);
    loop_timer_start(timer, 10, 10);
    while (clock_mono_ms() < until) {
        uv_run(loop_uv(loop), UV_RUN_ONCE);
        if (!listens && e.ups > ups) {
            ups = e.ups;
            hello(&e, "transcoder");
        }
    }
    _exit(0);
}

static void kill_and_wait(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

START_TEST(a_killed_peer_is_down_at_once)
{
    setup();
    pid_t pid = other_process(false);
    struct end o = {0};
    struct link_config c = config(&keys_o);
    c.timeout_ms = 30000;
    c.heartbeat_ms = 10000;
    listen_with(&o, &c);
    RUN_UNTIL(o.messages == 1);
    int64_t from = clock_mono_ms();
    kill_and_wait(pid);
    RUN_UNTIL(o.downs == 1);
    ck_assert_int_lt(o.down_at_ms - from, scaled_ms(500));
    ck_assert_uint_eq(o.down_peer, o.last_peer);
    ck_assert_uint_eq(link_counters(o.k).refused, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

START_TEST(a_frozen_peer_is_down_after_the_timeout_and_may_return)
{
    setup();
    pid_t pid = other_process(false);
    struct end o = {0};
    struct link_config c = config(&keys_o);
    listen_with(&o, &c);
    RUN_UNTIL(o.messages == 1);
    link_peer first = o.last_peer;
    int64_t from = clock_mono_ms();
    kill(pid, SIGSTOP);
    RUN_UNTIL(o.downs == 1);
    ck_assert_int_ge(o.down_at_ms - from, TIMEOUT_MS - 2 * HEARTBEAT_MS);
    ck_assert_int_lt(o.down_at_ms - from, 3 * TIMEOUT_MS);
    kill(pid, SIGCONT);
    RUN_UNTIL(o.messages == 2);
    ck_assert_uint_ne(o.last_peer, first);
    ck_assert_int_eq(o.last.type, LINK_HELLO);
    kill_and_wait(pid);
    RUN_UNTIL(o.downs == 2);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

START_TEST(a_frozen_orchestrator_is_noticed)
{
    setup();
    pid_t pid = other_process(true);
    struct end t = {0};
    struct link_config c = config(&keys_t);
    dial_with(&t, &c);
    RUN_UNTIL(t.ups == 1);
    int64_t from = clock_mono_ms();
    kill(pid, SIGSTOP);
    RUN_UNTIL(t.downs == 1);
    ck_assert_int_lt(t.down_at_ms - from, 3 * TIMEOUT_MS);
    /* The kernel still accepts for it; no handshake, but that is no refusal. */
    run_for(3 * TIMEOUT_MS);
    ck_assert_int_eq(t.refusals, 0);
    kill(pid, SIGCONT);
    RUN_UNTIL(t.ups == 2);
    kill_and_wait(pid);
    RUN_UNTIL(t.downs == 2);
    link_destroy(t.k, 0);
    teardown();
}
END_TEST

/* The handshake was right, but before the first word the key was revoked; and a revoked peer that
 * does not heed the goodbye gets no further by talking on. */
START_TEST(a_revoked_key_has_no_first_word)
{
    setup();
    mint();
    struct end o = {0};
    struct link_config c = door_with_list(&keys_o);
    c.timeout_ms = 60000;
    listen_with(&o, &c);
    void *ctx = zmq_ctx_new();
    void *raw = raw_dealer(ctx, &minted_t);
    RUN_UNTIL(atomic_load(&asked) == 1);
    run_for(100); /* the handshake's end, on both sides */
    atomic_store(&revoked_t, true);
    link_recheck(o.k);
    raw_hello(raw);
    RUN_UNTIL(link_counters(o.k).refused == 1);
    for (int i = 0; i < 5; i++) {
        raw_hello(raw);
    }
    run_for(2 * HEARTBEAT_MS);
    ck_assert_int_eq(o.messages + o.downs, 0);
    char bye[256];
    ck_assert_int_gt(zmq_recv(raw, bye, sizeof bye, 0), 0);
    zmq_close(raw);
    zmq_ctx_term(ctx);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

/* With its own beat the dialler would ping too rarely for the one that listens, and would notice
 * that it froze much later. */
START_TEST(the_dialler_takes_the_beat_it_is_told)
{
    setup();
    pid_t pid = other_process(true);
    struct end t = {0};
    struct link_config c = config(&keys_t);
    c.heartbeat_ms = 10000;
    c.timeout_ms = 30000;
    dial_with(&t, &c);
    RUN_UNTIL(t.ups == 1);
    link_set_beat(t.k, TIMEOUT_MS, TIMEOUT_MS);
    link_set_beat(t.k, 0, TIMEOUT_MS);
    link_set_beat(t.k, 1, UINT32_MAX);
    link_set_beat(t.k, HEARTBEAT_MS, TIMEOUT_MS);
    run_for(3 * TIMEOUT_MS);
    ck_assert_int_eq(t.downs, 0);
    kill(pid, SIGSTOP);
    RUN_UNTIL(t.downs == 1);
    kill(pid, SIGCONT);
    RUN_UNTIL(t.ups == 2); /* whatever it was told, the next handshake has its own time */
    link_set_beat(t.k, 1, 2);
    RUN_UNTIL(t.downs == 2 && t.ups == 3);
    kill_and_wait(pid);
    link_destroy(t.k, 0);
    teardown();
}
END_TEST

START_TEST(after_a_restart_nothing_old_arrives)
{
    setup();
    struct end o = {0}, t = {0};
    meet(&o, &t);
    link_destroy(o.k, 0);
    /* Its end is not known here yet: what is sent now is for the former orchestrator. */
    uint64_t sent = 0;
    while (sent < 50 && send_big(&t, 0, 1000) == ERR_OK) {
        sent++;
    }
    ck_assert_uint_gt(sent, 0);
    RUN_UNTIL(t.downs == 1);
    ck_assert_int_eq(send_big(&t, 0, 1001), ERR_AGAIN);
    struct end again = {0};
    struct link_config c = config(&keys_o);
    listen_with(&again, &c);
    RUN_UNTIL(t.ups == 2);
    ck_assert_uint_eq(link_queued(t.k, 0), 0);
    hello(&t, "transcoder");
    RUN_UNTIL(again.messages == 1);
    ck_assert_int_eq(again.last.type, LINK_HELLO);
    run_for(2 * HEARTBEAT_MS);
    ck_assert_int_eq(again.messages, 1);
    link_destroy(t.k, 0);
    link_destroy(again.k, 0);
    teardown();
}
END_TEST

START_TEST(a_dropped_peer_learns_it_and_dials_again)
{
    setup();
    struct end o = {0}, t = {0};
    meet(&o, &t);
    link_peer first = o.last_peer;
    struct link_msg bye = {.type = LINK_BYE, .reason = "another version"};
    ck_assert_int_eq(link_send_msg(o.k, first, &bye, NULL), ERR_OK);
    link_drop(o.k, first);
    ck_assert_int_eq(link_send_msg(o.k, first, &bye, NULL), ERR_NOENT);
    RUN_UNTIL(t.downs == 1);
    ck_assert_str_eq(t.last_reason, "another version");
    RUN_UNTIL(t.ups == 2);
    hello(&t, "transcoder");
    RUN_UNTIL(o.messages == 2);
    ck_assert_uint_ne(o.last_peer, first);
    ck_assert_int_eq(o.downs, 0); /* who was dropped is not told to be down */
    link_drop(o.k, o.last_peer);  /* and without a word */
    RUN_UNTIL(t.downs == 2 && t.ups == 3);
    link_destroy(t.k, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

START_TEST(the_last_words_arrive)
{
    setup();
    struct end o = {0}, t = {0};
    meet(&o, &t);
    o.in_order = true;
    o.messages = 0;
    for (uint64_t i = 0; i < 30; i++) {
        ck_assert_int_eq(send_big(&t, 0, i), ERR_OK);
    }
    link_destroy(t.k, 2000);
    RUN_UNTIL(o.messages == 30);
    RUN_UNTIL(o.downs == 1);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

/* --- flow --- */

START_TEST(a_thousand_large_messages_each_way)
{
    setup();
    struct end o = {0}, t = {0};
    meet(&o, &t);
    link_peer peer = o.last_peer;
    o.messages = 0;
    o.in_order = t.in_order = true;
    uint64_t up = 0, down = 0;
    int64_t until = clock_mono_ms() + 2 * PATIENCE_MS;
    while ((o.next_job < 1000 || t.next_job < 1000) && clock_mono_ms() < until) {
        while (up < 1000 && send_big(&t, 0, up) == ERR_OK) {
            up++;
        }
        while (down < 1000 && send_big(&o, peer, down) == ERR_OK) {
            down++;
        }
        uv_run(loop_uv(loop), UV_RUN_ONCE);
    }
    ck_assert_uint_eq(o.next_job, 1000);
    ck_assert_uint_eq(t.next_job, 1000);
    ck_assert_int_eq(o.downs + t.downs, 0);
    RUN_UNTIL(link_queued(o.k, peer) == 0 && link_queued(t.k, 0) == 0);
    link_destroy(t.k, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

/* Of all memory in blocks; nothing under a sanitizer, which has books of its own. */
static size_t in_use(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

/* Media are kept for most of a minute, in messages that come one by one. */
START_TEST(a_small_payload_that_is_kept_takes_no_more_than_it_is)
{
    enum { SMALL = 300, MESSAGES = 400 };
    static struct blob *kept[MESSAGES];
    setup();
    struct end o = {0}, t = {0};
    meet(&o, &t);
    o.kept = kept;
    struct link_packet p = {.length = SMALL};
    struct link_msg m = {.type = LINK_JOB_UNIT, .unit = {.packets = &p, .n_packets = 1}};
    size_t before = in_use();
    for (size_t i = 0; i < MESSAGES; i++) {
        struct blob *b = blob_create(SMALL);
        memset(blob_bytes(b), (int)i, SMALL);
        ck_assert_int_eq(link_send_msg(t.k, 0, &m, b), ERR_OK);
        blob_unref(b);
        RUN_UNTIL(o.n_kept == i + 1);
    }
    size_t after = in_use();
    ck_assert_msg(after < before + MESSAGES * 1024, "%zu bytes for each of %d",
                  (after - before) / MESSAGES, SMALL);
    for (size_t i = 0; i < MESSAGES; i++) {
        ck_assert_uint_eq(blob_span(kept[i]).len, SMALL);
        ck_assert_uint_eq(blob_span(kept[i]).data[SMALL - 1], (uint8_t)i);
        blob_unref(kept[i]);
    }
    link_destroy(t.k, 0);
    RUN_UNTIL(o.downs == 1);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

/* The listening loop stands still for far longer than the silence that ends a connection. */
START_TEST(a_slow_reader_pushes_back_and_loses_nothing)
{
    setup();
    struct end o = {0}, t = {0};
    meet(&o, &t);
    o.in_order = true;
    size_t limit = config(&keys_t).peer_queue_bytes;
    uint64_t sent = 0;
    int64_t from = clock_mono_ms();
    int64_t moved = from; /* when something could be sent last */
    while (clock_mono_ms() - from < 3 * TIMEOUT_MS || clock_mono_ms() - moved < TIMEOUT_MS) {
        enum err e = send_big(&t, 0, sent);
        ck_assert(e == ERR_OK || e == ERR_AGAIN);
        ck_assert_uint_le(link_queued(t.k, 0), limit);
        if (e == ERR_OK) {
            sent++;
            moved = clock_mono_ms();
        } else {
            usleep(1000);
        }
    }
    ck_assert_int_eq(send_big(&t, 0, sent), ERR_AGAIN);
    ck_assert_uint_gt(link_queued(t.k, 0), limit / 2);
    /* What is under way is bounded: the queue, the mailbox's bound, ZeroMQ's 64 and TCP's. */
    ck_assert_uint_lt(sent * BIG, 60u * 1024 * 1024);
    ck_assert_int_eq(t.writables, 0);
    RUN_UNTIL(t.writables >= 1);
    for (int i = 0; i < 100; i++) {
        RUN_UNTIL(send_big(&t, 0, sent) == ERR_OK);
        sent++;
    }
    RUN_UNTIL(o.next_job == sent);
    ck_assert_int_eq(o.downs + t.downs, 0);
    RUN_UNTIL(link_queued(t.k, 0) == 0);
    link_destroy(t.k, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

/* One peer that does not read must not hold up another. */
START_TEST(a_full_peer_is_its_own_problem)
{
    setup();
    struct end o = {0}, t = {0};
    struct link_config c = config(&keys_o);
    c.timeout_ms = 60000; /* the raw peer does not ping */
    c.heartbeat_ms = 100;
    listen_with(&o, &c);
    void *ctx = zmq_ctx_new();
    void *raw = raw_dealer(ctx, &keys_b);
    raw_hello(raw);
    RUN_UNTIL(o.messages == 1);
    link_peer deaf = o.last_peer;
    c = config(&keys_t);
    dial_with(&t, &c);
    RUN_UNTIL(t.ups == 1);
    hello(&t, "transcoder");
    RUN_UNTIL(o.messages == 2);
    link_peer good = o.last_peer;
    uint64_t n = 0;
    int idle = 0;
    while (idle < 50) {
        idle = send_big(&o, deaf, 0) == ERR_OK ? 0 : idle + 1;
        n++;
        if (idle > 0) {
            run_for(10);
        }
        ck_assert_uint_lt(n, 5000);
    }
    t.in_order = true;
    for (uint64_t i = 0; i < 200; i++) {
        RUN_UNTIL(send_big(&o, good, i) == ERR_OK);
    }
    RUN_UNTIL(t.next_job == 200);
    ck_assert_int_eq(send_big(&o, deaf, 0), ERR_AGAIN);
    link_drop(o.k, deaf);
    ck_assert_int_eq(o.downs, 0);
    zmq_close(raw);
    zmq_ctx_term(ctx);
    link_destroy(t.k, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

START_TEST(many_peers_come_and_go)
{
    setup();
    struct end o = {0};
    struct link_config c = config(&keys_o);
    listen_with(&o, &c);
    c = config(&keys_t);
    struct end t[12] = {{0}};
    for (int round = 0; round < 3; round++) {
        int messages = o.messages, downs = o.downs;
        for (int i = 0; i < 12; i++) {
            t[i] = (struct end){0};
            dial_with(&t[i], &c);
        }
        for (int i = 0; i < 12; i++) {
            RUN_UNTIL(t[i].ups == 1);
            hello(&t[i], "transcoder");
        }
        RUN_UNTIL(o.messages == messages + 12);
        for (int i = 0; i < 12; i++) {
            link_destroy(t[i].k, 0);
        }
        RUN_UNTIL(o.downs == downs + 12);
    }
    ck_assert_uint_eq(link_counters(o.k).refused, 0);
    ck_assert_uint_eq(link_counters(o.k).dropped, 0);
    link_destroy(o.k, 0);
    teardown();
}
END_TEST

int main(void)
{
    log_init("test", getenv("LINK_LOG") ? LOG_DEBUG : LOG_ERROR);
    if (secret_derive("the right secret", LINK_ROLE_ORCHESTRATOR, &keys_o) != ERR_OK ||
        secret_derive("the right secret", LINK_ROLE_TRANSCODER, &keys_t) != ERR_OK ||
        secret_derive("the right secret", LINK_ROLE_BROADCASTER, &keys_b) != ERR_OK ||
        secret_derive("the wrong secret", LINK_ROLE_TRANSCODER, &keys_wrong) != ERR_OK) {
        return EXIT_FAILURE;
    }
    const TTest *const tests[] = {
        right_secret_comes_up_and_roles_are_told,
        a_dialler_that_comes_first_waits,
        ipv6_and_names,
        redials_grow_to_a_limit_and_begin_anew_after_a_success,
        a_list_is_gone_through_until_one_is_there,
        a_silent_one_of_a_list_is_passed_over,
        a_list_that_is_wrong_is_said,
        a_port_in_use_is_said,
        a_wrong_secret_is_refused,
        an_unknown_key_is_refused,
        minted_keys_and_the_secret_come_in_side_by_side,
        without_a_secret_only_minted_keys_come_in,
        a_revoked_key_is_turned_out_with_words,
        a_revoked_key_has_no_first_word,
        no_role_means_no_entry,
        strangers_are_counted_and_closed,
        a_gigabyte_that_is_announced_closes_the_connection,
        a_frame_too_large_drops_the_peer,
        garbage_from_a_peer_drops_it_with_a_reason,
        a_chosen_routing_id_is_not_served,
        a_killed_peer_is_down_at_once,
        a_frozen_peer_is_down_after_the_timeout_and_may_return,
        a_frozen_orchestrator_is_noticed,
        the_dialler_takes_the_beat_it_is_told,
        after_a_restart_nothing_old_arrives,
        a_dropped_peer_learns_it_and_dials_again,
        the_last_words_arrive,
        a_thousand_large_messages_each_way,
        a_small_payload_that_is_kept_takes_no_more_than_it_is,
        a_slow_reader_pushes_back_and_loses_nothing,
        a_full_peer_is_its_own_problem,
        many_peers_come_and_go,
    };
    return unit_run("link", tests, sizeof tests / sizeof tests[0]);
}
