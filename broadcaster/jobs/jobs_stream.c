#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broadcaster/jobs/jobs_internal.h"
#include "broadcaster/light/light_grid.h"

#define INPUTS_FIRST_CAP 64

/* Segments that may wait behind an unfinished one on a rung. */
#define WAITING_MAX 32

/* Lighter rungs have longer parts. */
#define LIGHT_BPS 48000

/* A segment's last part waits for the sound: for what the encoder holds back, and for the frame
 * behind the segment's end. */
static int64_t sound_lag(const struct profile *p)
{
    if (p->audio_bitrate_bps == 0) {
        return 0;
    }
    int rate = light_grid_rate(p->audio_bitrate_bps, p->audio_channels);
    return LIGHT_LAG_FRAMES * light_grid_frame_ticks(rate);
}

struct job_stream *jobs_stream_create(struct jobs *j, const char *id, const struct profile *ladder,
                                      struct rendition *const *rungs, size_t n)
{
    struct job_stream *s = mem_alloc(sizeof *s);
    s->owner = j;
    snprintf(s->id, sizeof s->id, "%s", id);
    s->n = n;
    for (size_t i = 0; i < n; i++) {
        s->ladder[i] = ladder[i];
        s->renditions[i] = rungs[i];
        jobs_rate_init(&s->rates[i], ladder[i].bitrate_bps);
        part_lane_init(&s->lanes[i], rungs[i], TRACK_VIDEO);
        if (ladder[i].bitrate_bps < LIGHT_BPS) {
            parter_set_aim(&s->lanes[i].parter, PARTER_LIGHT_TICKS);
        }
        if (ladder[i].fps_num > 0) {
            parter_set_rate(&s->lanes[i].parter, ladder[i].fps_num, ladder[i].fps_den);
        }
        rendition_set_part_lag(rungs[i], TRACK_VIDEO,
                               rung_lag(&ladder[i], s->lanes[i].parter.frame, j->quality) +
                                   sound_lag(&ladder[i]));
    }
    list_init(&s->jobs);
    list_push_back(&j->streams, &s->node);
    return s;
}

void jobs_stream_destroy(struct job_stream *s)
{
    if (s == NULL) {
        return;
    }
    LIST_EACH (&s->jobs, jn, jn_next) {
        struct job *job = LIST_ITEM(jn, struct job, node);
        jobs_job_cancel(job, "the stream has ended");
        jobs_job_destroy(s, job);
    }
    jobs_stream_leave_way(s);
    list_remove(&s->node);
    mem_free(s);
}

void jobs_stream_set_tap(struct job_stream *s, jobs_tap_fn *fn, void *arg)
{
    s->tap = fn;
    s->tap_arg = arg;
}

const struct packets *jobs_stream_parts(const struct job_stream *s, size_t rung, uint64_t msn,
                                        struct track **ret_track)
{
    LIST_EACH (&s->jobs, jn, jn_next) {
        const struct job *job = LIST_ITEM(jn, const struct job, node);
        if (job->msn == msn && job->rungs[rung].track != NULL && !job->rungs[rung].settled) {
            *ret_track = job->rungs[rung].track;
            return &job->rungs[rung].packets;
        }
    }
    return NULL;
}

void jobs_stream_watch(struct job_stream *s, jobs_settled_fn *fn, void *arg)
{
    s->settled = fn;
    s->settled_arg = arg;
}

unsigned jobs_stream_viewers(const struct job_stream *s, size_t rung)
{
    const struct jobs *j = s->owner;
    return j->viewers != NULL ? j->viewers(j->viewers_arg, s->id, s->ladder[rung].name) : 0;
}

bool jobs_stream_has(const struct job_stream *s, uint64_t msn)
{
    LIST_EACH (&s->jobs, n, next) {
        if (LIST_ITEM(n, const struct job, node)->msn == msn) {
            return true;
        }
    }
    return false;
}

static struct job *open_job(struct job_stream *s)
{
    if (list_empty(&s->jobs)) {
        return NULL;
    }
    struct job *newest = LIST_ITEM(s->jobs.prev, struct job, node);
    return newest->source == NULL ? newest : NULL;
}

static void open_rung(struct job_stream *s, struct job *job, size_t i,
                      const struct segment_info *source)
{
    struct segment_info info = *source;
    info.independent = true;
    jobs_rung_init(&job->rungs[i]);
    part_run_init(&job->runs[i], info.msn);
    job->unit_frames[i] = rung_unit_frames(&s->lanes[i].parter, s->owner->quality);
    rendition_expect(s->renditions[i], info.msn);
    if (!job->whole) {
        rendition_open(s->renditions[i], &info);
    }
}

void jobs_segment_open(struct job_stream *s, const struct segment_info *info, struct track *video)
{
    if (s->n == 0) {
        return; /* there is nothing to transcode to */
    }
    if (s->n_jobs >= JOBS_PER_STREAM_MAX) {
        jobs_job_give_up_late(s, LIST_ITEM(s->jobs.next, struct job, node),
                              "transcoding is too far behind the source");
    }
    struct job *job = mem_alloc(sizeof *job);
    job->msn = info->msn;
    job->video = track_ref(video);
    job->whole = info->duration > 0;
    for (size_t i = 0; i < s->n; i++) {
        open_rung(s, job, i, info);
    }
    list_push_back(&s->jobs, &job->node);
    s->n_jobs++;
}

void jobs_segment_date(struct job_stream *s, const struct segment_info *info)
{
    struct job *job = s->n_jobs > 0 ? LIST_ITEM(s->jobs.prev, struct job, node) : NULL;
    for (size_t i = 0; job != NULL && job->msn == info->msn && i < s->n; i++) {
        if (!job->whole && !job->rungs[i].settled) {
            struct segment_info own = *info;
            own.independent = true;
            rendition_open(s->renditions[i], &own);
        }
    }
}

void jobs_segment_without_picture(struct job_stream *s, struct segment *source)
{
    while (s->n_jobs > 0 && rendition_waiting(s->renditions[0]) >= WAITING_MAX) {
        jobs_job_give_up(s, LIST_ITEM(s->jobs.next, struct job, node), JOBS_FAILED_LATE,
                         "transcoding is too far behind the source");
    }
    if (s->n == 0) {
        return;
    }
    struct job *job = mem_alloc(sizeof *job);
    job->msn = segment_info(source)->msn;
    job->whole = true;
    job->source = segment_ref(source);
    job->complete_ms = s->owner->now_ms;
    list_push_back(&s->jobs, &job->node);
    s->n_jobs++;
    for (size_t i = 0; i < s->n; i++) {
        jobs_rung_init(&job->rungs[i]);
        job->rungs[i].complete = true;
        rendition_expect(s->renditions[i], job->msn);
        jobs_rung_settle(s, job, i, rendition_count(s->renditions[i]) == 0);
    }
    jobs_job_finish(s, job);
}

void jobs_stream_set_sound(struct job_stream *s, jobs_sound_fn *fn, void *arg)
{
    s->sound = fn;
    s->sound_arg = arg;
}

static enum err add_input(struct job *job, const struct packet *p)
{
    size_t cost = sizeof(struct job_input) + p->data.len;
    if (job->input_bytes + cost > JOB_INPUT_MAX) {
        return ERR_LIMIT;
    }
    if (job->n_inputs == job->cap_inputs) {
        size_t cap = job->cap_inputs > 0 ? job->cap_inputs * 2 : INPUTS_FIRST_CAP;
        struct job_input *inputs = mem_try_realloc(job->inputs, cap * sizeof *inputs);
        if (inputs == NULL) {
            return ERR_NOMEM;
        }
        job->inputs = inputs;
        job->cap_inputs = cap;
    }
    struct packet copy = packet_ref(p);
    copy.flags &= ~(unsigned)PACKET_OPEN; /* what it needs comes before it, as the preroll */
    job->inputs[job->n_inputs++] = (struct job_input){copy, clock_mono_us()};
    job->input_bytes += cost;
    return ERR_OK;
}

void jobs_packet(struct job_stream *s, const struct packet *p)
{
    struct job *job = open_job(s);
    if (job == NULL || job->failed || p->data.len == 0) {
        return; /* an empty access unit shows nothing, and the link carries none */
    }
    enum err e = add_input(job, p);
    if (e != ERR_OK) {
        jobs_job_give_up(s, job, JOBS_FAILED_INPUT, err_text(e));
        return;
    }
    jobs_job_pump(s, job);
}

void jobs_segment_close(struct job_stream *s, struct segment *source, int64_t now_ms)
{
    struct job *job = open_job(s);
    if (job == NULL) {
        return;
    }
    job->source = segment_ref(source);
    job->complete_ms = now_ms;
    if (job->failed) {
        jobs_job_give_up(s, job, job->failure, "its job had failed");
        return;
    }
    if (!jobs_settle_lost(s, job)) {
        jobs_job_pump(s, job);
    }
}
