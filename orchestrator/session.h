/* Sessions: the streams that are being transcoded now, one per broadcaster and stream. They bound
 * how many streams an orchestrator serves at once and remember who had a stream's last segment.
 * A session outlives its last job a little, so that a stream keeps its place between segments.
 * Pure; owned by the job table; one thread. */
#ifndef ORCHESTRATOR_SESSION_H
#define ORCHESTRATOR_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/id.h"
#include "base/list.h"
#include "media/profile.h"
#include "run/link.h"

#define SESSION_GRACE_MS     2000 /* without an open job; then it ends */
#define SESSION_JOBS_MAX     16   /* open at once */
#define SESSION_PLACE_MS     300  /* after a segment's input its place is kept for the next one */
#define SESSION_AT_WORK_MAX  4    /* jobs that the next one joins in its stream's place, */
#define SESSION_AT_WORK_FULL 2 /* or that many where the transcoder has more than it is to make */
#define SESSION_BUCKETS      1024 /* a power of two */

struct session {
    struct list node;
    struct list by_name; /* hash chains */
    link_peer broadcaster;
    char stream[ID_MAX + 1];
    unsigned open_jobs;
    int64_t idle_since_ms;  /* when open_jobs became 0 */
    link_peer last;         /* transcoder of the newest assignment; 0 = none yet */
    bool last_is_live;      /* the input of that is still coming */
    int64_t place_until_ms; /* once it is not: the stream keeps its place there for so long */
    unsigned at_work;       /* attempts, wherever */
    uint32_t source_fps;    /* in thousandths, as the last whole segment had it; 0: not known */
    struct {
        uint64_t rate; /* pixels a second */
        uint32_t viewers;
        bool dropped;            /* there is no room for it in the plan */
    } rungs[PROFILE_LADDER_MAX]; /* of the newest segment */
    size_t n_rungs;
    bool is_over; /* not even for one of them is there room in the plan: it takes what is left */
    uint64_t msn; /* of that segment */
    link_peer avoided; /* it made a rung that was no good once its job was over; 0: nobody */
    int64_t avoid_until_ms;
    int64_t short_until_ms; /* a rung of it was given up lately: the next need not wait for long */
};

struct sessions {
    struct list all;
    struct list by_name[SESSION_BUCKETS];
    unsigned count;
    unsigned max;
};

void sessions_init(struct sessions *s, unsigned max);
void sessions_fini(struct sessions *s);

/* The session of that stream, made when there is none, with one more open job. stream is at most
 * ID_MAX bytes. ERR_LIMIT: a new one would be over the maximum; ERR_STATE: it has SESSION_JOBS_MAX
 * open jobs. */
enum err sessions_enter(struct sessions *s, link_peer broadcaster, const char *stream,
                        struct session **ret_session) CHECKED;

/* NULL: there is none of that stream. */
struct session *sessions_find(struct sessions *s, link_peer broadcaster, const char *stream);

/* It goes on: the next segment takes the place of the last one, where that was made. */
bool session_has_place(const struct session *session, int64_t now_ms);

/* The input of the newest segment has ended, if it is that transcoder that has it. */
void session_end_input(struct session *session, link_peer transcoder, int64_t now_ms);

/* One open job less. */
void session_leave(struct session *session, int64_t now_ms);

/* The job was not taken after all: it is as if it had not been asked for. */
void session_turn_away(struct sessions *s, struct session *session);

/* Ends those that have been without a job for SESSION_GRACE_MS. */
void sessions_expire(struct sessions *s, int64_t now_ms);

/* Ends all sessions of that broadcaster; they have no open jobs any more. */
void sessions_end_broadcaster(struct sessions *s, link_peer broadcaster);

#endif
