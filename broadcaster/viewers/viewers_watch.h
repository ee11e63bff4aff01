/* The watch over viewers' connections: each has a deadline for what it does now; one that passes it
 * is shut down, however steadily it drips. libmicrohttpd's own time-out sees silence only. */
#ifndef BROADCASTER_VIEWERS_VIEWERS_WATCH_H
#define BROADCASTER_VIEWERS_VIEWERS_WATCH_H

#include <stddef.h>
#include <stdint.h>

#include "broadcaster/viewers/client.h"

struct watch;
struct watched; /* one connection */

#define WATCH_RATE_MIN 8 /* bytes per millisecond: slower senders of a body are given up */

/* Starts a thread. allowance_ms: for sending a request, or being silent between two, and for each
 * answer on top of its size at rate_min (bytes per millisecond; 0: WATCH_RATE_MIN). NULL: no thread
 * could be had. */
struct watch *watch_create(int64_t allowance_ms, size_t rate_min);

/* Ends the thread; all connections must have been removed. Takes NULL. */
void watch_destroy(struct watch *w);

/* Any thread. The descriptor must stay open until watch_remove. NULL: no memory (all others take
 * NULL then). */
struct watched *watch_add(struct watch *w, int fd);
void watch_remove(struct watch *w, struct watched *c);

/* An answer of n bytes begins; it is complete (or broken), and the next request may come. ends
 * returns the size that begins was told. The connection's own thread. */
void watch_answer_begins(struct watched *c, size_t n);

/* Takes what the answer's body needs: drop(kept) when the answer ends, or the connection. Not NULL.
 * The connection's own thread. */
void watch_answer_keeps(struct watched *c, void *kept, void (*drop)(void *kept));

/* The body is a file up to there: a connection whose file becomes shorter is shut down, since the
 * rest that was announced will not come. The descriptor has to stay open until watch_answer_ends,
 * or until what is kept is dropped. */
void watch_answer_file(struct watched *c, int fd, uint64_t end);
size_t watch_answer_ends(struct watched *c);

/* After watch_hold in mid answer: n bytes of it are still to come. c may not be NULL. */
void watch_answer_goes_on(struct watched *c, size_t n);

/* A request's body is read: n bytes of it so far, 0 when it begins. It has the allowance plus its
 * size at WATCH_RATE_MIN. */
void watch_body(struct watched *c, size_t n);

/* The connection waits for us: no deadline until the next call of the others. */
void watch_hold(struct watched *c);

/* Since when (clock_mono_us) what the connection's answer has was waited for and is there; 0, as at
 * first: it was not waited for. The connection's own thread; c may be NULL. */
void watch_set_ready(struct watched *c, int64_t us);
int64_t watch_ready(const struct watched *c);

/* A place for what the connection's request needs, NULL at first; the connection's own thread.
 * Takes no NULL. */
void **watch_slot(struct watched *c);

/* Another one, for what the request has to do with money. */
void **watch_pay_slot(struct watched *c);

/* A place for whose thread it has (viewers_serve). Takes no NULL. */
struct serving;
struct serving *watch_serving(struct watched *c);

/* A place for whose request it is, zeroed at first; the connection's own thread. Takes no NULL. */
struct client *watch_client(struct watched *c);

uint64_t watch_slow_count(const struct watch *w);   /* connections shut down in mid answer */
uint64_t watch_shrunk_count(const struct watch *w); /* those whose file became shorter */
uint64_t watch_connections(const struct watch *w);  /* open now */

#endif
