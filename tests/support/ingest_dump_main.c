/* An ingest server that prints one line per event, for trying out encoders:
 *   ingest_dump [ADDR [refuse | count]]
 * ADDR as -rtmpAddr takes it (default 127.0.0.1:0); refuse: every publisher is refused; count: no
 * line per packet. Ends after SIGINT or SIGTERM. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/ingest/ingest.h"
#include "run/addr.h"
#include "run/log.h"
#include "run/loop.h"

#define CONNECTIONS_MAX 100
#define PER_ADDRESS_MAX 20
#define SETUP_MS        10000
#define IDLE_MS         10000

struct dump {
    struct loop *loop;
    struct ingest *ingest;
    bool refuse;
    bool count;
    int publishes;
};

struct counted {
    int number;
    size_t packets[2];
    size_t keys;
    size_t bytes;
    int64_t last_dts[2];
    size_t backwards;
};

static void *on_publish(void *arg, struct publisher *p, const struct ingest_request *r)
{
    struct dump *d = arg;
    printf("publish number=%d path=\"%s\" query=\"%s\" tc_url=\"%s\" peer=%s\n", ++d->publishes,
           r->path, r->query, r->tc_url, r->peer);
    if (d->refuse) {
        publisher_refuse(p, "NetStream.Publish.BadName", "Every publisher is refused here.");
        return NULL;
    }
    struct counted *c = mem_alloc(sizeof *c);
    c->number = d->publishes;
    c->last_dts[0] = c->last_dts[1] = INT64_MIN;
    publisher_admit(p);
    return c;
}

static void on_cancel(void *arg, void *stream)
{
    (void)arg;
    mem_free(stream);
}

static void on_received(void *arg, void *stream, size_t bytes)
{
    (void)arg, (void)stream, (void)bytes;
}

static void on_track(void *arg, void *stream, struct track *track)
{
    const struct track_params *t = track_params(track);
    const struct counted *c = stream;
    (void)arg;
    if (t->kind == TRACK_VIDEO) {
        printf("track number=%d video %dx%d sar=%d/%d config=%zu\n", c->number, t->width, t->height,
               t->sar_num, t->sar_den, t->config.len);
    } else {
        printf("track number=%d audio rate=%d channels=%d config=%zu\n", c->number, t->sample_rate,
               t->channels, t->config.len);
    }
}

static void on_packet(void *arg, void *stream, const struct packet *packet)
{
    const struct dump *d = arg;
    struct counted *c = stream;
    c->packets[packet->kind]++;
    c->bytes += packet->data.len;
    c->keys += packet->kind == TRACK_VIDEO && (packet->flags & PACKET_KEY) != 0;
    c->backwards += packet->dts < c->last_dts[packet->kind];
    c->last_dts[packet->kind] = packet->dts;
    if (!d->count) {
        printf("packet number=%d %s dts=%lld pts=%lld bytes=%zu key=%d\n", c->number,
               packet->kind == TRACK_VIDEO ? "video" : "audio", (long long)packet->dts,
               (long long)packet->pts, packet->data.len, (packet->flags & PACKET_KEY) != 0);
    }
}

static void on_skipped(void *arg, void *stream, enum rtmp_skip skip)
{
    (void)arg;
    (void)stream;
    (void)skip;
}

static void on_end(void *arg, void *stream, const char *reason, int orderly)
{
    struct counted *c = stream;
    (void)arg;
    printf("end number=%d orderly=%d reason=\"%s\" video=%zu audio=%zu keys=%zu bytes=%zu "
           "backwards=%zu\n",
           c->number, orderly, reason, c->packets[TRACK_VIDEO], c->packets[TRACK_AUDIO], c->keys,
           c->bytes, c->backwards);
    mem_free(c);
}

static void closed(void *arg)
{
    struct dump *d = arg;
    loop_stop(d->loop);
}

static void on_signal(void *arg, int signum)
{
    struct dump *d = arg;
    (void)signum;
    if (d->ingest != NULL) {
        ingest_close(d->ingest, closed, d);
        d->ingest = NULL;
    }
}

static void *on_play(void *arg, struct publisher *p, struct player *player,
                     const struct ingest_request *r)
{
    (void)player;
    printf("play path=%s\n", r->path);
    publisher_refuse(p, "NetStream.Play.StreamNotFound", "There is nothing to play here.");
    return NULL;
}

/* No play is admitted. */
static void on_play_end(void *arg, void *play, const char *reason)
{
    (void)arg, (void)play, (void)reason;
}

int main(int argc, char **argv)
{
    static const struct ingest_handler handler = {on_publish,  on_cancel,  on_received, on_track,
                                                  on_packet,   on_skipped, on_end,      on_play,
                                                  on_play_end, NULL};
    struct ingest_config config = {.max_connections = CONNECTIONS_MAX,
                                   .max_per_address = PER_ADDRESS_MAX,
                                   .setup_timeout_ms = SETUP_MS,
                                   .idle_timeout_ms = IDLE_MS};
    struct dump d = {.refuse = argc > 2 && strcmp(argv[2], "refuse") == 0,
                     .count = argc > 2 && strcmp(argv[2], "count") == 0};
    const char *why = "not an address";
    setvbuf(stdout, NULL, _IOLBF, 0);
    log_init("ingest_dump", LOG_DEBUG);
    d.loop = loop_create();
    if (addr_parse(argc > 1 ? argv[1] : "", "127.0.0.1", 0, &config.addr) != ERR_OK ||
        ingest_create(d.loop, &config, &handler, &d, &d.ingest, &why) != ERR_OK) {
        fprintf(stderr, "ingest_dump: %s\n", why);
        return 1;
    }
    loop_on_signal(d.loop, SIGINT, on_signal, &d);
    loop_on_signal(d.loop, SIGTERM, on_signal, &d);
    printf("listening port=%d\n", ingest_port(d.ingest));
    loop_run(d.loop);
    loop_destroy(d.loop);
    return 0;
}
