/* A file as the body of an answer: sent by the kernel, without a copy (sendfile(2)). */
#ifndef BROADCASTER_VIEWERS_VIEWERS_FILE_H
#define BROADCASTER_VIEWERS_VIEWERS_FILE_H

#include <microhttpd.h>

#include "broadcaster/viewers/viewers_answer.h"
#include "broadcaster/viewers/viewers_watch.h"

/* The answer's file, or the part that it picked, which it takes. The connection keeps the response,
 * and the file's place among the open ones, until its answer ends: the caller does not destroy it.
 * NULL: no memory. */
struct MHD_Response *viewers_file_response(struct watched *watched, struct answer *a);

#endif
