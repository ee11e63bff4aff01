/* Who listens to a session that is fuzzed: what it is given is sane, and every byte of it is there.
 */
#ifndef FUZZ_RTMP_LISTENER_H
#define FUZZ_RTMP_LISTENER_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broadcaster/ingest/play_name.h"
#include "broadcaster/rtmp/play.h"
#include "broadcaster/rtmp/session.h"

#define FLAG_REFUSE      0x80
#define FLAG_LATER       0x40
#define FLAG_CLOSE_EARLY 0x20
#define OUTPUT_MAX       (256 * 1024)

struct listener {
    struct rtmp_session *session;
    uint8_t flags;
    unsigned sum;
};

static inline void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* Every byte given is read, so that a sanitizer sees what lies outside. */
static inline void read_span(struct listener *l, struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        l->sum += s.data[i];
    }
}

static inline void on_event(void *arg, const struct rtmp_event *e)
{
    struct listener *l = arg;
    if (e->type == RTMP_EVENT_PUBLISH) {
        l->sum += (unsigned)(strlen(e->path) + strlen(e->query) + strlen(e->tc_url));
        if ((l->flags & FLAG_REFUSE) != 0) {
            rtmp_session_refuse(l->session, "NetStream.Publish.BadName", "no");
        } else if ((l->flags & FLAG_LATER) == 0) {
            rtmp_session_accept(l->session);
        }
        return;
    }
    if (e->type == RTMP_EVENT_PLAY) {
        struct play_name name;
        check(play_name_parse(e->path, &name) != ERR_OK || name.id[0] != '\0');
        if ((l->flags & FLAG_REFUSE) != 0) {
            rtmp_session_refuse(l->session, "NetStream.Play.StreamNotFound", "no");
        } else if ((l->flags & FLAG_LATER) == 0) {
            rtmp_session_accept_play(l->session);
            check(rtmp_session_playing(l->session));
        }
        return;
    }
    if (e->type == RTMP_EVENT_TRACK) {
        const struct track_params *t = track_params(e->track);
        check(t->kind == TRACK_VIDEO ? t->width > 0 && t->height > 0
                                     : t->sample_rate > 0 && t->channels > 0);
        read_span(l, t->config);
    } else if (e->type == RTMP_EVENT_METADATA) {
        check(strlen(e->metadata->encoder) < METADATA_ENCODER_MAX);
        check(e->metadata->width >= 0 && e->metadata->fps_milli >= 0);
    } else if (e->type == RTMP_EVENT_PACKET) {
        check(e->packet->kind == TRACK_VIDEO || e->packet->kind == TRACK_AUDIO);
        read_span(l, e->packet->data);
        if ((l->flags & FLAG_CLOSE_EARLY) != 0) {
            rtmp_session_refuse(l->session, "NetStream.Publish.Failed", "no");
        }
    }
}

static inline void feed(struct listener *l, const uint8_t *data, size_t size, size_t cut)
{
    enum err e = ERR_OK;
    while (size > 0 && e == ERR_OK) {
        size_t n = cut > 0 && cut < size ? cut : size;
        e = rtmp_session_feed(l->session, span_of(data, n));
        check((e == ERR_OK) == (rtmp_session_why(l->session)[0] == '\0'));
        check(rtmp_session_output(l->session)->len <= OUTPUT_MAX);
        if ((l->flags & FLAG_LATER) != 0) {
            rtmp_session_accept(l->session);
        }
        data += n;
        size -= n;
    }
}

#endif
