/* A connection that plays. */
#include <sys/socket.h>

#include "broadcaster/ingest/ingest_connection.h"
#include "broadcaster/rtmp/play.h"
#include "run/events.h"
#include "run/log.h"

#define STUCK_MS                                                                                   \
    8000               /* that a player may take nothing of what waits for it; before TCP gives up \
                        */
#define KEEPALIVE_S 30 /* while nothing is sent, a player that is gone is noticed by this */

/* What the kernel holds for one that does not read; the system would let it grow to megabytes. */
#define SEND_BUFFER_BYTES (512 * 1024)

static int64_t now_ms(const struct ingest *i)
{
    return (int64_t)uv_now(loop_uv(i->loop));
}

static void wake(void *arg)
{
    struct publisher *p = arg;
    if (list_empty(&p->woken)) {
        list_push_back(&p->ingest->woken, &p->woken);
    }
}

void play_flush_woken(struct ingest *i)
{
    while (!list_empty(&i->woken)) {
        struct publisher *p = LIST_ITEM(i->woken.next, struct publisher, woken);
        list_remove(&p->woken);
        connection_flush(p);
    }
}

static void ask(struct publisher *p, const struct rtmp_event *e)
{
    struct ingest *i = p->ingest;
    struct ingest_request request = {e->path, e->query, e->tc_url, p->peer, p->address};
    if (p->over_limit != NULL) {
        p->asked = true;
        publisher_refuse(p, "NetStream.Play.Failed", p->over_limit);
        return;
    }
    p->player = player_create(wake, p, &i->counters.players_sent, p->peer);
    p->asked = true;
    void *publication = i->handler->on_play(i->arg, p, p->player, &request);
    if (p->asked || p->playing) {
        p->publication = publication;
    }
}

bool play_on_event(struct publisher *p, const struct rtmp_event *e)
{
    if (e->type == RTMP_EVENT_PLAY) {
        ask(p, e);
        return true;
    }
    if (e->type == RTMP_EVENT_PAUSE && p->playing) {
        player_set_paused(p->player, e->paused);
        return true;
    }
    if (e->type == RTMP_EVENT_END && p->playing) {
        play_end(p, "the player said goodbye");
        p->deadline_ms = now_ms(p->ingest) + p->ingest->config.setup_timeout_ms;
        return true;
    }
    return false;
}

void play_admit(struct publisher *p)
{
    struct ingest *i = p->ingest;
    p->playing = true;
    p->taken_ms = now_ms(i);
    i->counters.players++;
    i->counters.plays++;
    int send_buffer = SEND_BUFFER_BYTES, fd;
    uv_tcp_keepalive(&p->tcp, 1, KEEPALIVE_S);
    if (uv_fileno((uv_handle_t *)&p->tcp, &fd) == 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
    }
    rtmp_session_accept_play(p->session);
    if (!p->feeding) {
        wake(p);
    }
}

void play_end(struct publisher *p, const char *reason)
{
    struct ingest *i = p->ingest;
    list_remove(&p->woken);
    player_destroy(p->player);
    p->player = NULL;
    if (p->playing) {
        void *publication = p->publication;
        p->playing = false;
        p->publication = NULL;
        i->counters.players--;
        log_info("ingest", "play_ended", "peer=%s reason=\"%s\"", p->peer, reason);
        i->handler->on_play_end(i->arg, publication, reason);
    }
}

bool play_fill(struct publisher *p)
{
    if (!p->playing) {
        return true;
    }
    if (player_fill(p->player, p->session) != ERR_OK) {
        rtmp_session_end_play(p->session, "The server is short of memory.");
        connection_drain(p, "there is no memory for what it plays");
        return false;
    }
    if (player_ended(p->player)) {
        rtmp_session_end_play(p->session, "The stream has ended.");
        connection_drain(p, "the stream has ended");
        return false;
    }
    return true;
}

void play_sweep(struct publisher *p, int64_t now)
{
    size_t unsent = uv_stream_get_write_queue_size((uv_stream_t *)&p->tcp);
    if (!p->writing || unsent != p->unsent_bytes) {
        p->unsent_bytes = unsent;
        p->taken_ms = now;
    } else if (now - p->taken_ms >= STUCK_MS) {
        p->ingest->counters.plays_stuck++;
        log_warn("ingest", "player_stuck",
                 "peer=%s: nothing that it was sent has been read for %d ms, so it is closed",
                 p->peer, STUCK_MS);
        connection_drain(p, "it reads nothing");
    }
}
