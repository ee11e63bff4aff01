/* One rung's coder: what its slots show in, whole parts out. Its encoder, its parts, their DTS and
 * their captions. One thread at a time. */
#ifndef TRANSCODER_CODER_H
#define TRANSCODER_CODER_H

#include <libavutil/frame.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/blob.h"
#include "proto/link_msg.h"
#include "transcoder/fault.h"

/* One whole part, as it goes into a RUNG_UNIT. Everything is borrowed: take a reference of the
 * payload, copy the rest. Anything but ERR_OK ends the job with that error. */
typedef enum err coder_emit_fn(void *arg, const struct link_unit *unit, struct blob *payload);

/* What all coders of a job share; borrowed by them while they live. */
struct coder_host {
    coder_emit_fn *emit;
    void *emit_arg;
    const atomic_bool *cancel; /* set by another thread: stop soon, with ERR_CLOSED; NULL: never */
};

struct coder;

enum coder_step_type {
    CODER_CAPTIONS, /* what a picture of the source carries of them */
    CODER_SLOT,     /* the next slot */
    CODER_END,      /* there are no more slots */
};

/* What a coder is to do next, on its way there; it may cross threads. */
struct coder_step {
    enum coder_step_type type;
    struct coder *coder;   /* whose it is; borrowed */
    AVBufferRef *captions; /* CODER_CAPTIONS */
    uint64_t number;       /* of that picture; for the others: of the first one of a later slot */
    AVFrame *picture;      /* CODER_SLOT: of the rung's size; NULL: before emit_from, not encoded */
    int64_t slot;          /* from 0, without gaps */
    int64_t start;         /* PTS of slot 0, in ticks, */
    int64_t pts;           /* and of this one, where the rung keeps the source's own times */
};

/* With everything 0 but its type. Gives. */
struct coder_step *coder_step_create(enum coder_step_type type);
void coder_step_destroy(struct coder_step *s); /* takes NULL; not the coder */

/* Copies the parameters, which capabilities_check has passed; index is the rung's. NULL when memory
 * is refused. Gives. */
struct coder *coder_create(const struct coder_host *host, size_t index,
                           const struct link_rung *params);
void coder_destroy(struct coder *c); /* takes NULL */

/* Takes the step, encodes and emits what can be. After an error only the three below may follow.
 */
enum err coder_run(struct coder *c, struct coder_step *step) CHECKED;

/* The error of the step that failed, ERR_OK before; its words, which may be empty (emit's error has
 * none). */
enum err coder_result(const struct coder *c) CHECKED;
const struct fault *coder_fault(const struct coder *c);

/* What has been emitted so far. */
struct link_rung_total coder_total(const struct coder *c);

#endif
