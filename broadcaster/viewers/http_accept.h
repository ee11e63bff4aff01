/* What a client takes (RFC 9110, 12.5.1 and 12.5.3). Pure, total: any text has an answer. */
#ifndef BROADCASTER_VIEWERS_HTTP_ACCEPT_H
#define BROADCASTER_VIEWERS_HTTP_ACCEPT_H

#include <stdbool.h>

/* Whether gzip is the better form for this Accept-Encoding: named (or by "*"), not refused, and not
 * wanted less than the plain form. NULL: the header did not come. Members that are malformed do not
 * count. */
bool http_accepts_gzip(const char *accept_encoding);

/* Whether this Accept names text/html and does not refuse it, as browsers' do that want a page to
 * show. Wildcards do not count: programs send those. NULL: the header did not come. */
bool http_accepts_html(const char *accept);

#endif
