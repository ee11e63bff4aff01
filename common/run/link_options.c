#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "run/link_impl.h"

/* Messages of one peer that ZeroMQ may hold for us. We drain it each time it wakes us; what a busy
 * peer sends between two wakes (hundreds of access units a second) fits, and its bytes are bounded
 * by this times LINK_PAYLOAD_MAX at the very worst. */
#define RECEIVE_HWM 64

/* What is sent is bounded in bytes by link_gauge, ZeroMQ's own queue included, so ZeroMQ has no
 * limit of its own: with one, a burst of small messages would stall. */
#define SEND_HWM 0

#define BACKLOG         128
#define CONNECT_MAX_MS  5000
#define FRAME_OVERHEAD  256 /* what CURVE puts around a frame, and room for it to grow */
#define HANDSHAKE_TICKS 2   /* of timeout_ms */

/* ZeroMQ's heartbeats are the broom behind ours: they close sockets whose other end is frozen. They
 * are slower because ZeroMQ reads no answers while its receive queue is full. */
#define SWEEP_IVL_TICKS     4
#define SWEEP_TIMEOUT_TICKS 8

static bool set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

static bool set_key(void *socket, int option, const unsigned char *key)
{
    return zmq_setsockopt(socket, option, key, LINK_KEY_BYTES) == 0;
}

int link_handshake_ms(const struct link *k)
{
    return k->config.timeout_ms * HANDSHAKE_TICKS;
}

bool link_options_common(const struct link *k, void *socket, bool ipv6)
{
    size_t frame_max = k->config.frame_max_bytes > 0 ? k->config.frame_max_bytes : LINK_PAYLOAD_MAX;
    int64_t wire_max = (int64_t)frame_max + FRAME_OVERHEAD;
    return zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &wire_max, sizeof wire_max) == 0 &&
           set_int(socket, ZMQ_IPV6, ipv6) && set_int(socket, ZMQ_LINGER, 0) &&
           set_int(socket, ZMQ_SNDHWM, SEND_HWM) && set_int(socket, ZMQ_RCVHWM, RECEIVE_HWM) &&
           set_int(socket, ZMQ_HANDSHAKE_IVL, link_handshake_ms(k)) &&
           set_int(socket, ZMQ_HEARTBEAT_IVL, k->config.timeout_ms * SWEEP_IVL_TICKS) &&
           set_int(socket, ZMQ_HEARTBEAT_TIMEOUT, k->config.timeout_ms * SWEEP_TIMEOUT_TICKS) &&
           set_int(socket, ZMQ_TCP_KEEPALIVE, 1) &&
           set_key(socket, ZMQ_CURVE_SECRETKEY, k->config.keys.secret_key);
}

bool link_options_listen(const struct link *k, void *socket)
{
    (void)k;
    return set_int(socket, ZMQ_ROUTER_MANDATORY, 1) && set_int(socket, ZMQ_CURVE_SERVER, 1) &&
           set_int(socket, ZMQ_BACKLOG, BACKLOG) &&
           zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, "link", 4) == 0;
}

/* One socket makes one attempt: redialling is ours, so that nothing that was meant for a connection
 * that broke can come out of the next one. */
bool link_options_dial(const struct link *k, void *socket)
{
    return set_int(socket, ZMQ_IMMEDIATE, 1) && set_int(socket, ZMQ_RECONNECT_IVL, -1) &&
           set_int(socket, ZMQ_CONNECT_TIMEOUT, CONNECT_MAX_MS) &&
           set_key(socket, ZMQ_CURVE_PUBLICKEY, k->config.keys.public_key) &&
           set_key(socket, ZMQ_CURVE_SERVERKEY, k->config.keys.server_key);
}

void *link_monitor_open(struct link_thread *t, void *socket, const char *name)
{
    void *pair = zmq_socket(t->ctx, ZMQ_PAIR);
    /* Without a limit: ZeroMQ's thread would block on a full monitor. */
    if (pair != NULL && set_int(pair, ZMQ_RCVHWM, 0) && set_int(pair, ZMQ_LINGER, 0) &&
        zmq_socket_monitor(socket, name, ZMQ_EVENT_ALL) == 0 && zmq_connect(pair, name) == 0) {
        return pair;
    }
    if (pair != NULL) {
        zmq_close(pair);
    }
    return NULL;
}

void link_socket_close(struct link_thread *t, int linger_ms)
{
    if (t->socket != NULL) {
        zmq_socket_monitor(t->socket, NULL, 0);
        set_int(t->socket, ZMQ_LINGER, linger_ms);
        zmq_close(t->socket);
        t->socket = NULL;
    }
    if (t->monitor != NULL) {
        zmq_close(t->monitor);
        t->monitor = NULL;
    }
}

/* Two frames (zmq_socket_monitor(3)): number and value; the endpoint, which is always our own. */
bool link_monitor_next(void *monitor, struct link_monitor_event *ret_event)
{
    uint8_t bytes[6] = {0};
    char endpoint[1];
    int n = zmq_recv(monitor, bytes, sizeof bytes, ZMQ_DONTWAIT);
    if (n < 0) {
        return false;
    }
    (void)zmq_recv(monitor, endpoint, sizeof endpoint, ZMQ_DONTWAIT);
    uint16_t event;
    int32_t value;
    memcpy(&event, bytes, sizeof event);
    memcpy(&value, bytes + sizeof event, sizeof value);
    *ret_event = (struct link_monitor_event){event, value};
    return true;
}
