#include "broadcaster/stream/numbers.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "run/log.h"

#define EPOCH_2020_S 1577836800
#define TEXT_MAX     32

struct numbers {
    int fd;
    uint64_t highest;
};

struct numbers *numbers_open(const char *path)
{
    struct numbers *n = mem_alloc(sizeof *n);
    n->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (n->fd < 0) {
        log_warn("numbers", "no_file",
                 "cannot open %s: %s; segment numbers rely on the clock alone", path,
                 strerror(errno));
        return n;
    }
    char text[TEXT_MAX + 1] = {0};
    if (pread(n->fd, text, TEXT_MAX, 0) > 0) {
        n->highest = strtoull(text, NULL, 10);
    }
    return n;
}

void numbers_close(struct numbers *n)
{
    if (n != NULL) {
        if (n->fd >= 0) {
            close(n->fd);
        }
        mem_free(n);
    }
}

uint64_t numbers_first(struct numbers *n, int64_t wall_ms)
{
    int64_t s = wall_ms / 1000 - EPOCH_2020_S;
    uint64_t first = s > 0 ? (uint64_t)s : 1;
    return first > n->highest ? first : n->highest + 1;
}

void numbers_used(struct numbers *n, uint64_t msn)
{
    if (msn <= n->highest) {
        return;
    }
    n->highest = msn;
    char text[TEXT_MAX + 1];
    /* One fixed-width write in place: it survives a killed process, and the clock covers the rest.
     */
    int len = snprintf(text, sizeof text, "%020" PRIu64 "\n", msn);
    if (n->fd >= 0 && pwrite(n->fd, text, (size_t)len, 0) != len) {
        log_warn("numbers", "not_written", "%s; segment numbers rely on the clock alone",
                 strerror(errno));
        close(n->fd);
        n->fd = -1;
    }
}
