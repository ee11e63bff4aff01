/* A configuration file: YAML (1.1, as libyaml 0.2.5 reads it) that gives flags their values, read
 * strictly against the flags' own table. One map of "flag: value" and nothing else:
 *  - booleans are true or false; numbers are decimal digits; what stands in quotes is text;
 *  - a list of names is a text with commas, or a sequence of texts;
 *  - no anchors, aliases, tags, second documents, values over several lines or control characters;
 *  - a flag stands there once. Flags that ask for something else than a run (-help) may not.
 * The environment is no source of values. */
#ifndef RUN_CONFIG_H
#define RUN_CONFIG_H

#include "base/err.h"
#include "base/span.h"
#include "run/options.h"

#define CONFIG_BYTES_MAX (64 * 1024)
#define CONFIG_WHY_MAX   1024

/* What a printed secret looks like; a file that says it in earnest is refused. */
#define CONFIG_SECRET_SHOWN "***"

/* The values of one file. */
struct config_file;

/* What is wrong with a text. */
struct config_fault {
    unsigned line;             /* from 1; 0: the text as a whole */
    char text[CONFIG_WHY_MAX]; /* "KEY: sentence", or a sentence; one line, no secret */
};

/* Pure. Gives the values of the text (an empty one has none); their places in the table are kept,
 * so the same table must be given to the functions below. Wipes its copies of secrets when
 * destroyed. ERR_LIMIT: larger than CONFIG_BYTES_MAX; ERR_PROTO; ERR_NOMEM; with each *ret_fault.
 */
enum err config_read(struct span text, const struct option *table, size_t n,
                     struct config_file **ret_file, struct config_fault *ret_fault) CHECKED;

/* Takes NULL. */
void config_destroy(struct config_file *file);

/* Sets each field that the file gives and no flag has given, and its origin. The texts are borrowed
 * from file, which must live as long as config. Pure. */
void config_apply(const struct config_file *file, const struct option *table, void *config,
                  struct option_origin *origins);

/* The value of table[i] as a flag's text ("true", "5", "a,b"), and its line; NULL: not given. */
const char *config_value(const struct config_file *file, size_t i, unsigned *ret_line);

/* Reads the file (or pipe) of that name. On failure ret_why (of CONFIG_WHY_MAX) is one line for
 * people: "FILE:LINE: KEY: sentence". ERR_IO: it cannot be read; else as config_read. */
enum err config_load(const char *path, const struct option *table, size_t n,
                     struct config_file **ret_file, char *ret_why) CHECKED;

/* When the file can be read by others than its owner and holds a secret itself (not the name of a
 * file with one): true, and ret_why (of CONFIG_WHY_MAX) says so in words, without the secret. */
bool config_exposed(const char *path, const struct config_file *file, const struct option *table,
                    size_t n, char *ret_why);

#endif
