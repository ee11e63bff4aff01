/* The orchestrator's own flags, as they were given: their table, and the struct that the daemon
 * fills from it. Texts are borrowed from the daemon and never NULL. What a value means, and whether
 * it can be used, is decided where it is. */
#ifndef ORCHESTRATOR_ROLE_CONFIG_H
#define ORCHESTRATOR_ROLE_CONFIG_H

#include <stdbool.h>

#include "orchestrator/treasury.h"
#include "run/config.h"
#include "run/daemon.h"

struct orchestrator_config {
    struct daemon_config common;
    const char *service_addr, *orch_secret, *http_addr;
    const char *mint, *mint_name, *revoke;
    bool list_credentials, json;
    long max_sessions, heartbeat_ms, peer_timeout_ms, late_after_ms, hedge_after_ms, max_attempts;
    struct treasury_config money;
};

#define ORCHESTRATOR_OPTIONS 33 /* the compiler says when it is not the table's length */

extern const struct option orchestrator_options[ORCHESTRATOR_OPTIONS];

/* The recipe of README.md. */
extern const struct option_sample orchestrator_samples[];

#endif
