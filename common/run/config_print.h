/* The values of flags as YAML that config_read takes back. Pure; secrets are never written. */
#ifndef RUN_CONFIG_PRINT_H
#define RUN_CONFIG_PRINT_H

#include "base/buf.h"
#include "run/options.h"

/* What is printed, for the sentence at its head and the names in it. */
struct config_print {
    const char *role; /* "broadcaster" */
    const struct option *table;
    size_t n;
    const struct option_group *groups; /* NULL: none */
};

/* A line for each flag of the table that a file may give: its value in config, and where that came
 * from (n origins; path: the file's name for OPTION_FROM_FILE, may be NULL). A secret's line is a
 * comment with CONFIG_SECRET_SHOWN; so is, with a word about it, that of a value no file can hold.
 * Errors: as buf_put. */
enum err config_print_values(struct buf *out, const struct config_print *p, const void *config,
                             const struct option_origin *origins, const char *path) CHECKED;

/* A sample file: each flag with its help and its default in a comment. What samples (may be
 * NULL) names stands there in earnest.
 * Errors: as buf_put. */
enum err config_print_sample(struct buf *out, const struct config_print *p,
                             const struct option_sample *samples) CHECKED;

#endif
