/* N streams transcoded at once in this process: a thread each, a job for each segment, by the
 * transcoder's own pipeline, spread over this host's processors as a transcoder spreads it. */
#ifndef PUBLISHER_TOOLS_LOAD_SESSIONS_H
#define PUBLISHER_TOOLS_LOAD_SESSIONS_H

#include <stdatomic.h>

#include "broadcaster/jobs/ladder.h"
#include "publisher-tools/load/clip.h"
#include "publisher-tools/load/samples.h"
#include "transcoder/fault.h"

#define SESSIONS_MAX 4096

/* A segment of a session that has been transcoded. */
struct session_row {
    int64_t wall_ms; /* when it was done, since 1970-01-01 UTC */
    unsigned session, segment;
    int64_t source_us, transcode_us;
    uint64_t frames; /* of all rungs */
};

struct sessions_config {
    const struct clip *clip;
    const struct ladder *ladder;
    unsigned sessions;
    unsigned repeat;         /* how often each session goes through the clip */
    int64_t delay_ms;        /* from the start of one session to that of the next */
    bool live;               /* packets come as fast as they are watched; else at once */
    bool quality;            /* rather than low latency */
    const atomic_bool *stop; /* set by anybody: ends soon, with what has been measured */
    /* NULL, or called for each segment, one at a time, on the sessions' threads. */
    void (*on_row)(void *arg, const struct session_row *row);
    void *arg;
};

struct sessions_result {
    unsigned sessions;
    uint64_t segments, real_time; /* those that took no longer than they last */
    int64_t source_us, transcode_us;
    uint64_t frames;
    int64_t wall_us, cpu_us;
    struct samples lag; /* live: from when a part's last picture came to when the part was there */
    struct fault fault; /* the first job that failed; the run has ended then */
};

/* Returns when all are through. ERR_NOMEM: threads are refused; ERR_STATE: a job failed, and
 * ret_result says why. */
enum err sessions_run(const struct sessions_config *config,
                      struct sessions_result *ret_result) CHECKED;

#endif
