/* The form of an MPEG-TS segment (rfc8216bis section 3.1.1, ISO/IEC 13818-1 section 2.4.3). Pure;
 * made for hostile bytes. */
#ifndef PUBLISHER_TOOLS_JUDGE_TS_H
#define PUBLISHER_TOOLS_JUDGE_TS_H

#include <stdbool.h>

#include "base/span.h"

/* Whether the bytes look like MPEG-TS: packets of 188 bytes. */
bool judge_ts_is(struct span segment);

/* NULL: all is well; else what is wrong, in static storage. */
const char *judge_ts_fault(struct span segment);

#endif
