/* Dates of HTTP (RFC 9110, 5.6.7). Pure. */
#ifndef BROADCASTER_VIEWERS_HTTP_DATE_H
#define BROADCASTER_VIEWERS_HTTP_DATE_H

#include <stdbool.h>
#include <stdint.h>

#define HTTP_DATE_MAX 30 /* bytes with the NUL */

/* Seconds since 1970-01-01 UTC, in the form that is sent today: "Sun, 06 Nov 1994 08:49:37 GMT". A
 * time before 1970 or after the year 9999 is written as the nearest in between. */
void http_date_write(int64_t seconds, char ret_text[HTTP_DATE_MAX]);

/* Reads that form and both older ones (RFC 850: years below 70 are of this century; asctime). The
 * weekday is not looked at. False: it is no date, or text is NULL. */
bool http_date_read(const char *text, int64_t *ret_seconds);

#endif
