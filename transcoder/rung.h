/* One rung of one job, up to its coder: which picture is shown in which slot of its frame grid, at
 * the rung's size. One thread. */
#ifndef TRANSCODER_RUNG_H
#define TRANSCODER_RUNG_H

#include <libavutil/frame.h>
#include <stdatomic.h>
#include <stddef.h>

#include "proto/link_msg.h"
#include "transcoder/cascade.h"
#include "transcoder/coder.h"
#include "transcoder/fault.h"

/* The next step for the coder of that rung. Takes it, whatever comes of it. */
typedef enum err rung_hand_fn(void *arg, size_t index, struct coder_step *step);

/* What all rungs of a job share; borrowed by them while they live. */
struct rung_host {
    rung_hand_fn *hand;
    void *hand_arg;
    const atomic_bool *cancel; /* set by another thread: stop soon, with ERR_CLOSED; NULL: never */
    struct fault *fault;
    struct cascade *cascade;
    bool has_begin;
    int64_t begin; /* ticks: the earliest PTS of the segment's packets so far */
};

struct rung;

/* Copies the parameters, which capabilities_check has passed. NULL when memory is refused. Gives.
 */
struct rung *rung_create(const struct rung_host *host, size_t index,
                         const struct link_rung *params);
void rung_destroy(struct rung *r); /* takes NULL */

/* Offers the source's next picture in presentation order (pts in ticks); references it when it is
 * used. Hands on what is settled by it. Errors are in the host's fault, but for those of hand. */
enum err rung_offer(struct rung *r, const AVFrame *picture) CHECKED;

/* The segment is complete: fills it up to its duration (ticks) and hands on the rest, with
 * CODER_END as the last. */
enum err rung_finish(struct rung *r, int64_t duration) CHECKED;

#endif
