/* Flags and addresses on one command line: options_parse takes flags only, the tools also take
 * URLs, before, between and after them. Pure. */
#ifndef PUBLISHER_TOOLS_ARGS_H
#define PUBLISHER_TOOLS_ARGS_H

#include <stddef.h>

#include "run/options.h"

struct args {
    char **flags; /* for options_parse: program name first, then flags with their values */
    int n_flags;
    char **others; /* what is neither a flag nor a flag's value, in order */
    int n_others;
};

/* Sorts argv by the table: a flag that takes a value and has no "=" takes the next argument with
 * it. Whatever begins with a dash counts as a flag, known or not. Borrows the strings of argv;
 * gives the two arrays (args_fini). */
void args_init(struct args *a, const struct option *table, size_t n, int argc, char **argv);
void args_fini(struct args *a);

#endif
