/* The link between roles: ZeroMQ with CURVE, in a thread of its own.
 *
 * An orchestrator listens (ROUTER); transcoders and broadcasters dial (DEALER) and go on dialling
 * for ever. Events arrive on the loop's thread. Sending is from the loop's thread only.
 * Queues are bounded in bytes: link_send says ERR_AGAIN when full, and LINK_EVENT_WRITABLE follows;
 * when the loop does not keep up with what comes, the thread stops reading, TCP fills and the
 * sender is held back. Each side pings the other when it has nothing to send for heartbeat_ms
 * (LINK_PING never reaches the roles); a connection without a sign of life for timeout_ms is over,
 * and one whose TCP connection ends is over at once. A connection that is over stays over: whoever
 * dialled comes back with a new one, on which nothing of the former is delivered. A LINK_BYE from
 * the orchestrator ends the dialler's connection too. What it refuses (strangers, garbage, too
 * large) it counts and logs at a bounded rate. A peer that breaks the rules gets a LINK_BYE with
 * the reason and is down. */
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

#define LINK_ADDRS_MAX                                                                             \
    16 /* of a list to dial: one is used, the next one when it cannot be reached */

typedef uint32_t link_peer; /* the orchestrator's name for a connected peer; 0 = the orchestrator */

enum link_event_type {
    LINK_EVENT_UP,      /* dialling side: the encrypted connection stands: say hello again */
    LINK_EVENT_DOWN,    /* dialling side: it broke; redialling goes on. Listening side: that peer
                           has gone (its connection broke or it was silent too long) or had to */
    LINK_EVENT_REFUSED, /* dialling side: the other side does not accept our secret or credential;
                           told at each attempt, which then come slowly */
    LINK_EVENT_MESSAGE, /* msg and payload, borrowed until the callback returns (take references) */
    LINK_EVENT_WRITABLE, /* after ERR_AGAIN: there is room again for that peer */
};

struct link_event {
    enum link_event_type type;
    link_peer peer;
    enum link_role role; /* listening side: what the peer's key proves */
    const char *address; /* listening side: the peer's "ip", for people; may be "" */
    const char
        *credential;    /* listening side: the name that its key proves; "": the shared secret */
    const char *reason; /* LINK_EVENT_DOWN: why the peer had to go, or "" */
    size_t target; /* LINK_EVENT_UP, LINK_EVENT_REFUSED: which address of the list it is, from 0 */
    struct link_msg *msg;
    struct blob *payload; /* NULL when empty */
};

typedef void link_event_fn(void *arg, const struct link_event *e);

/* Whether a key that is not of the shared secret may come in. */
#define LINK_WORDS_MAX 160
struct link_admission {
    enum link_role role;             /* LINK_ROLES_: it may not */
    char credential[LINK_NAME_SIZE]; /* its name */
    char words[LINK_WORDS_MAX];      /* why it may not, for people on both sides; no secrets */
};
/* On the link's thread. Starts from an admission that refuses without words. */
typedef void link_admit_fn(void *arg, const unsigned char *key, struct link_admission *admission);

struct link_config {
    const char *addr; /* "host:port", complete; dialling side: up to LINK_ADDRS_MAX of them with
                         commas between */
    struct link_keys keys; /* copied */
    link_admit_fn *admit;  /* listening side; NULL: nobody but who has the secret */
    void *admit_arg;
    size_t peer_queue_bytes; /* bound of what waits for one peer (one message may always) */
    int heartbeat_ms;        /* ping interval; and */
    int timeout_ms;          /* silence after which a peer is gone */
    /* Redial interval, a quarter longer with each round of the list in vain, from retry_min_ms
     * again once a connection stood; doubling from connection to connection while they end within
     * two timeout_ms. After a refusal from retry_max_ms to four times that. */
    int retry_min_ms, retry_max_ms;
    size_t frame_max_bytes; /* ZMQ_MAXMSGSIZE; 0 = LINK_PAYLOAD_MAX */
};

struct link_counters {
    uint64_t refused; /* handshakes: wrong secret or none; dialling side: times we were refused */
    uint64_t dropped; /* messages that broke a rule */
    uint64_t sent_bytes, received_bytes; /* of envelopes and payloads */
    uint64_t sent, received;             /* messages, pings too */
};

/* ERR_IO: the address cannot be bound (ret_why: a sentence). */
enum err link_listen(struct loop *l, const struct link_config *config, link_event_fn *fn, void *arg,
                     struct link **ret_link, const char **ret_why) CHECKED;
enum err link_dial(struct loop *l, const struct link_config *config, link_event_fn *fn, void *arg,
                   struct link **ret_link, const char **ret_why) CHECKED;

/* Sends envelope and payload (NULL = none) without a copy, with references of its own: the caller
 * keeps his. ERR_AGAIN: the peer's queue is full, or (dialling side) the connection is down, which
 * LINK_EVENT_UP ends; ERR_NOENT: no such peer. What was accepted arrives in order and whole, or the
 * connection ends (LINK_EVENT_DOWN). */
enum err link_send(struct link *k, link_peer peer, struct blob *envelope,
                   struct blob *payload) CHECKED;

/* Packs and sends. Also ERR_LIMIT: a field is outside its limit; ERR_NOMEM. */
enum err link_send_msg(struct link *k, link_peer peer, const struct link_msg *m,
                       struct blob *payload) CHECKED;

/* Bytes that wait for the peer, until they are encrypted for TCP; each frame counts a little more
 * than its length. 0 for a peer that is not there. */
size_t link_queued(const struct link *k, link_peer peer);

/* Dialling side: the beat that the other side asks for (its LINK_WELCOME), until this connection
 * ends. Times that cannot be (heartbeat_ms not in 1..timeout_ms-1) change nothing. */
void link_set_beat(struct link *k, uint32_t heartbeat_ms, uint32_t timeout_ms);

/* Listening side: sends what was accepted for the peer and forgets it; no event follows. Its
 * connection is told to end, and it may come back with a new number. */
void link_drop(struct link *k, link_peer peer);

/* Listening side: asks link_config.admit again about every connection; those that may not stay get
 * a LINK_BYE with the words, and are down with them as the reason. At once, on the link's thread.
 */
void link_recheck(struct link *k);

/* A snapshot of the counters; loop's thread. */
struct link_counters link_counters(const struct link *k);

/* Flushes for at most linger_ms (the caller waits), ends the thread. No event is delivered
 * afterwards. Never from within a callback of this link. Takes NULL. */
void link_destroy(struct link *k, int linger_ms);

#endif
