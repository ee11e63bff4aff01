/* usual time: 12 s */
#include "broadcaster/ingest/ingest.h"

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
#include "broadcaster/auth/cidr.h"
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

static void *on_publish(void *arg, struct publisher *p, const struct ingest_request *r)
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

static void on_cancel(void *arg, void *stream)
{
    struct fixture *f = arg;
    ck_assert_ptr_eq(stream, f);
    f->cancels++;
}

static void close_publisher(struct fixture *f)
{
    int ends = f->ends;
    publisher_close(f->publisher, "NetStream.Publish.Failed", "That is enough.");
    publisher_close(f->publisher, "NetStream.Publish.Failed", "Twice.");
    ck_assert_int_eq(f->ends, ends);
}

static void on_received(void *arg, void *stream, size_t bytes)
{
    struct fixture *f = arg;
    ck_assert_ptr_eq(stream, f);
    f->received_bytes += bytes;
    if (f->close_at_bytes > 0 && f->received_bytes >= f->close_at_bytes) {
        close_publisher(f);
    }
}

static void on_track(void *arg, void *stream, struct track *track)
{
    struct fixture *f = arg;
    ck_assert_ptr_eq(stream, f);
    ck_assert_ptr_nonnull(track);
    f->tracks++;
}

static void on_packet(void *arg, void *stream, const struct packet *packet)
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

static void on_skipped(void *arg, void *stream, enum rtmp_skip skip)
{
    struct fixture *f = arg;
    ck_assert_ptr_eq(stream, f);
    f->skipped += skip == RTMP_SKIP_NO_HEADER;
}

static void on_end(void *arg, void *stream, const char *reason, int orderly)
{
    struct fixture *f = arg;
    ck_assert_ptr_eq(stream, f);
    f->ends++;
    f->streams--;
    f->orderly += orderly;
    snprintf(f->reason, sizeof f->reason, "%s", reason);
}

static void *on_play(void *arg, struct publisher *p, struct player *player,
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

static void on_play_end(void *arg, void *play, const char *reason)
{
    struct fixture *f = arg;
    ck_assert_ptr_eq(play, f);
    f->play_ends++;
    snprintf(f->reason, sizeof f->reason, "%s", reason);
}

static const struct ingest_handler handler = {on_publish,  on_cancel,  on_received, on_track,
                                              on_packet,   on_skipped, on_end,      on_play,
                                              on_play_end, NULL};

static struct ingest_config default_config(void)
{
    return (struct ingest_config){.addr = {.host = "127.0.0.1"},
                                  .max_connections = 100,
                                  .max_per_address = 50,
                                  .setup_timeout_ms = SETUP_MS,
                                  .idle_timeout_ms = SETUP_MS};
}

static struct fixture *open_ingest(const struct ingest_config *config)
{
    struct fixture *f = mem_alloc(sizeof *f);
    const char *why;
    log_init("test", LOG_ERROR);
    f->loop = loop_create();
    ck_assert_int_eq(ingest_create(f->loop, config, &handler, f, &f->ingest, &why), ERR_OK);
    ck_assert_int_gt(ingest_port(f->ingest), 0);
    return f;
}

static void on_closed(void *arg)
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

static void close_ingest(struct fixture *f)
{
    ingest_close(f->ingest, on_closed, f);
    ck_assert_int_eq(f->streams, 0);
    RUN_UNTIL(f, f->closed);
    loop_destroy(f->loop);
    mem_free(f);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

static struct ingest_counters counters(const struct fixture *f)
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

static struct client connect_client(struct fixture *f, int receive_bytes)
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

static void client_read(struct client *c)
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

static bool client_has(struct client *c, const char *text)
{
    client_read(c);
    return c->in.len > 0 && memmem(c->in.data, c->in.len, text, strlen(text)) != NULL;
}

static bool client_closed(struct client *c)
{
    client_read(c);
    return c->eof;
}

/* Sends all; gives up when the server has gone. Returns what was not sent. */
static size_t client_send(struct client *c, struct span bytes)
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

static void client_begin(struct client *c)
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
static void client_ask(struct client *c, const char *command)
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

static void client_media(struct client *c, int frames)
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

static void client_command(struct client *c, const char *name)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    script_command(&b, name, 0, NULL);
    ck_assert_uint_eq(client_send(c, buf_span(&b)), 0);
    buf_fini(&b);
}

static void client_close(struct client *c)
{
    if (c->fd >= 0) {
        close(c->fd);
    }
    c->fd = -1;
    buf_fini(&c->in);
}

/* --- tests --- */

START_TEST(a_publish)
{
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    struct client c = connect_client(f, 0);
    client_begin(&c);
    RUN_UNTIL(f, client_has(&c, "NetStream.Publish.Start"));
    ck_assert_int_eq(strncmp(f->peer, "127.0.0.1:", 10), 0);
    client_media(&c, 10);
    RUN_UNTIL(f, f->packets == 10);
    ck_assert_int_eq(f->tracks, 2);
    ck_assert_uint_eq(counters(f).connections, 1);
    ck_assert_uint_eq(counters(f).publishers, 1);
    ck_assert_uint_gt(counters(f).received_bytes, 10000);
    client_close(&c);
    RUN_UNTIL(f, f->ends == 1);
    ck_assert_int_eq(f->orderly, 0);
    RUN_UNTIL(f, counters(f).connections == 0);
    ck_assert_uint_eq(counters(f).publishers, 0);
    ck_assert_uint_eq(counters(f).accepted, 1);
    ck_assert_uint_eq(counters(f).protocol_errors, 0);
    close_ingest(f);
}
END_TEST

/* The network holds back who is not read from; a pause is not taken for silence. */
START_TEST(what_is_left_out_is_told)
{
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    struct client c = connect_client(f, 0);
    client_begin(&c);
    struct buf b;
    buf_init(&b, 1 << 20);
    for (int i = 0; i < 3; i++) {
        script_frame(&b, (uint32_t)i * 33, 0, i == 0 ? 5 : 1, 1000);
    }
    ck_assert_uint_eq(client_send(&c, buf_span(&b)), 0);
    buf_fini(&b);
    RUN_UNTIL(f, f->skipped == 3);
    client_media(&c, 2);
    RUN_UNTIL(f, f->packets == 2);
    ck_assert_int_eq(f->skipped, 3);
    ck_assert_uint_eq(counters(f).skipped[RTMP_SKIP_NO_HEADER], 3);
    client_close(&c);
    close_ingest(f);
}
END_TEST

START_TEST(a_paused_publisher_is_held_back_and_goes_on)
{
    struct ingest_config config = default_config();
    config.idle_timeout_ms = 200;
    struct fixture *f = open_ingest(&config);
    struct client c = connect_client(f, 0);
    client_begin(&c);
    f->pause_ms = 600;
    int64_t before = clock_mono_ms();
    client_media(&c, 1);
    RUN_UNTIL(f, f->packets == 1);
    struct buf b;
    buf_init(&b, 4096);
    script_frame(&b, 33, 0, 1, 1000);
    ck_assert_uint_eq(client_send(&c, buf_span(&b)), 0);
    f->pause_ms = 0;
    RUN_UNTIL(f, f->packets == 2);
    ck_assert_int_ge(clock_mono_ms() - before, 600);
    ck_assert_int_eq(f->ends, 0);
    f->pause_ms = 60000;
    ck_assert_uint_eq(client_send(&c, buf_span(&b)), 0);
    RUN_UNTIL(f, f->packets == 3);
    close_publisher(f); /* ends a pause too */
    RUN_UNTIL(f, f->ends == 1 && client_closed(&c));
    ck_assert(client_has(&c, "That is enough."));
    buf_fini(&b);
    client_close(&c);
    close_ingest(f);
}
END_TEST

/* What a second signal does: nobody waits for the end that was begun. */
START_TEST(destroyed_while_it_closes)
{
    for (int begun = 0; begun < 2; begun++) {
        struct ingest_config config = default_config();
        struct fixture *f = open_ingest(&config);
        struct client c = connect_client(f, 0);
        client_begin(&c);
        if (begun) {
            ingest_close(f->ingest, on_closed, f);
        }
        ingest_destroy(f->ingest);
        ck_assert_int_eq(f->ends, 1);
        loop_destroy(f->loop);
        ck_assert(!f->closed);
        client_close(&c);
        mem_free(f);
    }
    ingest_destroy(NULL);
}
END_TEST

START_TEST(an_orderly_end_and_once_more)
{
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    struct client c = connect_client(f, 0);
    client_begin(&c);
    client_command(&c, "deleteStream");
    RUN_UNTIL(f, f->ends == 1);
    ck_assert_int_eq(f->orderly, 1);
    struct buf b;
    buf_init(&b, 4096);
    script_command(&b, "publish", 0, "movie");
    ck_assert_uint_eq(client_send(&c, buf_span(&b)), 0);
    RUN_UNTIL(f, f->publishes == 2);
    ck_assert_uint_eq(counters(f).publishers, 1);
    buf_fini(&b);
    client_close(&c);
    RUN_UNTIL(f, f->ends == 2);
    ck_assert_int_eq(f->orderly, 1);
    close_ingest(f);
}
END_TEST

START_TEST(a_refusal_reaches_the_client)
{
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    f->refuse = true;
    struct client c = connect_client(f, 0);
    client_begin(&c);
    RUN_UNTIL(f, client_closed(&c));
    ck_assert(!c.reset);
    ck_assert(client_has(&c, "NetStream.Publish.BadName"));
    ck_assert(client_has(&c, "It is taken."));
    ck_assert_uint_eq(counters(f).refused, 1);
    client_close(&c);
    RUN_UNTIL(f, counters(f).connections == 0);
    ck_assert_int_eq(f->ends, 0);
    close_ingest(f);
}
END_TEST

START_TEST(an_answer_may_come_later)
{
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    f->later = true;
    struct client c = connect_client(f, 0);
    client_begin(&c);
    client_media(&c, 3);
    ck_assert(!client_has(&c, "The publish has begun."));
    f->streams++;
    publisher_admit(f->publisher);
    RUN_UNTIL(f, client_has(&c, "The publish has begun."));
    client_media(&c, 3);
    RUN_UNTIL(f, f->packets >= 3);
    ck_assert_uint_eq(counters(f).publishers, 1);
    struct client d = connect_client(f, 0);
    client_begin(&d);
    publisher_refuse(f->publisher, "NetStream.Publish.BadName", "It is taken.");
    RUN_UNTIL(f, client_closed(&d));
    ck_assert(client_has(&d, "It is taken."));
    client_close(&d);
    client_close(&c);
    RUN_UNTIL(f, f->ends == 1);
    ck_assert_int_eq(f->cancels, 0);
    close_ingest(f);
}
END_TEST

START_TEST(who_says_goodbye_before_the_answer_is_told_of)
{
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    f->later = true;
    struct client c = connect_client(f, 0);
    client_begin(&c);
    client_command(&c, "deleteStream");
    RUN_UNTIL(f, f->cancels == 1);
    f->later = false;
    struct buf b;
    buf_init(&b, 4096);
    script_command(&b, "publish", 0, "movie");
    ck_assert_uint_eq(client_send(&c, buf_span(&b)), 0);
    RUN_UNTIL(f, counters(f).publishers == 1);
    ck_assert_int_eq(f->ends, 0);
    buf_fini(&b);
    client_close(&c);
    RUN_UNTIL(f, f->ends == 1);
    close_ingest(f);
}
END_TEST

START_TEST(who_goes_before_the_answer_is_told_of)
{
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    f->later = true;
    struct client c = connect_client(f, 0);
    client_begin(&c);
    client_close(&c);
    RUN_UNTIL(f, f->cancels == 1);
    struct client d = connect_client(f, 0);
    client_begin(&d);
    client_command(&d, "deleteStream");
    RUN_UNTIL(f, f->cancels == 2);
    client_close(&d);
    ck_assert_int_eq(f->ends, 0);
    close_ingest(f);
}
END_TEST

START_TEST(garbage_harms_nobody_else)
{
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    struct client good = connect_client(f, 0);
    client_begin(&good);
    client_media(&good, 3);
    struct client bad = connect_client(f, 0);
    client_send(&bad, span_cstr("GET / HTTP/1.1\r\n\r\n"));
    RUN_UNTIL(f, client_closed(&bad));
    ck_assert_uint_eq(counters(f).protocol_errors, 1);
    client_media(&good, 3);
    RUN_UNTIL(f, f->packets == 6);
    ck_assert_int_eq(f->ends, 0);
    client_close(&bad);
    client_close(&good);
    RUN_UNTIL(f, f->ends == 1);
    close_ingest(f);
}
END_TEST

START_TEST(a_broken_publish_is_told_why)
{
    static const uint8_t vp8[] = {0x91, 'v', 'p', '0', '8', 1};
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    struct client c = connect_client(f, 0);
    struct buf b;
    client_begin(&c);
    buf_init(&b, 4096);
    script_message(&b, MESSAGE_VIDEO, 1, 0, span_of(vp8, sizeof vp8));
    script_message(&b, MESSAGE_VIDEO, 1, 2000, span_of(vp8, sizeof vp8));
    ck_assert_uint_eq(client_send(&c, buf_span(&b)), 0);
    RUN_UNTIL(f, client_closed(&c));
    ck_assert(client_has(&c, "NetStream.Publish.Rejected"));
    ck_assert_int_eq(f->ends, 1);
    ck_assert_uint_eq(counters(f).skipped[RTMP_SKIP_CODEC], 2);
    ck_assert_msg(strstr(f->reason, "H.264") != NULL, "%s", f->reason);
    buf_fini(&b);
    client_close(&c);
    close_ingest(f);
}
END_TEST

START_TEST(a_slow_handshake_is_closed)
{
    struct ingest_config config = default_config();
    config.setup_timeout_ms = 200;
    struct fixture *f = open_ingest(&config);
    struct client slow = connect_client(f, 0), silent = connect_client(f, 0);
    uint8_t byte = 3;
    int64_t started = clock_mono_ms();
    while (!client_closed(&slow)) {
        ck_assert_int_lt(clock_mono_ms() - started, WAIT_MS);
        (void)!send(slow.fd, &byte, 1, MSG_NOSIGNAL);
        loop_run_once(f->loop);
        poll(NULL, 0, 10);
    }
    ck_assert_int_ge(clock_mono_ms() - started, 150);
    RUN_UNTIL(f, client_closed(&silent));
    ck_assert_uint_eq(counters(f).timeouts, 2);
    client_close(&slow);
    client_close(&silent);
    close_ingest(f);
}
END_TEST

START_TEST(a_client_that_never_publishes_is_closed)
{
    struct ingest_config config = default_config();
    config.setup_timeout_ms = 200;
    struct fixture *f = open_ingest(&config);
    struct client c = connect_client(f, 0), good = connect_client(f, 0);
    struct buf b;
    client_begin(&good);
    buf_init(&b, 1 << 20);
    script_handshake(&b);
    script_connect(&b, "live", "");
    client_send(&c, buf_span(&b));
    RUN_UNTIL(f, client_closed(&c));
    ck_assert_uint_eq(counters(f).timeouts, 1);
    ck_assert_uint_eq(counters(f).publishers, 1);
    buf_fini(&b);
    client_close(&c);
    client_close(&good);
    close_ingest(f);
}
END_TEST

START_TEST(a_silent_publisher_is_closed)
{
    struct ingest_config config = default_config();
    config.idle_timeout_ms = 200;
    struct fixture *f = open_ingest(&config);
    struct client c = connect_client(f, 0);
    client_begin(&c);
    RUN_UNTIL(f, client_closed(&c));
    ck_assert(client_has(&c, "NetStream.Publish.Idle"));
    ck_assert_int_eq(f->ends, 1);
    ck_assert_uint_eq(counters(f).timeouts, 1);
    client_close(&c);
    close_ingest(f);
}
END_TEST

/* Fact 26: silence is asked about; who answers is there, however long nothing is published. */
START_TEST(a_silent_publisher_that_answers_pings_stays)
{
    static const uint8_t ping[] = {2, 0, 0, 0, 0, 0, 6, 4, 0, 0, 0, 0, 0, 6};
    struct ingest_config config = default_config();
    config.idle_timeout_ms = scaled_ms(1600);
    struct fixture *f = open_ingest(&config);
    struct client c = connect_client(f, 0);
    client_begin(&c);
    RUN_UNTIL(f, client_has(&c, "NetStream.Publish.Start"));
    buf_clear(&c.in);
    for (int pings = 0; pings < 4; pings++) {
        RUN_UNTIL(f, (client_read(&c), c.in.len == sizeof ping + 4));
        ck_assert_mem_eq(c.in.data, ping, sizeof ping);
        uint8_t pong[6] = {0, 7};
        memcpy(pong + 2, c.in.data + sizeof ping, 4);
        buf_clear(&c.in);
        struct buf b;
        buf_init(&b, 100);
        script_message(&b, MESSAGE_USER_CONTROL, 0, 0, span_of(pong, sizeof pong));
        /* From the second on as short as can be: a header of one byte, all as before. */
        uint8_t first = b.data[0] | 0xc0;
        struct span brief = span_of(b.data + b.len - sizeof pong - 1, sizeof pong + 1);
        b.data[b.len - sizeof pong - 1] = pings > 0 ? first : b.data[b.len - sizeof pong - 1];
        ck_assert_uint_eq(client_send(&c, pings > 0 ? brief : buf_span(&b)), 0);
        buf_fini(&b);
    }
    ck_assert_int_eq(f->ends, 0);
    RUN_UNTIL(f, client_closed(&c)); /* it answers no more */
    ck_assert(client_has(&c, "NetStream.Publish.Idle"));
    ck_assert_int_eq(f->ends, 1);
    client_close(&c);
    close_ingest(f);
}
END_TEST

/* Fact 23: a connection that is reset ends its publish like any other, and harms nobody. */
START_TEST(a_reset_is_an_end)
{
    static const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    struct client c = connect_client(f, 0), other = connect_client(f, 0);
    client_begin(&c);
    client_begin(&other);
    client_media(&c, 2);
    RUN_UNTIL(f, f->packets == 2);
    ck_assert_int_eq(setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    client_close(&c);
    RUN_UNTIL(f, f->ends == 1);
    ck_assert_str_eq(f->reason, "the connection broke");
    ck_assert_int_eq(f->orderly, 0);
    client_media(&other, 2);
    RUN_UNTIL(f, f->packets == 4);
    RUN_UNTIL(f, client_has(&other, "NetStream.Publish.Start")); /* unread bytes reset it too */
    client_close(&other);
    RUN_UNTIL(f, f->ends == 2);
    ck_assert_str_eq(f->reason, "the publisher closed the connection");
    close_ingest(f);
}
END_TEST

START_TEST(limits)
{
    struct ingest_config config = default_config();
    config.max_per_address = 2;
    config.max_connections = 4;
    struct fixture *f = open_ingest(&config);
    struct client a = connect_client(f, 0);
    client_begin(&a); /* does not count for its address any more */
    struct client b = connect_client(f, 0), c = connect_client(f, 0);
    RUN_UNTIL(f, counters(f).connections == 3);
    struct client third = connect_client(f, 0);
    client_ask(&third, "publish");
    RUN_UNTIL(f, client_closed(&third));
    ck_assert(client_has(&third, "NetStream.Publish.Rejected"));
    ck_assert(client_has(&third, "too many connections of this address are open"));
    ck_assert_int_eq(f->publishes, 1);
    ck_assert_uint_eq(counters(f).over_limit, 1);
    client_begin(&b);
    client_begin(&c);
    struct client d = connect_client(f, 0);
    RUN_UNTIL(f, counters(f).connections == 4);
    struct client fifth = connect_client(f, 0);
    client_ask(&fifth, "play");
    RUN_UNTIL(f, client_closed(&fifth));
    ck_assert(client_has(&fifth, "NetStream.Play.Failed"));
    ck_assert(client_has(&fifth, "the server has too many connections"));
    ck_assert_int_eq(f->plays, 0);
    ck_assert_uint_eq(counters(f).over_limit, 2);
    ck_assert_uint_eq(counters(f).accepted, 4);
    client_close(&d);
    RUN_UNTIL(f, counters(f).connections == 3);
    struct client again = connect_client(f, 0);
    client_begin(&again);
    ck_assert_int_eq(f->streams, 4);
    struct client *all[] = {&a, &b, &c, &third, &fifth, &again};
    for (size_t i = 0; i < 6; i++) {
        client_close(all[i]);
    }
    close_ingest(f);
}
END_TEST

/* Only a few stay to be told, and not for long. */
START_TEST(many_over_the_limit)
{
    enum { N = 20, TOLD = 8 };
    struct ingest_config config = default_config();
    config.max_per_address = 1;
    struct fixture *f = open_ingest(&config);
    struct client all[N], first = connect_client(f, 0);
    RUN_UNTIL(f, counters(f).connections == 1);
    for (size_t i = 0; i < N; i++) {
        all[i] = connect_client(f, 0);
    }
    RUN_UNTIL(f, counters(f).over_limit == N);
    ck_assert_uint_eq(counters(f).connections, 1 + TOLD);
    RUN_UNTIL(f, counters(f).connections == 1);
    ck_assert_uint_eq(counters(f).timeouts, 0);
    client_begin(&first);
    struct client next = connect_client(f, 0);
    client_begin(&next);
    for (size_t i = 0; i < N; i++) {
        client_close(&all[i]);
    }
    client_close(&first);
    client_close(&next);
    RUN_UNTIL(f, f->ends == 2);
    close_ingest(f);
}
END_TEST

START_TEST(a_play_has_one_end)
{
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    struct client left = connect_client(f, 0), stays = connect_client(f, 0);
    client_ask(&left, "play");
    RUN_UNTIL(f, client_has(&left, "NetStream.Play.Start"));
    client_ask(&stays, "play");
    RUN_UNTIL(f, client_has(&stays, "NetStream.Play.Start"));
    ck_assert_uint_eq(counters(f).players, 2);
    client_close(&left);
    RUN_UNTIL(f, f->play_ends == 1);
    ck_assert_str_eq(f->reason, "the player closed the connection");
    f->refuse = true;
    struct client refused = connect_client(f, 0);
    client_ask(&refused, "play");
    RUN_UNTIL(f, client_closed(&refused));
    ck_assert_int_eq(f->play_ends, 1);
    client_close(&refused);
    ingest_close(f->ingest, on_closed, f);
    ck_assert_int_eq(f->play_ends, 2);
    ck_assert_str_eq(f->reason, "the server is stopping");
    RUN_UNTIL(f, f->closed);
    client_close(&stays);
    loop_destroy(f->loop);
    mem_free(f);
}
END_TEST

/* Messages that are nothing, a chunk size of one byte: all of it counts, and nothing before. */
START_TEST(all_that_comes_is_counted)
{
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    struct client c = connect_client(f, 0);
    uint8_t junk[5000] = {0};
    struct buf b;
    buf_init(&b, 1 << 20);
    client_begin(&c);
    RUN_UNTIL(f, client_has(&c, "NetStream.Publish.Start"));
    ck_assert_uint_eq(f->received_bytes, 0);
    script_message(&b, MESSAGE_DATA_AMF0, 1, 0, span_of(junk, sizeof junk));
    script_message(&b, 99, 1, 0, span_of(junk, sizeof junk));
    script_message(&b, MESSAGE_SET_CHUNK_SIZE, 0, 0, span_of((const uint8_t[]){0, 0, 0, 1}, 4));
    ck_assert_uint_eq(client_send(&c, buf_span(&b)), 0);
    RUN_UNTIL(f, f->received_bytes == b.len);
    ck_assert_uint_gt(f->received_bytes, 2 * sizeof junk);
    static const uint8_t begun[13] = {3, 0, 0, 0, 0, 0, 9}; /* and a message that is not whole */
    f->close_at_bytes = f->received_bytes + sizeof begun;
    ck_assert_uint_eq(client_send(&c, span_of(begun, sizeof begun)), 0);
    RUN_UNTIL(f, f->ends == 1);
    RUN_UNTIL(f, client_has(&c, "That is enough.") && client_closed(&c));
    ck_assert_uint_eq(f->received_bytes, b.len + sizeof begun);
    ck_assert_int_eq(f->packets + f->skipped, 0);
    buf_fini(&b);
    client_close(&c);
    close_ingest(f);
}
END_TEST

START_TEST(closed_by_the_handler)
{
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    struct client c = connect_client(f, 0);
    f->close_at_packet = true;
    client_begin(&c);
    client_media(&c, 5);
    RUN_UNTIL(f, client_closed(&c));
    ck_assert(!c.reset);
    ck_assert(client_has(&c, "That is enough."));
    ck_assert(!client_has(&c, "Twice."));
    ck_assert_int_eq(f->packets, 1);
    ck_assert_int_eq(f->ends, 1);
    ck_assert_str_eq(f->reason, "That is enough.");
    client_close(&c);
    f->close_at_packet = false;

    c = connect_client(f, 0);
    client_begin(&c);
    client_media(&c, 2);
    RUN_UNTIL(f, f->packets == 3);
    close_publisher(f);
    RUN_UNTIL(f, client_closed(&c));
    ck_assert(client_has(&c, "That is enough."));
    ck_assert_int_eq(f->ends, 2);
    client_close(&c);
    close_ingest(f);
}
END_TEST

START_TEST(closed_while_the_client_sends_on)
{
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    struct client c = connect_client(f, 0);
    struct buf b;
    buf_init(&b, 1 << 20);
    script_headers(&b);
    for (uint32_t i = 0; i < 20; i++) {
        script_frame(&b, i * 33, 0, 5, 1000);
    }
    f->close_at_packet = true;
    client_begin(&c);
    for (int i = 0; i < 100; i++) {
        /* The server goes on reading: no reset before the answer is read. */
        ck_assert_uint_eq(client_send(&c, buf_span(&b)), 0);
    }
    RUN_UNTIL(f, client_closed(&c));
    ck_assert(!c.reset);
    ck_assert(client_has(&c, "That is enough."));
    ck_assert_int_eq(f->packets, 1);
    buf_fini(&b);
    client_close(&c);
    close_ingest(f);
}
END_TEST

START_TEST(a_client_that_never_reads)
{
    static const uint8_t ping[] = {0, 6, 0, 0, 0, 1};
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    struct client c = connect_client(f, 4096);
    struct buf b;
    client_begin(&c);
    buf_init(&b, 1 << 20);
    for (int i = 0; i < 4000; i++) {
        script_message(&b, MESSAGE_USER_CONTROL, 0, 0, span_of(ping, sizeof ping));
    }
    int64_t end = clock_mono_ms() + WAIT_MS;
    while (counters(f).protocol_errors == 0) {
        ck_assert_int_lt(clock_mono_ms(), end);
        client_send(&c, buf_span(&b));
    }
    ck_assert_int_eq(f->ends, 1);
    buf_fini(&b);
    client_close(&c);
    RUN_UNTIL(f, counters(f).connections == 0);
    close_ingest(f);
}
END_TEST

START_TEST(the_end_of_the_ingest)
{
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    struct client publishing = connect_client(f, 0), waiting = connect_client(f, 0);
    client_begin(&publishing);
    RUN_UNTIL(f, counters(f).connections == 2);
    ingest_close(f->ingest, on_closed, f);
    ck_assert_int_eq(f->ends, 1);
    ck_assert_str_eq(f->reason, "the server is stopping");
    ck_assert(!f->closed);
    RUN_UNTIL(f, f->closed);
    RUN_UNTIL(f, client_closed(&publishing) && client_closed(&waiting));
    ck_assert(client_has(&publishing, "NetConnection.Connect.AppShutdown"));
    client_close(&publishing);
    client_close(&waiting);
    loop_destroy(f->loop);
    mem_free(f);
}
END_TEST

START_TEST(an_address_in_use)
{
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    struct ingest *second = NULL;
    const char *why = NULL;
    config.addr.port = ingest_port(f->ingest);
    ck_assert_int_eq(ingest_create(f->loop, &config, &handler, f, &second, &why), ERR_IO);
    ck_assert_str_eq(why, "Address already in use");
    ck_assert_ptr_null(second);
    config = default_config();
    snprintf(config.addr.host, sizeof config.addr.host, "no such host");
    why = NULL;
    ck_assert_int_eq(ingest_create(f->loop, &config, &handler, f, &second, &why), ERR_IO);
    ck_assert_ptr_nonnull(why);
    close_ingest(f);
}
END_TEST

/* On all addresses of both families: IPv4 clients come with mapped addresses. */
START_TEST(both_families)
{
    struct ingest_config config = default_config();
    snprintf(config.addr.host, sizeof config.addr.host, "::");
    int probe = socket(AF_INET6, SOCK_STREAM, 0);
    if (probe < 0) {
        return; /* a host without IPv6 */
    }
    close(probe);
    struct fixture *f = open_ingest(&config);
    struct client v4 = connect_client(f, 0);
    client_begin(&v4);
    ck_assert_msg(strstr(f->peer, "127.0.0.1") != NULL, "%s", f->peer);
    struct client v6 = {.f = f, .fd = socket(AF_INET6, SOCK_STREAM, 0)};
    struct sockaddr_in6 to = {.sin6_family = AF_INET6,
                              .sin6_port = htons((uint16_t)ingest_port(f->ingest)),
                              .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    buf_init(&v6.in, 65536);
    if (connect(v6.fd, (struct sockaddr *)&to, sizeof to) == 0) {
        ck_assert_int_eq(fcntl(v6.fd, F_SETFL, O_NONBLOCK), 0);
        client_begin(&v6);
        ck_assert_int_eq(strncmp(f->peer, "[::1]:", 6), 0);
    }
    client_close(&v6);
    client_close(&v4);
    close_ingest(f);
}
END_TEST

/* Fact 30: the address that the header tells is the one for limits and logs. */
START_TEST(behind_a_proxy)
{
    struct ingest_config config = default_config();
    struct cidr_list trusted;
    char why[CIDR_WHY_MAX];
    ck_assert_int_eq(cidr_list_parse("127.0.0.1", &trusted, why), ERR_OK);
    config.trusted_proxies = &trusted;
    config.max_per_address = 2;
    struct fixture *f = open_ingest(&config);
    static const char other[] = "PROXY TCP4 203.0.113.9 127.0.0.1 7 1935\r\n";
    struct client others[4], c = connect_client(f, 0), d = connect_client(f, 0);
    for (size_t i = 0; i < 4; i++) { /* the third and fourth are too many */
        others[i] = connect_client(f, 0);
        ck_assert_uint_eq(client_send(&others[i], span_cstr(other)), 0);
    }
    RUN_UNTIL(f, counters(f).over_limit == 2);
    ck_assert_uint_eq(client_send(&c, span_cstr("PROXY TCP6 2001:db8::7 ::1 401")), 0);
    ck_assert_uint_eq(client_send(&c, span_cstr("12 1935\r\n")), 0);
    client_begin(&c);
    ck_assert_str_eq(f->peer, "[2001:db8::7]:40112");
    ck_assert_uint_eq(client_send(&d, span_cstr("PROXY UNKNOWN\r\n")), 0);
    client_begin(&d);
    ck_assert_int_eq(strncmp(f->peer, "127.0.0.1:", 10), 0);
    struct client plain = connect_client(f, 0);
    client_send(&plain, span_cstr("\3"));
    RUN_UNTIL(f, client_closed(&plain));
    ck_assert_uint_eq(counters(f).protocol_errors, 1);
    for (size_t i = 0; i < 4; i++) {
        client_close(&others[i]);
    }
    client_close(&plain);
    client_close(&c);
    client_close(&d);
    RUN_UNTIL(f, f->ends == 2);
    close_ingest(f);
    cidr_list_fini(&trusted);
}
END_TEST

/* Nobody else may say who he is. */
START_TEST(not_a_trusted_proxy)
{
    struct ingest_config config = default_config();
    struct cidr_list trusted;
    char why[CIDR_WHY_MAX];
    ck_assert_int_eq(cidr_list_parse("192.0.2.0/24", &trusted, why), ERR_OK);
    config.trusted_proxies = &trusted;
    struct fixture *f = open_ingest(&config);
    struct client liar = connect_client(f, 0), plain = connect_client(f, 0);
    client_send(&liar, span_cstr("PROXY TCP4 203.0.113.9 127.0.0.1 7 1935\r\n"));
    RUN_UNTIL(f, client_closed(&liar));
    ck_assert_uint_eq(counters(f).protocol_errors, 1);
    client_begin(&plain);
    client_close(&liar);
    client_close(&plain);
    RUN_UNTIL(f, f->ends == 1);
    close_ingest(f);
    cidr_list_fini(&trusted);
}
END_TEST

UNIT_MAIN("ingest", behind_a_proxy, not_a_trusted_proxy, a_publish, what_is_left_out_is_told,
          a_paused_publisher_is_held_back_and_goes_on, destroyed_while_it_closes,
          an_orderly_end_and_once_more, a_refusal_reaches_the_client, an_answer_may_come_later,
          who_says_goodbye_before_the_answer_is_told_of, who_goes_before_the_answer_is_told_of,
          garbage_harms_nobody_else, a_broken_publish_is_told_why, a_slow_handshake_is_closed,
          a_client_that_never_publishes_is_closed, a_silent_publisher_is_closed,
          a_silent_publisher_that_answers_pings_stays, a_reset_is_an_end, limits,
          many_over_the_limit, a_play_has_one_end, all_that_comes_is_counted, closed_by_the_handler,
          closed_while_the_client_sends_on, a_client_that_never_reads, the_end_of_the_ingest,
          an_address_in_use, both_families)
