/* Which rung unit may be passed on. */
#include <stdlib.h>

#include "orchestrator/job.h"

/* Ticks that a time may be beside its slot, for the rounding. */
#define SLOT_TOLERANCE 2

/* How much later than the source's first picture a rung may begin: one that cannot be decoded is
 * not shown. */
#define ORIGIN_LATE_MAX TICKS_PER_S

/* Frames by which a rung may be shorter or longer than its segment. */
#define COUNT_TOLERANCE 1

#define SEGMENT_TICKS_MAX (120 * TICKS_PER_S) /* none lasts longer, whatever its times say */

/* The first part of an emission: decoding starts here, so nothing may be taken on trust. */
static const char *check_start(const struct job_rung *r, const struct link_unit *u)
{
    if ((u->packets[0].flags & PACKET_KEY) == 0) {
        return "its first part does not start with a key frame";
    }
    if (u->config.len == 0) {
        return "its first part came without parameter sets";
    }
    if (r->has_hash && u->config_hash != r->hash) {
        return "its parameter sets differ from those of the parts before";
    }
    return NULL;
}

static const char *check_times(const struct job_rung *r, const struct link_unit *u)
{
    bool has_dts = r->has_dts;
    int64_t last_dts = r->last_dts;
    for (size_t i = 0; i < u->n_packets; i++) {
        if (has_dts && u->packets[i].dts <= last_dts) {
            return "its decoding times do not rise";
        }
        if (u->packets[i].pts < u->packets[i].dts) {
            return "a frame is to be shown before it is decoded";
        }
        has_dts = true;
        last_dts = u->packets[i].dts;
    }
    return NULL;
}

static const char *check_size(const struct job_rung *r, const struct link_rung *asked,
                              const struct link_unit *u)
{
    if (u->n_packets == 0) {
        return "a part without packets came";
    }
    if (u->n_packets > asked->frames_per_part ||
        (u->n_packets < asked->frames_per_part && !u->last)) {
        return "a part has another number of frames than was asked for";
    }
    uint64_t bytes = r->total.bytes;
    for (size_t i = 0; i < u->n_packets; i++) {
        bytes += u->packets[i].length;
    }
    uint64_t frames = (uint64_t)u->part * asked->frames_per_part + u->n_packets;
    if (bytes > JOB_RUNG_BYTES_MAX || frames > JOB_RUNG_FRAMES_MAX) {
        return "a rung is larger than one segment can be";
    }
    return NULL;
}

/* --- the grid: slot n of a rung is shown at its origin plus n frames --- */

static int64_t frame_num(const struct link_rung *asked)
{
    return TICKS_PER_S * (int64_t)(asked->fps_den > 0 ? asked->fps_den : 1);
}

/* The time of a slot after the origin, to the nearest tick; slots may be before it. */
static int64_t slot_ticks(const struct link_rung *asked, int64_t slot)
{
    int64_t num = 2 * slot * frame_num(asked) + asked->fps_num, den = 2 * (int64_t)asked->fps_num;
    return num / den - (num % den < 0);
}

int64_t job_unit_origin(const struct link_rung *asked, const struct link_unit *u)
{
    if (asked->fps_num == 0) {
        return u->packets[0].pts;
    }
    return u->packets[0].pts - slot_ticks(asked, (int64_t)u->part * asked->frames_per_part);
}

static bool is_on_slot(const struct link_rung *asked, int64_t ticks, int64_t slot)
{
    return llabs(ticks - slot_ticks(asked, slot)) <= SLOT_TOLERANCE;
}

/* The slot of a time after the origin, counted from first; -1: it is none of the n behind that. */
static int64_t slot_of(const struct link_rung *asked, int64_t ticks, int64_t first, int64_t n)
{
    if (ticks < slot_ticks(asked, first) - SLOT_TOLERANCE ||
        ticks > slot_ticks(asked, first + n) + SLOT_TOLERANCE) {
        return -1;
    }
    int64_t slot = (ticks * (int64_t)asked->fps_num + frame_num(asked) / 2) / frame_num(asked);
    bool is_one = slot >= first && slot < first + n && is_on_slot(asked, ticks, slot);
    return is_one ? slot - first : -1;
}

/* Each of its slots is shown once, in whatever order it is decoded, and the decoding times are
 * those of the slots one by one. */
static const char *check_slots(const struct job_rung *r, const struct link_rung *asked,
                               const struct link_unit *u)
{
    int64_t origin = r->has_origin ? r->origin : job_unit_origin(asked, u);
    int64_t first = (int64_t)u->part * asked->frames_per_part, n = (int64_t)u->n_packets;
    uint64_t shown[LINK_PACKETS_MAX / 64] = {0};
    for (int64_t i = 0; i < n; i++) {
        int64_t slot = slot_of(asked, u->packets[i].pts - origin, first, n);
        if (slot < 0) {
            return "a frame is not at a time that was asked for";
        }
        if (!is_on_slot(asked, u->packets[i].dts - origin, first + i - asked->dts_delay_frames)) {
            return "a frame is not decoded at a time that was asked for";
        }
        if ((shown[slot / 64] >> slot % 64 & 1) != 0) {
            return "a part shows one time twice";
        }
        shown[slot / 64] |= UINT64_C(1) << slot % 64;
    }
    return NULL;
}

/* With the source's own times there is no grid, but the source's span. */
static const char *check_span(const struct job *j, const struct link_unit *u)
{
    for (size_t i = 0; i < u->n_packets; i++) {
        if (u->packets[i].pts < j->first_pts || u->packets[i].pts > j->last_pts) {
            return "a frame is shown outside of the source's segment";
        }
    }
    return NULL;
}

static const char *check_origin(const struct job *j, const struct link_rung *asked,
                                const struct link_unit *u)
{
    int64_t late = job_unit_origin(asked, u) - j->first_pts;
    return late < -SLOT_TOLERANCE || late > ORIGIN_LATE_MAX
               ? "it does not begin with the source's segment"
               : NULL;
}

/* floor(ticks * fps + 1/4) */
static int64_t slots_of(const struct link_rung *asked, int64_t ticks)
{
    return (ticks * asked->fps_num + frame_num(asked) / 4) / frame_num(asked);
}

/* From its first picture to its last one. */
static int64_t shown_ticks(const struct job *j)
{
    uint64_t ticks = (uint64_t)j->last_pts - (uint64_t)j->first_pts;
    return ticks < SEGMENT_TICKS_MAX ? (int64_t)ticks : SEGMENT_TICKS_MAX;
}

/* All of a segment, when its last part comes. It is as long as it is decoded; where composition
 * offsets grow in its midst it is shown for longer, and each picture has its frame. */
static const char *check_count(const struct job *j, const struct link_rung *asked,
                               const struct link_unit *u)
{
    int64_t count = (int64_t)u->part * asked->frames_per_part + (int64_t)u->n_packets;
    if (asked->fps_num == 0) {
        return count > (int64_t)j->frames ? "it has more frames than the source" : NULL;
    }
    int64_t least = slots_of(asked, j->duration);
    int64_t most = slots_of(asked, shown_ticks(j)) + 1;
    least = least > 1 ? least : 1;
    most = most > least ? most : least;
    return j->duration > 0 && (count < least - COUNT_TOLERANCE || count > most + COUNT_TOLERANCE)
               ? "it has another number of frames than the segment's length asks for"
               : NULL;
}

static const char *check_grid(const struct job *j, const struct job_rung *r,
                              const struct link_rung *asked, const struct link_unit *u)
{
    const char *why = asked->fps_num == 0 ? check_span(j, u) : check_slots(r, asked, u);
    if (why == NULL && asked->fps_num > 0 && !r->has_origin) {
        why = check_origin(j, asked, u);
    }
    return why == NULL && u->last ? check_count(j, asked, u) : why;
}

static const char *check_rung(const struct job_attempt *a, uint32_t rung, const struct link_unit *u)
{
    const struct job *j = a->job;
    const struct job_rung *r = &j->rungs[rung];
    if (r->complete) {
        return "a part came after the rung's last one";
    }
    if (u->part != r->next_part) {
        return "a part is not the next one";
    }
    const char *why = check_size(r, &j->open.ladder[rung], u);
    if (why != NULL) {
        return why;
    }
    if (u->last && !job_all_sent(a)) {
        return "the last part came before the segment's end";
    }
    if (!a->rungs[rung].emitting) {
        why = check_start(r, u);
        if (why != NULL) {
            return why;
        }
    } else if (u->config_hash != r->hash) {
        return "its parameter sets changed inside the segment";
    }
    why = check_times(r, u);
    return why != NULL ? why : check_grid(j, r, &j->open.ladder[rung], u);
}

enum err job_check(const struct job_attempt *a, const struct link_unit *u, uint32_t *ret_rung,
                   const char **ret_why)
{
    if (u->rung >= a->n_asked) {
        *ret_why = "a rung came that was not asked for";
        return ERR_PROTO;
    }
    uint32_t rung = a->asked[u->rung];
    if (a->rungs[rung].lost || a->job->rungs[rung].given_up) {
        return ERR_CLOSED;
    }
    const char *why = check_rung(a, rung, u);
    if (why != NULL) {
        *ret_why = why;
        return ERR_PROTO;
    }
    *ret_rung = rung;
    return ERR_OK;
}
