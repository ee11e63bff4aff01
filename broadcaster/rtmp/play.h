/* The playing side of a session (RTMP 1.0, 7.2.2): what a client that plays asks for and is sent.
 * Pure; single-threaded, as session.h. The events are RTMP_EVENT_PLAY, RTMP_EVENT_PAUSE and
 * RTMP_EVENT_END. */
#ifndef BROADCASTER_RTMP_PLAY_H
#define BROADCASTER_RTMP_PLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "broadcaster/rtmp/session.h"
#include "media/packet.h"
#include "media/track.h"

/* The largest output of a session that plays: two messages of the largest access unit that a
 * publisher may send, and what belongs to them. */
#define PLAY_OUTPUT_MAX (20 * 1024 * 1024)

/* The answer to RTMP_EVENT_PLAY; the other one is rtmp_session_refuse. */
void rtmp_session_accept_play(struct rtmp_session *s);

/* True from the acceptance until the client closes its stream or the end was said. */
bool rtmp_session_playing(const struct rtmp_session *s);

/* Whether the client can be sent a codec: the old ones always, others if its connect said so
 * (Enhanced RTMP v2, "fourCcList", "videoFourCcInfoMap", "audioFourCcInfoMap"). */
bool rtmp_session_can_play(const struct rtmp_session *s, enum track_codec codec);

/* Sends onMetaData and the codec headers of what the client can play; either may be NULL, and only
 * that which differs from what was sent last. ms: when. References are taken. ERR_LIMIT,
 * ERR_NOMEM: the output cannot take it; close. */
enum err rtmp_session_put_tracks(struct rtmp_session *s, struct track *video, struct track *audio,
                                 int64_t ms) CHECKED;

/* Sends one access unit of the tracks put last; one that the client cannot play, or that is larger
 * than a message, is passed over. ms: DTS on the player's clock, cut to 32 bits. Errors as above.
 */
enum err rtmp_session_put_packet(struct rtmp_session *s, const struct packet *p, int64_t ms,
                                 int64_t composition_ms) CHECKED;

/* The stream is over: says so; the shell flushes and closes. text: for people. */
void rtmp_session_end_play(struct rtmp_session *s, const char *text);

/* For command.c: the commands. */
enum err rtmp_play(struct rtmp_session *s, uint32_t stream_id, struct span arguments) CHECKED;
enum err rtmp_pause(struct rtmp_session *s, struct span arguments) CHECKED;
bool rtmp_stop_play(struct rtmp_session *s); /* false: nothing is being played */

#endif
