#include "broadcaster/ingest/ingest_connection.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "broadcaster/ingest/ingest_proxy.h"
#include "run/events.h"
#include "run/log.h"

#define FLUSH_MS      2000 /* for the last answer to arrive and the peer to close */
#define CODE_SHUTDOWN "NetConnection.Connect.AppShutdown"

static int64_t now_ms(const struct ingest *i)
{
    return (int64_t)uv_now(loop_uv(i->loop));
}

/* --- the end of a connection --- */

static void closed(uv_handle_t *h)
{
    struct publisher *p = h->data;
    struct ingest *i = p->ingest;
    rtmp_session_destroy(p->session);
    tls_session_destroy(p->tls);
    mem_free(p->proxy_header);
    mem_free(p);
    ingest_handle_closed(i);
}

static void end_publish(struct publisher *p, const char *reason, int orderly)
{
    struct ingest *i = p->ingest;
    play_end(p, reason);
    void *publication = p->publication;
    p->publication = NULL;
    if (p->admitted) {
        p->admitted = false;
        i->counters.publishers--;
        i->handler->on_end(i->arg, publication, reason, orderly);
    } else if (p->asked) {
        p->asked = false;
        i->handler->on_cancel(i->arg, publication);
    }
}

void connection_close(struct publisher *p, const char *reason)
{
    if (p->phase == CONNECTION_CLOSING) {
        return;
    }
    end_publish(p, reason, 0);
    p->phase = CONNECTION_CLOSING;
    list_remove(&p->node);
    p->ingest->counters.connections--;
    p->ingest->told -= p->over_limit != NULL;
    uv_close((uv_handle_t *)&p->tcp, closed);
}

/* --- writing --- */

static void written(uv_write_t *w, int status)
{
    struct publisher *p = w->data;
    p->ingest->counters.sent_bytes += status < 0 ? 0 : p->sending.len;
    buf_fini(&p->sending);
    p->writing = false;
    if (p->phase == CONNECTION_CLOSING) {
        return;
    }
    if (status < 0) {
        connection_close(p, "the connection broke");
        return;
    }
    connection_flush(p);
}

static void shut_down(uv_shutdown_t *s, int status)
{
    struct publisher *p = s->data;
    if (status < 0 && p->phase != CONNECTION_CLOSING) {
        connection_close(p, "the connection broke");
    }
}

/* Our end is closed first and the peer's data is still read: closing with data unread would reset
 * the connection, and the peer might never see the last answer. */
static void shut(struct publisher *p)
{
    if (p->shut) {
        return;
    }
    p->shut = true;
    p->shutdown.data = p;
    if (uv_shutdown(&p->shutdown, (uv_stream_t *)&p->tcp, shut_down) != 0) {
        connection_close(p, "the connection broke");
    }
}

/* What the network is to be given: what the session says, or what TLS makes of it. NULL: closed. */
static struct buf *outgoing(struct publisher *p)
{
    struct buf *out = rtmp_session_output(p->session);
    if (p->tls == NULL) {
        return out;
    }
    if (out->len > 0 && tls_session_ready(p->tls)) {
        if (tls_session_write(p->tls, buf_span(out)) != ERR_OK) {
            connection_close(p, "the connection broke");
            return NULL;
        }
        buf_clear(out);
    }
    return tls_session_output(p->tls);
}

/* One write at a time; what comes meanwhile collects in the session, which bounds it. */
void connection_flush(struct publisher *p)
{
    if (p->writing || p->phase == CONNECTION_CLOSING || !play_fill(p)) {
        return;
    }
    struct buf *out = outgoing(p);
    if (out != NULL && out->len == 0 && p->phase == CONNECTION_DRAINING && p->tls != NULL) {
        tls_session_bye(p->tls);
    }
    if (out == NULL) {
        return;
    }
    if (out->len == 0) {
        if (p->phase == CONNECTION_DRAINING) {
            shut(p);
        }
        return;
    }
    p->sending = *out;
    buf_init(out, p->sending.max);
    uv_buf_t b = uv_buf_init((char *)p->sending.data, (unsigned)p->sending.len);
    p->write.data = p;
    p->writing = true;
    if (uv_write(&p->write, (uv_stream_t *)&p->tcp, &b, 1, written) != 0) {
        p->writing = false;
        buf_fini(&p->sending);
        connection_close(p, "the connection broke");
    }
}

void connection_drain(struct publisher *p, const char *reason)
{
    end_publish(p, reason, 0);
    connection_resume(p);
    struct buf *out = p->phase == CONNECTION_CLOSING ? NULL : outgoing(p);
    if (out == NULL) {
        return;
    }
    if (!p->writing && out->len == 0) {
        connection_close(p, reason);
        return;
    }
    p->phase = CONNECTION_DRAINING;
    p->deadline_ms = now_ms(p->ingest) + FLUSH_MS;
    connection_flush(p);
}

/* --- what the session says --- */

static void ask_handler(struct publisher *p, const struct rtmp_event *e)
{
    struct ingest *i = p->ingest;
    struct ingest_request request = {e->path, e->query, e->tc_url, p->peer, p->address};
    p->asked = true;
    p->described = false;
    if (p->over_limit != NULL) {
        publisher_refuse(p, "NetStream.Publish.Rejected", p->over_limit);
        return;
    }
    void *publication = i->handler->on_publish(i->arg, p, &request);
    if (p->asked || p->admitted) {
        p->publication = publication;
    }
}

void publisher_admit(struct publisher *p)
{
    if (!p->asked) {
        return;
    }
    p->asked = false;
    if (p->player != NULL) {
        play_admit(p);
        return;
    }
    p->admitted = true;
    p->last_read_ms = now_ms(p->ingest);
    p->ingest->counters.publishers++;
    rtmp_session_accept(p->session);
    if (!p->feeding) {
        connection_flush(p);
    }
}

void publisher_refuse(struct publisher *p, const char *code, const char *text)
{
    if (!p->asked) {
        return;
    }
    if (p->player == NULL) {
        event_emit_reason("publisher_refused", "peer", p->peer, text);
    }
    log_warn("ingest", "refused", "peer=%s code=%s reason=\"%s\"", p->peer, code, text);
    p->asked = false;
    p->refused = true;
    p->publication = NULL;
    play_end(p, text);
    p->ingest->counters.refused++;
    rtmp_session_refuse(p->session, code, text);
    if (!p->feeding) {
        connection_drain(p, "the publish was refused");
    }
}

const char *publisher_peer(const struct publisher *p)
{
    return p->peer;
}

/* Once for each publish: it may be repeated with every picture. */
static void log_metadata(struct publisher *p, const struct rtmp_metadata *m)
{
    p->described = true;
    log_info("ingest", "metadata",
             "peer=%s encoder=\"%s\" declares width=%d height=%d fps=%d.%03d video_kbps=%d "
             "audio_kbps=%d",
             p->peer, m->encoder, m->width, m->height, m->fps_milli / 1000, m->fps_milli % 1000,
             m->video_kbps, m->audio_kbps);
}

static void on_session_event(void *arg, const struct rtmp_event *e)
{
    struct publisher *p = arg;
    struct ingest *i = p->ingest;
    if (play_on_event(p, e)) {
        return;
    }
    if (e->type == RTMP_EVENT_PUBLISH) {
        ask_handler(p, e);
    } else if (e->type == RTMP_EVENT_END) {
        end_publish(p, "the publisher said goodbye", 1);
        p->deadline_ms = now_ms(i) + i->config.setup_timeout_ms;
    } else if (!p->admitted || p->ending) {
        return;
    } else if (e->type == RTMP_EVENT_TRACK) {
        i->handler->on_track(i->arg, p->publication, e->track);
    } else if (e->type == RTMP_EVENT_PACKET) {
        i->handler->on_packet(i->arg, p->publication, e->packet);
    } else if (e->type == RTMP_EVENT_SKIPPED) {
        i->counters.skipped[e->skip]++;
        if (e->first) {
            log_warn("ingest", "media_skipped", "peer=%s reason=\"%s\"", p->peer, e->text);
        }
        i->handler->on_skipped(i->arg, p->publication, e->skip);
    } else {
        if (!p->described) {
            log_metadata(p, e->metadata);
        }
        if (i->handler->on_told != NULL) {
            i->handler->on_told(i->arg, p->publication, e->metadata->title, e->metadata->fps_milli);
        }
    }
}

struct publisher *connection_create(struct ingest *i)
{
    struct publisher *p = mem_alloc(sizeof *p);
    p->ingest = i;
    list_init(&p->woken);
    p->session = rtmp_session_create(on_session_event, p);
    uv_tcp_init(loop_uv(i->loop), &p->tcp);
    p->tcp.data = p;
    i->handles++;
    list_push_back(&i->connections, &p->node);
    i->counters.connections++;
    return p;
}

/* Many publishers send the header of a message (mostly of 8 bytes, at most 12 without an extended
 * time) apart from what follows at once: between messages less than this does not wake us up. What
 * is shorter may wait for more; the answer to a ping may not (connection_hear_all). */
#define MESSAGE_READ_BYTES 13

static void set_least_read(struct publisher *p, int bytes)
{
    int fd;
    if (p->tls == NULL && bytes != p->least_read && uv_fileno((uv_handle_t *)&p->tcp, &fd) == 0) {
        p->least_read = bytes;
        /* Without it there is more to do: no reason to refuse. */
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes);
    }
}

void connection_hear_all(struct publisher *p)
{
    set_least_read(p, 1);
}

static void feed(struct publisher *p, struct span bytes)
{
    p->feeding = true;
    enum err e = rtmp_session_feed(p->session, bytes);
    p->feeding = false;
    set_least_read(p, rtmp_session_is_between(p->session) ? MESSAGE_READ_BYTES : 1);
    if (e != ERR_OK) {
        const char *why = ingest_proxy_hint(p, bytes, rtmp_session_why(p->session));
        p->ingest->counters.protocol_errors++;
        log_warn("ingest", "protocol_error", "peer=%s reason=\"%s\"", p->peer, why);
        connection_drain(p, why);
    } else if (p->ending) {
        connection_drain(p, p->ending_text);
    } else if (p->refused) {
        connection_drain(p, "the publish was refused");
    } else {
        connection_flush(p);
    }
}

/* --- reading --- */

static bool on_plain(void *arg, struct span plain)
{
    struct publisher *p = arg;
    feed(p, plain);
    return p->phase == CONNECTION_OPEN;
}

static void feed_tls(struct publisher *p, struct span bytes)
{
    enum err e = tls_session_feed(p->tls, bytes, on_plain, p);
    if (p->phase != CONNECTION_OPEN) {
        return;
    }
    if (e == ERR_CLOSED) {
        connection_close(p, "the publisher closed the connection");
    } else if (e != ERR_OK) {
        p->ingest->counters.tls_failures++;
        log_warn("ingest", "tls_failed", "peer=%s ready=%d reason=\"%s\"", p->peer,
                 tls_session_ready(p->tls), tls_session_why(p->tls));
        connection_drain(p, "TLS failed");
    } else {
        connection_flush(p);
    }
}

static void give_buffer(uv_handle_t *h, size_t suggested, uv_buf_t *ret_buf)
{
    struct publisher *p = h->data;
    (void)suggested;
    *ret_buf = uv_buf_init(p->ingest->read_bytes, sizeof p->ingest->read_bytes);
}

/* True when what is left of the bytes is the publisher's own. */
static bool take_proxy_header(struct publisher *p, struct span *bytes)
{
    const char *why;
    if (p->proxy_header == NULL) {
        return true;
    }
    enum err e = ingest_proxy_take(p, bytes, &why);
    if (e == ERR_OK && p->over_limit == NULL && !accept_of_address(p)) {
        return false;
    }
    if (e != ERR_OK && e != ERR_AGAIN) {
        p->ingest->counters.protocol_errors++;
        log_warn("ingest", "protocol_error", "peer=%s reason=\"%s\"", p->peer, why);
        connection_close(p, why);
    }
    return e == ERR_OK && bytes->len > 0;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct publisher *p = stream->data;
    if (n < 0) {
        const char *left =
            p->playing ? "the player closed the connection" : "the publisher closed the connection";
        connection_close(p, n == UV_EOF ? left : "the connection broke");
    } else if (n > 0) {
        p->ingest->counters.received_bytes += (uint64_t)n;
        p->last_read_ms = now_ms(p->ingest);
        struct span bytes = span_of(b->base, (size_t)n);
        if (p->admitted && !p->ending) {
            p->ingest->handler->on_received(p->ingest->arg, p->publication, bytes.len);
        }
        if (p->phase == CONNECTION_OPEN && take_proxy_header(p, &bytes)) {
            p->tls != NULL ? feed_tls(p, bytes) : feed(p, bytes);
        }
    }
}

bool connection_read(struct publisher *p)
{
    return uv_read_start((uv_stream_t *)&p->tcp, give_buffer, on_read) == 0;
}

void connection_resume(struct publisher *p)
{
    if (p->paused_until_ms != 0) {
        p->paused_until_ms = 0;
        p->last_read_ms = now_ms(p->ingest);
        if (!connection_read(p)) {
            connection_close(p, "the connection broke");
        }
    }
}

void publisher_pause(struct publisher *p, int64_t for_ms)
{
    int64_t until = now_ms(p->ingest) + for_ms;
    if (p->phase == CONNECTION_OPEN && until > p->paused_until_ms) {
        p->paused_until_ms = until;
        uv_read_stop((uv_stream_t *)&p->tcp);
    }
}

/* --- for the handler and for ingest --- */

void publisher_close(struct publisher *p, const char *code, const char *text)
{
    if (p->phase != CONNECTION_OPEN || p->ending) {
        return;
    }
    p->ending = true;
    snprintf(p->ending_text, sizeof p->ending_text, "%s", text);
    rtmp_session_refuse(p->session, code, text);
    if (!p->feeding) {
        loop_timer_start(p->ingest->sweep, 0, p->ingest->sweep_ms);
    }
}

bool publisher_ask_reconnect(struct publisher *p, const char *tc_url, const char *text)
{
    if (p->phase != CONNECTION_OPEN || p->ending ||
        !rtmp_session_ask_reconnect(p->session, tc_url, text)) {
        return false;
    }
    p->leaving = true;
    if (!p->feeding) {
        connection_flush(p);
    }
    return true;
}

void connection_stop(struct publisher *p)
{
    if (p->admitted || p->playing) {
        rtmp_session_refuse(p->session, CODE_SHUTDOWN, "The server is stopping.");
    }
    struct buf *out = outgoing(p);
    if (out == NULL) {
        return;
    }
    if (!p->writing && p->tls != NULL) {
        tls_session_bye(p->tls);
    }
    if (!p->writing && out->len > 0) {
        uv_buf_t b = uv_buf_init((char *)out->data, (unsigned)out->len);
        (void)uv_try_write((uv_stream_t *)&p->tcp, &b, 1);
    }
    connection_close(p, "the server is stopping");
}
