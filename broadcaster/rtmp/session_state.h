/* Inside of rtmp_session, shared by session.c and command.c only. */
#ifndef BROADCASTER_RTMP_SESSION_STATE_H
#define BROADCASTER_RTMP_SESSION_STATE_H

#include "broadcaster/rtmp/chunk.h"
#include "broadcaster/rtmp/handshake.h"
#include "broadcaster/rtmp/media.h"
#include "broadcaster/rtmp/message.h"
#include "broadcaster/rtmp/session.h"

enum session_state {
    SESSION_IDLE,  /* nothing is published (yet, or any more) */
    SESSION_ASKED, /* PUBLISH was given and not answered yet */
    SESSION_PUBLISHING,
    SESSION_PLAY_ASKED, /* PLAY was given and not answered yet */
    SESSION_PLAYING,
    SESSION_CLOSED, /* refused: what still comes is thrown away */
};

struct rtmp_session {
    rtmp_event_fn *fn;
    void *arg;
    enum session_state state;
    enum err failed;
    const char *why;

    struct handshake handshake;
    struct chunk_reader *reader;
    struct buf out;
    struct message_writer writer;

    uint32_t ack_window;
    uint64_t received; /* bytes, and */
    uint64_t acknowledged;

    bool has_app;
    char *app;    /* as sent, with its query */
    char *tc_url; /* as sent */

    struct rtmp_caps caps; /* the client's */

    uint32_t stream_id; /* of the publish, or the play */
    struct media media;

    struct track *play_tracks[2]; /* put last, by enum track_kind */
};

/* Remembers the sentence and returns e. */
enum err rtmp_fail(struct rtmp_session *s, enum err e, const char *why) CHECKED;

/* How much a client that has asked to publish, and was not answered yet, may have under way. */
extern const struct chunk_limits rtmp_limits_asked;
void rtmp_limit(struct rtmp_session *s, const struct chunk_limits *limits);

/* Ends the publish, with its event if it was accepted. */
void rtmp_unpublish(struct rtmp_session *s);

/* Carries out one command message in AMF0 (RTMP 1.0, 7.2). */
enum err rtmp_command(struct rtmp_session *s, uint32_t stream_id, struct span body) CHECKED;

#endif
