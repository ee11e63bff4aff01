/* One rung of one job: its own frame grid, scaler, encoder and parts. One thread. */
#ifndef TRANSCODER_RUNG_H
#define TRANSCODER_RUNG_H

#include <libavutil/frame.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "proto/link_msg.h"
#include "transcoder/cascade.h"
#include "transcoder/fault.h"

/* One whole part, as it goes into a RUNG_UNIT. Everything is borrowed: take a reference of the
 * payload, copy the rest. Anything but ERR_OK ends the job with that error. */
typedef enum err rung_emit_fn(void *arg, const struct link_unit *unit, struct blob *payload);

/* What all rungs of a job share; borrowed by them while they live. */
struct rung_host {
    rung_emit_fn *emit;
    void *emit_arg;
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
 * used. Encodes and emits what can be. Errors are in the host's fault. */
enum err rung_offer(struct rung *r, const AVFrame *picture) CHECKED;

/* The segment is complete: fills it up to its duration (ticks) and emits the rest, the last part
 * marked. */
enum err rung_finish(struct rung *r, int64_t duration) CHECKED;

/* What has been emitted so far. */
struct link_rung_total rung_total(const struct rung *r);

#endif
