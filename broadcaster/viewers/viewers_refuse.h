/* Answers that end their connection and go past libmicrohttpd, by the socket: to requests that it
 * cannot read, or that leave no room for an answer in their connection's memory. */
#ifndef BROADCASTER_VIEWERS_VIEWERS_REFUSE_H
#define BROADCASTER_VIEWERS_VIEWERS_REFUSE_H

#include <microhttpd.h>
#include <stddef.h>
#include <stdint.h>

#include "broadcaster/viewers/cors.h"

#define VIEWERS_REFUSAL_MAX 1024

/* The whole answer, with headers for a page of this origin (NULL: none is known; cors NULL: all may
 * read); now_s: since 1970. How long it is, without a NUL. Pure. */
size_t viewers_refusal(unsigned status, const struct cors *cors, const char *origin, int64_t now_s,
                       char ret_text[VIEWERS_REFUSAL_MAX]);

/* Sends it and ends the socket for writing, so that nothing else is sent. The answers to requests
 * before this one are sent by now. The connection's own thread. */
void viewers_refuse(struct MHD_Connection *c, unsigned status, const struct cors *cors);

#endif
