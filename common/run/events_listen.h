/* The listening side of run/events.h: surveys and events of all roles in a run directory. For
 * tools; blocking, one thread. */
#ifndef RUN_EVENTS_LISTEN_H
#define RUN_EVENTS_LISTEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/span.h"

#define EVENTS_PEERS_MAX 256 /* roles of one host */

/* text: one JSON document, borrowed until the function returns. */
typedef void events_text_fn(void *arg, struct span text);

/* Asks every role that is there for its status; fn for each answer, for at most wait_ms. Returns
 * how many sockets there are (0: no role runs here); fewer answers may have come. */
size_t events_survey(const char *run_dir, int wait_ms, events_text_fn *fn, void *arg);

struct events_listener;

/* ERR_IO: no socket could be made. */
enum err events_listener_create(struct events_listener **ret_listener) CHECKED;
void events_listener_destroy(struct events_listener *l); /* takes NULL */

/* Connects to roles that are new in run_dir; returns how many are connected. */
size_t events_listener_refresh(struct events_listener *l, const char *run_dir);

/* Waits at most wait_ms for one event. False: none came. */
bool events_listener_next(struct events_listener *l, int wait_ms, events_text_fn *fn, void *arg);

#endif
