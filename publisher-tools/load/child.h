/* An orchestrator as a child process, for as long as it is measured. Main thread. */
#ifndef PUBLISHER_TOOLS_LOAD_CHILD_H
#define PUBLISHER_TOOLS_LOAD_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define CHILD_WHY_MAX 512

struct child {
    pid_t pid;
    char addr[64];    /* where it takes peers: a free port of the loopback */
    char folder[256]; /* its data directory, removed at the end */
};

/* Starts the orchestrator that lies beside this program, for so many streams, and waits until it
 * listens. On failure ret_why is a sentence. */
enum err child_start(const char *secret, unsigned streams, struct child *ret_child,
                     char *ret_why) CHECKED;

/* Whether it still runs. */
bool child_lives(struct child *c);

/* Processor time of a process of this host so far; -1: not known. */
int64_t process_cpu_us(pid_t pid);
/* Its memory now; -1. */
int64_t process_memory_kb(pid_t pid);

/* SIGTERM, and SIGKILL when that does not end it. */
void child_stop(struct child *c);

#endif
