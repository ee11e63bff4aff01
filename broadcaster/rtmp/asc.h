/* AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1): what AAC tells of itself. Pure. */
#ifndef BROADCASTER_RTMP_ASC_H
#define BROADCASTER_RTMP_ASC_H

#include "base/err.h"
#include "base/span.h"

struct asc {
    int object_type; /* of the core: 2 is AAC-LC, also under explicit SBR */
    int sample_rate; /* Hz, of the core: an access unit is 1024 samples of it */
    int channels;    /* of the core; with a program config element, counted in it */
};

/* ERR_PROTO: cut short or reserved values. */
enum err asc_parse(struct span config, struct asc *ret_asc) CHECKED;

#endif
