/* One job: packets of one segment in, whole parts of each rung out. Decode once, then scale and
 * encode each rung. Knows nothing of links and loops; its own codec contexts. One thread, the
 * caller's, decodes and scales; rungs may be encoded beside it (pipeline_spread), which changes
 * nothing of what comes out. */
#ifndef TRANSCODER_PIPELINE_H
#define TRANSCODER_PIPELINE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "media/packet.h"
#include "proto/link_msg.h"
#include "transcoder/coder.h"
#include "transcoder/fault.h"

#define PIPELINE_TIME_MAX ((int64_t)1 << 56) /* ticks: later or earlier times are refused */

struct pipeline;

/* Copies what it needs of open. emit is called from within feed and finish, or on the threads of
 * pipeline_spread, for one rung by one thread; not after finish has returned. cancel (may be NULL,
 * borrowed while the pipeline lives) may be set by any thread and ends the job within a picture.
 * On failure the words are in f. Gives. */
enum err pipeline_create(const struct link_job_open *open, coder_emit_fn *emit, void *arg,
                         const atomic_bool *cancel, struct fault *f,
                         struct pipeline **ret_pipeline) CHECKED;
void pipeline_destroy(struct pipeline *p); /* takes NULL */

/* Before anything is fed: encodes on up to so many threads, the caller's among them, where the
 * rungs' rates are worth it, while it is late (pipeline_set_waited). How many that are beside the
 * caller's: fewer, or 0, where the host has no more, which is no error. tids (LANES_MAX, borrowed):
 * see lanes_create. */
size_t pipeline_spread(struct pipeline *p, size_t threads, atomic_int *tids);

/* How long what is fed from now on has waited for the caller's thread, in microseconds. Rungs are
 * encoded beside it only while that is PIPELINE_LATE_US or more, as it is taken to be at first. */
#define PIPELINE_LATE_US 50000
void pipeline_set_waited(struct pipeline *p, int64_t us);

/* Packets in decoding order; the bytes are borrowed. What does not decode is passed over. After an
 * error, which may also be one of what was fed before, nothing may be fed any more. */
enum err pipeline_feed(struct pipeline *p, const struct packets *packets) CHECKED;

/* The segment is complete; duration in ticks. Emits all that is left. ERR_PROTO: no picture of it
 * could be decoded. Nothing may be fed afterwards. */
enum err pipeline_finish(struct pipeline *p, int64_t duration) CHECKED;

/* Nothing will be fed any more, be the segment complete or not: ends the threads of
 * pipeline_spread, and what is queued for them is dropped. The processor time that they have taken,
 * in microseconds. Also after finish or an error; then nothing is left to drop. */
uint64_t pipeline_halt(struct pipeline *p);

/* After an error, finish or halt. Why it failed; empty text when it has not. Borrowed. */
const struct fault *pipeline_fault(const struct pipeline *p);

/* After an error, finish or halt. What has been emitted (cpu_us stays 0: the caller has its own
 * part of that). */
struct link_job_done pipeline_done(const struct pipeline *p);

/* Packets and pictures of the source that could not be read. */
uint64_t pipeline_errors(const struct pipeline *p);

#endif
