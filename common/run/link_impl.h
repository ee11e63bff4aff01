/* What the files of the link share; nobody else includes this.
 *
 * link.c is the loop's side. link_thread.c is the thread that owns the sockets; it alone calls the
 * files below: link_frame.c moves bytes between blobs and ZeroMQ; link_peers.c keeps the peers of
 * the listening side, link_listen.c accepts and refuses them (with link_zap.c, who is admitted);
 * link_dial.c is the dialling side's connection.
 *
 * A connection has a number made of a slot and a generation, so that what was meant for a peer that
 * has gone, or for the dialling side's previous connection, is recognised and dropped. */
#ifndef RUN_LINK_IMPL_H
#define RUN_LINK_IMPL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/list.h"
#include "run/link.h"

#define LINK_SLOT_BITS   12
#define LINK_SLOTS       (1u << LINK_SLOT_BITS) /* peers of a listening link */
#define LINK_ADDRESS_MAX 48                     /* an IPv6 address with its NUL */

/* What a frame costs beside its bytes (our and ZeroMQ's bookkeeping): counting it bounds the number
 * of small messages too. */
#define LINK_FRAME_COST 256

/* Bytes of messages that the thread may have given to the loop before it stops reading, which fills
 * ZeroMQ's queue, then TCP's, and so reaches the sender. One message more can pass. */
#define LINK_INBOUND_MAX (16 * 1024 * 1024)

/* The bytes that wait for one connection, from link_send until ZeroMQ has encrypted them for TCP.
 * Any thread. */
struct link_gauge {
    atomic_uint refs;
    atomic_size_t bytes;
    atomic_bool wanting; /* a sender was told ERR_AGAIN */
    size_t limit;
    link_peer number;
    struct link *link; /* outlives every frame */
};

/* To the loop. */
struct link_mail {
    enum link_event_type type;
    link_peer number;
    size_t target;            /* LINK_EVENT_UP, LINK_EVENT_REFUSED: see struct link_event */
    bool first;               /* the connection is new: gauge, role and address are set */
    struct link_gauge *gauge; /* a reference, with first */
    enum link_role role;
    char address[LINK_ADDRESS_MAX];
    char credential[LINK_NAME_SIZE];
    char *reason; /* LINK_EVENT_DOWN; NULL: none */
    struct link_msg *msg;
    struct blob *payload;
    size_t cost; /* of LINK_INBOUND_MAX */
};

/* To the thread. */
enum link_command_type { COMMAND_SEND, COMMAND_DROP, COMMAND_RECHECK, COMMAND_BEAT, COMMAND_QUIT };

struct link_command {
    struct list node;
    enum link_command_type type;
    link_peer number;
    struct blob *envelope, *payload; /* COMMAND_SEND; in the gauge already */
    struct link_gauge *gauge;
    int linger_ms;                /* COMMAND_QUIT */
    int heartbeat_ms, timeout_ms; /* COMMAND_BEAT */
};

/* A connection as the loop knows it. */
struct link_slot {
    link_peer number; /* 0: none */
    struct link_gauge *gauge;
    enum link_role role;
    char address[LINK_ADDRESS_MAX];
    char credential[LINK_NAME_SIZE];
};

struct link_tally {
    atomic_uint_fast64_t refused, dropped, sent_bytes, received_bytes, sent, received;
};

struct link {
    /* loop's thread */
    link_event_fn *fn;
    void *arg;
    struct mailbox *mailbox;
    struct link_slot *slots; /* LINK_SLOTS when listening, 1 when dialling */
    /* constant */
    bool listening;
    char *addr;
    struct link_config config;
    /* any thread */
    pthread_mutex_t lock;
    struct list commands; /* under the lock */
    int wake_fd;
    atomic_size_t inbound_bytes;
    atomic_bool inbound_stopped;
    struct link_tally tally;
    /* the link's thread */
    pthread_t pthread;
    struct link_thread *thread;
};

/* --- the thread's --- */

enum link_state {
    CONN_NONE,
    CONN_LIVE,
    CONN_CLOSING, /* its connection ended; what it had sent is still being read */
    CONN_DEAD,    /* given up; what still comes from it is discarded */
};

/* One connection. */
struct link_conn {
    enum link_state state;
    link_peer number;
    uint32_t generation;
    uint32_t routing_id;
    int next; /* slot of the next one in the same bucket, -1 at the end */
    int fd;   /* -1 when not known */
    struct link_gauge *gauge;
    enum link_role role;
    char address[LINK_ADDRESS_MAX];
    unsigned char key[LINK_KEY_BYTES]; /* listening: what it has proved to have the other half of */
    char credential[LINK_NAME_SIZE];
    bool announced;     /* the loop knows it */
    bool over;          /* it said goodbye, or broke a rule: nothing more is read */
    int64_t silent_ms;  /* since something came, as far as we were listening */
    int64_t idle_ms;    /* since something went */
    int64_t dead_ms;    /* since it was given up, or since it last spoke after that */
    const char *ending; /* CONN_CLOSING: why, for people */
};

/* A few lines in a while, so that strangers cannot fill the log; the others are counted. */
struct link_log {
    int64_t since_ms;
    unsigned lines, held_back;
};

/* How a round of reading ended. */
enum link_read {
    READ_ALL,
    READ_MORE, /* others must have their turn first */
    READ_FULL, /* the loop has enough to do: LINK_INBOUND_MAX */
};

struct link_peers;
struct link_door;
struct link_dialer;

struct link_thread {
    struct link *link;
    void *ctx;
    void *socket;               /* ROUTER or DEALER; NULL while the dialling side waits */
    void *monitor;              /* its events */
    struct link_peers *peers;   /* listening */
    struct link_door *door;     /* listening */
    struct link_dialer *dialer; /* dialling */
    struct blob *ping;
    int heartbeat_ms, timeout_ms; /* of the config, or what this connection was told */
    struct link_log log;
    int64_t now_ms;
    enum link_read read; /* of the last round */
    bool quit;
    int linger_ms;
};

/* link.c; gives the contents of mail to the loop */
void link_post(struct link *k, const struct link_mail *mail);

/* link_thread.c */
enum err link_thread_open(struct link *k,
                          const char **ret_why) CHECKED; /* on the caller's thread */
void *link_thread_run(void *link_thread);
void link_wake(struct link *k);

/* Starts and ends a connection: link_conn_start with number, role and address known; reason NULL:
 * none for the loop. */
void link_conn_start(struct link_thread *t, struct link_conn *c);
void link_conn_down(struct link_thread *t, struct link_conn *c, const char *reason);

/* Sends frames that are in the gauge already; false: the connection has gone (and the gauge got
 * its bytes back). */
bool link_conn_send(struct link_thread *t, struct link_conn *c, struct blob *envelope,
                    struct blob *payload);

/* A last word with the reason. */
void link_conn_bye(struct link_thread *t, struct link_conn *c, const char *reason);

/* Adds elapsed time; sends a ping when it is due. Returns why the connection is over, or NULL. */
const char *link_conn_tick(struct link_thread *t, struct link_conn *c, int64_t elapsed_ms);

/* Writes a line about somebody who was refused or dropped (event), at a bounded rate. who may be
 * empty. */
void link_log_trouble(struct link_thread *t, const char *event, const char *who,
                      const char *reason);

/* Gives a received message to the loop, or swallows it; returns why the connection must end (static
 * sentence), or NULL. parts are the envelope and the payload; n counts all that came. */
#define LINK_PARTS_MAX 3 /* routing id, envelope, payload */
const char *link_deliver(struct link_thread *t, struct link_conn *c, void *parts, size_t n);

/* Reads a batch of messages: take(t, parts, n) gets each (LINK_PARTS_MAX zmq_msg_t; n counts all
 * that came) and returns false to stop. */
typedef bool link_take_fn(struct link_thread *t, void *parts, size_t n);
enum link_read link_receive(struct link_thread *t, link_take_fn *take);

/* Gives back what a command that cannot be sent had in the gauge. */
void link_command_unsent(const struct link_command *c);

/* link_frame.c */
struct link_gauge *link_gauge_create(struct link *k, link_peer number);
struct link_gauge *link_gauge_ref(struct link_gauge *g);
void link_gauge_unref(struct link_gauge *g);  /* takes NULL */
size_t link_frame_cost(const struct blob *b); /* 0 for NULL */
void link_gauge_add(struct link_gauge *g, size_t cost);
void link_gauge_drop(struct link_gauge *g, size_t cost);

/* Sends one frame without a copy, with a reference of its own to blob and gauge. When it fails the
 * gauge got its bytes back. ERR_CLOSED: the connection has gone. */
enum err link_frame_send(void *socket, struct link_gauge *g, struct blob *b, bool more) CHECKED;

/* Moves a received zmq_msg_t into a blob. NULL when memory is refused. */
struct blob *link_frame_take(void *msg);

/* Reads one message: parts is an array of LINK_PARTS_MAX zmq_msg_t that the caller has initialised;
 * further parts are counted and thrown away. ERR_AGAIN: none waits. */
enum err link_parts_receive(void *socket, void *parts, size_t *ret_n) CHECKED;

/* link_options.c: what both kinds of socket share. False: refused by ZeroMQ. */
bool link_options_common(const struct link *k, void *socket, bool ipv6);
bool link_options_listen(const struct link *k, void *socket);
bool link_options_dial(const struct link *k, void *socket);
int link_handshake_ms(const struct link *k);
void link_socket_close(struct link_thread *t, int linger_ms); /* and its monitor; takes none */

/* The socket's events as a PAIR; NULL: refused. name is unique in the context. */
void *link_monitor_open(struct link_thread *t, void *socket, const char *name);

struct link_monitor_event {
    int event;
    int value;
};
bool link_monitor_next(void *monitor, struct link_monitor_event *ret_event);

/* link_peers.c */
struct link_peers *link_peers_create(void);
void link_peers_destroy(struct link_peers *ps); /* takes NULL */
struct link_conn *link_peers_find(struct link_peers *ps, uint32_t routing_id);
struct link_conn *link_peers_number(struct link_peers *ps, link_peer number); /* NULL: gone */
struct link_conn *link_peers_add(struct link_peers *ps, uint32_t routing_id); /* NULL: full */
void link_peers_remove(struct link_peers *ps, struct link_conn *c);
/* The live one on that file descriptor, or NULL. */
struct link_conn *link_peers_on_fd(struct link_peers *ps, int fd);
/* Walks: the next one at or after *slot that is not CONN_NONE; moves *slot past it. */
struct link_conn *link_peers_next(struct link_peers *ps, size_t *slot);

/* link_zap.c: answers all requests that wait; each refusal is counted and logged. A message then
 * carries the proven key as its property "User-Id", in hexadecimal digits. */
void *link_zap_open(struct link_thread *t); /* NULL: refused by ZeroMQ */
void link_zap_drain(struct link_thread *t, void *socket);

/* Who the key is, as of now: its role, or LINK_ROLES_ with words. */
struct link_admission link_admit(struct link_thread *t, const unsigned char *key);

/* link_listen.c */
enum err link_door_open(struct link_thread *t, const char **ret_why) CHECKED;
void link_door_close(struct link_thread *t);
void *link_door_zap(const struct link_door *d);
void link_door_events(struct link_thread *t);
enum link_read link_door_receive(struct link_thread *t);
void link_door_settle(struct link_thread *t); /* after READ_ALL */
void link_door_tick(struct link_thread *t, int64_t elapsed_ms);
void link_door_send(struct link_thread *t, const struct link_command *c);
void link_door_drop(struct link_thread *t, link_peer number);
void link_door_recheck(struct link_thread *t);

/* link_dial.c */
enum err link_dialer_open(struct link_thread *t, const char **ret_why) CHECKED;
void link_dialer_close(struct link_thread *t);
void link_dialer_events(struct link_thread *t);
enum link_read link_dialer_receive(struct link_thread *t);
void link_dialer_settle(struct link_thread *t);
void link_dialer_tick(struct link_thread *t, int64_t elapsed_ms);
void link_dialer_send(struct link_thread *t, const struct link_command *c);
void link_dialer_beat(struct link_thread *t, const struct link_command *c);

#endif
