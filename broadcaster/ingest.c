#include "broadcaster/ingest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/mem.h"
#include "broadcaster/ingest_connection.h"
#include "run/listen.h"
#include "run/log.h"

#define ACCEPTS_AT_ONCE 64 /* then the others get their turn */
#define ACCEPT_AGAIN_MS 1000
#define SWEEP_MAX_MS    250
#define SWEEP_MIN_MS    10

static void free_ingest(struct ingest *i)
{
    void (*done)(void *arg) = i->done;
    void *arg = i->done_arg;
    mem_free(i);
    if (done != NULL) {
        done(arg);
    }
}

void ingest_handle_closed(struct ingest *i)
{
    if (--i->handles == 0) {
        free_ingest(i);
    }
}

static void listener_closed(uv_handle_t *h)
{
    struct ingest *i = h->data;
    close(i->listener_fd);
    ingest_handle_closed(i);
}

/* Not libuv's own listener: that one never returns while no file is left. */
static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct ingest *i = poll->data;
    for (int n = 0; n < ACCEPTS_AT_ONCE; n++) {
        int fd = accept4(i->listener_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            connection_accept(i, fd);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            log_warn("ingest", "accept_failed",
                     "%s: new connections wait until others close; raise the limit (ulimit -n, or "
                     "LimitNOFILE of the service)",
                     strerror(errno));
            uv_poll_stop(&i->listener);
            i->accept_again_ms = (int64_t)uv_now(loop_uv(i->loop)) + ACCEPT_AGAIN_MS;
        }
        return; /* all taken, or the peer has gone already */
    }
}

static void listen_on(struct ingest *i)
{
    i->accept_again_ms = 0;
    uv_poll_start(&i->listener, UV_READABLE, on_readable);
}

static void on_sweep(void *arg)
{
    struct ingest *i = arg;
    int64_t now = (int64_t)uv_now(loop_uv(i->loop));
    if (i->accept_again_ms != 0 && now >= i->accept_again_ms && !i->draining) {
        listen_on(i);
    }
    LIST_EACH (&i->connections, node, next) {
        connection_sweep(LIST_ITEM(node, struct publisher, node), now);
    }
}

/* Deadlines are kept to within a quarter of the shortest. */
static int64_t sweep_interval(const struct ingest_config *c)
{
    int64_t ms = SWEEP_MAX_MS;
    if (c->setup_timeout_ms / 4 < ms) {
        ms = c->setup_timeout_ms / 4;
    }
    if (c->idle_timeout_ms > 0 && c->idle_timeout_ms / 4 < ms) {
        ms = c->idle_timeout_ms / 4;
    }
    return ms > SWEEP_MIN_MS ? ms : SWEEP_MIN_MS;
}

enum err ingest_create(struct loop *l, const struct ingest_config *config,
                       const struct ingest_handler *handler, void *arg, struct ingest **ret_ingest,
                       const char **ret_why)
{
    int fd, port;
    enum err e = listen_tcp(&config->addr, &fd, &port, ret_why);
    if (e != ERR_OK) {
        return e;
    }
    struct ingest *i = mem_alloc(sizeof *i);
    i->loop = l;
    i->config = *config;
    i->handler = handler;
    i->arg = arg;
    list_init(&i->connections);
    i->listener_fd = fd;
    i->port = port;
    if (uv_poll_init(loop_uv(l), &i->listener, fd) != 0) {
        abort(); /* a socket of our own: cannot be refused */
    }
    i->listener.data = i;
    i->handles = 1;
    listen_on(i);
    i->sweep_ms = sweep_interval(config);
    i->sweep = loop_timer_create(l, on_sweep, i);
    loop_timer_start(i->sweep, i->sweep_ms, i->sweep_ms);
    *ret_ingest = i;
    return ERR_OK;
}

size_t ingest_drain(struct ingest *i, const char *text)
{
    size_t asked = 0;
    i->draining = true;
    uv_poll_stop(&i->listener);
    /* Closed by now: who comes meanwhile must be refused, not wait in the queue of nobody. */
    shutdown(i->listener_fd, SHUT_RD);
    LIST_EACH (&i->connections, node, next) {
        struct publisher *p = LIST_ITEM(node, struct publisher, node);
        asked += p->admitted && publisher_ask_reconnect(p, NULL, text);
    }
    return asked;
}

size_t ingest_leaving(const struct ingest *i)
{
    size_t n = 0;
    LIST_EACH (&i->connections, node, next) {
        const struct publisher *p = LIST_ITEM(node, struct publisher, node);
        n += p->admitted && p->leaving;
    }
    return n;
}

const char *ingest_skip_name(enum rtmp_skip skip)
{
    static const char *const names[RTMP_SKIPS_] = {"codec",  "header",  "broken", "no_header",
                                                   "tracks", "leading", "unknown"};
    return names[skip];
}

void ingest_close(struct ingest *i, void (*done)(void *arg), void *arg)
{
    i->done = done;
    i->done_arg = arg;
    loop_timer_destroy(i->sweep);
    i->sweep = NULL;
    LIST_EACH (&i->connections, node, next) {
        connection_stop(LIST_ITEM(node, struct publisher, node));
    }
    uv_close((uv_handle_t *)&i->listener, listener_closed);
}

void ingest_destroy(struct ingest *i)
{
    if (i == NULL) {
        return;
    }
    if (i->sweep != NULL) {
        ingest_close(i, NULL, NULL);
    }
    i->done = NULL;
}

int ingest_port(const struct ingest *i)
{
    return i->port;
}

struct ingest_counters ingest_counters(const struct ingest *i)
{
    return i->counters;
}
