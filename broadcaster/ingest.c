#include "broadcaster/ingest.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/mem.h"
#include "broadcaster/ingest_connection.h"
#include "run/log.h"

#define BACKLOG      128
#define SWEEP_MAX_MS 250
#define SWEEP_MIN_MS 10

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
    ingest_handle_closed(h->data);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct ingest *i = listener->data;
    if (status < 0) {
        log_warn("ingest", "accept_failed", "reason=\"%s\"", uv_strerror(status));
        return;
    }
    connection_accept(i);
}

static void on_sweep(void *arg)
{
    struct ingest *i = arg;
    int64_t now = (int64_t)uv_now(loop_uv(i->loop));
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

static enum err bind_and_listen(struct ingest *i, const char **ret_why)
{
    const struct addr *a = &i->config.addr;
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                             .ai_socktype = SOCK_STREAM,
                             .ai_family = AF_UNSPEC};
    struct addrinfo *found = NULL;
    char port[16];
    snprintf(port, sizeof port, "%d", a->port);
    int e = getaddrinfo(a->host[0] != '\0' ? a->host : NULL, port, &hints, &found);
    if (e != 0) {
        *ret_why = gai_strerror(e);
        return ERR_IO;
    }
    e = uv_tcp_bind(&i->listener, found->ai_addr, 0);
    freeaddrinfo(found);
    if (e == 0) {
        e = uv_listen((uv_stream_t *)&i->listener, BACKLOG, on_connection);
    }
    if (e != 0) {
        *ret_why = uv_strerror(e);
        return ERR_IO;
    }
    return ERR_OK;
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
    uv_tcp_init(loop_uv(l), &i->listener);
    i->listener.data = i;
    i->handles = 1;
    enum err e = bind_and_listen(i, ret_why);
    if (e != ERR_OK) {
        uv_close((uv_handle_t *)&i->listener, listener_closed);
        return e;
    }
    i->sweep_ms = sweep_interval(config);
    i->sweep = loop_timer_create(l, on_sweep, i);
    loop_timer_start(i->sweep, i->sweep_ms, i->sweep_ms);
    *ret_ingest = i;
    return ERR_OK;
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
    struct sockaddr_storage name;
    int len = sizeof name;
    if (uv_tcp_getsockname(&i->listener, (struct sockaddr *)&name, &len) != 0) {
        return i->config.addr.port;
    }
    return name.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&name)->sin6_port)
                                      : ntohs(((struct sockaddr_in *)&name)->sin_port);
}

struct ingest_counters ingest_counters(const struct ingest *i)
{
    return i->counters;
}
