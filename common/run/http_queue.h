/* Answers on a connection of libmicrohttpd: ours, and those that the library gives by itself.
 *
 * To a request that it cannot read or has no room for it makes an answer of its own, asks nobody,
 * and calls its own exported MHD_queue_response. A program's symbols go before a library's: the
 * function of that name here gets these answers, and nothing else, since ours go by http_queue
 * (decision 0018). */
#ifndef RUN_HTTP_QUEUE_H
#define RUN_HTTP_QUEUE_H

#include <microhttpd.h>
#include <stdbool.h>

/* MHD_queue_response for an answer of ours. Nobody calls that by its own name. */
enum MHD_Result http_queue(struct MHD_Connection *c, unsigned status, struct MHD_Response *r);

/* The library is about to answer with this status and to end the connection. Who answers in its
 * place does so by the connection's socket and ends that for writing: the library's answer is not
 * sent then, and the connection ends as if its client had gone. It is not enough to refuse what the
 * library queues: it goes on with a request whose memory it has freed (0.9.75). */
typedef void http_own_answer_fn(void *arg, struct MHD_Connection *c, unsigned status);

/* Called for each such answer in the calling thread from now on; until then they go as they are. */
void http_on_own_answer(http_own_answer_fn *fn, void *arg);

#endif
