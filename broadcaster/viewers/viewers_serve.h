/* The threads that serve viewers: each runs a libmicrohttpd of its own, all on one listening
 * socket.
 *
 * The library's own threads will not do: it takes 128 events at once, and when it got exactly so
 * many it waits for further ones, up to a connection's time-out, before it looks at those that it
 * has (0.9.75, MHD_epoll). So it never waits: the threads here do, for it. And without threads of
 * its own it tells nobody that a connection was resumed: serve_resume does. */
#ifndef BROADCASTER_VIEWERS_VIEWERS_SERVE_H
#define BROADCASTER_VIEWERS_VIEWERS_SERVE_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"

struct serve;
struct server;
struct watched;

/* What a connection (`struct watched`) has a place for, zeroed at first; for viewers_serve.c only.
 */
struct serving {
    struct list node;      /* linked: it may need a push */
    struct server *server; /* whose thread it has; NULL: not begun */
    int fd;
    bool large_segments; /* TCP's: as on loopback */
    bool corked;
};

/* Starts a library's daemon without threads, by epoll, that accepts from `fd` and takes it when it
 * starts. SIGPIPE is blocked in the threads that run it. NULL: it cannot. */
typedef struct MHD_Daemon *serve_start_fn(void *arg, int fd);

/* Takes `fd`, a listening socket. threads: at least 1. NULL: a daemon or a thread could not be
 * started. */
struct serve *serve_create(int threads, int fd, serve_start_fn *start, void *arg);

/* No request may be suspended for good; those that were resumed before are answered. Ends the
 * threads and closes all connections. Takes NULL. */
void serve_destroy(struct serve *s);

/* A daemon's thread, when a connection comes: serve_resume will find the thread. The descriptor
 * must stay open until serve_sent. */
void serve_begin(struct watched *c, int fd);

/* An answer of n bytes begins, and whether the kernel sends it from a file; it is over, or the
 * connection is. Between the two what is held back of the bytes, so that packets are full, is sent
 * when the thread has nothing else to do. The connection's own thread; c may be NULL. */
void serve_sends(struct watched *c, size_t n, bool from_file);
void serve_sent(struct watched *c);

/* MHD_resume_connection, for a connection of one of the daemons whose socket context is `struct
 * watched`, or NULL. Any thread, before serve_destroy. */
void serve_resume(struct MHD_Connection *connection);

#endif
