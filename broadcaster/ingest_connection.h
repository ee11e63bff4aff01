/* Inside of ingest: one RTMP connection, from accept to close. Only for ingest*.c. On the loop's
 * thread. */
#ifndef BROADCASTER_INGEST_CONNECTION_H
#define BROADCASTER_INGEST_CONNECTION_H

#include <stdbool.h>
#include <uv.h>

#include "base/list.h"
#include "broadcaster/ingest.h"
#include "broadcaster/rtmp/session.h"

#define INGEST_READ_BYTES 65536 /* of one read; one buffer serves all connections of a loop */

struct proxy_header;

struct ingest {
    struct loop *loop;
    struct ingest_config config;
    const struct ingest_handler *handler;
    void *arg;
    struct ingest_counters counters;
    uv_poll_t listener;
    int listener_fd;
    int port;
    int64_t accept_again_ms; /* 0: connections are taken */
    bool draining;           /* no new connections */
    struct loop_timer *sweep;
    int64_t sweep_ms;
    struct list connections; /* struct publisher.node */
    size_t handles;          /* that have not closed yet, the listener's included */
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
    struct rtmp_session *session;
    char peer[INET6_ADDRSTRLEN + 16]; /* "127.0.0.1:40112", "[::1]:40112" */
    unsigned char address[16];        /* IPv4 in its mapped form */
    int64_t deadline_ms;              /* OPEN: to publish by; DRAINING: to be gone by */
    int64_t last_read_ms;
    int64_t last_ping_ms;
    int64_t paused_until_ms; /* 0: it is read from */
    bool feeding;
    bool asked;     /* the handler has not answered yet */
    bool described; /* its metadata is in the log */
    bool refused;
    bool admitted;
    bool leaving;      /* it was asked to connect anew */
    void *publication; /* the handler's, while asked or admitted */
    bool ending;       /* publisher_close was called: */
    char ending_text[256];
    bool shut; /* our side of the connection has been closed */
    bool writing;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct buf sending;
};

/* Takes a connected socket; over the limits it is closed at once. */
void connection_accept(struct ingest *i, int fd);

/* Acts on deadlines and on publisher_close. */
void connection_sweep(struct publisher *p, int64_t now_ms);

/* At the end of the ingest: tells a publisher so, as far as that needs no waiting, and closes. */
void connection_stop(struct publisher *p);

/* A handle has closed; the last one of a closing ingest ends it. */
void ingest_handle_closed(struct ingest *i);

#endif
