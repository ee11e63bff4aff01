/* The content index: which streams there are, as /streams.json and /stream/index.m3u8. Both are
 * made anew at most once in INDEX_MADE_EVERY_MS, however often they are asked for, and are
 * immutable in between. Any thread. */
#ifndef BROADCASTER_HLS_CONTENT_INDEX_H
#define BROADCASTER_HLS_CONTENT_INDEX_H

#include "base/blob.h"
#include "base/err.h"
#include "base/span.h"
#include "broadcaster/stream/board.h"

#define INDEX_MADE_EVERY_MS 1000
#define INDEX_STREAMS_MAX   1024              /* the newest */
#define INDEX_TEXT_MAX      (4 * 1024 * 1024) /* bytes of each of the two */

struct index_text {
    struct blob *plain;
    struct blob *gzip; /* the same by gzip; NULL: not worth it */
    uint64_t tag;      /* http_tag_of(plain) */
};

enum index_form { INDEX_JSON, INDEX_PLAYLIST, INDEX_FORMS_ };

struct content_index;

/* Borrows the board for its life. */
struct content_index *content_index_create(struct board *board);
void content_index_destroy(struct content_index *ci); /* takes NULL */

/* A viewer fetched a playlist of this stream. address, agent: whatever tells viewers apart; nothing
 * of them is kept (see audience.h). now_ms: monotonic. */
void content_index_saw(struct content_index *ci, const char *id, struct span address,
                       struct span agent, int64_t now_ms);

/* The newest text of this form; gives references. now_ms: monotonic; wall_ms: wall clock.
 * ERR_NOENT: there is nothing to play (INDEX_PLAYLIST); ERR_NOMEM. */
enum err content_index_get(struct content_index *ci, enum index_form form, int64_t now_ms,
                           int64_t wall_ms, struct index_text *ret_text) CHECKED;

#endif
