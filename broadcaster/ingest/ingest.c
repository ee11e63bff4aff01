#include "broadcaster/ingest/ingest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broadcaster/ingest/ingest_connection.h"
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
    tls_credentials_unref(i->credentials);
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
    struct ingest_listener *l = h->data;
    close(l->fd);
    ingest_handle_closed(l->ingest);
}

static void hook_closed(uv_handle_t *h)
{
    ingest_handle_closed(h->data);
}

/* Not libuv's own listener: that one never returns while no file is left. */
static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct ingest_listener *l = poll->data;
    for (int n = 0; n < ACCEPTS_AT_ONCE; n++) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            connection_accept(l, fd);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            log_warn("ingest", "accept_failed",
                     "%s: new connections wait until others close; raise the limit (ulimit -n, or "
                     "LimitNOFILE of the service)",
                     strerror(errno));
            uv_poll_stop(&l->poll);
            l->accept_again_ms = (int64_t)uv_now(loop_uv(l->ingest->loop)) + ACCEPT_AGAIN_MS;
        }
        return; /* all taken, or the peer has gone already */
    }
}

static void listen_on(struct ingest_listener *l)
{
    l->accept_again_ms = 0;
    uv_poll_start(&l->poll, UV_READABLE, on_readable);
}

static void on_prepare(uv_prepare_t *h)
{
    play_flush_woken(h->data);
}

static void on_check(uv_check_t *h)
{
    play_flush_woken(h->data);
}

static void on_sweep(void *arg)
{
    struct ingest *i = arg;
    int64_t now = (int64_t)uv_now(loop_uv(i->loop));
    for (size_t n = 0; n < i->n_listeners; n++) {
        struct ingest_listener *l = &i->listeners[n];
        if (l->accept_again_ms != 0 && now >= l->accept_again_ms && !i->draining) {
            listen_on(l);
        }
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

/* --- certificates --- */

static void tell_credentials(const struct tls_credentials *c, const char *key_file)
{
    char day[32] = "";
    time_t until = (time_t)tls_credentials_good_until_s(c);
    struct tm tm;
    if (gmtime_r(&until, &tm) != NULL) {
        strftime(day, sizeof day, "%Y-%m-%d", &tm);
    }
    log_info("ingest", "certificate", "good_until=%s sha256=%s", day,
             tls_credentials_fingerprint(c));
    if (until < (time_t)(clock_wall_ms() / 1000)) {
        log_warn("ingest", "certificate_expired",
                 "the certificate (-tlsCert) was good until %s: clients will refuse it; put a new "
                 "one there and send SIGHUP",
                 day);
    }
    if (tls_credentials_key_is_open(c)) {
        log_warn("ingest", "key_is_open",
                 "%s (-tlsKey) can be read by every user of this host: chmod 600 it", key_file);
    }
}

static enum err load_credentials(struct ingest *i, char why[TLS_WHY_MAX])
{
    struct tls_credentials *c;
    enum err e = tls_credentials_load(i->config.tls_cert, i->config.tls_key, &c, why);
    if (e == ERR_OK) {
        tls_credentials_unref(i->credentials);
        i->credentials = c;
        tell_credentials(c, i->config.tls_key);
    }
    return e;
}

void ingest_reload(struct ingest *i)
{
    char why[TLS_WHY_MAX];
    if (i->config.tls && load_credentials(i, why) != ERR_OK) {
        log_warn("ingest", "certificate_refused",
                 "%s; the one from before stays in force, until this is mended and SIGHUP comes "
                 "again",
                 why);
    }
}

/* --- life --- */

static enum err add_listener(struct ingest *i, const struct addr *addr, bool tls,
                             const char **ret_why)
{
    struct ingest_listener *l = &i->listeners[i->n_listeners];
    enum err e = listen_tcp(addr, &l->fd, &l->port, ret_why);
    if (e == ERR_OK) {
        l->ingest = i;
        l->tls = tls;
        i->n_listeners++;
    }
    return e;
}

static enum err add_tls(struct ingest *i)
{
    char why[TLS_WHY_MAX], text[ADDR_MAX];
    const char *why_not = "";
    if (load_credentials(i, why) != ERR_OK) {
        log_error("ingest", "certificate", "%s", why);
        return ERR_IO;
    }
    addr_format(&i->config.tls_addr, text);
    enum err e = add_listener(i, &i->config.tls_addr, true, &why_not);
    if (e != ERR_OK) {
        log_error("ingest", "cannot_listen", "RTMPS on %s: %s; choose another one with -rtmpsAddr",
                  text, why_not);
    } else {
        log_info("ingest", "listening", "Video Ingest Endpoint - rtmps://%s", text);
    }
    return e;
}

static void open_handles(struct ingest *i)
{
    uv_loop_t *uv = loop_uv(i->loop);
    for (size_t n = 0; n < i->n_listeners; n++) {
        struct ingest_listener *l = &i->listeners[n];
        if (uv_poll_init(uv, &l->poll, l->fd) != 0) {
            abort(); /* a socket of our own: cannot be refused */
        }
        l->poll.data = l;
        listen_on(l);
    }
    uv_prepare_init(uv, &i->prepare);
    uv_check_init(uv, &i->check);
    i->prepare.data = i;
    i->check.data = i;
    uv_prepare_start(&i->prepare, on_prepare);
    uv_check_start(&i->check, on_check);
    i->handles = i->n_listeners + 2;
    i->sweep_ms = sweep_interval(&i->config);
    i->sweep = loop_timer_create(i->loop, on_sweep, i);
    loop_timer_start(i->sweep, i->sweep_ms, i->sweep_ms);
}

enum err ingest_create(struct loop *l, const struct ingest_config *config,
                       const struct ingest_handler *handler, void *arg, struct ingest **ret_ingest,
                       const char **ret_why)
{
    struct ingest *i = mem_alloc(sizeof *i);
    i->loop = l;
    i->config = *config;
    i->handler = handler;
    i->arg = arg;
    list_init(&i->connections);
    list_init(&i->woken);
    enum err e = add_listener(i, &config->addr, false, ret_why);
    if (e == ERR_OK && config->tls) {
        *ret_why = NULL;
        e = add_tls(i);
    }
    if (e != ERR_OK) {
        for (size_t n = 0; n < i->n_listeners; n++) {
            close(i->listeners[n].fd);
        }
        tls_credentials_unref(i->credentials);
        mem_free(i);
        return e;
    }
    open_handles(i);
    *ret_ingest = i;
    return ERR_OK;
}

size_t ingest_drain(struct ingest *i, const char *text)
{
    size_t asked = 0;
    i->draining = true;
    for (size_t n = 0; n < i->n_listeners; n++) {
        uv_poll_stop(&i->listeners[n].poll);
        /* Closed by now: who comes meanwhile must be refused, not wait in the queue of nobody. */
        shutdown(i->listeners[n].fd, SHUT_RD);
    }
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
    for (size_t n = 0; n < i->n_listeners; n++) {
        uv_close((uv_handle_t *)&i->listeners[n].poll, listener_closed);
    }
    uv_close((uv_handle_t *)&i->prepare, hook_closed);
    uv_close((uv_handle_t *)&i->check, hook_closed);
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
    return i->listeners[0].port;
}

int ingest_tls_port(const struct ingest *i)
{
    return i->n_listeners > 1 ? i->listeners[1].port : 0;
}

struct ingest_counters ingest_counters(const struct ingest *i)
{
    return i->counters;
}
