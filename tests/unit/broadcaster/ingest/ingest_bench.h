/* An ingest on a free port, what its handler was told, and RTMP clients of it. */
#ifndef TESTS_INGEST_BENCH_H
#define TESTS_INGEST_BENCH_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broadcaster/ingest/ingest.h"
#include "run/log.h"
#include "tests/support/slowness.h"
#include "tests/support/unit.h"
#include "tests/unit/broadcaster/rtmp/script.h"

#define WAIT_MS  scaled_ms(10000) /* for what must happen; a failure takes this long */
#define STEP_MS  2
#define SETUP_MS 5000

struct fixture {
    struct loop *loop;
    struct ingest *ingest;
    struct publisher *publisher; /* the last one */
    struct player *player;
    bool refuse;
    bool later; /* the test answers */
    bool close_at_packet;
    size_t close_at_bytes; /* 0: never */
    size_t received_bytes;
    int64_t pause_ms; /* at each packet */
    int publishes, plays, play_ends, cancels, tracks, packets, skipped, ends, orderly;
    int streams; /* admitted and not ended */
    char reason[300];
    char peer[100];
    bool closed;
};

static inline void *on_publish(void *arg, struct publisher *p, const struct ingest_request *r)
{
    struct fixture *f = arg;
    f->publishes++;
    f->publisher = p;
    snprintf(f->peer, sizeof f->peer, "%s", r->peer);
    ck_assert_str_eq(r->path, "live/movie");
    if (f->later) {
        return f;
    }
    if (f->refuse) {
        publisher_refuse(p, "NetStream.Publish.BadName", "It is taken.");
        return NULL;
    }
    f->streams++;
    publisher_admit(p);
    return f;
}

static inline void on_cancel(void *arg, void *stream)
{
    struct fixture *f = arg;
    ck_assert_ptr_eq(stream, f);
    f->cancels++;
}

static inline void close_publisher(struct fixture *f)
{
    int ends = f->ends;
    publisher_close(f->publisher, "NetStream.Publish.Failed", "That is enough.");
    publisher_close(f->publisher, "NetStream.Publish.Failed", "Twice.");
    ck_assert_int_eq(f->ends, ends);
}

static inline void on_received(void *arg, void *stream, size_t bytes)
{
    struct fixture *f = arg;
    ck_assert_ptr_eq(stream, f);
    f->received_bytes += bytes;
    if (f->close_at_bytes > 0 && f->received_bytes >= f->close_at_bytes) {
        close_publisher(f);
    }
}

static inline void on_track(void *arg, void *stream, struct track *track)
{
    struct fixture *f = arg;
    ck_assert_ptr_eq(stream, f);
    ck_assert_ptr_nonnull(track);
    f->tracks++;
}

static inline void on_packet(void *arg, void *stream, const struct packet *packet)
{
    struct fixture *f = arg;
    ck_assert_ptr_eq(stream, f);
    ck_assert_uint_gt(packet->data.len, 0);
    f->packets++;
    if (f->pause_ms > 0) {
        publisher_pause(f->publisher, f->pause_ms);
    }
    if (f->close_at_packet) {
        close_publisher(f);
    }
}

static inline void on_skipped(void *arg, void *stream, enum rtmp_skip skip)
{
    struct fixture *f = arg;
    ck_assert_ptr_eq(stream, f);
    f->skipped += skip == RTMP_SKIP_NO_HEADER;
}

static inline void on_end(void *arg, void *stream, const char *reason, int orderly)
{
    struct fixture *f = arg;
    ck_assert_ptr_eq(stream, f);
    f->ends++;
    f->streams--;
    f->orderly += orderly;
    snprintf(f->reason, sizeof f->reason, "%s", reason);
}

static inline void *on_play(void *arg, struct publisher *p, struct player *player,
                            const struct ingest_request *r)
{
    struct fixture *f = arg;
    f->plays++;
    f->publisher = p;
    f->player = player;
    if (f->refuse) {
        publisher_refuse(p, "NetStream.Play.StreamNotFound", "There is none.");
        return NULL;
    }
    publisher_admit(p);
    return f;
}

static inline void on_play_end(void *arg, void *play, const char *reason)
{
    struct fixture *f = arg;
    ck_assert_ptr_eq(play, f);
    f->play_ends++;
    snprintf(f->reason, sizeof f->reason, "%s", reason);
}

static const struct ingest_handler handler = {on_publish,  on_cancel,  on_received, on_track,
                                              on_packet,   on_skipped, on_end,      on_play,
                                              on_play_end, NULL};

static inline struct ingest_config default_config(void)
{
    return (struct ingest_config){.addr = {.host = "127.0.0.1"},
                                  .max_connections = 100,
                                  .max_per_address = 50,
                                  .setup_timeout_ms = SETUP_MS,
                                  .idle_timeout_ms = SETUP_MS};
}

static inline struct fixture *open_ingest(const struct ingest_config *config)
{
    struct fixture *f = mem_alloc(sizeof *f);
    const char *why;
    log_init("test", LOG_ERROR);
    f->loop = loop_create();
    ck_assert_int_eq(ingest_create(f->loop, config, &handler, f, &f->ingest, &why), ERR_OK);
    ck_assert_int_gt(ingest_port(f->ingest), 0);
    return f;
}

static inline void on_closed(void *arg)
{
    struct fixture *f = arg;
    f->closed = true;
}

/* Lets the loop go on until the condition holds. */
#define RUN_UNTIL(f, condition)                                                                    \
    do {                                                                                           \
        int64_t run_until_end = clock_mono_ms() + WAIT_MS;                                         \
        while (!(condition)) {                                                                     \
            ck_assert_msg(clock_mono_ms() < run_until_end, "never: %s", #condition);               \
            loop_run_once((f)->loop);                                                              \
            poll(NULL, 0, STEP_MS);                                                                \
        }                                                                                          \
    } while (0)

static inline void close_ingest(struct fixture *f)
{
    ingest_close(f->ingest, on_closed, f);
    ck_assert_int_eq(f->streams, 0);
    RUN_UNTIL(f, f->closed);
    loop_destroy(f->loop);
    mem_free(f);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

static inline struct ingest_counters counters(const struct fixture *f)
{
    return ingest_counters(f->ingest);
}

/* --- a client --- */

struct client {
    struct fixture *f;
    int fd;
    struct buf in;
    bool eof;
    bool reset;
};

static inline struct client connect_client(struct fixture *f, int receive_bytes)
{
    struct client c = {.f = f, .fd = socket(AF_INET, SOCK_STREAM, 0)};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)ingest_port(f->ingest)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    buf_init(&c.in, 1 << 24);
    if (receive_bytes > 0) {
        setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    }
    ck_assert_int_eq(connect(c.fd, (struct sockaddr *)&to, sizeof to), 0);
    ck_assert_int_eq(fcntl(c.fd, F_SETFL, O_NONBLOCK), 0);
    return c;
}

static inline void client_read(struct client *c)
{
    uint8_t bytes[65536];
    ssize_t n;
    while (!c->eof && (n = read(c->fd, bytes, sizeof bytes)) >= 0) {
        c->eof = n == 0;
        ck_assert_int_eq(buf_put(&c->in, span_of(bytes, (size_t)n)), ERR_OK);
    }
    if (!c->eof && errno == ECONNRESET) {
        c->eof = c->reset = true;
    }
}

static inline bool client_has(struct client *c, const char *text)
{
    client_read(c);
    return c->in.len > 0 && memmem(c->in.data, c->in.len, text, strlen(text)) != NULL;
}

static inline bool client_closed(struct client *c)
{
    client_read(c);
    return c->eof;
}

/* Sends all; gives up when the server has gone. Returns what was not sent. */
static inline size_t client_send(struct client *c, struct span bytes)
{
    int64_t end = clock_mono_ms() + WAIT_MS;
    while (bytes.len > 0 && clock_mono_ms() < end) {
        ssize_t n = send(c->fd, bytes.data, bytes.len, MSG_NOSIGNAL);
        if (n > 0) {
            bytes = span_of(bytes.data + n, bytes.len - (size_t)n);
        } else if (errno != EAGAIN) {
            break;
        }
        loop_run_once(c->f->loop);
    }
    return bytes.len;
}

static inline void client_begin(struct client *c)
{
    struct buf b;
    int before = c->f->publishes;
    buf_init(&b, 1 << 20);
    script_begin(&b, "live", "movie");
    ck_assert_uint_eq(client_send(c, buf_span(&b)), 0);
    RUN_UNTIL(c->f, c->f->publishes > before);
    buf_fini(&b);
}

/* As client_begin, whatever comes of it; command: "publish" or "play". */
static inline void client_ask(struct client *c, const char *command)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    script_handshake(&b);
    script_connect(&b, "live", "rtmp://host/live");
    script_command(&b, "createStream", 2, NULL);
    script_command(&b, command, 0, "movie");
    client_send(c, buf_span(&b));
    buf_fini(&b);
}

static inline void client_media(struct client *c, int frames)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    script_headers(&b);
    for (int i = 0; i < frames; i++) {
        script_frame(&b, (uint32_t)i * 33, 0, i == 0 ? 5 : 1, 1000);
    }
    ck_assert_uint_eq(client_send(c, buf_span(&b)), 0);
    buf_fini(&b);
}

static inline void client_command(struct client *c, const char *name)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    script_command(&b, name, 0, NULL);
    ck_assert_uint_eq(client_send(c, buf_span(&b)), 0);
    buf_fini(&b);
}

static inline void client_close(struct client *c)
{
    if (c->fd >= 0) {
        close(c->fd);
    }
    c->fd = -1;
    buf_fini(&c->in);
}

#endif
