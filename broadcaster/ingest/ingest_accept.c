#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broadcaster/ingest/ingest_connection.h"
#include "broadcaster/ingest/ingest_proxy.h"
#include "run/log.h"

#define TOLD_MAX          8     /* connections over a limit that are there to be told so; */
#define TOLD_MS           3000  /* each so long */
#define USER_TIMEOUT_MS   10000 /* sent but not acknowledged by the peer's TCP */
#define IPV6_SUBNET_BYTES 8     /* one subscriber of IPv6 has a /64 */

static const unsigned char ipv4_mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static int64_t now_ms(const struct ingest *i)
{
    return (int64_t)uv_now(loop_uv(i->loop));
}

/* --- limits --- */

static bool same_address(const struct publisher *a, const struct publisher *b)
{
    bool v4 = memcmp(a->address, ipv4_mapped, sizeof ipv4_mapped) == 0;
    size_t n = v4 ? sizeof a->address : IPV6_SUBNET_BYTES;
    return memcmp(a->address, b->address, n) == 0;
}

static bool too_many(const struct ingest *i)
{
    return i->config.max_connections > 0 &&
           i->counters.connections - i->told > (size_t)i->config.max_connections;
}

static bool too_many_of_address(const struct publisher *p)
{
    const struct ingest *i = p->ingest;
    int waiting = 0;
    LIST_EACH (&i->connections, node, next) {
        const struct publisher *other = LIST_ITEM(node, struct publisher, node);
        bool counts = !other->admitted && other->over_limit == NULL && other->proxy_header == NULL;
        waiting += counts && same_address(p, other);
    }
    return i->config.max_per_address > 0 && waiting > i->config.max_per_address;
}

/* A few are let in to hear why they may not publish or play; those behind them are closed at once.
 * False: it was. text: static. */
static bool over_limit(struct publisher *p, const char *text)
{
    struct ingest *i = p->ingest;
    i->counters.over_limit++;
    if (i->told >= TOLD_MAX) {
        log_debug("ingest", "over_limit", "peer=%s reason=\"%s\"", p->peer, text);
        connection_close(p, "");
        return false;
    }
    i->told++;
    p->over_limit = text;
    p->deadline_ms = now_ms(i) + TOLD_MS;
    return true;
}

bool accept_of_address(struct publisher *p)
{
    return !too_many_of_address(p) ||
           over_limit(p,
                      "too many connections of this address are open: close some, and try again");
}

/* --- accepting --- */

static bool read_peer(struct publisher *p)
{
    struct sockaddr_storage name;
    int len = sizeof name;
    char text[INET6_ADDRSTRLEN];
    if (uv_tcp_getpeername(&p->tcp, (struct sockaddr *)&name, &len) != 0 ||
        uv_ip_name((struct sockaddr *)&name, text, sizeof text) != 0) {
        return false;
    }
    if (name.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&name;
        memcpy(p->address, ipv4_mapped, sizeof ipv4_mapped);
        memcpy(p->address + sizeof ipv4_mapped, &v4->sin_addr, 4);
        snprintf(p->peer, sizeof p->peer, "%s:%d", text, ntohs(v4->sin_port));
    } else {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&name;
        memcpy(p->address, &v6->sin6_addr, sizeof p->address);
        snprintf(p->peer, sizeof p->peer, "[%s]:%d", text, ntohs(v6->sin6_port));
    }
    return true;
}

static void set_socket_options(struct publisher *p)
{
    int fd, timeout_ms = USER_TIMEOUT_MS;
    uv_tcp_nodelay(&p->tcp, 1);
    if (uv_fileno((uv_handle_t *)&p->tcp, &fd) == 0) {
        /* Without it a dead peer is noticed later, by the idle timeout: no reason to refuse. */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
    }
}

void connection_accept(struct ingest_listener *l, int fd)
{
    struct ingest *i = l->ingest;
    struct publisher *p = connection_create(i);
    if (uv_tcp_open(&p->tcp, fd) != 0) {
        close(fd);
        connection_close(p, "");
        return;
    }
    if (!read_peer(p)) {
        connection_close(p, "");
        return;
    }
    p->deadline_ms = now_ms(i) + i->config.setup_timeout_ms;
    bool proxied = ingest_proxy_begin(p);
    if (too_many(i)) {
        if (!over_limit(p, "the server has too many connections: try again later")) {
            return;
        }
    } else if (!proxied && !accept_of_address(p)) {
        return;
    }
    p->tls = l->tls ? tls_session_create(i->credentials) : NULL;
    if (l->tls && p->tls == NULL) {
        connection_close(p, "");
        return;
    }
    i->counters.accepted += p->over_limit == NULL;
    p->last_read_ms = now_ms(i);
    set_socket_options(p);
    if (!connection_read(p)) {
        connection_close(p, "");
    }
}
