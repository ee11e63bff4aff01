/* Command line flags from a typed table: -flag, --flag, -flag=value, -flag value; no abbreviations.
 * Booleans are -flag or -flag=false. An argument that is not a flag is refused, unless a flag was
 * given that takes one (OPTION_ARGUMENT). Pure: it prints nothing. */
#ifndef RUN_OPTIONS_H
#define RUN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

enum option_type {
    OPTION_BOOL,   /* bool */
    OPTION_INT,    /* long, min..max */
    OPTION_STRING, /* const char *, borrowed from argv or from the default */
    /* The same, and once the text flag that stands before it in the table has a value, its own may
     * stand without a flag: "-mint ROLE NAME" is "-mint ROLE -mintName NAME". Without defaults. */
    OPTION_ARGUMENT,
};

struct option {
    const char *name; /* without dashes */
    enum option_type type;
    const char *default_text; /* NULL: false, 0, "" */
    long min, max;            /* OPTION_INT; texts: min 1 = may not be given empty */
    bool secret;              /* never printed */
    size_t offset;            /* of the field in the role's config struct */
    const char *placeholder;  /* for usage: "ADDR"; NULL for booleans */
    const char *help;         /* one sentence */
};

/* Sets every field to its default, then reads argv[1..]. On ERR_PROTO ret_why (of size
 * OPTIONS_WHY_MAX) says what is wrong, e.g. "unknown flag -rtmp". */
#define OPTIONS_WHY_MAX 512
enum err options_parse(const struct option *table, size_t n, int argc, char **argv, void *config,
                       char *ret_why) CHECKED;

/* The usage text: one paragraph per flag, with defaults. */
void options_usage(FILE *out, const char *program, const struct option *table, size_t n);

#endif
