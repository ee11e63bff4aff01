/* Who is connected and has said hello: transcoders with their capacity and load, and broadcasters.
 * Pure. Owned by the job table (job_table.h); everybody else reads. One thread. */
#ifndef ORCHESTRATOR_ROSTER_H
#define ORCHESTRATOR_ROSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "orchestrator/departed.h"
#include "orchestrator/standing.h"
#include "proto/link_msg.h"
#include "run/link.h"

#define ROSTER_PEERS_MAX    1024 /* of each role */
#define ROSTER_NAME_MAX     128  /* bytes of a name kept for people, with the NUL */
#define ROSTER_ADDRESS_MAX  64
#define ROSTER_BUCKETS      512  /* a power of two */
#define ROSTER_WHOLE_MAX    3    /* jobs at once whose input is all there: the oldest ones first */
#define ROSTER_CAPACITY_MAX 1000 /* jobs at once; a peer that says more gets this */

struct transcoder {
    struct list node; /* in roster.transcoders */
    link_peer peer;
    uint32_t capacity;  /* jobs at once */
    uint32_t load;      /* jobs assigned now */
    uint32_t whole;     /* of these, begun when all of their input was there */
    bool draining;      /* finishes its jobs, gets no more */
    uint64_t rate;      /* pixels a second that its jobs ask of it */
    uint64_t asked_sum; /* of rate over the milliseconds until summed_ms; wraps around */
    int64_t summed_ms;
    int64_t used_ms;         /* when a job last came or went */
    int64_t behind_since_ms; /* with the jobs that it has; 0: it is not */
    int64_t owed_ms;         /* the longest of what is late of them */
    int64_t behind_ms;       /* that: then */
    uint64_t behind_pixels;  /* of `pixels`: then */
    int64_t relieved_ms;     /* when it was given less for that the last time; 0: it never was */
    struct standing standing;
    struct list by_peer; /* hash chains */
    struct list jobs;    /* of the job table: the attempts that are at work here */
    char name[ROSTER_NAME_MAX];
    char software[ROSTER_NAME_MAX];
    char address[ROSTER_ADDRESS_MAX];
    char encoder[LINK_STRING_MAX + 1]; /* fingerprint: equal text = equal parameter sets */
    int64_t since_ms;                  /* when it joined */
    uint64_t done, failed;             /* jobs; failed counts refusals and bad units too */
    uint64_t frames, pixels;           /* of rung units that were right and were passed on */
};

struct broadcaster {
    struct list node;
    struct list by_peer;
    struct list jobs; /* of the job table, oldest first */
    link_peer peer;
    char name[ROSTER_NAME_MAX];
    char software[ROSTER_NAME_MAX];
    char address[ROSTER_ADDRESS_MAX];
    int64_t since_ms;
    size_t held_bytes; /* of its jobs */
    uint32_t open_jobs;
    uint64_t done, failed;
    uint64_t frames, pixels;
};

struct roster {
    struct list transcoders; /* in order of joining */
    struct list broadcasters;
    struct list transcoder_buckets[ROSTER_BUCKETS];
    struct list broadcaster_buckets[ROSTER_BUCKETS];
    unsigned n_transcoders, n_broadcasters;
    struct departed departed; /* transcoders */
};

void roster_init(struct roster *r);
void roster_fini(struct roster *r);

/* A hello: adds the transcoder, or brings what it says about itself up to date. ERR_LIMIT: there
 * are ROSTER_PEERS_MAX already. */
enum err roster_join_transcoder(struct roster *r, link_peer peer, const char *address,
                                const struct link_hello *hello, int64_t now_ms,
                                struct transcoder **ret_t) CHECKED;
enum err roster_join_broadcaster(struct roster *r, link_peer peer, const char *address,
                                 const struct link_hello *hello, int64_t now_ms,
                                 struct broadcaster **ret_b) CHECKED;

/* NULL when that peer is not such a one. */
struct transcoder *roster_transcoder(const struct roster *r, link_peer peer);
struct broadcaster *roster_broadcaster(const struct roster *r, link_peer peer);

/* Frees it; it has no jobs any more. */
void roster_leave_transcoder(struct roster *r, struct transcoder *t);
void roster_leave_broadcaster(struct roster *r, struct broadcaster *b);

/* Jobs it would take now. */
uint32_t transcoder_room(const struct transcoder *t);

/* Pixels a second that it would take beside what it has; UINT64_MAX when its speed is not known. */
uint64_t transcoder_spare(const struct transcoder *t);

/* Sums over all transcoders. */
uint64_t roster_capacity(const struct roster *r);
uint64_t roster_load(const struct roster *r);

#endif
