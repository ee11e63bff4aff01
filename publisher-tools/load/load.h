/* The commands of bin/load: each reads its own flags (argv[0] is the command's name) and returns
 * the exit status: 0 measured, 1 could not be measured, 2 usage. */
#ifndef PUBLISHER_TOOLS_LOAD_LOAD_H
#define PUBLISHER_TOOLS_LOAD_LOAD_H

#include <stdatomic.h>

#include "run/options.h"

/* Set by SIGINT and SIGTERM: end soon and tell what has been measured. */
extern atomic_bool load_stop;

int load_transcode(int argc, char **argv);

/* Reads flags; *help and *version are fields of the config. Returns -1: go on; else the exit
 * status. */
int load_read_flags(const char *command, const struct option *table, size_t n, int argc,
                    char **argv, void *config, const bool *help);

#endif
