/* What the service manager is told (sd_notify(3), systemd): ready, a sentence on what is going on,
 * signs of life for its watchdog, stopping. Without NOTIFY_SOCKET in the environment nothing is
 * sent. Loop's thread. */
#ifndef RUN_NOTIFY_H
#define RUN_NOTIFY_H

#include <stddef.h>

#include "run/loop.h"

struct notify;

#define NOTIFY_TEXT_SIZE 256 /* of a sentence, with its NUL */

/* Writes one short sentence of at most size bytes with the NUL; "" keeps the last one. */
typedef void notify_text_fn(void *arg, char *text, size_t size);

/* READY=1 and MAINPID follow once the loop runs, then WATCHDOG=1 at half of the interval that the
 * service manager asked for (WATCHDOG_USEC), if it did, and STATUS whenever text(arg) has a new
 * sentence, which is asked for at least every 5 s. text may be NULL. Gives; NULL without a service
 * manager. */
struct notify *notify_create(struct loop *l, notify_text_fn *text, void *arg);

/* STOPPING=1; the signs of life go on. Takes NULL. */
void notify_stopping(struct notify *n);

/* Sends nothing. Takes NULL. */
void notify_destroy(struct notify *n);

#endif
