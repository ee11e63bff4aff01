/* One who plays over RTMP: takes a rendition's packets from its tap, keeps what the connection
 * cannot take yet, bounded, and puts the rest on the player's own clock. When the connection falls
 * behind, it goes on with a later key frame; the stream never waits. Pure but for the log; loop's
 * thread. */
#ifndef BROADCASTER_INGEST_PLAYER_H
#define BROADCASTER_INGEST_PLAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "broadcaster/rtmp/session.h"
#include "broadcaster/stream/stream_tap.h"

#define PLAYER_BYTES_MAX    (16 * 1024 * 1024) /* that wait for the connection */
#define PLAYER_PACKETS_MAX  8192
#define PLAYER_BEHIND_TICKS (10 * TICKS_PER_S) /* then a later key frame is sought */
#define PLAYER_KEY_TICKS    (30 * TICKS_PER_S) /* without a key frame any picture must do */
#define PLAYER_OUTPUT_BYTES (256 * 1024)       /* given to the session at once, and one packet */

struct player;

struct player_counters {
    uint64_t packets;         /* given to sessions */
    uint64_t packets_dropped; /* because the player did not read fast enough */
};

/* wake(arg) is called when there is something for player_fill to do, from inside of what the tap is
 * given. counters are added to, borrowed. peer: for the log, borrowed. Gives. */
struct player *player_create(void (*wake)(void *arg), void *arg, struct player_counters *counters,
                             const char *peer);
void player_destroy(struct player *p); /* takes NULL; takes its tap away */

/* For streams_tap. */
struct tap *player_tap(struct player *p);

/* Moves what is there into the session, up to PLAYER_OUTPUT_BYTES of output. ERR_LIMIT, ERR_NOMEM:
 * the connection must be closed. */
enum err player_fill(struct player *p, struct rtmp_session *s) CHECKED;

bool player_waiting(const struct player *p); /* there is something to fill in */
bool player_ended(const struct player *p);   /* the stream is over, and all of it was filled in */

/* Nothing is kept while paused; afterwards it goes on with the next key frame. */
void player_set_paused(struct player *p, bool paused);

#endif
