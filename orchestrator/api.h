/* The orchestrator's part of the control API (deploy/openapi.yaml): itself, its cap and its
 * accounts, in the words of the known system. Loop's thread. */
#ifndef ORCHESTRATOR_API_H
#define ORCHESTRATOR_API_H

#include "orchestrator/relay.h"
#include "orchestrator/treasury.h"
#include "run/addr.h"
#include "run/http_route.h"

#define ORCHESTRATOR_SESSIONS_MAX 100000

/* First field of the role's own struct, which the routes get as their argument. */
struct orchestrator_api {
    struct relay *relay; /* borrowed, all three */
    struct treasury *treasury;
    const bool *stopping;
    char addr[ADDR_MAX]; /* where the orchestrator listens */
};

#define ORCHESTRATOR_ROUTES 12
extern const struct http_route orchestrator_routes[ORCHESTRATOR_ROUTES];

#endif
