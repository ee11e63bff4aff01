/* Inside of ingest: one RTMP connection, from accept to close. Only for ingest*.c. On the loop's
 * thread. */
#ifndef BROADCASTER_INGEST_INGEST_CONNECTION_H
#define BROADCASTER_INGEST_INGEST_CONNECTION_H

#include <stdbool.h>
#include <uv.h>

#include "base/list.h"
#include "broadcaster/ingest/ingest.h"
#include "broadcaster/ingest/ingest_tls.h"
#include "broadcaster/rtmp/session.h"

#define INGEST_READ_BYTES 65536 /* of one read; one buffer serves all connections of a loop */

#define INGEST_LISTENERS 2 /* without and with TLS */

struct proxy_header;

struct ingest_listener {
    struct ingest *ingest;
    uv_poll_t poll;
    int fd;
    int port;
    bool tls;
    int64_t accept_again_ms; /* 0: connections are taken */
};

struct ingest {
    struct loop *loop;
    struct ingest_config config;
    const struct ingest_handler *handler;
    void *arg;
    struct ingest_counters counters;
    struct ingest_listener listeners[INGEST_LISTENERS];
    size_t n_listeners;
    struct tls_credentials *credentials; /* of new connections; NULL: no TLS */
    bool draining;                       /* no new connections */
    size_t told;                         /* connections over a limit */
    struct loop_timer *sweep;
    int64_t sweep_ms;
    struct list connections; /* struct publisher.node */
    struct list woken;       /* struct publisher.woken: players with something to send */
    uv_prepare_t prepare;    /* they send before the loop waits, */
    uv_check_t check;        /* and after what came in was handled */
    size_t handles;          /* that have not closed yet, the listeners' and these included */
    void (*done)(void *arg); /* set once it closes */
    void *done_arg;
    char read_bytes[INGEST_READ_BYTES];
};

enum connection_phase {
    CONNECTION_OPEN,
    CONNECTION_DRAINING, /* the last answer is on its way; what comes in is thrown away */
    CONNECTION_CLOSING,  /* the handle is being closed */
};

struct publisher {
    struct list node;
    struct ingest *ingest;
    uv_tcp_t tcp;
    enum connection_phase phase;
    struct proxy_header *proxy_header; /* NULL: none is awaited */
    struct tls_session *tls;           /* NULL: what is read and written is RTMP itself */
    struct rtmp_session *session;
    char peer[INET6_ADDRSTRLEN + 16]; /* "127.0.0.1:40112", "[::1]:40112" */
    unsigned char address[16];        /* IPv4 in its mapped form */
    int64_t deadline_ms;              /* OPEN: to publish by; DRAINING: to be gone by */
    int64_t last_read_ms;
    int least_read; /* bytes that wake us up; 0: as at first, 1 */
    int64_t last_ping_ms;
    int64_t paused_until_ms; /* 0: it is read from */
    bool feeding;
    bool asked;     /* the handler has not answered yet */
    bool described; /* its metadata is in the log */
    bool refused;
    const char *over_limit; /* why it may not; static. NULL: it is within the limits */
    bool admitted;
    bool leaving;      /* it was asked to connect anew */
    void *publication; /* the handler's, while asked or admitted */
    bool ending;       /* publisher_close was called: */
    char ending_text[256];
    struct player *player; /* from the question to play on */
    bool playing;
    struct list woken;
    size_t unsent_bytes; /* players: what the network had not taken when it last took some, */
    int64_t taken_ms;    /* which was then */
    bool shut;           /* our side of the connection has been closed */
    bool writing;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct buf sending;
};

/* One that has no socket yet; gives it to the ingest, until it is closed. */
struct publisher *connection_create(struct ingest *i);

/* Reads from now on. False: that is not possible. */
bool connection_read(struct publisher *p);

/* As connection_read, of one that publisher_pause holds back. */
void connection_resume(struct publisher *p);

/* The next bytes are read however few they are. */
void connection_hear_all(struct publisher *p);

/* At once, without a word to the peer. */
void connection_close(struct publisher *p, const char *reason);

/* Sends what there is to be sent and may be sent now. */
void connection_flush(struct publisher *p);

/* Says no more, but what is on its way still goes; then closes. */
void connection_drain(struct publisher *p, const char *reason);

/* At the end of the ingest: tells a publisher so, as far as that needs no waiting, and closes. */
void connection_stop(struct publisher *p);

/* --- ingest.c --- */

/* A handle has closed; the last one of a closing ingest ends it. */
void ingest_handle_closed(struct ingest *i);

/* --- ingest_accept.c --- */

/* Takes a connected socket of that listener; over the limits it is told so, or closed at once. */
void connection_accept(struct ingest_listener *l, int fd);

/* Once the address is known (behind a proxy, after its header): whether one more of it may wait.
 * False: it may not, and is closed; a few are let in to hear why. */
bool accept_of_address(struct publisher *p);

/* --- ingest_sweep.c --- */

/* Acts on deadlines and on publisher_close. */
void connection_sweep(struct publisher *p, int64_t now_ms);

/* --- ingest_play.c --- */

/* The session's events of one who plays. True: it was one. */
bool play_on_event(struct publisher *p, const struct rtmp_event *e);

/* The answer is yes. */
void play_admit(struct publisher *p);

/* Moves into the session what waits for it. False: the connection is being closed. */
bool play_fill(struct publisher *p);

/* Who takes nothing for too long is closed. */
void play_sweep(struct publisher *p, int64_t now_ms);

/* The connection ends, or the play does. */
void play_end(struct publisher *p, const char *reason);

/* All that were woken send. */
void play_flush_woken(struct ingest *i);

#endif
