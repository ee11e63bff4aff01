#include "orchestrator/session.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

void sessions_init(struct sessions *s, unsigned max)
{
    *s = (struct sessions){.max = max};
    list_init(&s->all);
    for (size_t i = 0; i < SESSION_BUCKETS; i++) {
        list_init(&s->by_name[i]);
    }
}

/* FNV-1a over the name. */
static struct list *bucket_of(struct sessions *s, link_peer broadcaster, const char *stream)
{
    uint32_t hash = 2166136261u ^ broadcaster;
    for (const char *c = stream; *c != '\0'; c++) {
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    }
    return &s->by_name[(hash ^ hash >> 16) & (SESSION_BUCKETS - 1)];
}

static void end(struct sessions *s, struct session *session)
{
    list_remove(&session->node);
    list_remove(&session->by_name);
    mem_free(session);
    s->count--;
}

void sessions_fini(struct sessions *s)
{
    LIST_EACH (&s->all, it, tmp) {
        end(s, LIST_ITEM(it, struct session, node));
    }
}

struct session *sessions_find(struct sessions *s, link_peer broadcaster, const char *stream)
{
    LIST_EACH (bucket_of(s, broadcaster, stream), it, tmp) {
        struct session *session = LIST_ITEM(it, struct session, by_name);
        if (session->broadcaster == broadcaster && strcmp(session->stream, stream) == 0) {
            return session;
        }
    }
    return NULL;
}

enum err sessions_enter(struct sessions *s, link_peer broadcaster, const char *stream,
                        struct session **ret_session)
{
    struct session *session = sessions_find(s, broadcaster, stream);
    if (session == NULL) {
        if (s->count >= s->max) {
            return ERR_LIMIT;
        }
        assert(strlen(stream) <= ID_MAX);
        session = mem_alloc(sizeof *session);
        session->broadcaster = broadcaster;
        (void)snprintf(session->stream, sizeof session->stream, "%s", stream);
        list_push_back(&s->all, &session->node);
        list_push_back(bucket_of(s, broadcaster, stream), &session->by_name);
        s->count++;
    }
    if (session->open_jobs >= SESSION_JOBS_MAX) {
        return ERR_STATE;
    }
    session->open_jobs++;
    *ret_session = session;
    return ERR_OK;
}

bool session_has_place(const struct session *session, int64_t now_ms)
{
    return session->at_work < SESSION_AT_WORK_MAX &&
           (session->last_is_live || now_ms < session->place_until_ms);
}

void session_end_input(struct session *session, link_peer transcoder, int64_t now_ms)
{
    if (session->last == transcoder) {
        session->last_is_live = false;
        session->place_until_ms = now_ms + SESSION_PLACE_MS;
    }
}

void session_leave(struct session *session, int64_t now_ms)
{
    assert(session->open_jobs > 0);
    if (--session->open_jobs == 0) {
        session->idle_since_ms = now_ms;
    }
}

void session_turn_away(struct sessions *s, struct session *session)
{
    assert(session->open_jobs > 0);
    if (--session->open_jobs == 0 && session->n_rungs == 0) {
        end(s, session); /* it never had a job */
    }
}

void sessions_expire(struct sessions *s, int64_t now_ms)
{
    LIST_EACH (&s->all, it, tmp) {
        struct session *session = LIST_ITEM(it, struct session, node);
        if (session->open_jobs == 0 && now_ms - session->idle_since_ms >= SESSION_GRACE_MS) {
            end(s, session);
        }
    }
}

void sessions_end_broadcaster(struct sessions *s, link_peer broadcaster)
{
    LIST_EACH (&s->all, it, tmp) {
        struct session *session = LIST_ITEM(it, struct session, node);
        if (session->broadcaster == broadcaster) {
            assert(session->open_jobs == 0);
            end(s, session);
        }
    }
}
