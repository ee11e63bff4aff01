/* How a process comes to its configuration: the defaults of the flags' table, then the file of
 * -config, then the flags, which win. The environment is no source. */
#ifndef RUN_SETTINGS_H
#define RUN_SETTINGS_H

#include "run/config.h"
#include "run/config_print.h"

#define SETTINGS_MAX 96 /* flags of one program */

struct settings {
    struct config_print print; /* the role's name and its table */
    struct option_origin origins[SETTINGS_MAX];
    const char *path; /* of the file; NULL: there is none */
    struct config_file *file;
    int argc; /* as read; argv is borrowed */
    char **argv;
};

/* Both are borrowed for as long as the settings live; p->n is at most SETTINGS_MAX. */
void settings_init(struct settings *s, const struct config_print *p);

/* Wipes the file's secrets: no text in the config may be used after it. */
void settings_fini(struct settings *s);

/* Defaults and flags into config. ERR_PROTO: a sentence and the hint are on stderr. */
enum err settings_read_flags(struct settings *s, int argc, char **argv, void *config) CHECKED;

/* Writes to stderr how to learn of the flags, for behind a sentence about a wrong one. */
void settings_hint(const struct settings *s);

/* Fills what no flag has set from the file that the flag of that name ("config") was given; nothing
 * to do when it was not. On failure one line is on stderr. */
enum err settings_read_file(struct settings *s, const char *flag, void *config) CHECKED;

/* The same two steps once more, into another config, for a file that has changed since. Texts in it
 * are borrowed until config_destroy(*ret_file); NULL: there is no file. What was read first stays
 * as it is. On failure ret_why (of size CONFIG_WHY_MAX) says what is wrong. */
enum err settings_read_again(const struct settings *s, void *config, struct config_file **ret_file,
                             char *ret_why) CHECKED;

/* True when the flag of that name has its value from the command line or from the file. */
bool settings_given(const struct settings *s, const char *name);

/* Logs what is unwise about the file. Call it once, with the log open. */
void settings_warn(const struct settings *s);

/* Writes all values or a sample (as config_print_sample) to stdout.
 * Returns the process's exit status. */
int settings_print_values(const struct settings *s, const void *config);
int settings_print_sample(const struct settings *s, const struct option_sample *samples);

#endif
