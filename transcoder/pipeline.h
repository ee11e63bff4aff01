/* One job: packets of one segment in, whole parts of each rung out. Decode once, then scale and
 * encode each rung. Knows nothing of links and loops; one thread, its own codec contexts. */
#ifndef TRANSCODER_PIPELINE_H
#define TRANSCODER_PIPELINE_H

#include <stdatomic.h>
#include <stdint.h>

#include "media/packet.h"
#include "proto/link_msg.h"
#include "transcoder/fault.h"
#include "transcoder/rung.h"

#define PIPELINE_TIME_MAX ((int64_t)1 << 56) /* ticks: later or earlier times are refused */

struct pipeline;

/* Copies what it needs of open. emit is called from within feed and finish. cancel (may be NULL,
 * borrowed while the pipeline lives) may be set by any thread and ends the job within a picture.
 * On failure the words are in f. Gives. */
enum err pipeline_create(const struct link_job_open *open, rung_emit_fn *emit, void *arg,
                         const atomic_bool *cancel, struct fault *f,
                         struct pipeline **ret_pipeline) CHECKED;
void pipeline_destroy(struct pipeline *p); /* takes NULL */

/* Packets in decoding order; the bytes are borrowed. What does not decode is passed over. After an
 * error only pipeline_fault and pipeline_destroy may follow. */
enum err pipeline_feed(struct pipeline *p, const struct packets *packets) CHECKED;

/* The segment is complete; duration in ticks. Emits all that is left. ERR_PROTO: no picture of it
 * could be decoded. Nothing may be fed afterwards. */
enum err pipeline_finish(struct pipeline *p, int64_t duration) CHECKED;

/* Why it failed; empty text when it has not. Borrowed. */
const struct fault *pipeline_fault(const struct pipeline *p);

/* What has been emitted so far (cpu_us stays 0: the caller owns the thread). */
struct link_job_done pipeline_done(const struct pipeline *p);

/* Packets and pictures of the source that could not be read. */
uint64_t pipeline_errors(const struct pipeline *p);

#endif
