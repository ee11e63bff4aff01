#include "broadcaster/publication.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broadcaster/play_name.h"
#include "broadcaster/stream_tap.h"
#include "run/events.h"
#include "run/log.h"

/* One publisher and what it publishes, or one who asks to play. */
struct publication {
    struct publications *owner;
    struct publisher *publisher;
    struct admission_ask *ask; /* while it is open */
    struct stream *stream;     /* once admitted */
    bool closing;
    bool refused;  /* from inside of on_publish */
    bool answered; /* on_play's question */
    struct player *player;
    char rung[RENDITION_NAME_MAX + 1];
};

static void refuse(struct publication *pub, const char *code, const char *text)
{
    streams_figures(pub->owner->streams)->streams_refused++;
    publisher_refuse(pub->publisher, code, text);
    pub->refused = true;
}

static void on_verdict(void *arg, const struct admission_verdict *v)
{
    struct publication *pub = arg;
    struct streams *streams = pub->owner->streams;
    const char *why = "";
    bool later = pub->ask != NULL;
    pub->ask = NULL;
    if (v->err != ERR_OK) {
        refuse(pub, v->code, v->text);
    } else {
        enum err e = streams_publish(streams, v->name.id, clock_mono_ms(), clock_wall_ms(),
                                     &pub->stream, &why);
        if (e != ERR_OK) {
            refuse(pub, e == ERR_STATE ? "NetStream.Publish.BadName" : "NetStream.Publish.Failed",
                   why);
        } else {
            event_emit("stream_started", "stream", stream_id(pub->stream));
            log_info("broadcaster", "publish", "stream=%s peer=%s", stream_id(pub->stream),
                     publisher_peer(pub->publisher));
            publisher_admit(pub->publisher);
        }
    }
    if (pub->refused && later) {
        mem_free(pub);
    }
}

static void *on_publish(void *arg, struct publisher *p, const struct ingest_request *r)
{
    struct publication *pub = mem_alloc(sizeof *pub);
    pub->owner = arg;
    pub->publisher = p;
    struct admission_request request = {
        .kind = ADMISSION_PUBLISH,
        .path = r->path,
        .query = r->query,
        .tc_url = r->tc_url,
        .peer = r->peer,
        .address = r->address,
    };
    pub->ask = admission_ask(pub->owner->admission, &request, on_verdict, pub);
    if (pub->refused) {
        mem_free(pub);
        return NULL;
    }
    return pub;
}

static void on_cancel(void *arg, void *publication)
{
    struct publication *pub = publication;
    (void)arg;
    admission_cancel(pub->ask);
    mem_free(pub);
}

static void on_track(void *arg, void *publication, struct track *track)
{
    struct publication *pub = publication;
    stream_track(pub->stream, track);
}

static void on_packet(void *arg, void *publication, const struct packet *packet)
{
    struct publications *owner = arg;
    struct publication *pub = publication;
    if (pub->closing) {
        return;
    }
    struct figures *f = streams_figures(owner->streams);
    uint64_t listed = f->source.appeared;
    if (stream_packet(pub->stream, packet, clock_mono_ms()) != ERR_OK) {
        pub->closing = true;
        publisher_close(pub->publisher, "NetStream.Publish.Failed", stream_why(pub->stream));
        return;
    }
    if (f->source.appeared != listed) {
        histogram_observe(&f->listed_delay, clock_mono_us() - loop_now_ms(owner->loop) * 1000);
    }
    int64_t wait_ms = stream_wait_ms(pub->stream);
    if (wait_ms > 0) {
        publisher_pause(pub->publisher, wait_ms);
    }
}

static void on_end(void *arg, void *publication, const char *reason, int orderly)
{
    struct publication *pub = publication;
    event_emit_reason("publisher_gone", "stream", stream_id(pub->stream), reason);
    log_info("broadcaster", "unpublish", "stream=%s orderly=%d reason=\"%s\"",
             stream_id(pub->stream), orderly, reason);
    stream_end(pub->stream, clock_mono_ms());
    mem_free(pub);
}

/* --- who plays --- */

static void refuse_play(struct publication *pub, const char *code, const char *text)
{
    publisher_refuse(pub->publisher, code, text);
    pub->refused = true;
}

static void connect_player(struct publication *pub, const char *id)
{
    const char *why = "";
    if (streams_tap(pub->owner->streams, id, pub->rung, player_tap(pub->player), &why) != ERR_OK) {
        refuse_play(pub, "NetStream.Play.StreamNotFound", why);
        return;
    }
    log_info("broadcaster", "play", "stream=%s rung=%s peer=%s", id,
             pub->rung[0] != '\0' ? pub->rung : "source", publisher_peer(pub->publisher));
    publisher_admit(pub->publisher);
}

/* Nothing follows either answer: the record is not needed any more. */
static void on_play_verdict(void *arg, const struct admission_verdict *v)
{
    struct publication *pub = arg;
    bool later = pub->ask != NULL;
    pub->ask = NULL;
    pub->answered = true;
    if (v->err != ERR_OK) {
        refuse_play(
            pub, strncmp(v->code, "NetStream.Publish", 17) == 0 ? "NetStream.Play.Failed" : v->code,
            v->text);
    } else {
        connect_player(pub, v->name.id);
    }
    if (later) {
        mem_free(pub);
    }
}

static void *on_play(void *arg, struct publisher *p, struct player *player,
                     const struct ingest_request *r)
{
    struct play_name name;
    if (play_name_parse(r->path, &name) != ERR_OK) {
        publisher_refuse(p, "NetStream.Play.StreamNotFound",
                         "the address must be rtmp://HOST/NAME or rtmp://HOST/NAME/RUNG");
        return NULL;
    }
    struct publication *pub = mem_alloc(sizeof *pub);
    pub->owner = arg;
    pub->publisher = p;
    pub->player = player;
    snprintf(pub->rung, sizeof pub->rung, "%s", name.rung);
    struct admission_request request = {
        .kind = ADMISSION_PLAY,
        .path = name.id, /* what stands behind it is no key */
        .query = r->query,
        .tc_url = r->tc_url,
        .peer = r->peer,
        .address = r->address,
    };
    pub->ask = admission_ask(pub->owner->admission, &request, on_play_verdict, pub);
    if (pub->answered) {
        mem_free(pub);
        return NULL;
    }
    return pub;
}

const struct ingest_handler publication_handler = {
    on_publish, on_cancel, on_track, on_packet, on_end, on_play,
};
