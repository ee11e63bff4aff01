/* An answer as libmicrohttpd sends it. */
#ifndef BROADCASTER_VIEWERS_VIEWERS_RESPONSE_H
#define BROADCASTER_VIEWERS_VIEWERS_RESPONSE_H

#include <microhttpd.h>
#include <stddef.h>

#include "broadcaster/viewers/cors.h"
#include "broadcaster/viewers/pages.h"
#include "broadcaster/viewers/viewers_answer.h"
#include "broadcaster/viewers/viewers_watch.h"

/* Keeps the library from taking the request's cookies apart, which it would do in copies of them;
 * before it has read any of the headers. */
void viewers_keep_cookies_whole(struct MHD_Connection *c);

/* The headers that an answer depends on. The texts are the connection's, for as long as it is in
 * the request. */
void viewers_request_read(struct MHD_Connection *c, struct viewer_request *r);

/* The request's target with its query, as it was sent: url, or what is put together in text, which
 * has size bytes and holds as much as fits. */
struct span viewers_target(struct MHD_Connection *c, const char *url, char *text, size_t size);

/* Whether the body, if it is sent, is one that the kernel takes from a file. */
bool viewers_sends_file(const struct answer *a);

/* Answers the request on the connection of watched (NULL: there was no memory for it), with headers
 * for a page of this origin (NULL: none is named; cors NULL: all may read). The body is moved out
 * of the answer without a copy; what all get alike is made once for a blob and kept with it. */
enum MHD_Result viewers_send(struct MHD_Connection *c, struct watched *watched, struct answer *a,
                             const struct cors *cors, const char *origin);

/* A page or file of the watch pages, with headers for a page of this origin as in viewers_send.
 * NULL: no memory. Gives. */
struct MHD_Response *viewers_page_response(const struct page *p, const struct cors *cors,
                                           const char *origin);

#endif
