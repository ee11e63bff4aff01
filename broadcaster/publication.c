#include "broadcaster/publication.h"

#include "base/clock.h"
#include "base/mem.h"
#include "run/events.h"
#include "run/log.h"

#define CODE_REJECTED "NetStream.Publish.Rejected"

/* One publisher and what it publishes. */
struct publication {
    struct publications *owner;
    struct publisher *publisher;
    struct admission_ask *ask; /* while it is open */
    struct stream *stream;     /* once admitted */
    struct admission_pass *pass;
    struct limits limits;
    struct rate_meter rate;
    bool closing;
    bool refused; /* from inside of on_publish */
};

static void refuse(struct publication *pub, const char *code, const char *text)
{
    publisher_refuse(pub->publisher, code, text);
    pub->refused = true;
}

static void close_publisher(void *arg, const char *code, const char *text)
{
    struct publication *pub = arg;
    pub->closing = true;
    publisher_close(pub->publisher, code, text);
}

static void begin(struct publication *pub, const struct admission_verdict *v)
{
    pub->limits = v->limits;
    rate_meter_init(&pub->rate, loop_now_ms(pub->owner->loop));
    pub->pass = admission_begin(pub->owner->admission, v, close_publisher, pub);
}

static void on_verdict(void *arg, const struct admission_verdict *v)
{
    struct publication *pub = arg;
    struct streams *streams = pub->owner->streams;
    const char *why = "";
    bool later = pub->ask != NULL;
    pub->ask = NULL;
    if (v->err != ERR_OK) {
        streams_figures(streams)->streams_refused++;
        refuse(pub, v->code, v->text);
    } else {
        enum err e = streams_publish(streams, v->name.id, v->ladder, clock_mono_ms(),
                                     clock_wall_ms(), &pub->stream, &why);
        if (e != ERR_OK) {
            refuse(pub, e == ERR_STATE ? "NetStream.Publish.BadName" : "NetStream.Publish.Failed",
                   why);
        } else {
            event_emit("stream_started", "stream", stream_id(pub->stream));
            log_info("broadcaster", "publish", "stream=%s peer=%s", stream_id(pub->stream),
                     publisher_peer(pub->publisher));
            begin(pub, v);
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
    char text[LIMITS_TEXT_MAX];
    const struct track_params *p = track_params(track);
    if (p->kind == TRACK_VIDEO && !limits_size_fits(&pub->limits, p->width, p->height, text)) {
        close_publisher(pub, CODE_REJECTED, text);
    } else {
        stream_track(pub->stream, track);
    }
}

static void on_packet(void *arg, void *publication, const struct packet *packet)
{
    struct publications *owner = arg;
    struct publication *pub = publication;
    if (pub->closing) {
        return;
    }
    char text[LIMITS_TEXT_MAX];
    if (!rate_meter_add(&pub->rate, &pub->limits, packet->data.len, loop_now_ms(owner->loop),
                        text)) {
        close_publisher(pub, CODE_REJECTED, text);
        return;
    }
    struct figures *f = streams_figures(owner->streams);
    uint64_t listed = f->source.appeared;
    if (stream_packet(pub->stream, packet, clock_mono_ms()) != ERR_OK) {
        close_publisher(pub, "NetStream.Publish.Failed", stream_why(pub->stream));
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
    admission_end(pub->pass, reason);
    mem_free(pub);
}

enum err publication_is_free(void *streams, const struct publish_name *name, const char **ret_why)
{
    return streams_check(streams, name->id, ret_why);
}

const struct ingest_handler publication_handler = {
    on_publish, on_cancel, on_track, on_packet, on_end,
};
