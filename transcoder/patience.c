#include "transcoder/patience.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#define PATH_MAX_LEN 64
#define LINE_MAX_LEN 96 /* three numbers of up to 20 digits */

void patience_begin(struct patience *p, int64_t now_us, int64_t waited_us)
{
    *p = (struct patience){.seen_us = now_us, .waited_us = waited_us};
}

int64_t patience_spend(struct patience *p, int64_t now_us, int64_t waited_us, int64_t step_us)
{
    int64_t had = now_us - p->seen_us;
    /* The kernel adds a wait when it is over, so that it may be longer than a step. */
    had -= waited_us > p->waited_us ? waited_us - p->waited_us : 0;
    p->spent_us += had < step_us ? had : step_us;
    p->spent_us = p->spent_us > 0 ? p->spent_us : 0;
    p->seen_us = now_us;
    p->waited_us = waited_us;
    return p->spent_us;
}

int64_t patience_waited_us(int tid)
{
    char path[PATH_MAX_LEN];
    char line[LINE_MAX_LEN];
    uint64_t ran_ns;
    uint64_t waited_ns;
    snprintf(path, sizeof path, "/proc/self/task/%d/schedstat", tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    ssize_t n = read(fd, line, sizeof line - 1);
    close(fd);
    line[n > 0 ? n : 0] = '\0';
    bool read_both = sscanf(line, "%" SCNu64 " %" SCNu64, &ran_ns, &waited_ns) == 2;
    return read_both ? (int64_t)(waited_ns / 1000) : 0;
}
