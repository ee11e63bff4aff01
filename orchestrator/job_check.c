/* Which rung unit may be passed on. */
#include "orchestrator/job.h"

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
    if (bytes > JOB_RUNG_BYTES_MAX || r->total.frames + u->n_packets > JOB_RUNG_FRAMES_MAX) {
        return "a rung is larger than one segment can be";
    }
    return NULL;
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
    return check_times(r, u);
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
