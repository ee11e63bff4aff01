#include "transcoder/work.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/thread.h"
#include "run/footprint.h"
#include "transcoder/lanes.h"
#include "transcoder/patience.h"
#include "transcoder/pipeline.h"

#define UNITS_MAX 4096 /* that wait for the thread, however small */

static atomic_int at_work; /* jobs of this process whose threads have not ended */

struct unit {
    struct list node;
    struct packets packets;
    bool last;
    uint32_t duration;
    int64_t came_us;
};

struct work {
    uint64_t job;
    struct pipeline *pipeline; /* the thread's, once it runs */
    pthread_t thread;
    size_t threads; /* at most */
    atomic_bool cancel;
    atomic_int tids[1 + LANES_MAX]; /* in the kernel (gettid(2)), its own first; 0: there is none */
    uint32_t next_seq;              /* the loop's */
    bool complete;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct mailbox *out; /* NULL: abandoned */
    bool ended;
    struct list units;
    size_t n_units;
    size_t in_bytes;
    size_t out_bytes;
};

/* --- the thread --- */

static size_t payload_bytes(const struct work_event *e)
{
    return blob_span(e->payload).len;
}

/* Under the lock, so that the mailbox is there as long as the work is not abandoned. */
static void post(struct work *w, struct work_event *e)
{
    pthread_mutex_lock(&w->lock);
    bool abandoned = w->out == NULL;
    if (!abandoned) {
        mailbox_post(w->out, e);
    }
    pthread_mutex_unlock(&w->lock);
    if (abandoned) {
        work_event_destroy(e);
    }
}

/* Waits for room, then hands the part to the loop. On any thread of the job. */
static enum err emit(void *arg, const struct link_unit *unit, struct blob *payload)
{
    struct work *w = arg;
    struct link_msg m = {.type = LINK_RUNG_UNIT, .job = w->job, .reason = "", .unit = *unit};
    struct blob *envelope = link_msg_pack(&m);
    if (envelope == NULL) {
        return ERR_NOMEM;
    }
    struct work_event *e = mem_alloc(sizeof *e);
    *e = (struct work_event){
        .type = WORK_PART, .work = w, .envelope = envelope, .payload = blob_ref(payload)};
    pthread_mutex_lock(&w->lock);
    while (w->out_bytes > WORK_OUT_BYTES_MAX && !atomic_load(&w->cancel)) {
        pthread_cond_wait(&w->changed, &w->lock);
    }
    w->out_bytes += payload_bytes(e);
    pthread_mutex_unlock(&w->lock);
    post(w, e);
    return ERR_OK;
}

/* NULL: cancelled. */
static struct unit *next_unit(struct work *w)
{
    struct unit *u = NULL;
    pthread_mutex_lock(&w->lock);
    while (list_empty(&w->units) && !atomic_load(&w->cancel)) {
        pthread_cond_wait(&w->changed, &w->lock);
    }
    if (!atomic_load(&w->cancel)) {
        u = LIST_ITEM(w->units.next, struct unit, node);
        list_remove(&u->node);
        w->n_units--;
        w->in_bytes -= u->packets.bytes;
    }
    pthread_mutex_unlock(&w->lock);
    return u;
}

static void unit_destroy(struct unit *u)
{
    packets_fini(&u->packets);
    mem_free(u);
}

static enum err work_through(struct work *w)
{
    for (;;) {
        struct unit *u = next_unit(w);
        if (u == NULL) {
            return ERR_CLOSED;
        }
        pipeline_set_waited(w->pipeline, clock_mono_us() - u->came_us);
        enum err e = pipeline_feed(w->pipeline, &u->packets);
        bool last = u->last;
        int64_t duration = u->duration;
        unit_destroy(u);
        if (e == ERR_OK && last) {
            return pipeline_finish(w->pipeline, duration);
        }
        if (e != ERR_OK) {
            return e;
        }
    }
}

static void describe_end(const struct work *w, enum err result, struct work_event *e)
{
    uint64_t beside_us = pipeline_halt(w->pipeline);
    e->done = pipeline_done(w->pipeline);
    e->done.cpu_us = clock_thread_cpu_us() + beside_us;
    if (atomic_load(&w->cancel)) {
        return;
    }
    struct link_msg m = {.type = LINK_JOB_DONE, .job = w->job, .reason = "", .done = e->done};
    if (result != ERR_OK) {
        e->failed = true;
        e->fault = *pipeline_fault(w->pipeline);
        (void)fault_set(&e->fault, false, result, "%s", err_text(result));
        m = (struct link_msg){.type = LINK_JOB_FAILED,
                              .job = w->job,
                              .reason = e->fault.text,
                              .final = e->fault.final};
    }
    e->envelope = link_msg_pack(&m);
}

static void *run(void *arg)
{
    struct work *w = arg;
    atomic_store(&w->tids[0], gettid());
    (void)pipeline_spread(w->pipeline, w->threads, w->tids + 1);
    enum err result = work_through(w);
    struct work_event *e = mem_alloc(sizeof *e);
    e->type = WORK_ENDED;
    e->work = w;
    describe_end(w, result, e);
    /* Here and not at work_destroy: closing codecs is work too, and not the loop's. */
    pipeline_destroy(w->pipeline);
    w->pipeline = NULL;
    if (atomic_fetch_sub(&at_work, 1) == 1) {
        footprint_give_back();
    }
    atomic_store(&w->tids[0], 0); /* before the loop learns of the end: no wait of its counts now */
    post(w, e);
    pthread_mutex_lock(&w->lock);
    w->ended = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* --- the loop's side --- */

static void work_free(struct work *w)
{
    LIST_EACH (&w->units, it, tmp) {
        unit_destroy(LIST_ITEM(it, struct unit, node));
    }
    pipeline_destroy(w->pipeline);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    mem_free(w);
}

enum err work_create(struct mailbox *out, uint64_t job, const struct link_job_open *open,
                     size_t threads, struct fault *f, struct work **ret_work)
{
    struct work *w = mem_alloc(sizeof *w);
    w->job = job;
    w->out = out;
    w->threads = threads;
    list_init(&w->units);
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    enum err e = pipeline_create(open, emit, w, &w->cancel, f, &w->pipeline);
    if (e == ERR_OK) {
        atomic_fetch_add(&at_work, 1);
    }
    if (e == ERR_OK && thread_start("job", run, w, &w->thread) != ERR_OK) {
        atomic_fetch_sub(&at_work, 1);
        e = fault_set(f, false, ERR_NOMEM, "the host has no thread left for a job");
    }
    if (e != ERR_OK) {
        work_free(w);
        return e;
    }
    *ret_work = w;
    return ERR_OK;
}

enum err work_push(struct work *w, const struct link_unit *unit, struct blob *payload)
{
    if (unit->seq != w->next_seq || w->complete) {
        return ERR_PROTO;
    }
    struct unit *u = mem_alloc(sizeof *u);
    packets_init(&u->packets);
    u->last = unit->last;
    u->duration = unit->duration;
    u->came_us = clock_mono_us();
    enum err e = link_unit_packets(unit, TRACK_VIDEO, payload, &u->packets);
    if (e != ERR_OK) {
        unit_destroy(u);
        return e;
    }
    pthread_mutex_lock(&w->lock);
    if (w->in_bytes + u->packets.bytes > WORK_IN_BYTES_MAX || w->n_units == UNITS_MAX) {
        e = ERR_LIMIT;
    } else {
        list_push_back(&w->units, &u->node);
        w->n_units++;
        w->in_bytes += u->packets.bytes;
        pthread_cond_broadcast(&w->changed);
    }
    pthread_mutex_unlock(&w->lock);
    if (e != ERR_OK) {
        unit_destroy(u);
        return e;
    }
    w->next_seq++;
    w->complete = unit->last;
    return ERR_OK;
}

void work_cancel(struct work *w)
{
    pthread_mutex_lock(&w->lock);
    atomic_store(&w->cancel, true);
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

bool work_is_cancelled(const struct work *w)
{
    return atomic_load(&w->cancel);
}

uint64_t work_job(const struct work *w)
{
    return w->job;
}

int64_t work_waited_us(const struct work *w)
{
    int64_t sum = 0;
    for (size_t i = 0; i < 1 + LANES_MAX; i++) {
        int tid = atomic_load(&w->tids[i]);
        sum += tid != 0 ? patience_waited_us(tid) : 0;
    }
    return sum;
}

void work_event_destroy(struct work_event *e)
{
    struct work *w = e->work;
    if (e->type == WORK_PART) {
        pthread_mutex_lock(&w->lock);
        w->out_bytes -= payload_bytes(e);
        pthread_cond_broadcast(&w->changed);
        pthread_mutex_unlock(&w->lock);
    }
    blob_unref(e->envelope);
    blob_unref(e->payload);
    mem_free(e);
}

bool work_has_ended(struct work *w)
{
    return work_await(w, 0);
}

bool work_await(struct work *w, int64_t ms)
{
    struct timespec end = clock_mono_after(ms);
    int r = 0;
    pthread_mutex_lock(&w->lock);
    while (!w->ended && ms > 0 && r == 0) {
        r = pthread_cond_timedwait(&w->changed, &w->lock, &end);
    }
    bool ended = w->ended;
    pthread_mutex_unlock(&w->lock);
    return ended;
}

void work_abandon(struct work *w)
{
    pthread_mutex_lock(&w->lock);
    w->out = NULL;
    pthread_mutex_unlock(&w->lock);
    pthread_detach(w->thread);
}

void work_destroy(struct work *w)
{
    pthread_join(w->thread, NULL);
    work_free(w);
}
