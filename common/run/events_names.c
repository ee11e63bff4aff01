#include "run/events_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void events_name_write(char out[EVENTS_PATH_MAX], const char *run_dir, const char *role, long pid,
                       const char *suffix)
{
    snprintf(out, EVENTS_PATH_MAX, "%s/%s.%ld%s", run_dir, role, pid, suffix);
}

bool events_name_has(const char *name, const char *suffix)
{
    size_t len = strlen(name), end = strlen(suffix);
    return len > end && strcmp(name + len - end, suffix) == 0;
}

long events_name_pid(const char *name)
{
    if (!events_name_has(name, EVENTS_SUFFIX) && !events_name_has(name, SURVEY_SUFFIX)) {
        return 0;
    }
    const char *dot = strchr(name, '.');
    char *end;
    long pid = strtol(dot + 1, &end, 10);
    bool whole =
        end > dot + 1 && (strcmp(end, EVENTS_SUFFIX) == 0 || strcmp(end, SURVEY_SUFFIX) == 0);
    return whole && pid > 0 ? pid : 0;
}
