/* What push.c (a push's life, its jobs and answers), push_admit.c (who may send a body, and when)
 * and push_deliver.c (bodies into the stream) share; nobody else includes it. */
#ifndef BROADCASTER_PUSH_PUSH_INTERNAL_H
#define BROADCASTER_PUSH_PUSH_INTERNAL_H

#include "base/list.h"
#include "broadcaster/auth/admission.h"
#include "broadcaster/push/push.h"
#include "broadcaster/push/push_sequence.h"
#include "broadcaster/stream/stream_push.h"

#define PUSH_NO_SESSIONS "No sessions available"
#define PUSH_STOPPING    "the server is stopping"

enum push_state { PUSH_STREAM_ASKING, PUSH_STREAM_READY, PUSH_STREAM_ENDED };

struct push_stream {
    struct list node;
    struct push *owner;
    enum push_state state;
    char name[ID_MAX + 1]; /* as the path says it */
    char *key;             /* what was admitted: the path's key */
    char *query;           /* and the query */
    bool mp4;              /* the first segment's container, and that of all answers */
    struct admission_ask *ask;
    struct admission_pass *pass;
    bool revoked; /* its key is not valid any more */
    struct limits limits;
    struct rate_meter rate;
    struct stream *stream;
    struct stream_push push;
    struct push_sequence sequence;
    struct track_turn turn; /* as pictures of it said last */
    struct list held;       /* of those that may not send their body yet */
    struct list uploading;  /* the server's, until they come back */
    struct list waiting;    /* for their turn, or for their rungs */
    size_t n_held, unanswered;
    bool delivering;
    int64_t last_ms;
};

struct push {
    struct push_config config;
    struct list streams;
    bool shut;
    struct push_counters counters;
};

/* --- push.c --- */

/* Gives a job back, answered. */
void push_give(struct push *p, struct push_job *job, int status, const char *text);

/* The same, of a job that was let in. */
void push_finish(struct push_job *job, int status, const char *text);

/* All that were not let in yet are answered. */
void push_refuse_held(struct push_stream *ps, int status, const char *text);

/* Nobody may use it any more. */
void push_stream_destroy(struct push_stream *ps);

/* --- push_admit.c --- */

/* A job that asks. */
void push_take_ask(struct push *p, struct push_job *job, int64_t now_ms);

/* Lets in those for whom there is room now. */
void push_let_in_held(struct push_stream *ps, int64_t now_ms);

/* --- push_deliver.c --- */

/* Puts into the stream what has its turn. */
void push_deliver(struct push_stream *ps, int64_t now_ms);

#endif
