#include "publisher-tools/outputs.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "publisher-tools/packet_queue.h"
#include "publisher-tools/rtmp_out.h"
#include "publisher-tools/rtmp_url.h"

#define RETRY_MS       1000
#define FINISH_MS      5000 /* for sending what is queued and saying goodbye */
#define SETTLE_POLL_MS 20

static_assert(OUTPUT_WHY_MAX >= RTMP_OUT_WHY_MAX, "a reason fits");

struct output {
    struct outputs *all;
    char *url;
    char shown[RTMP_URL_MAX];
    pthread_t thread;
    struct packet_queue queue; /* this and below: under lock */
    struct output_report report;
    bool settled;      /* the first try has come to something */
    bool fresh;        /* nothing of the source was missed yet: times need no base */
    bool finished;     /* the thread is about to end */
    atomic_bool abort; /* nothing is worth waiting for any more; not under lock */
};

struct outputs {
    const struct source *source;
    bool retry;
    size_t n;
    pthread_mutex_t lock;
    pthread_cond_t wake; /* a packet came, or the end */
    bool ending;
    struct output *items;
};

const char *output_state_name(enum output_state s)
{
    static const char *const names[] = {"connecting", "live", "waiting", "failed", "ended"};
    return names[s];
}

static void set_state(struct output *t, enum output_state state, const char *why)
{
    pthread_mutex_lock(&t->all->lock);
    t->report.state = state;
    if (why != NULL) {
        snprintf(t->report.why, sizeof t->report.why, "%s", why);
    }
    if (state == OUTPUT_LIVE) {
        t->report.connects++;
    }
    if (state != OUTPUT_LIVE) {
        t->report.dropped += packet_queue_clear(&t->queue);
    }
    if (state != OUTPUT_CONNECTING) {
        t->settled = true;
    }
    pthread_mutex_unlock(&t->all->lock);
}

/* The next packet, or NULL when the end has come and the queue is empty. */
static AVPacket *take(struct output *t)
{
    struct outputs *o = t->all;
    pthread_mutex_lock(&o->lock);
    AVPacket *p = packet_queue_pop(&t->queue);
    while (p == NULL && !o->ending) {
        pthread_cond_wait(&o->wake, &o->lock);
        p = packet_queue_pop(&t->queue);
    }
    pthread_mutex_unlock(&o->lock);
    return p;
}

static void count_sent(struct output *t, bool picture, int size)
{
    pthread_mutex_lock(&t->all->lock);
    t->report.frames += picture;
    t->report.bytes += (uint64_t)size;
    pthread_mutex_unlock(&t->all->lock);
}

static bool take_fresh(struct output *t)
{
    pthread_mutex_lock(&t->all->lock);
    bool fresh = t->fresh;
    t->fresh = false;
    pthread_mutex_unlock(&t->all->lock);
    return fresh;
}

/* Sends until the end (true) or a failure (false, ret_why). */
static bool send_all(struct output *t, struct rtmp_out *out, char *ret_why)
{
    int64_t base = 0;
    bool based = false;
    for (AVPacket *p = take(t); p != NULL; p = take(t)) {
        if (!based) {
            base = take_fresh(t) ? 0 : p->dts;
            based = true;
        }
        bool picture = p->stream_index == SOURCE_VIDEO;
        int size = p->size;
        /* What was interleaved before the first key frame may lie before the base. */
        enum err e = p->dts < base ? ERR_OK : rtmp_out_send(out, p, base, ret_why);
        av_packet_free(&p);
        if (e != ERR_OK) {
            return false;
        }
        count_sent(t, picture, size);
    }
    return true;
}

static bool wait_before_retry(struct outputs *o)
{
    struct timespec until = clock_mono_after(RETRY_MS);
    int e = 0;
    pthread_mutex_lock(&o->lock);
    while (!o->ending && e == 0) {
        e = pthread_cond_timedwait(&o->wake, &o->lock, &until);
    }
    bool go_on = !o->ending;
    pthread_mutex_unlock(&o->lock);
    return go_on;
}

static bool is_ending(struct outputs *o)
{
    pthread_mutex_lock(&o->lock);
    bool ending = o->ending;
    pthread_mutex_unlock(&o->lock);
    return ending;
}

/* One connection from its begin to its end: the state that it leaves the output in. */
static enum output_state publish_once(struct output *t, char *ret_why)
{
    struct outputs *o = t->all;
    struct rtmp_out *out = NULL;
    if (rtmp_out_open(t->url, o->source, &t->abort, &out, ret_why) != ERR_OK) {
        /* Who stops us before the server has answered has nothing to be told. */
        return is_ending(o) ? OUTPUT_ENDED : o->retry ? OUTPUT_WAITING : OUTPUT_FAILED;
    }
    set_state(t, OUTPUT_LIVE, NULL);
    bool orderly = send_all(t, out, ret_why);
    rtmp_out_close(out, orderly);
    if (orderly || (is_ending(o) && o->retry)) {
        return OUTPUT_ENDED;
    }
    return o->retry ? OUTPUT_WAITING : OUTPUT_FAILED;
}

static void *run(void *arg)
{
    struct output *t = arg;
    struct outputs *o = t->all;
    enum output_state state;
    do {
        char why[OUTPUT_WHY_MAX] = "";
        state = publish_once(t, why);
        set_state(t, state, why[0] != '\0' ? why : NULL);
        if (state == OUTPUT_WAITING && !wait_before_retry(o)) {
            state = OUTPUT_ENDED;
            set_state(t, state, NULL);
        }
    } while (state == OUTPUT_WAITING);
    pthread_mutex_lock(&o->lock);
    t->finished = true;
    pthread_mutex_unlock(&o->lock);
    return NULL;
}

static void init_output(struct outputs *o, struct output *t, const char *url)
{
    t->all = o;
    t->url = mem_strdup(url);
    rtmp_url_shown(url, t->shown);
    t->report.url = t->shown;
    t->fresh = true;
    packet_queue_init(&t->queue);
}

struct outputs *outputs_create(const char *const *urls, size_t n, const struct source *source,
                               bool retry)
{
    struct outputs *o = mem_alloc(sizeof *o);
    o->source = source;
    o->retry = retry;
    o->n = n;
    o->items = mem_alloc(n * sizeof *o->items);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&o->lock, NULL);
    pthread_cond_init(&o->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    for (size_t i = 0; i < n; i++) {
        init_output(o, &o->items[i], urls[i]);
    }
    for (size_t i = 0; i < n; i++) {
        if (thread_start("output", run, &o->items[i], &o->items[i].thread) != ERR_OK) {
            fprintf(stderr, "publish: the system refuses a thread for output %zu\n", i + 1);
            abort();
        }
    }
    return o;
}

static bool all_settled(struct outputs *o)
{
    bool all = true;
    pthread_mutex_lock(&o->lock);
    for (size_t i = 0; i < o->n; i++) {
        all = all && o->items[i].settled;
    }
    pthread_mutex_unlock(&o->lock);
    return all;
}

void outputs_wait_settled(struct outputs *o, int timeout_ms, const volatile int *stop)
{
    int64_t deadline = clock_mono_ms() + timeout_ms;
    while (!all_settled(o) && !*stop && clock_mono_ms() < deadline) {
        nanosleep(&(struct timespec){.tv_nsec = SETTLE_POLL_MS * 1000000}, NULL);
    }
}

void outputs_push(struct outputs *o, const AVPacket *packet)
{
    bool has_video = o->source->video != NULL;
    pthread_mutex_lock(&o->lock);
    for (size_t i = 0; i < o->n; i++) {
        struct output *t = &o->items[i];
        if (t->report.state == OUTPUT_LIVE) {
            t->report.dropped += packet_queue_push(&t->queue, packet, has_video);
        } else if (!t->finished) {
            t->report.dropped += packet->stream_index == SOURCE_VIDEO;
            t->fresh = false;
            t->queue.needs_key = true;
        }
    }
    pthread_cond_broadcast(&o->wake);
    pthread_mutex_unlock(&o->lock);
}

size_t outputs_alive(struct outputs *o)
{
    size_t alive = 0;
    pthread_mutex_lock(&o->lock);
    for (size_t i = 0; i < o->n; i++) {
        enum output_state s = o->items[i].report.state;
        alive += s != OUTPUT_FAILED && s != OUTPUT_ENDED;
    }
    pthread_mutex_unlock(&o->lock);
    return alive;
}

size_t outputs_count(const struct outputs *o)
{
    return o->n;
}

void outputs_report(struct outputs *o, size_t i, struct output_report *ret_report)
{
    pthread_mutex_lock(&o->lock);
    *ret_report = o->items[i].report;
    pthread_mutex_unlock(&o->lock);
}

static bool all_finished(struct outputs *o)
{
    bool all = true;
    pthread_mutex_lock(&o->lock);
    for (size_t i = 0; i < o->n; i++) {
        all = all && o->items[i].finished;
    }
    pthread_mutex_unlock(&o->lock);
    return all;
}

/* idle_only: those that are sending may go on. */
static void abort_waits(struct outputs *o, bool idle_only)
{
    pthread_mutex_lock(&o->lock);
    for (size_t i = 0; i < o->n; i++) {
        if (!idle_only || o->items[i].report.state != OUTPUT_LIVE) {
            atomic_store(&o->items[i].abort, true);
        }
    }
    pthread_mutex_unlock(&o->lock);
}

void outputs_finish(struct outputs *o)
{
    pthread_mutex_lock(&o->lock);
    o->ending = true;
    pthread_cond_broadcast(&o->wake);
    pthread_mutex_unlock(&o->lock);
    abort_waits(o, true);
    int64_t deadline = clock_mono_ms() + FINISH_MS;
    while (!all_finished(o) && clock_mono_ms() < deadline) {
        nanosleep(&(struct timespec){.tv_nsec = SETTLE_POLL_MS * 1000000}, NULL);
    }
    abort_waits(o, false);
    for (size_t i = 0; i < o->n; i++) {
        pthread_join(o->items[i].thread, NULL);
    }
}

void outputs_destroy(struct outputs *o)
{
    if (o == NULL) {
        return;
    }
    for (size_t i = 0; i < o->n; i++) {
        packet_queue_clear(&o->items[i].queue);
        mem_free(o->items[i].url);
    }
    pthread_cond_destroy(&o->wake);
    pthread_mutex_destroy(&o->lock);
    mem_free(o->items);
    mem_free(o);
}
