/* The orchestrator as a role of run/daemon.h: takes segments from broadcasters, gives them to
 * transcoders, passes the rungs back. */
#ifndef ORCHESTRATOR_ROLE_H
#define ORCHESTRATOR_ROLE_H

#include "run/daemon.h"

extern const struct role orchestrator_role;

#endif
