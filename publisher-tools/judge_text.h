/* The small grammars inside HLS tags (rfc8216bis section 4.2). Pure; made for hostile bytes. */
#ifndef PUBLISHER_TOOLS_JUDGE_TEXT_H
#define PUBLISHER_TOOLS_JUDGE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "publisher-tools/judge_list.h"

bool judge_text_is(struct span s, const char *text);
bool judge_text_starts(struct span s, const char *text);

/* All of s as a decimal number of units, in millionths; places past the sixth are cut off. */
bool judge_text_micros(struct span s, int64_t *ret_v);

/* "length[@offset]"; default_offset when there is none. */
bool judge_text_range(struct span s, uint64_t default_offset, struct judge_range *ret_range);

/* "1920x1080". */
bool judge_text_size(struct span s, int *ret_width, int *ret_height);

/* ISO 8601 with a time zone, "2026-01-31T12:00:00.000Z" or "+01:00", in microseconds since 1970. */
bool judge_text_date(struct span s, int64_t *ret_us);

/* Takes the next NAME=VALUE of an attribute list from the front of list. False: it is none; list is
 * then left as it is. */
bool judge_text_attribute(struct span *list, struct judge_attribute *ret_attribute);

/* Takes the next item of a list with commas, blanks around it removed; false at its end. */
bool judge_text_item(struct span *list, struct span *ret_item);

#endif
