/* Whether what a transcoder sends of a rung can be decoded: a head that is right may stand before
 * damage, or before another picture's size. Of each emission the first picture is decoded, of some
 * all of them, each part before it is shown: which ones nobody can foresee, and the fewer the
 * larger the rung is. A thread of its own; at most RUNG_PROBES_MAX wait, so that neither time nor
 * memory goes into it without end. */
#ifndef BROADCASTER_JOBS_RUNG_PROBE_H
#define BROADCASTER_JOBS_RUNG_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/span.h"
#include "broadcaster/jobs/jobs_rung.h"
#include "proto/link_msg.h"

#define RUNG_PROBES_MAX  64 /* under way at once; what comes beyond is not decoded */
#define RUNG_PROBES_EASY 16 /* while there are more, no emission is decoded whole at random */

/* Luma samples a second that are decoded of a rung on the average (RUNG_CHECKS_SAMPLE): a rung of
 * 256x144 with 30 pictures a second always, one of 1280x720 each 25th time. */
#define RUNG_PROBE_SAMPLES 1105920

enum rung_checks {
    RUNG_CHECKS_FIRST,  /* the first picture alone */
    RUNG_CHECKS_SAMPLE, /* and all of light rungs, of others some */
    RUNG_CHECKS_ALL,    /* and all of all */
};

struct json;
struct loop;
struct rung_probe;

/* "first", "sample", "all"; anything else: ERR_NOENT. */
enum err rung_checks_parse(const char *text, enum rung_checks *ret_checks) CHECKED;

/* Whether an emission is to be decoded whole. random: any of its values as likely as another. Pure.
 */
bool rung_checks_whole(enum rung_checks checks, const struct link_rung *asked, uint32_t random);

/* NULL: nothing is wrong; else a static sentence about it. config: of the unit that the picture is
 * the first of (AVCDecoderConfigurationRecord). Takes as long as one picture takes to decode. Any
 * thread. */
const char *rung_probe_picture(const struct link_rung *asked, struct span config,
                               struct span picture);

/* done(arg, ticket, why) on the loop's thread. NULL: no thread could be had. */
typedef void rung_probe_done_fn(void *arg, uint64_t ticket, const char *why);
struct rung_probe *rung_probe_create(struct loop *l, enum rung_checks checks,
                                     rung_probe_done_fn *done, void *arg);

/* Nobody is told of what is under way. Watches may live on. Takes NULL. */
void rung_probe_destroy(struct rung_probe *p);

/* A jobs_probe_fn; probe: a struct rung_probe. Begins; everything is copied or referenced. False:
 * it is not looked at, for it need not be or too many are, and done is not called. Loop's thread.
 */
bool rung_probe_begin(void *probe, const struct link_rung *asked, const struct link_unit *u,
                      struct blob *payload, uint64_t ticket, struct jobs_watch **watch);

/* How many there were, and what they took. Loop's thread. */
void rung_probe_status(const struct rung_probe *p, struct json *object);

#endif
