/* How much of this host's processors the process may use (Linux). Any thread. */
#ifndef TRANSCODER_CORES_H
#define TRANSCODER_CORES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

/* Thousandths of a processor: those of sched_getaffinity, or less where the quota of a control
 * group (version 2, cpu.max) of the process or of one around it is less. At least 1. */
uint32_t cores_permille(void);

/* How many threads so many thousandths may keep at work: a part of a processor counts. */
uint32_t cores_threads(uint32_t permille);

/* The smallest quota from the group that self_path (in the form of /proc/self/cgroup) names up to
 * the root of the tree at tree_path; UINT32_MAX: none. */
uint32_t cores_quota(const char *self_path, const char *tree_path);

/* The text of a cpu.max, "50000 100000": 500. false: there is no limit, or it is not one. */
bool cores_read_quota(struct span text, uint32_t *ret_permille);

#endif
