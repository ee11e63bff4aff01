/* One RTMP connection as a server sees it: bytes in, events and bytes out. Pure: no socket, clock
 * or log. Follows "Adobe's Real Time Messaging Protocol" 1.0 and the FLV specification 10.1 annex
 * E. Single-threaded. */
#ifndef BROADCASTER_RTMP_SESSION_H
#define BROADCASTER_RTMP_SESSION_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "broadcaster/rtmp/caps.h"
#include "broadcaster/rtmp/metadata.h"
#include "media/packet.h"
#include "media/track.h"

struct rtmp_session;

enum rtmp_event_type {
    RTMP_EVENT_PUBLISH,  /* a client asks to publish `path`; answer with accept or refuse, now or
                            later */
    RTMP_EVENT_TRACK,    /* a codec header came, or a changed one: `track` */
    RTMP_EVENT_PACKET,   /* one access unit: `packet` */
    RTMP_EVENT_METADATA, /* what the client says of its stream, true or not: `metadata` */
    RTMP_EVENT_SKIPPED,  /* something of the media was left out; all else goes on: `skip`, `text` */
    RTMP_EVENT_END,      /* the publish or play ended in order (FCUnpublish, deleteStream,
                            closeStream), maybe before it was answered */
    RTMP_EVENT_PLAY,     /* a client asks to play `path`; answer as for PUBLISH (play.h) */
    RTMP_EVENT_PAUSE,    /* a client that plays wants nothing more, or to go on: `paused` */
};

enum rtmp_skip {
    RTMP_SKIP_CODEC,     /* of a codec that cannot be carried */
    RTMP_SKIP_HEADER,    /* a codec header that cannot be read */
    RTMP_SKIP_BROKEN,    /* a message or a frame that cannot be read */
    RTMP_SKIP_NO_HEADER, /* a frame before its codec header */
    RTMP_SKIP_TRACK,     /* of a track above TRACKS_PER_KIND_MAX */
    RTMP_SKIP_LEADING,   /* a picture that needs others from before the start (HEVC's RASL) */
    RTMP_SKIP_UNKNOWN,   /* a kind of packet that is not known */
    RTMP_SKIPS_
};

struct rtmp_event {
    enum rtmp_event_type type;
    /* PUBLISH, PLAY: app and stream name joined by "/" without the query, e.g. "live/movie/key" or
     * "hello_world"; query: what stood behind "?" in either (may be ""); tc_url as sent (may be "")
     */
    const char *path;
    const char *query;
    const char *tc_url;
    struct track *track;                  /* TRACK; borrowed */
    const struct rtmp_metadata *metadata; /* METADATA; borrowed */
    const struct packet *packet; /* PACKET; borrowed: take a reference. Times: ticks of 90 kHz from
                                    the RTMP milliseconds, the 32-bit clock unrolled to 64 bits,
                                    with the publisher's nanoseconds added, otherwise as sent
                                    (repair is not done here). PACKET_KEY on video as the bitstream
                                    says, whatever the message does. duration: of sound, but AAC */
    enum rtmp_skip skip;         /* SKIPPED */
    const char *text;            /* SKIPPED: a static sentence */
    bool first;                  /* SKIPPED: the first of its kind in this publish */
    bool paused;                 /* PAUSE */
};

typedef void rtmp_event_fn(void *arg, const struct rtmp_event *e);

/* Gives. fn is called from inside rtmp_session_feed and must not destroy the session. */
struct rtmp_session *rtmp_session_create(rtmp_event_fn *fn, void *arg);
void rtmp_session_destroy(struct rtmp_session *s); /* takes NULL */

/* Consumes all bytes. Any error means: flush the output, then close; rtmp_session_why says why.
 * ERR_PROTO, ERR_LIMIT, ERR_NOMEM, ERR_UNSUPPORTED. */
enum err rtmp_session_feed(struct rtmp_session *s, struct span bytes) CHECKED;

/* True while a publisher's next byte begins a message. */
bool rtmp_session_is_between(const struct rtmp_session *s);

/* A static sentence for the log after an error; "" before. */
const char *rtmp_session_why(const struct rtmp_session *s);

/* The answer to RTMP_EVENT_PUBLISH. refuse: code e.g. "NetStream.Publish.BadName", text for people;
 * the shell flushes and closes. */
void rtmp_session_accept(struct rtmp_session *s);
void rtmp_session_refuse(struct rtmp_session *s, const char *code, const char *text);

/* What the client said of Enhanced RTMP when it connected; all zero before, and when nothing. */
const struct rtmp_caps *rtmp_session_caps(const struct rtmp_session *s);

/* Asks the client to connect anew ("Reconnect Request" of Enhanced RTMP v2), at its next key frame;
 * until then it goes on publishing. tc_url: where, or NULL for the same address. False: it said at
 * connect that it does not know this, or is not connected. */
bool rtmp_session_ask_reconnect(struct rtmp_session *s, const char *tc_url, const char *text);

/* Asks the client whether it is still there (user control 6); time: any number, which its answer
 * repeats. Many clients answer only while they send, and OBS never does. */
void rtmp_session_ping(struct rtmp_session *s, uint32_t time);

/* What is to be sent; the shell takes bytes with buf_drop or swaps the buffer out. */
struct buf *rtmp_session_output(struct rtmp_session *s);

/* True once the handshake is through; true once a publish was accepted. For the shell's timeouts.
 */
bool rtmp_session_connected(const struct rtmp_session *s);
bool rtmp_session_publishing(const struct rtmp_session *s);

#endif
