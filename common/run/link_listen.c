#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <zmq.h>

#include "base/mem.h"
#include "run/addr.h"
#include "run/link_impl.h"
#include "run/log.h"

#define FDS_MAX      65536 /* connections whose address is remembered */
#define DEAD_KEEP_MS 5000  /* a given-up connection is remembered for, after its last word */
#define ID_BYTES     5     /* of a routing id that ZeroMQ chose: 0 and four bytes */
#define ENDPOINT_MAX (ADDR_MAX + 8)
#define GONE         "its connection has ended"

/* An accepted connection, by its file descriptor, from ZeroMQ's events. */
struct accepted {
    bool open;
    char address[LINK_ADDRESS_MAX];
};

struct link_door {
    void *zap;
    struct accepted *fds;
    size_t n_fds;
    const char *failed; /* why the handshake failed on the connection whose end is told next */
    unsigned unseen;    /* handshakes that succeeded, of which no message was read yet */
    unsigned rejected;  /* handshakes that link_zap refused, of which the end was not told yet */
    unsigned binds;
    bool closing; /* there are connections to settle */
};

void *link_door_zap(const struct link_door *d)
{
    return d->zap;
}

/* --- opening --- */

static const char *bind_failure(int error)
{
    switch (error) {
    case EADDRINUSE:
        return "another program listens there already";
    case EACCES:
        return "this user may not listen on that port";
    case EADDRNOTAVAIL:
    case ENODEV:
        return "this host has no such address";
    default:
        return "the address cannot be bound";
    }
}

static int bind_one(struct link_thread *t, const struct addrinfo *where)
{
    struct addr a = {0};
    char port[8];
    char endpoint[ENDPOINT_MAX] = "tcp://";
    char events[40];
    if (getnameinfo(where->ai_addr, where->ai_addrlen, a.host, sizeof a.host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        return EADDRNOTAVAIL;
    }
    a.port = atoi(port);
    addr_format(&a, endpoint + strlen(endpoint));
    snprintf(events, sizeof events, "inproc://events-%u", t->door->binds++);
    t->socket = zmq_socket(t->ctx, ZMQ_ROUTER);
    bool ok = t->socket != NULL &&
              link_options_common(t->link, t->socket, where->ai_family == AF_INET6) &&
              link_options_listen(t->link, t->socket);
    t->monitor = ok ? link_monitor_open(t, t->socket, events) : NULL;
    return t->monitor == NULL ? EINVAL : zmq_bind(t->socket, endpoint) == 0 ? 0 : zmq_errno();
}

/* ZeroMQ binds to numbers only; people also give a name. Blocks while it is looked up. */
static int bind_any(struct link_thread *t, const struct addr *a)
{
    struct addrinfo hints = {
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
    };
    struct addrinfo *found;
    char port[8];
    snprintf(port, sizeof port, "%d", a->port);
    if (getaddrinfo(a->host, port, &hints, &found) != 0) {
        return EADDRNOTAVAIL;
    }
    int error = EADDRNOTAVAIL;
    for (struct addrinfo *i = found; i != NULL && error != 0; i = i->ai_next) {
        link_socket_close(t, 0);
        error = bind_one(t, i);
    }
    freeaddrinfo(found);
    return error;
}

enum err link_door_open(struct link_thread *t, const char **ret_why)
{
    struct addr a;
    t->door = mem_alloc(sizeof *t->door);
    t->peers = link_peers_create();
    if (addr_parse(t->link->addr, "127.0.0.1", 0, &a) != ERR_OK) {
        *ret_why = "it is not an address like host:port";
        return ERR_IO;
    }
    /* Before the server's socket: without somebody to ask, ZeroMQ would admit every key. */
    t->door->zap = link_zap_open(t);
    if (t->door->zap == NULL) {
        *ret_why = "ZeroMQ refused the authentication handler";
        return ERR_IO;
    }
    int error = bind_any(t, &a);
    if (error != 0) {
        *ret_why = bind_failure(error);
        return ERR_IO;
    }
    return ERR_OK;
}

void link_door_close(struct link_thread *t)
{
    size_t slot = 0;
    for (struct link_conn *c; (c = link_peers_next(t->peers, &slot)) != NULL;) {
        link_gauge_unref(c->gauge);
        c->gauge = NULL;
    }
    link_socket_close(t, t->linger_ms);
    if (t->door->zap != NULL) {
        zmq_close(t->door->zap);
    }
    mem_free(t->door->fds);
    mem_free(t->door);
    link_peers_destroy(t->peers);
    t->door = NULL;
    t->peers = NULL;
}

/* --- connections --- */

static struct accepted *accepted_on(struct link_door *d, int fd)
{
    return fd >= 0 && (size_t)fd < d->n_fds ? &d->fds[fd] : NULL;
}

static struct accepted *make_room(struct link_door *d, int fd)
{
    if (fd < 0 || fd >= FDS_MAX) {
        return NULL;
    }
    if ((size_t)fd >= d->n_fds) {
        size_t n = (size_t)fd + 64;
        struct accepted *fds = mem_try_realloc(d->fds, n * sizeof *fds);
        if (fds == NULL) {
            return NULL;
        }
        memset(fds + d->n_fds, 0, (n - d->n_fds) * sizeof *fds);
        d->fds = fds;
        d->n_fds = n;
    }
    return &d->fds[fd];
}

static void remember_address(struct accepted *a, int fd)
{
    struct sockaddr_storage from = {0};
    socklen_t len = sizeof from;
    const void *ip = NULL;
    a->address[0] = '\0';
    if (getpeername(fd, (struct sockaddr *)&from, &len) != 0) {
        return;
    }
    if (from.ss_family == AF_INET) {
        ip = &((struct sockaddr_in *)&from)->sin_addr;
    } else if (from.ss_family == AF_INET6) {
        ip = &((struct sockaddr_in6 *)&from)->sin6_addr;
    }
    if (ip != NULL) {
        inet_ntop(from.ss_family, ip, a->address, sizeof a->address);
    }
}

static void refuse(struct link_thread *t, const char *address, const char *why)
{
    atomic_fetch_add(&t->link->tally.refused, 1);
    link_log_trouble(t, "refused", address, why);
}

/* Somebody who never was a peer has gone. */
static void stranger_left(struct link_thread *t, const char *address)
{
    struct link_door *d = t->door;
    if (d->failed != NULL) {
        refuse(t, address, d->failed);
    } else if (d->rejected > 0) {
        d->rejected--; /* counted and logged already */
    } else if (d->unseen > 0) {
        d->unseen--; /* admitted, but it never said a word */
    } else {
        refuse(t, address, "it does not speak our protocol");
    }
    d->failed = NULL;
}

/* What it had sent is still read. */
static void end(struct link_thread *t, struct link_conn *c, const char *why)
{
    c->state = CONN_CLOSING;
    c->ending = why;
    t->door->closing = true;
}

static void on_disconnected(struct link_thread *t, int fd)
{
    struct accepted *a = accepted_on(t->door, fd);
    struct link_conn *c = link_peers_on_fd(t->peers, fd);
    if (c == NULL) {
        stranger_left(t, a != NULL ? a->address : "");
    } else {
        c->fd = -1; /* the number may be another connection's next */
        if (c->state == CONN_LIVE) {
            end(t, c, GONE);
        }
    }
    if (a != NULL) {
        a->open = false;
    }
}

static const char *protocol_failure(int value)
{
    switch (value) {
    case ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC:
        return "its secret is not ours, or its credential was minted for another orchestrator";
    case ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH:
        return "it came without encryption";
    default:
        return "it does not speak our protocol";
    }
}

static void on_event(struct link_thread *t, const struct link_monitor_event *e)
{
    struct link_door *d = t->door;
    struct accepted *a;
    switch (e->event) {
    case ZMQ_EVENT_ACCEPTED:
        a = make_room(d, e->value);
        if (a != NULL) {
            a->open = true;
            remember_address(a, e->value);
        }
        break;
    case ZMQ_EVENT_ACCEPT_FAILED:
        link_log_trouble(t, "refused", "", strerror(e->value));
        break;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        d->unseen++;
        break;
    /* These do not say on which connection; its end is told right after. */
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        d->failed = protocol_failure(e->value);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        d->failed = d->failed != NULL ? d->failed : "it did not finish the handshake";
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        atomic_fetch_add(&t->link->tally.refused, 1);
        d->rejected++;
        break;
    case ZMQ_EVENT_DISCONNECTED:
        on_disconnected(t, e->value);
        break;
    default:
        break;
    }
}

void link_door_events(struct link_thread *t)
{
    struct link_monitor_event e;
    link_zap_drain(t, t->door->zap);
    while (link_monitor_next(t->monitor, &e)) {
        on_event(t, &e);
    }
}

/* --- peers --- */

static void give_up(struct link_thread *t, struct link_conn *c, const char *reason)
{
    link_conn_down(t, c, reason);
    c->state = CONN_DEAD;
    c->dead_ms = 0;
}

static void breach(struct link_thread *t, struct link_conn *c, const char *why)
{
    char who[LINK_ADDRESS_MAX + 32];
    snprintf(who, sizeof who, "%s (%s)", c->address, link_role_name(c->role));
    atomic_fetch_add(&t->link->tally.dropped, 1);
    link_log_trouble(t, "dropped", who, why);
    link_conn_bye(t, c, why);
    give_up(t, c, why);
}

/* The key is admitted no more. */
static void turn_out(struct link_thread *t, struct link_conn *c, const char *why)
{
    refuse(t, c->address, why);
    link_conn_bye(t, c, why);
    give_up(t, c, why);
}

static bool proven_key(zmq_msg_t *m, unsigned char *ret_key)
{
    size_t len = 0;
    const char *user = zmq_msg_gets(m, "User-Id");
    return user != NULL &&
           sodium_hex2bin(ret_key, LINK_KEY_BYTES, user, strlen(user), NULL, &len, NULL) == 0 &&
           len == LINK_KEY_BYTES;
}

static void take_fd(struct link_thread *t, struct link_conn *c, int fd)
{
    const struct accepted *a = accepted_on(t->door, fd);
    struct link_conn *before = link_peers_on_fd(t->peers, fd);
    if (before != NULL) {
        before->fd = -1;
    }
    c->fd = fd;
    if (a != NULL && !a->open) {
        c->fd = -1; /* it came, spoke and left at once */
        end(t, c, GONE);
    }
}

static struct link_conn *admit(struct link_thread *t, uint32_t routing_id, zmq_msg_t *m)
{
    /* File descriptors are used again: the end of the former connection must be known first. */
    link_door_events(t);
    unsigned char key[LINK_KEY_BYTES];
    struct link_conn *c = proven_key(m, key) ? link_peers_add(t->peers, routing_id) : NULL;
    if (c == NULL) {
        return NULL;
    }
    /* Once more: the list may be another one since the handshake. */
    struct link_admission a = link_admit(t, key);
    memcpy(c->key, key, sizeof c->key);
    memcpy(c->credential, a.credential, sizeof c->credential);
    const char *address = zmq_msg_gets(m, "Peer-Address");
    address = address != NULL ? address : "";
    address += strncmp(address, "::ffff:", 7) == 0 ? 7 : 0;
    c->role = a.role;
    strncpy(c->address, address, sizeof c->address - 1);
    link_conn_start(t, c);
    take_fd(t, c, zmq_msg_get(m, ZMQ_SRCFD));
    t->door->unseen -= t->door->unseen > 0;
    if (a.role == LINK_ROLES_) {
        turn_out(t, c, a.words);
    }
    return c;
}

/* A peer that was given up learns of it, so that it dials again. */
static void remind(struct link_thread *t, struct link_conn *c)
{
    c->dead_ms = 0;
    if (c->idle_ms >= t->link->config.heartbeat_ms) {
        link_conn_bye(t, c, "this connection was given up");
        c->idle_ms = 0;
    }
}

static bool take_message(struct link_thread *t, void *message, size_t n)
{
    zmq_msg_t *parts = message;
    const unsigned char *id = zmq_msg_data(&parts[0]);
    struct link_conn *c = NULL;
    if (n >= 2 && zmq_msg_size(&parts[0]) == ID_BYTES && id[0] == 0) {
        uint32_t routing_id =
            (uint32_t)id[1] << 24 | (uint32_t)id[2] << 16 | (uint32_t)id[3] << 8 | (uint32_t)id[4];
        c = link_peers_find(t->peers, routing_id);
        c = c != NULL ? c : admit(t, routing_id, &parts[1]);
    }
    if (c == NULL) {
        atomic_fetch_add(&t->link->tally.dropped, 1);
        link_log_trouble(t, "dropped", "", "it is one too many, or chose an id of its own");
        return true;
    }
    if (c->state == CONN_DEAD) {
        remind(t, c);
        return true;
    }
    const char *why = link_deliver(t, c, &parts[1], n - 1);
    if (why != NULL) {
        breach(t, c, why);
    }
    return true;
}

enum link_read link_door_receive(struct link_thread *t)
{
    return link_receive(t, take_message);
}

void link_door_settle(struct link_thread *t)
{
    size_t slot = 0;
    if (!t->door->closing) {
        return;
    }
    t->door->closing = false;
    for (struct link_conn *c; (c = link_peers_next(t->peers, &slot)) != NULL;) {
        if (c->state == CONN_CLOSING) {
            log_debug("link", "gone", "peer=%s role=%s reason=\"%s\"", c->address,
                      link_role_name(c->role), c->ending);
            give_up(t, c, NULL);
        }
    }
}

void link_door_recheck(struct link_thread *t)
{
    size_t slot = 0;
    for (struct link_conn *c; (c = link_peers_next(t->peers, &slot)) != NULL;) {
        if (c->state == CONN_LIVE) {
            struct link_admission a = link_admit(t, c->key);
            if (a.role != c->role) {
                turn_out(t, c, a.role == LINK_ROLES_ ? a.words : "its role is another one now");
            }
        }
    }
}

void link_door_tick(struct link_thread *t, int64_t elapsed_ms)
{
    size_t slot = 0;
    for (struct link_conn *c; (c = link_peers_next(t->peers, &slot)) != NULL;) {
        if (c->state == CONN_LIVE) {
            const char *why = link_conn_tick(t, c, elapsed_ms);
            if (why != NULL) {
                link_conn_bye(t, c, why);
                end(t, c, why);
            }
        } else if (c->state == CONN_DEAD) {
            c->dead_ms += elapsed_ms;
            c->idle_ms += elapsed_ms;
            if (c->dead_ms >= DEAD_KEEP_MS) {
                link_peers_remove(t->peers, c);
            }
        }
    }
}

void link_door_send(struct link_thread *t, const struct link_command *command)
{
    struct link_conn *c = link_peers_number(t->peers, command->number);
    if (c == NULL) {
        link_command_unsent(command);
        return;
    }
    if (!link_conn_send(t, c, command->envelope, command->payload)) {
        end(t, c, GONE);
    }
}

void link_door_drop(struct link_thread *t, link_peer number)
{
    struct link_conn *c = link_peers_number(t->peers, number);
    if (c != NULL) {
        c->announced = false; /* the loop has forgotten it already */
        give_up(t, c, NULL);
    }
}
