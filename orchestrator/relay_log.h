/* The relay's log lines, in words. Texts that peers wrote are made harmless here. */
#ifndef ORCHESTRATOR_RELAY_LOG_H
#define ORCHESTRATOR_RELAY_LOG_H

#include "orchestrator/job_table.h"
#include "run/link.h"

/* credential: the name that the peer's key proves, or "". */
void relay_log_joined(enum link_role role, const char *address, const char *credential,
                      const struct link_hello *hello);
void relay_log_updated(enum link_role role, const struct link_hello *hello);
void relay_log_rejected(const char *address, const char *credential, const struct link_hello *hello,
                        const char *reason);

/* Before it leaves the roster: says what it had. */
void relay_log_lost(const struct roster *roster, enum link_role role, link_peer peer,
                    const char *reason);

void relay_log_note(const struct job_note *n);

#endif
