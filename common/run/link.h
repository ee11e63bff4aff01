/* The link between roles: ZeroMQ with CURVE, in a thread of its own.
 *
 * An orchestrator listens (ROUTER); transcoders and broadcasters dial (DEALER) and go on dialling
 * for ever. Events arrive on the loop's thread. Sending is from the loop's thread only.
 * Queues are bounded in bytes: link_send says ERR_AGAIN when full, and LINK_EVENT_WRITABLE follows.
 * What it refuses (strangers, garbage, too large) it counts and logs at a bounded rate. */
#ifndef RUN_LINK_H
#define RUN_LINK_H

#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
#include "proto/link_msg.h"
#include "run/loop.h"
#include "run/secret.h"

struct link;

typedef uint32_t link_peer; /* the orchestrator's name for a connected peer; 0 = the orchestrator */

enum link_event_type {
    LINK_EVENT_UP,      /* dialling side: the encrypted connection stands: say hello again */
    LINK_EVENT_DOWN,    /* dialling side: it broke; redialling goes on. Listening side: that peer
                           has gone (its connection broke or it was silent too long) */
    LINK_EVENT_REFUSED, /* dialling side: the other side does not accept our secret */
    LINK_EVENT_MESSAGE, /* msg and payload, borrowed until the callback returns (take references) */
    LINK_EVENT_WRITABLE, /* after ERR_AGAIN: there is room again for that peer */
};

struct link_event {
    enum link_event_type type;
    link_peer peer;
    enum link_role role; /* listening side: what the peer's key proves */
    const char *address; /* listening side: the peer's "ip", for people; may be "" */
    struct link_msg *msg;
    struct blob *payload; /* NULL when empty */
};

typedef void link_event_fn(void *arg, const struct link_event *e);

struct link_config {
    const char *addr;               /* "host:port", complete */
    struct link_keys keys;          /* copied */
    size_t peer_queue_bytes;        /* bound of what waits for one peer */
    int heartbeat_ms;               /* ping interval; and */
    int timeout_ms;                 /* silence after which a peer is gone */
    int retry_min_ms, retry_max_ms; /* redial interval */
    size_t frame_max_bytes;         /* ZMQ_MAXMSGSIZE; 0 = LINK_PAYLOAD_MAX */
};

struct link_counters {
    uint64_t refused; /* handshakes: wrong secret or none */
    uint64_t dropped; /* messages that broke a rule */
    uint64_t sent_bytes, received_bytes;
    uint64_t sent, received;
};

/* ERR_IO: the address cannot be bound (ret_why: a sentence). */
enum err link_listen(struct loop *l, const struct link_config *config, link_event_fn *fn, void *arg,
                     struct link **ret_link, const char **ret_why) CHECKED;
enum err link_dial(struct loop *l, const struct link_config *config, link_event_fn *fn, void *arg,
                   struct link **ret_link, const char **ret_why) CHECKED;

/* Sends envelope and payload (NULL = none) without a copy; takes a reference of each on success.
 * ERR_AGAIN: the peer's queue is full or (dialling side) the connection is down; ERR_NOENT: no
 * such peer. */
enum err link_send(struct link *k, link_peer peer, struct blob *envelope,
                   struct blob *payload) CHECKED;

/* Packs and sends; for everything but hot paths. */
enum err link_send_msg(struct link *k, link_peer peer, const struct link_msg *m,
                       struct blob *payload) CHECKED;

/* Bytes that wait for the peer. */
size_t link_queued(const struct link *k, link_peer peer);

/* Listening side: forgets the peer (it may come back with a new number). */
void link_drop(struct link *k, link_peer peer);

/* A snapshot of the counters; loop's thread. */
struct link_counters link_counters(const struct link *k);

/* Flushes for at most linger_ms, ends the thread. No event is delivered afterwards. Takes NULL. */
void link_destroy(struct link *k, int linger_ms);

#endif
