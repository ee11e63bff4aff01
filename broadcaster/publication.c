#include "broadcaster/publication.h"

#include "base/clock.h"
#include "base/mem.h"
#include "run/events.h"
#include "run/log.h"

/* One publisher and what it publishes. */
struct publication {
    struct publications *owner;
    struct publisher *publisher;
    struct admission_ask *ask; /* while it is open */
    struct stream *stream;     /* once admitted */
    bool closing;
    bool refused; /* from inside of on_publish */
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
        enum err e = streams_publish(streams, v->name.id, NULL, clock_mono_ms(), clock_wall_ms(),
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

const struct ingest_handler publication_handler = {
    on_publish, on_cancel, on_track, on_packet, on_end,
};
