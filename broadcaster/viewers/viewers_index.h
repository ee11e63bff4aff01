/* What a viewer gets at the addresses of the content index: /streams.json, /stream/index.m3u8 and
 * the streams' posters. Any thread. */
#ifndef BROADCASTER_VIEWERS_VIEWERS_INDEX_H
#define BROADCASTER_VIEWERS_VIEWERS_INDEX_H

#include <stdbool.h>

#include "broadcaster/viewers/client.h"
#include "broadcaster/viewers/viewers_answer.h"

struct viewers_index;

enum index_answer {
    INDEX_NOT_MINE, /* another method or address; the answer is untouched */
    INDEX_ANSWERED, /* the answer is to be freed with answer_fini */
    INDEX_HELD,     /* the connection is suspended: the request comes again; no answer */
};

struct MHD_Connection;

/* Borrows the board for its life. listed: false: it is not told which streams there are. NULL: no
 * thread could be started. */
struct viewers_index *viewers_index_create(struct board *board, bool listed);

/* Resumes all connections that are held, and holds none from now on; before the library's daemon
 * is stopped. */
void viewers_index_stop(struct viewers_index *x);
void viewers_index_destroy(struct viewers_index *x); /* takes NULL */

enum index_answer viewers_index_answer(struct viewers_index *x, struct MHD_Connection *c,
                                       const struct viewer_request *request, struct answer *a);

/* A request was answered with a playlist: the client is counted as a viewer of its stream, and of
 * the rendition. */
void viewers_index_saw(struct viewers_index *x, struct MHD_Connection *c,
                       const struct client *client, const struct hls_ask *ask);

/* How many of them a rendition has. */
unsigned viewers_index_count(struct viewers_index *x, const char *id, const char *rendition);

#endif
