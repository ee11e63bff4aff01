#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "base/mem.h"
#include "run/addr.h"
#include "run/link_impl.h"
#include "run/log.h"

#define ENDPOINT_MAX       (ADDR_MAX + 8)
#define ATTEMPT_EXTRA_MS   6000 /* beyond the handshake's time, where there is no other address */
#define REFUSED_GROWTH     4 /* a refused dialler waits retry_max_ms and up to this many times it */
#define ABSENT_GROWTH      4 /* where nothing listens the interval grows by a quarter of itself */
#define SHUT_MEANS_REFUSED 2 /* handshakes in a row that the other side just closed */
#define STABLE_TIMEOUTS    2 /* a connection that lived this long makes the next retry quick */
#define JITTER_PART        4 /* up to 1/4 is added to an interval */
#define REFUSED_MAX        (ADDR_MAX + LINK_NAME_SIZE + 256)
#define GONE               "its connection has ended"

/* One address of the list. */
struct target {
    char addr[ADDR_MAX];
    char endpoint[ENDPOINT_MAX];
    bool ipv6, is_name; /* a name is tried in both families by turns */
    unsigned attempts;
};

struct link_dialer {
    struct link_conn conn;
    struct target targets[LINK_ADDRS_MAX];
    size_t n_targets, at; /* at: the one that is tried, or used */
    unsigned sockets;
    int64_t next_ms, started_ms, up_ms; /* next_ms counts while there is no socket */
    int retry_ms, refused_ms;
    int brief_ms;  /* like retry_ms, for connections that stand and soon end */
    unsigned shut; /* handshakes in a row that were just closed */
    int fd;
    bool absence_told;
};

static const struct target *here(const struct link_thread *t)
{
    return &t->dialer->targets[t->dialer->at];
}

static bool read_target(struct span text, struct target *g)
{
    struct addr a;
    char whole[ADDR_MAX];
    if (text.len >= sizeof whole) {
        return false;
    }
    memcpy(whole, text.data, text.len);
    whole[text.len] = '\0';
    if (addr_parse(whole, "127.0.0.1", 0, &a) != ERR_OK || a.port == 0) {
        return false;
    }
    addr_format(&a, g->addr);
    snprintf(g->endpoint, sizeof g->endpoint, "tcp://%s", g->addr);
    g->ipv6 = strchr(a.host, ':') != NULL;
    g->is_name = !g->ipv6 && a.host[strspn(a.host, "0123456789.")] != '\0';
    return true;
}

enum err link_dialer_open(struct link_thread *t, const char **ret_why)
{
    struct link_dialer *d = mem_alloc(sizeof *d);
    t->dialer = d;
    for (const char *c = t->link->addr; c != NULL; c = strchr(c, ',')) {
        c += *c == ',';
        if (d->n_targets == LINK_ADDRS_MAX) {
            *ret_why = "there are too many addresses in the list";
            return ERR_IO;
        }
        if (!read_target(span_of(c, strcspn(c, ",")), &d->targets[d->n_targets++])) {
            *ret_why = "it is not an address like host:port";
            return ERR_IO;
        }
    }
    d->retry_ms = t->link->config.retry_min_ms;
    d->brief_ms = t->link->config.retry_min_ms;
    d->refused_ms = t->link->config.retry_max_ms;
    d->next_ms = t->now_ms;
    return ERR_OK;
}

void link_dialer_close(struct link_thread *t)
{
    bool live = t->dialer->conn.state == CONN_LIVE;
    link_gauge_unref(t->dialer->conn.gauge);
    link_socket_close(t, live ? t->linger_ms : 0);
    mem_free(t->dialer);
    t->dialer = NULL;
}

/* --- attempts --- */

static void wait_for(struct link_thread *t, int interval_ms)
{
    struct link_dialer *d = t->dialer;
    link_socket_close(t, 0);
    uint32_t jitter = randombytes_uniform((uint32_t)(interval_ms / JITTER_PART) + 1);
    d->next_ms = t->now_ms + interval_ms + jitter;
}

static void wait_until_next(struct link_thread *t, int *interval_ms, int max_ms)
{
    wait_for(t, *interval_ms);
    *interval_ms = *interval_ms > max_ms / 2 ? max_ms : *interval_ms * 2;
}

/* Slowly: who comes back is found soon, compared to how long it was away. */
static void wait_for_absent(struct link_thread *t)
{
    struct link_dialer *d = t->dialer;
    int max_ms = t->link->config.retry_max_ms;
    wait_for(t, d->retry_ms);
    d->retry_ms += d->retry_ms / ABSENT_GROWTH + 1;
    d->retry_ms = d->retry_ms < max_ms ? d->retry_ms : max_ms;
}

/* To the next address of the list; the interval grows once the whole list was in vain. */
static void go_on(struct link_thread *t, int *interval_ms, int max_ms)
{
    struct link_dialer *d = t->dialer;
    d->at = (d->at + 1) % d->n_targets;
    if (d->at == 0) {
        wait_until_next(t, interval_ms, max_ms);
    } else {
        wait_for(t, t->link->config.retry_min_ms);
    }
}

static void not_there(struct link_thread *t, const char *why)
{
    struct link_dialer *d = t->dialer;
    if (!d->absence_told) {
        d->absence_told = true;
        log_info("link", "waiting", "no orchestrator at %s yet (%s): trying again quietly",
                 t->link->addr, why);
    }
    if (d->at + 1 == d->n_targets) {
        d->at = 0;
        wait_for_absent(t);
    } else {
        d->at++;
        wait_for(t, t->link->config.retry_min_ms);
    }
}

static void refused(struct link_thread *t, const char *what)
{
    struct link_dialer *d = t->dialer;
    atomic_fetch_add(&t->link->tally.refused, 1);
    log_warn("link", "refused", "%s", what);
    link_post(t->link, &(struct link_mail){.type = LINK_EVENT_REFUSED, .target = d->at});
    go_on(t, &d->refused_ms, t->link->config.retry_max_ms * REFUSED_GROWTH);
}

/* knows_us: it has the key that we expect, and does not admit ours. */
static void refused_keys(struct link_thread *t, bool knows_us)
{
    const char *name = t->link->config.keys.name, *addr = here(t)->addr;
    const char *role = link_role_name(t->link->config.keys.role);
    char what[REFUSED_MAX];
    if (name[0] == '\0') {
        snprintf(what, sizeof what,
                 "the orchestrator at %s does not accept this secret: start both with the same "
                 "-orchSecret",
                 addr);
    } else if (knows_us) {
        snprintf(what, sizeof what,
                 "the orchestrator at %s does not admit the credential \"%s\": it was revoked, or "
                 "is not in its list; have a new one minted there (orchestrator -mint %s NAME)",
                 addr, name, role);
    } else {
        snprintf(what, sizeof what,
                 "the orchestrator at %s does not have the key that the credential \"%s\" was "
                 "minted for: its -orchSecret or its data directory is another one now; have a new "
                 "one minted there (orchestrator -mint %s NAME)",
                 addr, name, role);
    }
    refused(t, what);
}

static void dial(struct link_thread *t)
{
    struct link_dialer *d = t->dialer;
    struct target *g = &d->targets[d->at];
    char name[40];
    g->attempts++;
    d->started_ms = t->now_ms;
    d->fd = -1;
    bool ipv6 = g->ipv6 || (g->is_name && g->attempts % 2 == 0);
    snprintf(name, sizeof name, "inproc://events-%u", ++d->sockets);
    t->socket = zmq_socket(t->ctx, ZMQ_DEALER);
    bool ok = t->socket != NULL && link_options_common(t->link, t->socket, ipv6) &&
              link_options_dial(t->link, t->socket);
    t->monitor = ok ? link_monitor_open(t, t->socket, name) : NULL;
    if (t->monitor == NULL || zmq_connect(t->socket, g->endpoint) != 0) {
        not_there(t, zmq_strerror(zmq_errno()));
    }
}

/* The other side closed in the midst of the handshake: so does an orchestrator that cannot read
 * what a wrong secret encrypted, but also one that is just being killed. */
static void shut(struct link_thread *t)
{
    struct link_dialer *d = t->dialer;
    if (t->now_ms - d->started_ms >= link_handshake_ms(t->link) * 3 / 4) {
        not_there(t, "it does not answer");
    } else if (++d->shut >= SHUT_MEANS_REFUSED) {
        refused_keys(t, false);
    } else {
        wait_until_next(t, &d->retry_ms, t->link->config.retry_max_ms);
    }
}

static void up(struct link_thread *t)
{
    struct link_dialer *d = t->dialer;
    struct link_conn *c = &d->conn;
    uint32_t events;
    size_t size = sizeof events;
    zmq_getsockopt(t->socket, ZMQ_EVENTS, &events, &size); /* takes the connection's pipe in */
    c->generation++;
    c->generation += (c->generation << LINK_SLOT_BITS) == 0;
    c->number = c->generation << LINK_SLOT_BITS;
    c->fd = d->fd;
    link_conn_start(t, c);
    c->announced = true;
    t->heartbeat_ms = t->link->config.heartbeat_ms;
    t->timeout_ms = t->link->config.timeout_ms;
    d->up_ms = t->now_ms;
    d->shut = 0;
    d->retry_ms = t->link->config.retry_min_ms;
    d->refused_ms = t->link->config.retry_max_ms;
    d->absence_told = false;
    link_post(t->link, &(struct link_mail){.type = LINK_EVENT_UP,
                                           .target = d->at,
                                           .number = c->number,
                                           .first = true,
                                           .role = LINK_ROLE_ORCHESTRATOR,
                                           .gauge = link_gauge_ref(c->gauge)});
}

static void on_trying(struct link_thread *t, const struct link_monitor_event *e)
{
    char what[REFUSED_MAX];
    switch (e->event) {
    case ZMQ_EVENT_CONNECTED:
        t->dialer->fd = e->value;
        break;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        up(t);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        refused_keys(t, true);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        snprintf(what, sizeof what,
                 "what listens at %s is not an orchestrator of this system: check -orchAddr",
                 here(t)->addr);
        refused(t, what);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
    case ZMQ_EVENT_DISCONNECTED:
        shut(t);
        break;
    case ZMQ_EVENT_CLOSED:
        t->dialer->shut = 0;
        not_there(t, "nothing listens there");
        break;
    default:
        break;
    }
}

static void end(struct link_conn *c, const char *why)
{
    if (c->state == CONN_LIVE) {
        c->state = CONN_CLOSING;
        c->ending = why;
    }
}

void link_dialer_events(struct link_thread *t)
{
    struct link_dialer *d = t->dialer;
    struct link_monitor_event e;
    if (t->socket == NULL && t->now_ms >= d->next_ms) {
        dial(t);
    }
    while (t->monitor != NULL && link_monitor_next(t->monitor, &e)) {
        if (d->conn.state == CONN_NONE) {
            on_trying(t, &e);
        } else if (e.event == ZMQ_EVENT_DISCONNECTED) {
            end(&d->conn, GONE);
        }
    }
    bool trying = t->socket != NULL && d->conn.state == CONN_NONE;
    int extra_ms = d->n_targets > 1 ? 0 : ATTEMPT_EXTRA_MS;
    if (trying && t->now_ms - d->started_ms > link_handshake_ms(t->link) + extra_ms) {
        not_there(t, "it does not answer");
    }
}

/* --- the connection --- */

static void breach(struct link_thread *t, const char *why)
{
    atomic_fetch_add(&t->link->tally.dropped, 1);
    log_warn("link", "dropped", "dropped the connection to the orchestrator at %s: %s",
             here(t)->addr, why);
    t->dialer->conn.over = true;
    end(&t->dialer->conn, why);
}

static bool take_message(struct link_thread *t, void *parts, size_t n)
{
    struct link_conn *c = &t->dialer->conn;
    if (c->state == CONN_NONE) {
        link_dialer_events(t); /* that the handshake succeeded is told before the first message */
    }
    if (c->state == CONN_NONE) {
        return t->socket != NULL;
    }
    const char *why = link_deliver(t, c, parts, n);
    if (why != NULL) {
        breach(t, why);
    } else if (c->over) {
        end(c, "the orchestrator said goodbye");
    }
    return !c->over;
}

enum link_read link_dialer_receive(struct link_thread *t)
{
    const struct link_conn *c = &t->dialer->conn;
    bool finished = c->state == CONN_CLOSING && c->over;
    return t->socket == NULL || finished ? READ_ALL : link_receive(t, take_message);
}

void link_dialer_settle(struct link_thread *t)
{
    struct link_dialer *d = t->dialer;
    if (d->conn.state != CONN_CLOSING) {
        return;
    }
    log_debug("link", "down", "orchestrator=%s reason=\"%s\"", here(t)->addr, d->conn.ending);
    link_conn_down(t, &d->conn, NULL);
    d->conn.state = CONN_NONE;
    if (t->now_ms - d->up_ms >= (int64_t)STABLE_TIMEOUTS * t->link->config.timeout_ms) {
        d->brief_ms = t->link->config.retry_min_ms;
    }
    wait_until_next(t, &d->brief_ms, t->link->config.retry_max_ms);
}

void link_dialer_tick(struct link_thread *t, int64_t elapsed_ms)
{
    struct link_conn *c = &t->dialer->conn;
    if (c->state == CONN_LIVE) {
        const char *why = link_conn_tick(t, c, elapsed_ms);
        if (why != NULL) {
            end(c, why);
        }
    }
}

void link_dialer_send(struct link_thread *t, const struct link_command *command)
{
    struct link_conn *c = &t->dialer->conn;
    if (c->state != CONN_LIVE || c->number != command->number) {
        link_command_unsent(command);
    } else if (!link_conn_send(t, c, command->envelope, command->payload)) {
        end(c, GONE);
    }
}

void link_dialer_beat(struct link_thread *t, const struct link_command *command)
{
    if (t->dialer->conn.number == command->number) {
        t->heartbeat_ms = command->heartbeat_ms;
        t->timeout_ms = command->timeout_ms;
    }
}
