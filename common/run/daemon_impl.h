/* What daemon.c and daemon_group.c share: a role with its flags, on its way through a process. */
#ifndef RUN_DAEMON_IMPL_H
#define RUN_DAEMON_IMPL_H

#include "run/daemon.h"
#include "run/settings.h"

struct process {
    struct daemon d; /* first: what a role knows of it leads back here */
    const struct role *role;
    void *instance;
    struct control *control;
    struct notify *notify; /* NULL in a group */
    bool on_terminal;      /* that ends this process when it is closed */

    struct option table[SETTINGS_MAX];
    struct config_print print;
    struct settings settings;
    void *config;
    char self[128];
    struct daemon_part *part; /* NULL: alone */
};

/* Reads the flags and what they name, and makes the data directory. Returns -1 and gives (free with
 * process_close), or the exit status of what the flags asked for or of what is wrong. argv is
 * borrowed for as long as it lives. */
int process_open(const struct role *role, int argc, char **argv, struct process **ret_p);
void process_close(struct process *p); /* takes NULL */

/* Does the command that the flags ask for. Returns the exit status, or -1: they ask for none. */
int process_command(struct process *p);

/* Makes the role on p->d.loop, whose thread this is, calls on_running, runs until it has stopped
 * and destroys it. Returns the exit status. */
int process_run_role(struct process *p, void (*on_running)(struct process *p));

/* On the loop's thread. */
void process_begin_stop(struct process *p, const char *why);
void process_reload(struct process *p);

/* Behind a failure: that values came from a file too. */
void process_tell_origin(const struct process *p, int status);

/* Whether this process has a terminal, and whether it is to end with it. */
bool process_has_terminal(void);
bool process_follows_terminal(void);

#endif
