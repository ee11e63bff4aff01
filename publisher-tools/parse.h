/* Small values that people type. Pure. Each takes the whole text or nothing (ERR_PROTO). */
#ifndef PUBLISHER_TOOLS_PARSE_H
#define PUBLISHER_TOOLS_PARSE_H

#include <stdint.h>

#include "base/err.h"

/* "640x480": two numbers from 1 to 99999. */
enum err parse_size(const char *text, int *ret_width, int *ret_height) CHECKED;

/* "30", "29.97" or "30000/1001": above 0; num and den up to 999999. */
enum err parse_ratio(const char *text, int *ret_num, int *ret_den) CHECKED;

/* "2000k", "2.5M", "64000": bits per second, k and M are decimal; at most three places behind the
 * point; at most 10^12. */
enum err parse_bitrate(const char *text, int64_t *ret_bps) CHECKED;

#endif
