#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include "base/clock.h"
#include "base/mem.h"
#include "run/link_impl.h"
#include "run/log.h"

#define TICKS_PER_HEARTBEAT 4
#define TICK_MIN_MS         5
#define TICK_MAX_MS         250

#define READ_BATCH 256 /* messages, before commands have their turn */

#define LOG_INTERVAL_MS 10000
#define LOG_LINES       5 /* in that interval */

/* --- the log --- */

void link_log_trouble(struct link_thread *t, const char *event, const char *who, const char *reason)
{
    struct link_log *l = &t->log;
    if (t->now_ms - l->since_ms >= LOG_INTERVAL_MS || l->since_ms == 0) {
        if (l->held_back > 0) {
            log_warn("link", "held_back", "lines=%u of the kind \"%s\"", l->held_back, event);
        }
        *l = (struct link_log){.since_ms = t->now_ms};
    }
    if (l->lines == LOG_LINES) {
        l->held_back++;
        return;
    }
    l->lines++;
    log_warn("link", event, "%s a connection from %s: %s", event,
             who[0] != '\0' ? who : "an address that is gone already", reason);
}

/* --- one connection --- */

void link_conn_start(struct link_thread *t, struct link_conn *c)
{
    c->state = CONN_LIVE;
    c->gauge = link_gauge_create(t->link, c->number);
    c->announced = false;
    c->over = false;
    c->silent_ms = 0;
    c->idle_ms = 0;
    c->ending = NULL;
}

void link_conn_down(struct link_thread *t, struct link_conn *c, const char *reason)
{
    if (c->announced) {
        link_post(t->link, &(struct link_mail){
                               .type = LINK_EVENT_DOWN,
                               .number = c->number,
                               .reason = reason != NULL ? mem_strdup(reason) : NULL,
                           });
    }
    c->announced = false;
    link_gauge_unref(c->gauge);
    c->gauge = NULL;
}

static bool send_routing_id(struct link_thread *t, const struct link_conn *c)
{
    uint32_t id = c->routing_id;
    const unsigned char bytes[5] = {0, id >> 24 & 0xff, id >> 16 & 0xff, id >> 8 & 0xff, id & 0xff};
    return zmq_send(t->socket, bytes, sizeof bytes, ZMQ_DONTWAIT | ZMQ_SNDMORE) >= 0;
}

bool link_conn_send(struct link_thread *t, struct link_conn *c, struct blob *envelope,
                    struct blob *payload)
{
    if (t->link->listening && !send_routing_id(t, c)) {
        link_gauge_drop(c->gauge, link_frame_cost(envelope) + link_frame_cost(payload));
        return false;
    }
    if (link_frame_send(t->socket, c->gauge, envelope, payload != NULL) != ERR_OK) {
        link_gauge_drop(c->gauge, link_frame_cost(payload));
        return false;
    }
    if (payload != NULL && link_frame_send(t->socket, c->gauge, payload, false) != ERR_OK) {
        return false;
    }
    struct link_tally *tally = &t->link->tally;
    atomic_fetch_add(&tally->sent, 1);
    atomic_fetch_add(&tally->sent_bytes, blob_span(envelope).len + blob_span(payload).len);
    c->idle_ms = 0;
    return true;
}

void link_conn_bye(struct link_thread *t, struct link_conn *c, const char *reason)
{
    struct blob *b = link_msg_pack(&(struct link_msg){.type = LINK_BYE, .reason = reason});
    if (b != NULL) {
        struct link_gauge *g = c->gauge;
        c->gauge = g != NULL ? g : link_gauge_create(t->link, 0);
        link_gauge_add(c->gauge, link_frame_cost(b));
        (void)link_conn_send(t, c, b, NULL); /* it may have gone: then it needs no goodbye */
        if (g == NULL) {
            link_gauge_unref(c->gauge);
        }
        c->gauge = g;
    }
    blob_unref(b);
}

/* Milliseconds since the kernel got data on the connection; -1 when it cannot tell. A large message
 * on a slow line is no silence. */
static int64_t since_data_ms(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0) {
        return -1;
    }
    return info.tcpi_last_data_recv;
}

const char *link_conn_tick(struct link_thread *t, struct link_conn *c, int64_t elapsed_ms)
{
    c->idle_ms += elapsed_ms;
    c->silent_ms += t->read == READ_ALL ? elapsed_ms : 0;
    if (c->silent_ms >= t->timeout_ms) {
        int64_t ms = since_data_ms(c->fd);
        if (ms < 0 || ms >= t->timeout_ms) {
            return "nothing was heard of it for too long";
        }
        c->silent_ms = ms;
    }
    bool quiet = atomic_load(&c->gauge->bytes) == 0;
    if (c->idle_ms >= t->heartbeat_ms && quiet) {
        link_gauge_add(c->gauge, link_frame_cost(t->ping));
        if (!link_conn_send(t, c, t->ping, NULL)) {
            return "its connection has ended";
        }
    }
    return NULL;
}

static void post_message(struct link_thread *t, struct link_conn *c, struct link_msg *msg,
                         struct blob *payload, size_t cost)
{
    struct link_mail mail = {
        .type = LINK_EVENT_MESSAGE,
        .number = c->number,
        .msg = msg,
        .payload = payload,
        .cost = cost,
    };
    if (!c->announced) {
        c->announced = true;
        mail.first = true;
        mail.gauge = link_gauge_ref(c->gauge);
        mail.role = c->role;
        memcpy(mail.address, c->address, sizeof mail.address);
        memcpy(mail.credential, c->credential, sizeof mail.credential);
    }
    atomic_fetch_add(&t->link->inbound_bytes, cost);
    link_post(t->link, &mail);
}

const char *link_deliver(struct link_thread *t, struct link_conn *c, void *parts, size_t n)
{
    zmq_msg_t *m = parts;
    const char *why = NULL;
    struct link_msg *msg;
    if (n < 1 || n > 2) {
        return "its message has a wrong number of frames";
    }
    struct span envelope = span_of(zmq_msg_data(&m[0]), zmq_msg_size(&m[0]));
    size_t payload_len = n == 2 ? zmq_msg_size(&m[1]) : 0;
    c->silent_ms = 0;
    atomic_fetch_add(&t->link->tally.received_bytes, envelope.len + payload_len);
    if (link_msg_unpack(envelope, payload_len, &msg, &why) != ERR_OK) {
        return why;
    }
    atomic_fetch_add(&t->link->tally.received, 1);
    if (msg->type == LINK_PING) {
        link_msg_destroy(msg);
        return NULL;
    }
    struct blob *payload = payload_len > 0 ? link_frame_take(&m[1]) : NULL;
    if (payload_len > 0 && payload == NULL) {
        link_msg_destroy(msg);
        return "out of memory";
    }
    c->over = msg->type == LINK_BYE;
    post_message(t, c, msg, payload, sizeof *msg + 2 * envelope.len + payload_len);
    return NULL;
}

/* --- the thread --- */

void link_wake(struct link *k)
{
    uint64_t one = 1;
    ssize_t n = write(k->wake_fd, &one, sizeof one);
    (void)n; /* it cannot fail but by being awake already */
}

static bool inbound_full(struct link *k)
{
    if (atomic_load(&k->inbound_bytes) < LINK_INBOUND_MAX) {
        return false;
    }
    /* Asks the loop for a wake, and looks again: it may just have finished. */
    atomic_store(&k->inbound_stopped, true);
    return atomic_load(&k->inbound_bytes) >= LINK_INBOUND_MAX / 2;
}

enum link_read link_receive(struct link_thread *t, link_take_fn *take)
{
    for (int i = 0; i < READ_BATCH; i++) {
        if (inbound_full(t->link)) {
            return READ_FULL;
        }
        zmq_msg_t parts[LINK_PARTS_MAX];
        size_t n = 0;
        for (int j = 0; j < LINK_PARTS_MAX; j++) {
            zmq_msg_init(&parts[j]);
        }
        bool go_on = link_parts_receive(t->socket, parts, &n) == ERR_OK && take(t, parts, n);
        for (int j = 0; j < LINK_PARTS_MAX; j++) {
            zmq_msg_close(&parts[j]);
        }
        if (!go_on) {
            return READ_ALL;
        }
    }
    return READ_MORE;
}

void link_command_unsent(const struct link_command *c)
{
    link_gauge_drop(c->gauge, link_frame_cost(c->envelope) + link_frame_cost(c->payload));
}

static void run_command(struct link_thread *t, const struct link_command *c)
{
    switch (c->type) {
    case COMMAND_SEND:
        t->link->listening ? link_door_send(t, c) : link_dialer_send(t, c);
        break;
    case COMMAND_DROP:
        link_door_drop(t, c->number);
        break;
    case COMMAND_RECHECK:
        link_door_recheck(t);
        break;
    case COMMAND_BEAT:
        link_dialer_beat(t, c);
        break;
    case COMMAND_QUIT:
        t->quit = true;
        t->linger_ms = c->linger_ms;
        break;
    }
}

static void run_commands(struct link_thread *t)
{
    struct link *k = t->link;
    uint64_t ignored;
    struct list mine;
    list_init(&mine);
    ssize_t n = read(k->wake_fd, &ignored, sizeof ignored);
    (void)n;
    pthread_mutex_lock(&k->lock);
    if (!list_empty(&k->commands)) {
        mine = k->commands;
        mine.next->prev = &mine;
        mine.prev->next = &mine;
        list_init(&k->commands);
    }
    pthread_mutex_unlock(&k->lock);
    LIST_EACH (&mine, it, tmp) {
        struct link_command *c = LIST_ITEM(it, struct link_command, node);
        run_command(t, c);
        link_gauge_unref(c->gauge);
        blob_unref(c->envelope);
        blob_unref(c->payload);
        mem_free(c);
    }
}

static int tick_ms(const struct link_thread *t)
{
    int ms = t->heartbeat_ms / TICKS_PER_HEARTBEAT;
    return ms < TICK_MIN_MS ? TICK_MIN_MS : ms > TICK_MAX_MS ? TICK_MAX_MS : ms;
}

static void wait_for_work(struct link_thread *t)
{
    zmq_pollitem_t items[4];
    int n = 0;
    items[n++] = (zmq_pollitem_t){.fd = t->link->wake_fd, .events = ZMQ_POLLIN};
    if (t->monitor != NULL) {
        items[n++] = (zmq_pollitem_t){.socket = t->monitor, .events = ZMQ_POLLIN};
    }
    if (t->door != NULL) {
        items[n++] = (zmq_pollitem_t){.socket = link_door_zap(t->door), .events = ZMQ_POLLIN};
    }
    if (t->socket != NULL && t->read != READ_FULL) {
        items[n++] = (zmq_pollitem_t){.socket = t->socket, .events = ZMQ_POLLIN};
    }
    zmq_poll(items, n, t->read == READ_MORE ? 0 : tick_ms(t));
}

/* What came before a connection's end is delivered before its end is told. */
static void read_and_settle(struct link_thread *t)
{
    if (t->link->listening) {
        link_door_events(t);
        t->read = link_door_receive(t);
    } else {
        link_dialer_events(t);
        t->read = link_dialer_receive(t);
    }
    if (t->read == READ_ALL) {
        t->link->listening ? link_door_settle(t) : link_dialer_settle(t);
    }
}

static void close_all(struct link_thread *t)
{
    if (t->link->listening) {
        link_door_close(t);
    } else {
        link_dialer_close(t);
    }
    while (zmq_ctx_term(t->ctx) != 0 && errno == EINTR) {
    }
    blob_unref(t->ping);
    mem_free(t);
}

void *link_thread_run(void *link_thread)
{
    struct link_thread *t = link_thread;
    int64_t last_ms = clock_mono_ms();
    while (!t->quit) {
        wait_for_work(t);
        t->now_ms = clock_mono_ms();
        run_commands(t);
        if (t->quit) {
            break;
        }
        read_and_settle(t);
        /* Time in which this process was stopped is nobody's silence. */
        int64_t elapsed = t->now_ms - last_ms;
        if (elapsed >= tick_ms(t)) {
            elapsed = elapsed > 2 * tick_ms(t) ? 2 * tick_ms(t) : elapsed;
            t->link->listening ? link_door_tick(t, elapsed) : link_dialer_tick(t, elapsed);
            last_ms = t->now_ms;
        }
    }
    close_all(t);
    return NULL;
}

enum err link_thread_open(struct link *k, const char **ret_why)
{
    struct link_thread *t = mem_alloc(sizeof *t);
    t->link = k;
    t->heartbeat_ms = k->config.heartbeat_ms;
    t->timeout_ms = k->config.timeout_ms;
    t->now_ms = clock_mono_ms();
    t->ping = link_msg_pack(&(struct link_msg){.type = LINK_PING});
    t->ctx = zmq_ctx_new();
    assert(t->ping != NULL && t->ctx != NULL); /* at the start of a role, a few hundred bytes */
    enum err e = k->listening ? link_door_open(t, ret_why) : link_dialer_open(t, ret_why);
    if (e != ERR_OK) {
        close_all(t);
        return e;
    }
    k->thread = t;
    return ERR_OK;
}
