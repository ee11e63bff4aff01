/* Whether anybody asks for the parts of a stream, so that they are made only then. Viewers' threads
 * say so, the loop looks; any thread. */
#ifndef BROADCASTER_STREAM_INTEREST_H
#define BROADCASTER_STREAM_INTEREST_H

#include <stdbool.h>

/* So long somebody who asked is taken to ask again: longer than a player takes to reload a playlist
 * of usual segments. */
#define INTEREST_MS 20000

struct interest;

/* There is interest at first: who waits for a stream to begin could not say so. Gives. */
struct interest *interest_create(void);
struct interest *interest_ref(struct interest *i);
void interest_unref(struct interest *i); /* takes NULL */

/* Somebody asks for parts, or for a playlist in which they stand. */
void interest_show(struct interest *i);

bool interest_there(const struct interest *i);

#endif
