/* The conversation with the auth webhook (auth_webhook.h): asks, with a time limit; tells of ends,
 * which are tried twice and never waited for. Loop's thread. */
#ifndef BROADCASTER_AUTH_AUTH_CLIENT_H
#define BROADCASTER_AUTH_AUTH_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "broadcaster/auth/auth_webhook.h"
#include "run/loop.h"
#include "run/metrics.h"

#define AUTH_NOTICES_MAX 1024 /* ends under way; what is more is dropped, counted and logged */

struct auth_client;
struct auth_call; /* one question that is still open */

struct auth_counters {
    uint64_t allowed, denied,
        failed;            /* questions; failed: no answer, or none that was understood */
    uint64_t told, untold; /* ends */
    struct histogram took;
};

/* err: ERR_OK, with an answer; ERR_AUTH: it says no; ERR_TIMEOUT, else: it gave no verdict, which
 * is a no too, but maybe_yes (auth_webhook.h). why: words for the log. */
typedef void auth_fn(void *arg, enum err err, const struct auth_answer *answer, bool maybe_yes,
                     const char *why);

/* ERR_PROTO: that URL cannot be asked; ret_why (AUTH_WHY_MAX bytes) says what it lacks. */
enum err auth_client_create(struct loop *l, const char *url, int64_t timeout_ms,
                            struct auth_client **ret_client, char *ret_why) CHECKED;

/* Takes NULL. Open questions and notices are forgotten. */
void auth_client_destroy(struct auth_client *c);

/* fn is called once, later. Gives the open call, which is over then. */
struct auth_call *auth_client_ask(struct auth_client *c, const struct auth_session *s,
                                  const char *url, auth_fn *fn, void *arg);
void auth_client_cancel(struct auth_call *call); /* fn is not called any more */

void auth_client_tell_end(struct auth_client *c, const struct auth_session *s,
                          const char *manifest_id, int64_t seconds, const char *reason);

/* No notice is under way. */
bool auth_client_idle(const struct auth_client *c);

const struct auth_counters *auth_client_counters(const struct auth_client *c);

#endif
