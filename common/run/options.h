/* Flags from a typed table: -flag, --flag, -flag=value, -flag value; no abbreviations. Booleans are
 * -flag or -flag=false; -h is -help. An argument that is not a flag is refused, unless a flag was
 * given that takes one (OPTION_ARGUMENT). The same table is what a configuration file is read
 * against (config.h). Pure: it prints nothing. */
#ifndef RUN_OPTIONS_H
#define RUN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

enum option_type {
    OPTION_BOOL,     /* bool */
    OPTION_INT,      /* long, min..max */
    OPTION_DURATION, /* long, milliseconds, min..max: "30s", "500ms", "2m", "1h"; "30" is seconds */
    OPTION_STRING,   /* const char *, borrowed from argv, from a file or from the default */
    OPTION_LIST,     /* const char *, names with commas between; a file may give a sequence too */
    OPTION_COMMAND,  /* bool that asks for something else than a run (-help): never in a file */
    OPTION_COMMAND_TEXT, /* const char * that only the command line can give: never in a file */
    /* The same, and once the text flag that stands before it in the table has a value, its own may
     * stand without a flag: "-mint ROLE NAME" is "-mint ROLE -mintName NAME". Without defaults. */
    OPTION_ARGUMENT,
};

struct option {
    const char *name; /* without dashes */
    enum option_type type;
    const char *default_text; /* NULL: false, 0, "" */
    long min,
        max;     /* OPTION_INT, OPTION_DURATION (ms); of a text, min 1: it may not be given empty */
    bool secret; /* never printed; OPTION_STRING */
    size_t offset;           /* of the field in the role's config struct */
    const char *placeholder; /* for usage: "ADDR"; NULL for booleans */
    const char *help;        /* one sentence */
};

/* A heading of a long table: it stands before the flag that is its first. An array of them ends
 * with a NULL first. */
struct option_group {
    const char *first;   /* a flag's name */
    const char *heading; /* "Where it listens" */
};

/* What a sample file says in earnest; an array of them ends with a NULL name. */
struct option_sample {
    const char *name;
    const char *text; /* as the flag's value would be written */
};

/* Where a value came from. */
enum option_source { OPTION_FROM_DEFAULT, OPTION_FROM_FILE, OPTION_FROM_FLAG };
struct option_origin {
    enum option_source source;
    unsigned line; /* OPTION_FROM_FILE: in the file, from 1 */
};

/* Sets every field to its default, then reads argv[1..]. On ERR_PROTO ret_why (of size
 * OPTIONS_WHY_MAX) says what is wrong, e.g. "unknown flag -rtmp". */
#define OPTIONS_WHY_MAX 512
enum err options_parse(const struct option *table, size_t n, int argc, char **argv, void *config,
                       char *ret_why) CHECKED;

/* The same, and writes the origin of each of the n values to origins, failed or not. */
enum err options_parse_origins(const struct option *table, size_t n, int argc, char **argv,
                               void *config, struct option_origin *origins, char *ret_why) CHECKED;

/* Sets one field from the text of a value; texts are borrowed for as long as config lives. On
 * ERR_PROTO ret_why (of size OPTIONS_WHY_MAX) says what the flag takes, without its name: "takes a
 * number from 1 to 10". */
enum err options_set(const struct option *o, void *config, const char *text, char *ret_why) CHECKED;

/* The flag of exactly that name (of len bytes, without dashes), or NULL. */
const struct option *options_find(const struct option *table, size_t n, const char *name,
                                  size_t len);

/* What a name that is no flag was probably meant to be: with dashes in front, in other case, or
 * with up to two letters wrong. NULL: no idea. */
const struct option *options_guess(const struct option *table, size_t n, const char *name,
                                   size_t len);

/* A duration as a person would write it: "30s", "1500ms", "0s". */
#define OPTION_DURATION_MAX 32
void option_duration_text(long ms, char *ret_text);

/* True for flags that only the command line can give. */
bool option_is_command(const struct option *o);

/* The heading before the flag of that name, or NULL. groups may be NULL. */
const char *options_heading(const struct option_group *groups, const char *name);

/* One line for who used it wrongly: below what was wrong the whole text would hide that. */
void options_hint(FILE *out, const char *program);

/* The usage text: one paragraph per flag, with defaults, below the groups' headings (NULL: none).
 */
void options_usage(FILE *out, const char *program, const struct option *table, size_t n,
                   const struct option_group *groups);

#endif
