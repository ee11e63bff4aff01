/* One command line for several roles: which flags are whose. Pure. */
#ifndef RUN_DAEMON_SPLIT_H
#define RUN_DAEMON_SPLIT_H

#include <stddef.h>

#include "base/err.h"
#include "run/options.h"

#define SPLIT_WHY_MAX 512

/* A role's share: what its own process would have been given. */
struct daemon_split {
    const char *role;
    const struct option *table;
    size_t n;
    char **argv; /* argv[0] first, ends with NULL */
    int argc;
};

/* A flag that several roles have and one of them takes alone. */
struct daemon_split_rule {
    const char *flag;
    const char *role; /* NULL: none; it has to be given as -ROLE.FLAG */
};

/* "-ROLE.FLAG" is that role's; a flag without a role goes to each that has it, as the rules (up to
 * one with flag NULL) say otherwise. What is no flag goes to the first role with OPTION_ARGUMENTs,
 * or to the first one. Fills argv and argc of each part, to be freed with daemon_split_fini
 * whatever is returned. ERR_NOENT: no role has such a flag; ERR_STATE: a rule without a role.
 * ret_why (of SPLIT_WHY_MAX) is a sentence then. */
enum err daemon_split(const struct daemon_split_rule *rules, int argc, char **argv,
                      struct daemon_split *parts, size_t n, char *ret_why) CHECKED;
void daemon_split_fini(struct daemon_split *parts, size_t n);

#endif
