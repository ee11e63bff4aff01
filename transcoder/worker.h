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
#include "transcoder/speed.h"

struct worker;

struct worker_config {
    const char *orch_addr; /* "host:port", complete, or a list of them; copied, as all of it */
    struct link_keys keys;
    const char *name;
    const char *encoder; /* the fingerprint */
    uint32_t capacity;   /* jobs at once */
    int heartbeat_ms;    /* of the link, until an orchestrator asks for others; */
    int timeout_ms;      /* 0 = WORKER_HEARTBEAT_MS, WORKER_TIMEOUT_MS */
    int retry_min_ms;    /* between dials; 0 = WORKER_RETRY_MIN_MS */
    struct speed_setting speed;
    uint32_t cores_permille;
    int stuck_ms; /* 0 = WORKER_STUCK_MS */
    int drain_ms; /* 0 = WORKER_DRAIN_MS */
    /* NULL, or called once: so many jobs hang (WORKER_STUCK_MAX, or as many as may be at work)
     * that the process should drain, end and be started anew. Later than what caused it. */
    void (*on_worn)(void *arg);
    void *on_worn_arg;
};

#define WORKER_HEARTBEAT_MS 500
#define WORKER_TIMEOUT_MS   1500
#define WORKER_RETRY_MIN_MS 200
#define WORKER_RETRY_MAX_MS 5000
#define WORKER_STUCK_MS     10000 /* of its own (patience.h): a job told to end hangs */
#define WORKER_STUCK_MAX    3
#define WORKER_DRAIN_MS     25000

struct worker_stats {
    const char *addr;  /* of the orchestrator that is, or was last, used */
    const char *state; /* for people: "connected", or why not */
    bool connected;    /* the orchestrator has welcomed us */
    bool draining;
    uint32_t load;     /* jobs at work */
    uint32_t capacity; /* without the places of jobs that hang */
    uint32_t stuck;    /* jobs that hang: each has taken its place with it */
    uint64_t stuck_total;
    struct speed speed;
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

/* The speed as the setting says, from the cores that there are now. Where it is to be measured it
 * is not known until worker_measured. */
void worker_set_speed(struct worker *w, const struct speed_setting *setting,
                      uint32_t cores_permille);

/* What the self-benchmark found: luma samples of rungs, and processor time. */
void worker_measured(struct worker *w, uint64_t pixels, uint64_t cpu_us);

/* Takes no more jobs, and says so; drained(arg) is called once, later, when those at work have
 * ended and their results are sent. After drain_ms those that are left fail, with words. */
void worker_drain(struct worker *w, void (*drained)(void *arg), void *arg);

/* Cancels what is at work, waits for its threads (not for one that hangs), closes the link. Takes
 * NULL. */
void worker_destroy(struct worker *w);

struct worker_stats worker_stats(const struct worker *w);

#endif
