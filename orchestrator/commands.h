/* The orchestrator's commands about credentials: -mint, -revoke, -listCredentials. They work on the
 * data directory, whether or not an orchestrator runs on it, print and end. */
#ifndef ORCHESTRATOR_COMMANDS_H
#define ORCHESTRATOR_COMMANDS_H

#include <stdbool.h>

/* Texts are "" when their flag was not given. */
struct commands_config {
    const char *mint;      /* a role */
    const char *mint_name; /* the new credential's name */
    const char *revoke;    /* a credential's name */
    bool list, json;
    const char *orch_secret; /* -mint: the one that the orchestrator is started with, if any */
};

/* Returns the exit status: 0 done, 1 not possible (said on stderr), 2 wrong usage (said on stderr),
 * or -1: no command was given. What was asked for goes to stdout; blocks. */
int commands_run(const char *data_dir, const struct commands_config *config);

#endif
