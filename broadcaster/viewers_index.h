/* What a viewer gets at the addresses of the content index: /streams.json and /stream/index.m3u8.
 * Any thread. */
#ifndef BROADCASTER_VIEWERS_INDEX_H
#define BROADCASTER_VIEWERS_INDEX_H

#include <stdbool.h>

#include "broadcaster/viewers_answer.h"

struct viewers_index;

/* Borrows the board for its life. listed: false: it is not told which streams there are. */
struct viewers_index *viewers_index_create(struct board *board, bool listed);
void viewers_index_destroy(struct viewers_index *x); /* takes NULL */

/* Answers a GET or HEAD of an address of the index: a is to be freed with answer_fini. False: it
 * is another method or address, and a is untouched. */
bool viewers_index_answer(struct viewers_index *x, struct answer *a,
                          const struct viewer_request *request);

struct MHD_Connection;

/* This target was answered with a playlist: whose it was is counted as a viewer of its stream. */
void viewers_index_saw(struct viewers_index *x, struct MHD_Connection *c, struct span target);

#endif
