/* An answer as libmicrohttpd sends it. */
#ifndef BROADCASTER_VIEWERS_RESPONSE_H
#define BROADCASTER_VIEWERS_RESPONSE_H

#include <microhttpd.h>
#include <stddef.h>

#include "broadcaster/cors.h"
#include "broadcaster/pages.h"
#include "broadcaster/viewers_answer.h"

/* The headers that an answer depends on. The texts are the connection's, for as long as it is in
 * the request. */
void viewers_request_read(struct MHD_Connection *c, struct viewer_request *r);

/* With headers, for a page of this origin (NULL: none is named; cors NULL: all may read), and body,
 * which is moved out of the answer without a copy. NULL: no memory (the answer may have lost its
 * body). Gives. */
struct MHD_Response *viewers_response(struct answer *a, const struct cors *cors,
                                      const char *origin);

/* A page or file of the watch pages, which other sites' pages may not read. NULL: no memory. Gives.
 */
struct MHD_Response *viewers_page_response(const struct page *p);

#endif
