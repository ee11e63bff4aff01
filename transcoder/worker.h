/* The transcoder's side of the link: says hello, takes or refuses jobs, runs them, sends what they
 * make. Loop's thread. */
#ifndef TRANSCODER_WORKER_H
#define TRANSCODER_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "run/link.h"
#include "run/loop.h"
#include "run/metrics.h"
#include "run/secret.h"

struct worker;

struct worker_config {
    const char *orch_addr; /* "host:port", complete; copied, as all of it */
    struct link_keys keys;
    const char *name;
    const char *encoder; /* the fingerprint */
    uint32_t capacity;   /* jobs at once */
    int heartbeat_ms;    /* of the link, until an orchestrator asks for others; */
    int timeout_ms;      /* 0 = WORKER_HEARTBEAT_MS, WORKER_TIMEOUT_MS */
    int retry_min_ms;    /* between dials; 0 = WORKER_RETRY_MIN_MS */
};

#define WORKER_HEARTBEAT_MS 500
#define WORKER_TIMEOUT_MS   1500
#define WORKER_RETRY_MIN_MS 250
#define WORKER_RETRY_MAX_MS 5000

struct worker_stats {
    const char *state; /* for people: "connected", or why not */
    bool connected;    /* the orchestrator has welcomed us */
    bool draining;
    uint32_t load; /* jobs at work */
    uint32_t capacity;
    uint64_t accepted, done, failed, refused, cancelled;
    uint64_t frames, pixels, bytes; /* encoded */
    uint64_t cpu_us;
    uint64_t units_unknown; /* of jobs that are not (any more) here */
    uint64_t connections;
    struct histogram job_time;    /* of jobs that were done: from their opening on */
    struct histogram finish_time; /* from their last input on */
    struct histogram cpu_time;    /* what they took of a processor */
    struct link_counters link;
};

/* Starts dialling. ERR_IO: the link cannot be made (ret_why: a sentence). Gives. */
enum err worker_create(struct loop *l, const struct worker_config *config,
                       struct worker **ret_worker, const char **ret_why) CHECKED;

/* Jobs at once from now on, at least 1; more that are at work already go on. */
void worker_set_capacity(struct worker *w, uint32_t capacity);

/* Takes no more jobs; drained(arg) is called once, later, when those at work have ended and their
 * results are sent. Each job has a deadline, so it comes. */
void worker_drain(struct worker *w, void (*drained)(void *arg), void *arg);

/* Cancels what is at work, waits for its threads, closes the link. Takes NULL. */
void worker_destroy(struct worker *w);

struct worker_stats worker_stats(const struct worker *w);

#endif
