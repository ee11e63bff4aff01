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

#define JOB_ATTEMPTS_MAX 5   /* refusals and failures; being lost is not counted here */
#define JOB_LOSSES_MAX   8   /* transcoders lost with the job: past this the input is suspect */
#define JOB_AVOID_MS     500 /* a transcoder that refused or failed a job is not asked for so long */
#define JOB_LATE_MAX     2   /* times that a job is taken from a transcoder for being late */

/* What a transcoder may send of one rung of a segment. */
#define JOB_RUNG_BYTES_MAX  ((uint64_t)128 << 20)
#define JOB_RUNG_FRAMES_MAX 28800 /* two minutes of 240 frames per second */

enum job_state {
    JOB_QUEUED,  /* waits for a transcoder */
    JOB_OFFERED, /* assigned; the transcoder has not answered */
    JOB_ACTIVE,  /* accepted */
};

/* One JOB_UNIT, kept for sending (again). */
struct job_unit {
    struct list node;
    struct link_unit unit; /* packets: in this allocation */
    struct blob *payload;  /* NULL when empty */
    size_t bytes;
    struct link_packet packets[];
};

struct job_rung {
    uint32_t next_part; /* the first part that has not been delivered */
    bool complete;      /* its last part has been delivered */
    bool emitting;      /* this attempt has delivered a part */
    bool has_hash;
    uint64_t hash; /* of the parameter sets of the parts delivered so far */
    bool has_dts;
    int64_t last_dts; /* of the last packet delivered */
    struct link_rung_total total;
};

struct job_avoided {
    link_peer peer;
    int64_t until_ms;
};

struct job {
    /* Places in the job table. */
    struct list place;      /* in the queue, or in its transcoder's jobs */
    struct list of_peer;    /* in its broadcaster's jobs */
    struct list by_origin;  /* hash chains */
    struct list by_attempt; /* linked while assigned */
    struct broadcaster *broadcaster;
    struct session *session;

    uint64_t origin;           /* the broadcaster's number of it */
    struct link_job_open open; /* texts and config: in this allocation; emit_from as it came */
    int64_t opened_ms, deadline_ms;
    size_t bytes; /* all that is kept of it */

    struct list units; /* struct job_unit, in order */
    uint32_t next_seq;
    bool has_last; /* the segment's end has come */

    enum job_state state;
    bool was_accepted;             /* the broadcaster has been told */
    struct transcoder *transcoder; /* NULL while queued */
    uint64_t attempt;              /* our number of it towards the transcoder, never reused */
    int64_t offered_ms;
    bool open_sent;
    struct list *cursor;   /* the next unit to send; &units: all are sent */
    int64_t sent_ms;       /* when the attempt's newest unit was sent */
    int64_t owed_since_ms; /* when it was given units that it has not answered with a part; -1: it
                              owes nothing */
    uint32_t asked[PROFILE_LADDER_MAX]; /* the attempt's rungs, as indices of the ladder */
    size_t n_asked;

    struct job_rung rungs[PROFILE_LADDER_MAX];
    uint64_t cpu_us;
    unsigned attempts, losses, late;
    struct job_avoided avoided[JOB_ATTEMPTS_MAX]; /* a ring, indexed by attempts */
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
enum err job_keep(struct job *j, const struct link_unit *u, struct blob *payload,
                  const char **ret_why) CHECKED;

/* Sets the attempt's state back to its start: nothing sent, the rungs that are still to do. */
void job_begin(struct job *j);

/* What the attempt's JOB_OPEN says: the rungs that are not complete, each from its first missing
 * part; time left until the deadline. Borrows from the job. */
void job_ask(const struct job *j, int64_t now_ms, struct link_job_open *ret_open);

/* The unit at the cursor, and on to the next, for it has been sent. NULL: all are sent. */
const struct job_unit *job_peek(const struct job *j);
void job_advance(struct job *j, int64_t now_ms);

/* Whether the attempt's transcoder was given enough for a part, and for late_ms none has come. A
 * segment whose publisher pauses is nobody's lateness. */
bool job_is_late(const struct job *j, int64_t late_ms, int64_t now_ms);

/* May this rung unit of the present attempt be passed on? ERR_PROTO (ret_why: static text): no. On
 * success ret_rung is the index in the broadcaster's ladder. Changes nothing. */
enum err job_check(const struct job *j, const struct link_unit *u, uint32_t *ret_rung,
                   const char **ret_why) CHECKED;

/* It has been passed on (it passed job_check): counts it. bytes: of its payload. */
void job_deliver(struct job *j, uint32_t rung, const struct link_unit *u, size_t bytes,
                 int64_t now_ms);

/* Every rung's last part has been delivered. */
bool job_is_complete(const struct job *j);

#endif
