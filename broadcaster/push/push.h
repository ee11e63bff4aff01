/* Streams that come as whole segments over HTTP (role-layout, section 5): who may push, in which
 * order the segments go into their streams, and what each request is answered. It knows no HTTP
 * server: that hands jobs in and is told when one can be answered. Loop's thread. */
#ifndef BROADCASTER_PUSH_PUSH_H
#define BROADCASTER_PUSH_PUSH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/list.h"
#include "broadcaster/auth/admission.h"
#include "broadcaster/push/push_demux.h"
#include "broadcaster/push/push_media.h"
#include "broadcaster/push/push_request.h"
#include "broadcaster/push/push_split.h"
#include "broadcaster/stream/stream.h"
#include "run/metrics.h"

#define PUSH_STREAMS_MAX 1024
#define PUSH_AT_ONCE     8 /* requests of one stream that are not answered; further ones are held */
#define PUSH_HOLD_MS     2000 /* so long at most: the source does not wait for its rungs */
#define PUSH_URL_MAX     2560

enum push_stage {
    PUSH_ASK,  /* headers are here: may it send the body? */
    PUSH_BODY, /* the body has been read */
    PUSH_GONE, /* the client left before that */
};

struct push_answer {
    int status;               /* 0: send the body */
    char text[PUSH_TEXT_MAX]; /* without a line end; "": no body */
    bool parts;               /* multipart/mixed, of these: */
    size_t n;
    size_t n_pieces; /* segments that the file became (push_split.h), from msn on */
    struct segment *segments[PROFILE_LADDER_MAX][PUSH_PIECES_MAX]; /* a reference each */
    char names[PROFILE_LADDER_MAX][RENDITION_NAME_MAX + 1];
    uint64_t number; /* for the parts' names */
    bool mp4;
};

struct push_stream;

/* One request. It belongs to the server, or, from push_take until the answer, to push; while a body
 * is being sent push remembers it but does not touch it. */
struct push_job {
    struct list node; /* push's */
    struct push_request request;
    char url[PUSH_URL_MAX]; /* for the webhook */
    char peer[64];
    unsigned char address[16];
    enum push_stage stage;

    /* The server's, with PUSH_BODY: */
    enum err result;
    struct push_media media;
    char why[PUSH_DEMUX_WHY_MAX];
    uint64_t hash;

    /* push's: */
    struct push_stream *stream;
    bool admitted; /* by its own words, or by those of the stream's first */
    struct admission_ask *ask;
    int64_t since_ms;
    uint64_t number, msn;
    size_t rungs_left; /* to be settled, of all pieces */
    bool lost;
    enum jobs_failure failure;

    struct push_answer answer;
};

void push_answer_fini(struct push_answer *a);

struct push_config { /* all borrowed */
    struct streams *streams;
    struct admission *admission;
    struct jobs *jobs;
    bool transcodes; /* there is an orchestrator to ask */
    int64_t idle_ms; /* a stream ends after so long without a segment */
    /* Gives a job back: its answer is filled. From inside of push_take or later. */
    void (*answer)(void *arg, struct push_job *job);
    /* A job that was PUSH_GONE is done with. */
    void (*forget)(void *arg, struct push_job *job);
    void *arg;
};

struct push_counters {
    uint64_t segments, refused, late, duplicates, holes, undecodable;
    size_t streams;
};

struct push;

struct push *push_create(const struct push_config *config);

/* No publisher is left afterwards; jobs that still belong to push are forgotten without a word.
 * Takes NULL. */
void push_destroy(struct push *p);

/* A job comes in, see its stage. */
void push_take(struct push *p, struct push_job *job, int64_t now_ms);

/* Call a few times a second. */
void push_tick(struct push *p, int64_t now_ms);

/* Ends all streams; what is held and what still comes is answered 503. */
void push_shut(struct push *p, int64_t now_ms);

struct push_counters push_counters(const struct push *p);
void push_metrics(const struct push *p, struct metrics *m);
void push_status(const struct push *p, struct json *object);

#endif
