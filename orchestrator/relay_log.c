#include "orchestrator/relay_log.h"

#include <inttypes.h>
#include <stdio.h>

#include "orchestrator/words.h"
#include "run/events.h"
#include "run/log.h"

#define TEXT_MAX 200

struct text {
    char s[TEXT_MAX];
};

/* Fit to stand between double quotes. */
static struct text quotable(const char *from)
{
    struct text t;
    words_copy(t.s, sizeof t.s, from);
    for (char *c = t.s; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') {
            *c = '\'';
        }
    }
    return t;
}

/* " credential=NAME", whose bytes need no quotes, or nothing. */
static struct text proven(const char *credential)
{
    struct text t = {""};
    if (credential[0] != '\0') {
        (void)snprintf(t.s, sizeof t.s, " credential=%s", credential);
    }
    return t;
}

static void emit_peer(const char *event, const char *name, const char *address,
                      const char *credential, const char *reason)
{
    struct json *j = event_begin(event);
    json_set_str(j, "peer", name);
    json_set_str(j, "address", address);
    if (credential[0] != '\0') {
        json_set_str(j, "credential", credential);
    }
    if (reason != NULL) {
        json_set_str(j, "reason", reason);
    }
    event_end(j);
}

void relay_log_joined(enum link_role role, const char *address, const char *credential,
                      const struct link_hello *hello)
{
    struct text name = quotable(hello->name), software = quotable(hello->software);
    struct text key = proven(credential);
    emit_peer(role == LINK_ROLE_TRANSCODER ? "transcoder_joined" : "broadcaster_joined",
              hello->name, address, credential, NULL);
    if (role == LINK_ROLE_TRANSCODER) {
        log_info("relay", "transcoder_joined",
                 "name=\"%s\" address=%s%s capacity=%u software=\"%s\"", name.s, address, key.s,
                 hello->capacity, software.s);
    } else {
        log_info("relay", "broadcaster_joined", "name=\"%s\" address=%s%s software=\"%s\"", name.s,
                 address, key.s, software.s);
    }
}

void relay_log_updated(enum link_role role, const struct link_hello *hello)
{
    struct text name = quotable(hello->name);
    if (role == LINK_ROLE_TRANSCODER) {
        log_info("relay", "transcoder_changed", "name=\"%s\" capacity=%u draining=%d", name.s,
                 hello->capacity, hello->draining);
    }
}

void relay_log_rejected(const char *address, const char *credential, const struct link_hello *hello,
                        const char *reason)
{
    struct text name = quotable(hello->name), why = quotable(reason), key = proven(credential);
    emit_peer("peer_refused", hello->name, address, credential, reason);
    log_warn("relay", "peer_rejected", "name=\"%s\" address=%s%s reason=\"%s\"", name.s, address,
             key.s, why.s);
}

void relay_log_lost(const struct roster *roster, enum link_role role, link_peer peer,
                    const char *reason)
{
    struct text why = quotable(reason);
    if (role == LINK_ROLE_TRANSCODER) {
        const struct transcoder *t = roster_transcoder(roster, peer);
        if (t != NULL) {
            struct text name = quotable(t->name);
            emit_peer("transcoder_lost", t->name, t->address, "", reason);
            log_info("relay", "transcoder_lost",
                     "name=\"%s\" address=%s reason=\"%s\" jobs_under_way=%u", name.s, t->address,
                     why.s, t->load);
        }
        return;
    }
    const struct broadcaster *b = roster_broadcaster(roster, peer);
    if (b != NULL) {
        struct text name = quotable(b->name);
        emit_peer("broadcaster_lost", b->name, b->address, "", reason);
        log_info("relay", "broadcaster_lost",
                 "name=\"%s\" address=%s reason=\"%s\" jobs_under_way=%u", name.s, b->address,
                 why.s, b->open_jobs);
    }
}

static const struct {
    const char *event;
    enum log_level level;
} notes[] = {
    [JOB_NOTE_OPENED] = {"job_opened", LOG_DEBUG},
    [JOB_NOTE_ASSIGNED] = {"job_assigned", LOG_DEBUG},
    [JOB_NOTE_REDISPATCHED] = {"job_redispatched", LOG_INFO},
    [JOB_NOTE_DONE] = {"job_done", LOG_DEBUG},
    [JOB_NOTE_FAILED] = {"job_failed", LOG_WARN},
    [JOB_NOTE_REFUSED] = {"job_refused", LOG_WARN},
    [JOB_NOTE_CANCELLED] = {"job_cancelled", LOG_DEBUG},
    [JOB_NOTE_HEDGED] = {"job_hedged", LOG_INFO},
    [JOB_NOTE_RUNG_GIVEN_UP] = {"rung_given_up", LOG_WARN},
    [JOB_NOTE_RUNG_REJECTED] = {"rung_rejected", LOG_WARN},
    [JOB_NOTE_SUSPENDED] = {"transcoder_suspended", LOG_WARN},
};

static void emit_note(const struct job_note *n)
{
    struct json *j = event_begin(notes[n->type].event);
    json_set_str(j, "stream", n->stream);
    json_set_int(j, "msn", (int64_t)n->msn);
    json_set_str(j, "broadcaster", n->broadcaster);
    json_set_str(j, "transcoder", n->transcoder);
    if (n->rung[0] != '\0') {
        json_set_str(j, "rung", n->rung);
    }
    if (n->type == JOB_NOTE_SUSPENDED) {
        json_set_int(j, "for_ms", n->suspend_ms);
    }
    json_set_int(j, "age_ms", n->age_ms);
    json_set_str(j, "reason", n->reason);
    event_end(j);
}

void relay_log_note(const struct job_note *n)
{
    emit_note(n);
    if (notes[n->type].level > log_level()) {
        return;
    }
    struct text stream = quotable(n->stream), why = quotable(n->reason);
    struct text b = quotable(n->broadcaster), t = quotable(n->transcoder);
    if (n->type == JOB_NOTE_SUSPENDED) {
        log_line(LOG_WARN, "jobs", "transcoder_suspended",
                 "transcoder=\"%s\" for_ms=%" PRId64 " stream=\"%s\" msn=%" PRIu64
                 " reason=\"%s\" (it has failed again and again and "
                 "gets no work until then)",
                 t.s, n->suspend_ms, stream.s, n->msn, why.s);
        return;
    }
    if (n->rung[0] != '\0') {
        struct text rung = quotable(n->rung);
        log_line(notes[n->type].level, "jobs", notes[n->type].event,
                 "stream=\"%s\" msn=%" PRIu64
                 " rung=\"%s\" broadcaster=\"%s\" transcoder=\"%s\" age_ms=%" PRId64
                 " reason=\"%s\"",
                 stream.s, n->msn, rung.s, b.s, t.s, n->age_ms, why.s);
        return;
    }
    log_line(notes[n->type].level, "jobs", notes[n->type].event,
             "stream=\"%s\" msn=%" PRIu64 " broadcaster=\"%s\" transcoder=\"%s\" age_ms=%" PRId64
             " failed_attempts=%u losses=%u reason=\"%s\"",
             stream.s, n->msn, b.s, t.s, n->age_ms, n->attempts, n->losses, why.s);
}
