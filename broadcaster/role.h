/* The broadcaster as a role of run/daemon.h: RTMP in, HLS out, jobs to the orchestrator. */
#ifndef BROADCASTER_ROLE_H
#define BROADCASTER_ROLE_H

#include "run/daemon.h"

extern const struct role broadcaster_role;

#endif
