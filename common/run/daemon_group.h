/* Several roles in one process: each has a thread and a loop of its own, as it would have a
 * process; signals, the log's level and the service manager are the group's. Main thread. */
#ifndef RUN_DAEMON_GROUP_H
#define RUN_DAEMON_GROUP_H

#include "run/daemon.h"

#define DAEMON_PARTS_MAX 4

struct daemon_part;

/* Reads a role's flags, with the file that they name, and makes its data directory. Returns -1 and
 * gives (free with daemon_part_close), or the exit status of what the flags asked for or of what is
 * wrong with them. argv is borrowed for as long as it lives. */
int daemon_part_open(const struct role *role, int argc, char **argv, struct daemon_part **ret_part);
void daemon_part_close(struct daemon_part *part); /* takes NULL */

/* The value of a flag that is a text, "" when the role has no such flag. Borrowed. */
const char *daemon_part_text(const struct daemon_part *part, const char *flag);
const char *daemon_part_data_dir(const struct daemon_part *part);

/* Gives a text flag this value (borrowed while the part lives) unless it has been given one. */
void daemon_part_default(struct daemon_part *part, const char *flag, const char *text);
/* The same for a flag without a value: switches it on unless it has been given. */
void daemon_part_default_on(struct daemon_part *part, const char *flag);
/* Empties a text flag, whatever it has been given. */
void daemon_part_clear(struct daemon_part *part, const char *flag);

/* Does the command that the flags ask for (role.command). -1: they ask for none. */
int daemon_part_command(struct daemon_part *part);

/* Starts them one after the other, each once the one before runs, and returns when all have ended.
 * SIGINT and SIGTERM stop the last one first, and the next when it has ended; so does a role that
 * ends by itself, or cannot be made. SIGHUP reaches all. name stands in the lines of no role.
 * Returns the exit status: that of the first role which failed, or 0. */
int daemon_group_run(const char *name, struct daemon_part *const *parts, size_t n);

#endif
