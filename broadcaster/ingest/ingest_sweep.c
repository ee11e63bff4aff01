#include "broadcaster/ingest/ingest_connection.h"
#include "run/log.h"

#define PING_AFTER_MS 5000 /* of silence, and again and again */
#define CODE_IDLE     "NetStream.Publish.Idle"

/* Its answer is a sign of life; without one the kernel notices a dead peer (USER_TIMEOUT_MS), which
 * it only does when something was sent. */
static void ping_silent(struct publisher *p, int64_t now)
{
    int64_t after_ms = PING_AFTER_MS, idle_ms = p->ingest->config.idle_timeout_ms;
    if (idle_ms > 0 && idle_ms / 2 < after_ms) {
        after_ms = idle_ms / 2;
    }
    if (now - p->last_read_ms >= after_ms && now - p->last_ping_ms >= after_ms) {
        p->last_ping_ms = now;
        connection_hear_all(p);
        rtmp_session_ping(p->session, (uint32_t)now);
        connection_flush(p);
    }
}

static void sweep_publishing(struct publisher *p, int64_t now)
{
    const struct ingest *i = p->ingest;
    if (i->config.idle_timeout_ms > 0 && now - p->last_read_ms >= i->config.idle_timeout_ms) {
        p->ingest->counters.timeouts++;
        log_warn("ingest", "idle", "peer=%s silent_ms=%lld", p->peer,
                 (long long)(now - p->last_read_ms));
        rtmp_session_refuse(p->session, CODE_IDLE, "Nothing has come for too long.");
        connection_drain(p, "the publisher sent nothing for too long");
        return;
    }
    ping_silent(p, now);
}

static void sweep_waiting(struct publisher *p, int64_t now)
{
    if (now >= p->deadline_ms && p->over_limit != NULL) {
        connection_close(p, "");
    } else if (now >= p->deadline_ms) {
        p->ingest->counters.timeouts++;
        log_warn("ingest", "timeout", "peer=%s reason=\"%s\"", p->peer,
                 rtmp_session_connected(p->session)
                     ? "it connected but did not publish or play in time"
                     : "its handshake took too long");
        connection_close(p, "it took too long");
    }
}

void connection_sweep(struct publisher *p, int64_t now)
{
    if (p->phase == CONNECTION_DRAINING) {
        if (now >= p->deadline_ms) {
            connection_close(p, "");
        }
    } else if (p->ending) {
        connection_drain(p, p->ending_text);
    } else if (p->paused_until_ms != 0) {
        if (now >= p->paused_until_ms) {
            connection_resume(p);
        }
    } else if (p->playing) {
        play_sweep(p, now);
    } else if (p->admitted) {
        sweep_publishing(p, now);
    } else {
        sweep_waiting(p, now);
    }
}
