/* A farm without codecs: transcoders and broadcasters that speak to a real orchestrator over real
 * sockets, with tiny payloads, in real time. Two threads of its own: one for each role. */
#ifndef PUBLISHER_TOOLS_LOAD_FARM_SIM_H
#define PUBLISHER_TOOLS_LOAD_FARM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "publisher-tools/load/samples.h"

#define FARM_TRANSCODERS_MAX  1024
#define FARM_BROADCASTERS_MAX 1024
#define FARM_STREAMS_MAX      20000
#define FARM_STREAMS_EACH     1000 /* of one broadcaster */
#define FARM_CAPACITY_MAX     64   /* jobs at once of one transcoder */
#define FARM_PARTS            10   /* of a job */
#define FARM_WHY_MAX          512

struct farm_config {
    const char *addr; /* of the orchestrator */
    const char *secret;
    size_t transcoders, broadcasters, streams;
    size_t payload;     /* bytes of a part */
    int64_t segment_ms; /* each stream opens a job that often, and sends a part each tenth of it */
    uint32_t capacity;  /* jobs at once of one transcoder */
};

/* From the start of counting on. */
struct farm_result {
    uint64_t opened, done, failed;
    uint64_t lost;           /* jobs that had no end when the farm was stopped, or were cut short */
    uint64_t again;          /* jobs that a second transcoder got */
    uint64_t parts;          /* of rungs, at the broadcasters */
    uint64_t bad;            /* messages that could not be read or sent, or fit to no job */
    struct samples dispatch; /* JOB_OPEN: from a broadcaster to the transcoder */
    struct samples round_trip; /* a part: from a broadcaster through a transcoder and back */
    char first_failure[FARM_WHY_MAX];
};

struct farm_sim;

/* Dials. ERR_AUTH: the secret; ERR_IO. ret_why of FARM_WHY_MAX is a sentence. Gives. */
enum err farm_start(const struct farm_config *config, struct farm_sim **ret_farm,
                    char *ret_why) CHECKED;

/* How many peers the orchestrator has welcomed. ret_why: what it told those that it sent away. */
size_t farm_welcomed(struct farm_sim *f, char *ret_why);

void farm_run_streams(struct farm_sim *f);   /* the streams begin, spread over a segment */
void farm_count(struct farm_sim *f);         /* from here on it counts */
void farm_end_streams(struct farm_sim *f);   /* no more jobs; those that are open go on */
uint64_t farm_open_jobs(struct farm_sim *f); /* that have no end yet */

/* Ends the threads and frees it. */
void farm_stop(struct farm_sim *f, struct farm_result *ret_result);

#endif
