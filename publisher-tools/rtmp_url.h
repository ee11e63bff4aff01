/* The publish URLs that people type. Pure. */
#ifndef PUBLISHER_TOOLS_RTMP_URL_H
#define PUBLISHER_TOOLS_RTMP_URL_H

#include <stddef.h>

#include "base/err.h"

#define RTMP_URL_MAX 2048 /* bytes with the NUL */

/* ERR_PROTO: not rtmp:// or rtmps:// with a host and a path; ERR_LIMIT: too long. */
enum err rtmp_url_check(const char *url) CHECKED;

/* The URL of copy number copy (from 1) out of copies: with one copy the URL itself, otherwise the
 * id (first path element, behind an optional "stream/" or "live/") gets "-1", "-2", ... at its end,
 * before any key, extension or query. ret_url holds RTMP_URL_MAX. ERR_LIMIT: too long. */
enum err rtmp_url_copy(const char *url, long copy, long copies, char *ret_url) CHECKED;

/* For people and logs: what comes behind the id (key, query) and a user's name and password as
 * "***". ret_text holds RTMP_URL_MAX; what does not fit is cut off. */
void rtmp_url_shown(const char *url, char *ret_text);

#endif
