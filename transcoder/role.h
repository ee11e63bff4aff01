/* The transcoder as a role of the daemon: flags, life, /status and /metrics. */
#ifndef TRANSCODER_ROLE_H
#define TRANSCODER_ROLE_H

#include "run/daemon.h"

extern const struct role transcoder_role;

#endif
