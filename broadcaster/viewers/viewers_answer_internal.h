/* What viewers_answer.c (the classic addresses and what all share), viewers_live.c (those of fMP4)
 * and viewers_index.c (those of the index) share; nobody else includes it. */
#ifndef BROADCASTER_VIEWERS_VIEWERS_ANSWER_INTERNAL_H
#define BROADCASTER_VIEWERS_VIEWERS_ANSWER_INTERNAL_H

#include "broadcaster/hls/hls.h"
#include "broadcaster/stream/lineup.h"
#include "broadcaster/viewers/viewers_answer.h"

/* What a segment can be made into for an address. */
struct answer_form {
    enum segment_form form;
    segment_make_fn *make;
    const char *type;
};

const struct answer_form *answer_form_of(const struct hls_ask *ask);

/* Sets status and a line of text (format takes both strings, in order); when even that finds no
 * memory, the body stays empty. */
void answer_say(struct answer *a, int status, const char *format, const char *one, const char *two);
void answer_no_memory(struct answer *a);
void answer_no_stream(struct answer *a, const struct hls_ask *ask);

/* The text is a playlist, or e says why there is none. */
void answer_playlist(struct answer *a, enum err e);

/* How long caches may keep this playlist of the window: at most half a target duration. */
void answer_playlist_age(struct answer *a, const struct window *w);

/* A page for window_text of what was written, or e says why that failed: its tag, and its form by
 * gzip where that is worth it. Takes the text's memory, also on failure. */
enum err answer_page(struct buf *text, enum err e, struct window_page *ret_page) CHECKED;

/* A playlist that is kept for all who ask for the same state of it. Takes both references; gzip:
 * from gzip_blob, NULL when that gave none; tag: http_tag_of the plain one, made once. */
void answer_playlist_kept(struct answer *a, struct blob *plain, struct blob *gzip, uint64_t tag);

/* A master playlist, made once for what the renditions are. Gives the answer but for ERR_NOENT:
 * make says that there is nothing for it. ERR_STATE of make: the stream is not there yet. */
enum err answer_master(struct answer *a, struct board *board, enum lineup_text which,
                       lineup_make_fn *make, struct hls_ask *ask) CHECKED;

/* Puts the viewer's query behind each address of a playlist. */
void answer_put_query(struct answer *a, const struct hls_ask *ask);

/* Puts the id that is meant in place of "current". A stream that is really called so can be had
 * where the newest one is not on offer. */
void answer_resolve(struct board *board, struct hls_ask *ask);

/* NULL, with the answer given, when there is no such rendition; live: "audio" is the source's.
 * Give.
 */
struct window *answer_window(struct answer *a, struct board *board, const struct hls_ask *ask);
const char *answer_live_name(const struct hls_ask *ask); /* of the rendition on the board */
struct window *answer_live_window(struct answer *a, struct board *board, const struct hls_ask *ask);

/* The body is this (taken): a segment, a part, an initialisation section. */
void answer_found(struct answer *a, struct blob *blob, const struct hls_ask *ask, uint64_t tag);

/* The viewer pays for the segment that is asked for, until so many ticks from its start. */
void answer_costs(struct answer *a, const struct hls_ask *ask, int64_t until);

/* The body is this segment's container, or the answer says why not. */
void answer_container(struct answer *a, struct segment *s, const struct hls_ask *ask);

/* --- viewers_live.c --- */

void answer_live_master(struct answer *a, struct board *board, struct hls_ask *ask);
void answer_live_media(struct answer *a, struct board *board, const struct hls_ask *ask,
                       enum viewer_wait wait);
void answer_live_part(struct answer *a, struct board *board, const struct hls_ask *ask,
                      enum viewer_wait wait);
void answer_live_init(struct answer *a, struct board *board, const struct hls_ask *ask);

#endif
