/* Names of the sockets in the run directory. Pure. */
#ifndef RUN_EVENTS_NAMES_H
#define RUN_EVENTS_NAMES_H

#include <stdbool.h>

#define EVENTS_PATH_MAX 108 /* sun_path of unix(7) */
#define EVENTS_SUFFIX   ".events"
#define SURVEY_SUFFIX   ".survey"

/* RUN_DIR/ROLE.PID.SUFFIX */
void events_name_write(char out[EVENTS_PATH_MAX], const char *run_dir, const char *role, long pid,
                       const char *suffix);

/* The process number in such a name without its folder; 0 when it is none. */
long events_name_pid(const char *name);

bool events_name_has(const char *name, const char *suffix);

#endif
