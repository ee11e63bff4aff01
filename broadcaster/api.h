/* The broadcaster's part of the control API (deploy/openapi.yaml): its settings and its streams, in
 * the words of the known system. Loop's thread. */
#ifndef BROADCASTER_API_H
#define BROADCASTER_API_H

#include "broadcaster/auth/admission.h"
#include "broadcaster/jobs/uplinks.h"
#include "broadcaster/stream/board.h"
#include "broadcaster/stream/stream.h"
#include "run/http_route.h"

#define API_SESSIONS_MAX 1000000

/* First field of the role's own struct, which the routes get as their argument; all borrowed. */
struct api {
    struct streams *streams;
    struct board *board;
    struct uplinks *uplinks; /* NULL: source only */
    struct admission *admission;
};

#define API_ROUTES 12
extern const struct http_route api_routes[API_ROUTES];

/* "OrchestratorPool" and the other keys of /status by which the known system's tools go. */
void api_status(const struct api *api, struct json *object);

#endif
