/* Delta updates (rfc8216bis sections 4.4.5.2 and 6.2.5.1). Pure. */
#ifndef PUBLISHER_TOOLS_JUDGE_DELTA_H
#define PUBLISHER_TOOLS_JUDGE_DELTA_H

#include "publisher-tools/judge_list.h"

/* The whole playlist that delta, with the segments it skips out of old, stands for. ERR_NOENT: old
 * does not hold all of them; ERR_LIMIT, ERR_NOMEM. Gives. */
enum err judge_delta_merge(const struct judge_list *old, const struct judge_list *delta,
                           struct judge_list **ret_whole) CHECKED;

/* The rules of a delta update by itself. */
void judge_delta_check(const struct judge_list *delta, const char *url,
                       const struct judge_sink *sink);

/* Two whole playlists of the same moment, the first one merged, must be the same. */
void judge_delta_compare(const struct judge_list *merged, const struct judge_list *whole,
                         const char *url, const struct judge_sink *sink);

#endif
