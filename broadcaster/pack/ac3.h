/* What a container must say of AC-3 and E-AC-3, from the frames themselves (ETSI TS 102 366: 5.3,
 * E.1.2 and annex F). Pure; takes hostile bytes; any thread. */
#ifndef BROADCASTER_PACK_AC3_H
#define BROADCASTER_PACK_AC3_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

#define AC3_SUBSTREAMS_MAX 8

struct ac3_substream {
    unsigned fscod, bsid, acmod, lfeon, bsmod;
    unsigned dependents; /* substreams that add channels to this one */
    unsigned locations;  /* which: chan_loc of annex F.6 */
};

struct ac3_facts {
    unsigned rate_kbps;
    unsigned bit_rate_code;                      /* AC-3 only */
    struct ac3_substream of[AC3_SUBSTREAMS_MAX]; /* AC-3: one; E-AC-3: the independent ones */
    unsigned n;
    int sample_rate, channels; /* of the first one and what depends on it */
};

/* frame: one access unit. ERR_PROTO: it is none. */
enum err ac3_parse(struct span frame, struct ac3_facts *ret_facts) CHECKED;
enum err eac3_parse(struct span frame, struct ac3_facts *ret_facts) CHECKED;

/* Adds the content of "dac3" (F.4) and "dec3" (F.6). ERR_LIMIT, ERR_NOMEM: out may have a part. */
enum err ac3_put_dac3(struct buf *out, const struct ac3_facts *f) CHECKED;
enum err ac3_put_dec3(struct buf *out, const struct ac3_facts *f) CHECKED;

#endif
