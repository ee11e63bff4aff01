/* Which streams have been here before: players may still hold a playlist of an earlier life of a
 * stream, from before it was taken away or the broadcaster was started anew. The ids stand in a
 * small file, LIVES_FILE. Loop's thread. */
#ifndef BROADCASTER_STREAM_LIVES_H
#define BROADCASTER_STREAM_LIVES_H

#include <stdbool.h>

#define LIVES_FILE "streams-seen"
#define LIVES_MAX  1024 /* ids; the one that was begun longest ago is forgotten first */

struct lives;

/* The file is made in this folder when it is needed. One that cannot be read or written is logged
 * once and then done without. */
struct lives *lives_open(const char *dir);
void lives_close(struct lives *l); /* takes NULL */

bool lives_known(const struct lives *l, const char *id);

/* Players can see the stream from now on (id_valid). */
void lives_note(struct lives *l, const char *id);

#endif
