/* A job: one segment of one stream of one broadcaster, kept until every rung of it has been passed
 * on, so that it can be done again elsewhere from the first part that is missing. This file is the
 * job itself (what is kept, what is delivered, which rung unit may come next); the table of all
 * jobs and the rules of who does them are in job_table.h. Pure; one thread. */
#ifndef ORCHESTRATOR_JOB_H
#define ORCHESTRATOR_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/list.h"
#include "orchestrator/roster.h"
#include "orchestrator/session.h"
#include "proto/link_msg.h"

#define JOB_LOSSES_MAX  8   /* transcoders lost with the job: past this the input is suspect */
#define JOB_AVOID_MS    500 /* a transcoder that lost a job by its fault is not asked for so long */
#define JOB_AVOIDED_MAX 6   /* such that are remembered, and asked again when nobody else can */
#define JOB_LATE_MAX    2   /* times that a job is taken from one that is late or does not answer */
#define JOB_HEDGES_MAX  2   /* times that a late job is given to a second one as well */
#define JOB_TRIES       2   /* transcoders at work on it at once, at most */
#define JOB_LATE_MIN_MS 500 /* two parts may be shorter: nobody is late before this */

/* Of one that did well so far and says that the input is at fault it is believed after so long,
 * when nobody has room to confirm it. */
#define JOB_CONFIRM_MS 2000

/* What a transcoder may send of one rung of a segment. */
#define JOB_RUNG_BYTES_MAX  ((uint64_t)128 << 20)
#define JOB_RUNG_FRAMES_MAX 28800 /* two minutes of 240 frames per second */

#define JOB_REDONE_MAX 4 /* rejections of a rung of which parts are not made again yet */

enum job_state {
    JOB_QUEUED,  /* waits for a transcoder */
    JOB_OFFERED, /* assigned; no transcoder has answered */
    JOB_ACTIVE,  /* accepted */
};

/* One JOB_UNIT, kept for sending (again). */
struct job_unit {
    struct list node;
    struct link_unit unit; /* packets: in this allocation */
    struct blob *payload;  /* NULL when empty */
    size_t bytes;
    uint64_t frames; /* to be shown, of the segment so far, with this unit */
    int64_t dts;     /* of the newest of them */
    int64_t fair_ms; /* when it came, but no sooner than at twice the rate of its times: what comes
                        in one gush is not to be ready at once */
    struct link_packet packets[];
};

/* Parts that their broadcaster rejected. */
struct job_redone {
    uint32_t until; /* those before this one */
    link_peer of;   /* who made them */
};

struct job_rung {
    uint32_t next_part; /* the first part that has not been delivered */
    bool complete;      /* its last part has been delivered */
    bool given_up;      /* it will not come; the broadcaster has been told */
    bool has_hash;
    uint64_t hash; /* of the parameter sets of the parts delivered so far */
    bool has_dts;
    int64_t last_dts; /* of the last packet delivered */
    bool has_origin;
    int64_t origin;   /* of its grid: when its slot 0 is shown */
    link_peer maker;  /* of its newest part; 0: there is none */
    uint64_t made_by; /* the number of that attempt */
    struct link_rung_total total;
    struct job_redone redone[JOB_REDONE_MAX]; /* the last one's parts come first */
    size_t n_redone;
};

/* A transcoder at work on a job: on some of its rungs, each from some part on. */
struct job_attempt {
    struct list of_transcoder; /* in its transcoder's jobs */
    struct list by_number;     /* hash chains */
    struct job *job;
    struct transcoder *transcoder; /* NULL: there is no such attempt */
    uint64_t number;               /* towards the transcoder, never reused */
    bool accepted;
    bool is_hedge; /* begun beside another one */
    bool is_whole; /* begun when all of the input was there: it is done as fast as may be */
    bool has_won;  /* and it has delivered a part */
    bool charged;  /* its transcoder has been told late because of it */
    int64_t offered_ms;
    int64_t heard_ms; /* when a part of it was last passed on */
    int64_t owed_ms;  /* job_owed_ms of the last tick */
    bool open_sent;
    bool has_all; /* all of the input was sent, at all_ms */
    int64_t all_ms;
    struct list *cursor;    /* the next unit to send; &job->units: all are sent */
    uint64_t rate;          /* pixels a second that it is to make */
    uint64_t weight;        /* of these, what counts as its transcoder's load: 0 once all is sent as
                               it came */
    uint64_t asked_before;  /* its transcoder's asked_sum when it began */
    uint64_t pixels_before; /* and its pixels */
    uint32_t asked[PROFILE_LADDER_MAX]; /* its rungs, as indices of the ladder */
    size_t n_asked;
    struct {
        bool asked;
        bool emitting; /* it has delivered a part of it */
        bool lost;     /* another attempt goes on with that rung */
    } rungs[PROFILE_LADDER_MAX];
};

/* Who lost the job by its own fault. */
struct job_avoided {
    link_peer peer;
    int64_t until_ms; /* not asked at all */
    bool was_late;    /* or did not answer: that may not happen again */
};

/* Who may be asked for a job. */
enum job_ask_level {
    JOB_ASK_UNTRIED,  /* nobody who lost it by its fault */
    JOB_ASK_LATE_TOO, /* who was late with it as well */
    JOB_ASK_ANYBODY,  /* all of them */
};

struct job {
    /* Places in the job table. */
    struct list place;     /* in the queue, while a rung of it waits for a transcoder */
    struct list of_peer;   /* in its broadcaster's jobs */
    struct list by_origin; /* hash chains */
    struct broadcaster *broadcaster;
    struct session *session;

    uint64_t origin;           /* the broadcaster's number of it */
    uint64_t paid_pixels;      /* that were reserved for; 0: there is no price */
    struct link_job_open open; /* texts and config: in this allocation; emit_from as it came */
    int64_t opened_ms, deadline_ms;
    size_t bytes; /* all that is kept of it */

    struct list units; /* struct job_unit, in order */
    uint32_t next_seq;
    bool has_last;               /* the segment's end has come, */
    int64_t ended_ms;            /* then */
    uint32_t duration;           /* with it: ticks; 0 when it was not said */
    uint64_t frames;             /* of the source, to be shown, so far */
    int64_t first_dts;           /* of the first of them */
    int64_t last_dts;            /* of the newest of them */
    int64_t first_pts, last_pts; /* of what is shown first and last of them */
    uint32_t source_fps;         /* in thousandths, as last seen of the stream; 0: not known */

    bool was_accepted; /* the broadcaster has been told */
    bool was_offered;
    int64_t queued_ms;  /* when it last began to wait */
    int64_t offered_ms; /* the newest offer */
    struct job_attempt tries[JOB_TRIES];

    struct job_rung rungs[PROFILE_LADDER_MAX];
    uint64_t cpu_us;
    unsigned attempts, losses, late, hedges;     /* attempts: refused and failed ones */
    uint64_t rejected;                           /* the last attempt of which a part was rejected */
    struct job_avoided avoided[JOB_AVOIDED_MAX]; /* a ring */
    unsigned next_avoided;
    link_peer blamer; /* it says that the input is at fault; 0: nobody does */
    bool has_delivered;
    char encoder[LINK_STRING_MAX + 1]; /* fingerprint of who delivered, once has_delivered */
    char reason[LINK_STRING_MAX + 1];  /* why the last attempt failed; "" = none did */

    char memory[];
};

/* Copies open. NULL when memory is refused. ladder is 1..PROFILE_LADDER_MAX rungs. Gives. */
struct job *job_create(const struct link_job_open *open);
void job_destroy(struct job *j); /* takes NULL; in no list any more */

/* Bytes that job_create and job_keep would hold, for the bounds. */
size_t job_open_bytes(const struct link_job_open *open);
size_t job_unit_bytes(const struct link_unit *u, const struct blob *payload);

/* Keeps a copy of the unit and a reference of the payload. ERR_PROTO: it does not follow the one
 * before (ret_why: static text); ERR_NOMEM. */
enum err job_keep(struct job *j, const struct link_unit *u, struct blob *payload, int64_t now_ms,
                  const char **ret_why) CHECKED;

/* --- attempts --- */

/* A place for one more attempt, or NULL. */
struct job_attempt *job_free_try(struct job *j);
unsigned job_tries(const struct job *j); /* how many are at work */
enum job_state job_state(const struct job *j);

/* A rung that is still to come (neither complete nor given up). */
bool job_rung_is_open(const struct job *j, uint32_t rung);

/* This attempt may still bring parts of that rung; of any rung. */
bool attempt_covers(const struct job_attempt *a, uint32_t rung);
bool attempt_is_useful(const struct job_attempt *a);

/* It can bring nothing any more because others go on with its rungs, or it was never sent. */
bool attempt_has_lost(const struct job_attempt *a);

/* A part of it has been passed on. */
bool attempt_has_delivered(const struct job_attempt *a);

/* A rung is open that no attempt but this one (NULL: none at all) covers. */
bool job_is_uncovered(const struct job *j, const struct job_attempt *but);

/* That transcoder lost it by its fault: it is not asked until then, nor afterwards while others
 * can.
 */
void job_avoid(struct job *j, link_peer peer, int64_t until_ms);
void job_avoid_late(struct job *j, link_peer peer, int64_t until_ms); /* it was only late */

/* An attempt at its start: nothing sent; of the open rungs all, or only those that nobody covers.
 */
void job_begin(struct job *j, struct job_attempt *a, bool all);

/* Before it is sent: it no longer asks for what it does not cover any more. False: nothing is left.
 */
bool job_trim(struct job_attempt *a);

/* What the attempt's JOB_OPEN says: its rungs, each from its first missing part; time left until
 * the deadline. Borrows from the job. */
void job_ask(const struct job_attempt *a, int64_t now_ms, struct link_job_open *ret_open);

/* The unit at the cursor, and on to the next, for it has been sent. NULL: all are sent. */
const struct job_unit *job_peek(const struct job_attempt *a);
void job_advance(struct job_attempt *a);
bool job_all_sent(const struct job_attempt *a); /* to the segment's end */

/* --- what comes back --- */

/* May this rung unit of the attempt be passed on? ERR_PROTO (ret_why: static text): no, it is
 * wrong. ERR_CLOSED: another attempt goes on with that rung, there is nothing to do. On success
 * ret_rung is the index in the broadcaster's ladder. Changes nothing. */
enum err job_check(const struct job_attempt *a, const struct link_unit *u, uint32_t *ret_rung,
                   const char **ret_why) CHECKED;

/* It has been passed on (it passed job_check): counts it; the rung is no other attempt's any more.
 * bytes: of its payload. */
void job_deliver(struct job_attempt *a, uint32_t rung, const struct link_unit *u, size_t bytes,
                 int64_t now_ms);

/* Every rung's last part has been delivered, or the rung was given up. */
bool job_is_complete(const struct job *j);

/* The rung will not come. */
void job_give_up_rung(struct job *j, uint32_t rung);

/* What came of the rung from that part on is not good: it is to be made again, and who is at work
 * on it has lost it. ERR_NOENT: there is no such part. */
enum err job_reject(struct job *j, uint32_t rung, uint32_t part) CHECKED;

/* Who made that part before it was rejected; 0: nobody did, it is made for the first time. Asked
 * once for each part, in order, when it is passed on. */
link_peer job_redone_of(struct job *j, uint32_t rung, uint32_t part);

/* Where the grid of a rung that begins with this unit has its slot 0. */
int64_t job_unit_origin(const struct link_rung *asked, const struct link_unit *u);

/* --- rate and time (job_pace.c) --- */

/* Pixels a second of a rung of the job; one with the source's own rate counts as that. At least 1.
 */
uint64_t job_rung_rate(const struct job *j, uint32_t rung);

/* Of what a new attempt would ask for; all: as job_begin. */
uint64_t job_open_rate(const struct job *j, bool all);

/* For how long the attempt has owed the oldest part that it could have made of what has come; 0:
 * it owes nothing. What a decoder and an encoder keep back is not owed, nor what a source that
 * pauses has not sent, nor at once what came in one gush. */
int64_t job_owed_ms(const struct job_attempt *a, int64_t now_ms);

/* How long it may owe one: two parts, but at least JOB_LATE_MIN_MS, and at most limit_ms. */
int64_t job_may_owe_ms(const struct job_attempt *a, int64_t limit_ms);

/* How fast the attempt was that ends now, in thousandths of what real time asks; at most 1000. */
uint32_t job_pace_permille(const struct job_attempt *a, int64_t now_ms);

#endif
