#include "broadcaster/ingest/publication.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broadcaster/ingest/feed.h"
#include "broadcaster/ingest/play_name.h"
#include "broadcaster/stream/stream_tap.h"
#include "run/events.h"
#include "run/log.h"

#define CODE_REJECTED "NetStream.Publish.Rejected"

/* One publisher and what it publishes, or one who asks to play. */
struct publication {
    struct publications *owner;
    struct publisher *publisher;
    struct admission_ask *ask; /* while it is open */
    struct feed *feed;         /* once admitted */
    struct admission_pass *pass;
    struct limits limits;
    struct rate_meter rate;
    bool closing; /* what still comes is thrown away */
    bool refused; /* from inside of on_publish or on_play */
    struct player *player;
    char rung[RENDITION_NAME_MAX + 1];
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
    struct feed_claim claim = {
        .id = v->name.id,
        .key = v->name.key,
        .key_given = v->key_given,
        .ladder = v->ladder,
        .on_lost = close_publisher,
        .arg = pub,
    };
    const char *why = "";
    enum err e =
        feed_open(pub->owner->streams, &claim, clock_mono_ms(), clock_wall_ms(), &pub->feed, &why);
    if (e != ERR_OK) {
        /* It was free when the webhook was asked. */
        bool taken = e == ERR_STATE || e == ERR_AUTH;
        admission_unused(pub->owner->admission, v, why);
        refuse(pub, taken ? "NetStream.Publish.BadName" : "NetStream.Publish.Failed", why);
        return;
    }
    pub->limits = v->limits;
    rate_meter_init(&pub->rate, loop_now_ms(pub->owner->loop));
    pub->pass = admission_begin(pub->owner->admission, v, close_publisher, pub);
    event_emit("stream_started", "stream", v->name.id);
    log_info("broadcaster", "publish", "stream=%s peer=%s", v->name.id,
             publisher_peer(pub->publisher));
    publisher_admit(pub->publisher);
}

static void on_verdict(void *arg, const struct admission_verdict *v)
{
    struct publication *pub = arg;
    bool later = pub->ask != NULL;
    pub->ask = NULL;
    if (v->err != ERR_OK) {
        streams_figures(pub->owner->streams)->streams_refused++;
        refuse(pub, v->code, v->text);
    } else {
        begin(pub, v);
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

static void on_received(void *arg, void *publication, size_t bytes)
{
    const struct publications *owner = arg;
    struct publication *pub = publication;
    char text[LIMITS_TEXT_MAX];
    if (!pub->closing &&
        !rate_meter_add(&pub->rate, &pub->limits, bytes, loop_now_ms(owner->loop), text)) {
        close_publisher(pub, CODE_REJECTED, text);
    }
}

static void on_track(void *arg, void *publication, struct track *track)
{
    struct publication *pub = publication;
    char text[LIMITS_TEXT_MAX];
    const struct track_params *p = track_params(track);
    if (p->kind == TRACK_VIDEO && !limits_size_fits(&pub->limits, p->width, p->height, text)) {
        close_publisher(pub, CODE_REJECTED, text);
    } else {
        feed_track(pub->feed, track);
    }
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
    enum err e = feed_packet(pub->feed, packet, clock_mono_ms());
    const struct stream *st = feed_stream(pub->feed);
    if (st == NULL) {
        return; /* it still waits for its turn */
    }
    if (e != ERR_OK) {
        close_publisher(pub, "NetStream.Publish.Failed", stream_why(st));
        return;
    }
    if (f->source.appeared != listed) {
        histogram_observe(&f->listed_delay, clock_mono_us() - loop_now_ms(owner->loop) * 1000);
    }
    int64_t wait_ms = stream_wait_ms(st);
    if (wait_ms > 0) {
        publisher_pause(pub->publisher, wait_ms);
    }
}

/* In the stream's words. */
static void on_skipped(void *arg, void *publication, enum rtmp_skip skip)
{
    static const enum repair_kind kinds[RTMP_SKIPS_] = {
        [RTMP_SKIP_CODEC] = REPAIR_NOT_CARRIED,   [RTMP_SKIP_HEADER] = REPAIR_NOT_CARRIED,
        [RTMP_SKIP_BROKEN] = REPAIR_BROKEN,       [RTMP_SKIP_NO_HEADER] = REPAIR_NO_HEADER,
        [RTMP_SKIP_TRACK] = REPAIR_NOT_CARRIED,   [RTMP_SKIP_LEADING] = REPAIRS_,
        [RTMP_SKIP_UNKNOWN] = REPAIR_NOT_CARRIED,
    };
    struct publication *pub = publication;
    (void)arg;
    if (!pub->closing && kinds[skip] != REPAIRS_) {
        feed_left_out(pub->feed, kinds[skip], clock_mono_ms());
    }
}

static void on_told(void *arg, void *publication, const char *title, int fps_milli)
{
    struct publication *pub = publication;
    (void)arg;
    if (!pub->closing) {
        feed_told(pub->feed, title, fps_milli);
    }
}

static void on_end(void *arg, void *publication, const char *reason, int orderly)
{
    struct publication *pub = publication;
    event_emit_reason("publisher_gone", "stream", feed_id(pub->feed), reason);
    log_info("broadcaster", "unpublish", "stream=%s orderly=%d reason=\"%s\"", feed_id(pub->feed),
             orderly, reason);
    feed_close(pub->feed, clock_mono_ms());
    admission_end(pub->pass, reason);
    mem_free(pub);
}

/* --- who plays --- */

static void connect_player(struct publication *pub, const struct admission_verdict *v)
{
    const char *why = "", *id = v->name.id;
    const struct publications *owner = pub->owner;
    if (owner->costs != NULL && owner->costs(owner->costs_arg, id)) {
        why = "this stream is paid for by what is watched: play it over HTTP";
        admission_unused(owner->admission, v, why);
        refuse(pub, "NetStream.Play.Failed", why);
        return;
    }
    if (streams_tap(pub->owner->streams, id, pub->rung, player_tap(pub->player), &why) != ERR_OK) {
        admission_unused(pub->owner->admission, v, why);
        refuse(pub, "NetStream.Play.StreamNotFound", why);
        return;
    }
    pub->pass = admission_begin(pub->owner->admission, v, NULL, NULL);
    log_info("broadcaster", "play", "stream=%s rung=%s peer=%s", id,
             pub->rung[0] != '\0' ? pub->rung : "source", publisher_peer(pub->publisher));
    publisher_admit(pub->publisher);
}

static void on_play_verdict(void *arg, const struct admission_verdict *v)
{
    struct publication *pub = arg;
    bool later = pub->ask != NULL;
    pub->ask = NULL;
    if (v->err != ERR_OK) {
        refuse(pub, v->code, v->text);
    } else {
        connect_player(pub, v);
    }
    if (pub->refused && later) {
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
    if (pub->refused) {
        mem_free(pub);
        return NULL;
    }
    return pub;
}

static void on_play_end(void *arg, void *publication, const char *reason)
{
    struct publication *pub = publication;
    (void)arg;
    admission_end(pub->pass, reason);
    mem_free(pub);
}

enum err publication_is_free(void *streams, const struct publish_name *name, const char **ret_why)
{
    return feed_check(streams, name->id, name->key, ret_why);
}

const struct ingest_handler publication_handler = {
    on_publish, on_cancel, on_received, on_track,    on_packet,
    on_skipped, on_end,    on_play,     on_play_end, on_told,
};
