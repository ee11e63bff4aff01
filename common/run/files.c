#include "run/files.h"

#include <limits.h>
#include <sys/resource.h>

#define LIMIT_UNKNOWN 256 /* POSIX promises 20; every Linux gives more than this */

void files_raise_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        /* When that is refused the old limit stands, and who needs more says so. */
        (void)setrlimit(RLIMIT_NOFILE, &r);
    }
}

long files_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0) {
        return LIMIT_UNKNOWN;
    }
    return r.rlim_cur < LONG_MAX ? (long)r.rlim_cur : LONG_MAX;
}
