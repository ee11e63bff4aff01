/* Whether the first picture of what a transcoder sends of a rung can be decoded: a head that is
 * right may stand before damage, or before another picture's size. Threads of its own; at most
 * RUNG_PROBES_MAX wait, so that neither time nor memory goes into it without end. */
#ifndef BROADCASTER_JOBS_RUNG_PROBE_H
#define BROADCASTER_JOBS_RUNG_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/span.h"
#include "proto/link_msg.h"

#define RUNG_PROBES_MAX 64 /* under way at once; what comes beyond is not decoded */

struct json;
struct loop;
struct rung_probe;

/* NULL: nothing is wrong; else a static sentence about it. config: of the unit that the picture is
 * the first of (AVCDecoderConfigurationRecord). Takes as long as one picture takes to decode. Any
 * thread. */
const char *rung_probe_picture(const struct link_rung *asked, struct span config,
                               struct span picture);

/* done(arg, ticket, why) on the loop's thread. NULL: no thread could be had. */
typedef void rung_probe_done_fn(void *arg, uint64_t ticket, const char *why);
struct rung_probe *rung_probe_create(struct loop *l, rung_probe_done_fn *done, void *arg);

/* Nobody is told of what is under way. Takes NULL. */
void rung_probe_destroy(struct rung_probe *p);

/* Begins; everything is copied or referenced. probe: a struct rung_probe. False: it is not looked
 * at, for too many are, and done is not called. Loop's thread. */
bool rung_probe_begin(void *probe, const struct link_rung *asked, const struct link_unit *u,
                      struct blob *payload, uint64_t ticket);

/* How many there were, and what they took. Loop's thread. */
void rung_probe_status(const struct rung_probe *p, struct json *object);

#endif
