/* What happens, told to whoever listens on this host (nanomsg): each role publishes events as JSON
 * lines on a PUB socket and answers surveys with its status, both in the run directory:
 *   ROLE.PID.events   ipc, PUB: {"time":"...","role":"...","name":"...","event":"...", ...}
 *   ROLE.PID.survey   ipc, RESPONDENT: any question gets the /status document
 * PUB loses what a slow listener does not take: nothing may depend on it.
 *
 * Like the log this is one sink for each role, the one of its loop's thread; emitting before it is
 * open is not an error. Loop's thread. */
#ifndef RUN_EVENTS_H
#define RUN_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "run/json.h"
#include "run/loop.h"

/* Gives the status document of this process. */
typedef struct json *events_status_fn(void *arg);

/* run_dir must be open (run_dir_open). role and name are borrowed. ERR_IO: a socket could not be
 * bound. */
enum err events_open(struct loop *l, const char *run_dir, const char *role, const char *name,
                     events_status_fn *status, void *arg) CHECKED;
void events_close(void);

/* An event under way. Every event_ call between begin and end adds a member; end publishes it. */
struct json *event_begin(const char *event);
void event_end(struct json *e);

/* The usual ones in one line. NULL values are left out. */
void event_emit(const char *event, const char *key, const char *value);
void event_emit_reason(const char *event, const char *key, const char *value, const char *reason);

#endif
