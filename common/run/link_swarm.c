#include "run/link_swarm.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <zmq.h>

#include "base/clock.h"
#include "base/mem.h"

#define EVENTS_AT_ONCE 256
#define MORE_SOCKETS   16 /* that ZeroMQ needs for itself */
#define FRAMES         2
#define ENDPOINT_MAX   512

struct swarm_peer {
    void *socket;
    bool dirty; /* in the list: its descriptor may have told what nobody has seen */
};

struct link_swarm {
    struct link_swarm_config config;
    link_swarm_fn *fn;
    void *arg;
    void *ctx;
    int epoll;
    struct swarm_peer *peers;
    size_t n; /* that have dialled */
    char endpoint[ENDPOINT_MAX];
    uint32_t *dirty;
    size_t n_dirty;
    int64_t pinged_ms;
    size_t next_ping;
    uint64_t bad;
};

static bool set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

static bool set_keys(void *socket, const struct link_keys *k)
{
    return zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, k->secret_key, LINK_KEY_BYTES) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, k->public_key, LINK_KEY_BYTES) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, k->server_key, LINK_KEY_BYTES) == 0;
}

static bool watch(struct link_swarm *s, size_t i)
{
    int fd;
    size_t size = sizeof fd;
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = i};
    return zmq_getsockopt(s->peers[i].socket, ZMQ_FD, &fd, &size) == 0 &&
           epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

enum err link_swarm_open(const struct link_swarm_config *config, link_swarm_fn *fn, void *arg,
                         struct link_swarm **ret_swarm, const char **ret_why)
{
    struct link_swarm *s = mem_alloc(sizeof *s);
    s->config = *config;
    s->fn = fn;
    s->arg = arg;
    s->peers = mem_alloc(config->n * sizeof *s->peers);
    s->dirty = mem_alloc(config->n * sizeof *s->dirty);
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    s->ctx = zmq_ctx_new();
    snprintf(s->endpoint, sizeof s->endpoint, "tcp://%s", config->addr);
    if (s->epoll < 0 || s->ctx == NULL ||
        zmq_ctx_set(s->ctx, ZMQ_MAX_SOCKETS, (int)config->n + MORE_SOCKETS) != 0) {
        *ret_why = zmq_strerror(zmq_errno());
        link_swarm_close(s);
        return ERR_IO;
    }
    *ret_swarm = s;
    return ERR_OK;
}

enum err link_swarm_dial(struct link_swarm *s)
{
    if (s->n == s->config.n) {
        return ERR_STATE;
    }
    void *socket = zmq_socket(s->ctx, ZMQ_DEALER);
    size_t i = s->n++;
    s->peers[i].socket = socket;
    bool ok =
        socket != NULL && set_int(socket, ZMQ_LINGER, 0) && set_int(socket, ZMQ_SNDHWM, 0) &&
        set_int(socket, ZMQ_RCVHWM, 0) && set_int(socket, ZMQ_IPV6, s->config.addr[0] == '[') &&
        set_keys(socket, &s->config.keys) && zmq_connect(socket, s->endpoint) == 0 && watch(s, i);
    return ok ? ERR_OK : ERR_IO;
}

void link_swarm_close(struct link_swarm *s)
{
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < s->n; i++) {
        if (s->peers[i].socket != NULL) {
            zmq_close(s->peers[i].socket);
        }
    }
    while (s->ctx != NULL && zmq_ctx_term(s->ctx) != 0 && errno == EINTR) {
    }
    if (s->epoll >= 0) {
        close(s->epoll);
    }
    link_keys_wipe(&s->config.keys);
    mem_free(s->peers);
    mem_free(s->dirty);
    mem_free(s);
}

uint64_t link_swarm_bad(const struct link_swarm *s)
{
    return s->bad;
}

/* --- out --- */

/* A socket's descriptor tells changes only, and sending may take one in (ZMQ_FD). */
static void mark(struct link_swarm *s, size_t i)
{
    if (!s->peers[i].dirty) {
        s->peers[i].dirty = true;
        s->dirty[s->n_dirty++] = (uint32_t)i;
    }
}

enum err link_swarm_send(struct link_swarm *s, size_t peer, const struct link_msg *m,
                         struct span payload)
{
    struct blob *b = link_msg_pack(m);
    if (b == NULL) {
        return ERR_LIMIT;
    }
    void *socket = s->peers[peer].socket;
    struct span envelope = blob_span(b);
    bool more = payload.len > 0;
    bool ok = zmq_send(socket, envelope.data, envelope.len,
                       ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) >= 0 &&
              (!more || zmq_send(socket, payload.data, payload.len, ZMQ_DONTWAIT) >= 0);
    blob_unref(b);
    mark(s, peer);
    return ok ? ERR_OK : ERR_IO;
}

/* Each peer once in a heartbeat, and not all at the same time, for they are on hosts of their own.
 */
static void ping(struct link_swarm *s)
{
    int64_t now = clock_mono_ms();
    int64_t round_ms = s->config.heartbeat_ms;
    if (now - s->pinged_ms > round_ms) {
        s->pinged_ms = now - round_ms;
    }
    int64_t due = (int64_t)s->n * (now - s->pinged_ms) / round_ms;
    for (int64_t i = 0; i < due; i++) {
        s->next_ping = (s->next_ping + 1) % s->n;
        enum err e =
            link_swarm_send(s, s->next_ping, &(struct link_msg){.type = LINK_PING}, span_of("", 0));
        s->bad += e != ERR_OK;
    }
    s->pinged_ms += due > 0 ? due * round_ms / (int64_t)s->n : 0;
}

/* --- in --- */

static void take(struct link_swarm *s, size_t i, zmq_msg_t *frames, size_t n)
{
    struct link_msg *m;
    const char *why;
    struct span envelope = span_of(zmq_msg_data(&frames[0]), zmq_msg_size(&frames[0]));
    struct span payload = span_of(zmq_msg_data(&frames[1]), zmq_msg_size(&frames[1]));
    if (n > FRAMES || link_msg_unpack(envelope, payload.len, &m, &why) != ERR_OK) {
        s->bad++;
        return;
    }
    if (m->type != LINK_PING) {
        s->fn(s->arg, i, m, payload);
    }
    link_msg_destroy(m);
}

static bool receive(struct link_swarm *s, size_t i)
{
    zmq_msg_t frames[FRAMES], rest;
    void *socket = s->peers[i].socket;
    size_t n = 0;
    bool more = true;
    zmq_msg_init(&frames[0]);
    zmq_msg_init(&frames[1]);
    for (; more; n++) {
        zmq_msg_t *f = n < FRAMES ? &frames[n] : &rest;
        if (n >= FRAMES) {
            zmq_msg_init(&rest);
        }
        if (zmq_msg_recv(f, socket, ZMQ_DONTWAIT) < 0) {
            break;
        }
        more = zmq_msg_more(f) != 0;
        if (n >= FRAMES) {
            zmq_msg_close(&rest);
        }
    }
    bool whole = n > 0 && !more;
    if (whole) {
        take(s, i, frames, n);
    }
    zmq_msg_close(&frames[0]);
    zmq_msg_close(&frames[1]);
    return whole;
}

static void drain(struct link_swarm *s, size_t i)
{
    while (receive(s, i)) {
    }
}

static void drain_dirty(struct link_swarm *s)
{
    while (s->n_dirty > 0) {
        size_t i = s->dirty[--s->n_dirty];
        s->peers[i].dirty = false;
        drain(s, i);
    }
}

void link_swarm_step(struct link_swarm *s, int timeout_ms)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    ping(s);
    drain_dirty(s);
    int n = epoll_wait(s->epoll, events, EVENTS_AT_ONCE, timeout_ms);
    for (int i = 0; i < n; i++) {
        drain(s, (size_t)events[i].data.u64);
    }
    drain_dirty(s);
}
