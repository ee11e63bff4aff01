/* One rung of one job at the broadcaster: the parts that came back, and the rate-control level that
 * the next segment's encoder starts with. Pure. */
#ifndef BROADCASTER_JOBS_JOBS_RUNG_H
#define BROADCASTER_JOBS_JOBS_RUNG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
#include "broadcaster/jobs/jobs_held.h"
#include "media/packet.h"
#include "proto/link_msg.h"

#define JOBS_RUNG_MAX                                                                              \
    ((size_t)64 << 20) /* bytes of one rung of one segment, bookkeeping included */

/* Whoever looks at an emission as a whole, from one unit to the next. */
struct jobs_watch {
    void (*drop)(struct jobs_watch *w); /* takes it */
};

struct jobs_rung {
    struct packets packets;
    struct track *track; /* from the first part */
    uint64_t config_hash;
    uint32_t parts; /* received; the next one must have this number */
    bool complete;  /* the last part is here */
    bool rejected; /* the next part was no good: what else comes of that attempt is not looked at */
    uint64_t probe;           /* ticket of the unit that is being looked at; 0: none is */
    struct jobs_held held;    /* what came meanwhile, with that unit */
    struct jobs_watch *watch; /* of the emission that its units come from; NULL: nobody is */
    bool lost;                /* it will not be complete */
    bool settled;             /* its segment, or the gap, was given to the rendition */
};

void jobs_rung_init(struct jobs_rung *r);
void jobs_rung_fini(struct jobs_rung *r);

/* What is held is not wanted any more, nor what is found out about it. */
void jobs_rung_let_go(struct jobs_rung *r);

/* Nobody looks at the emission as a whole any more. */
void jobs_rung_unwatch(struct jobs_rung *r);

/* Adds a part. ERR_PROTO: not the next part, another number of packets than was asked for, no
 * readable parameter sets with the first one, others than before inside a segment, decoding times
 * that do not rise or lie behind the presentation. ERR_LIMIT: more than JOBS_RUNG_MAX; ERR_NOMEM.
 */
enum err jobs_rung_push(struct jobs_rung *r, const struct link_rung *described,
                        const struct link_unit *u, struct blob *payload) CHECKED;

/* A leaky bucket over the rung's own bytes: the decoder's buffer as the encoder's rate control
 * models it (ISO/IEC 14496-10, annex C). */
struct jobs_rate {
    int64_t rate_bps; /* what flows in */
    int64_t size_bits;
    int64_t level_bits;
    int64_t in_bits, out_bits; /* what flowed in and was spent in the present segment */
    int64_t segment_bits;      /* what flowed in in the last one; above 0 */
    uint32_t crf_now;          /* what was added to the CRF of the present segment */
    uint32_t crf_told;         /* to that of the one opened last */
    uint32_t crf_more;         /* what the segments that have ended say of the next one */
    uint32_t crf_step;         /* what is added if the present one starves */
};

/* Of a rung with that cap: a rate and a size with which no ten seconds have more than 103 % of it.
 */
void jobs_rate_init(struct jobs_rate *r, int cap_bps);
void jobs_rate_spend(struct jobs_rate *r, const struct link_unit *u);
uint32_t jobs_rate_permille(const struct jobs_rate *r);

/* What the next segment's encoder is told to flow in: less than rate_bps by as much as the key
 * frame after it needs; an encoder that ends with its segment would leave nothing to it. What is
 * not told flows in all the same, into the next segment's level. */
uint32_t jobs_rate_bps(const struct jobs_rate *r);

/* What to add to the rung's CRF for the next segment: an encoder that has far too few bits for what
 * it is told to reach spends them at once and starves then. Rises as long as segments starve (spend
 * nearly all there is and end with a buffer that has not recovered from their key frame), up to
 * RATE_CRF_MORE_MAX, and falls when they leave much. In the second half of a segment what it spent
 * so far counts. */
#define RATE_CRF_MORE_MAX 12
uint32_t jobs_rate_crf_more(const struct jobs_rate *r);

/* A segment is opened, and told what jobs_rate_crf_more says. */
void jobs_rate_open(struct jobs_rate *r);

#endif
