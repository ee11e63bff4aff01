#include "transcoder/worker.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/version.h"
#include "run/addr.h"
#include "run/events.h"
#include "run/log.h"
#include "transcoder/cores.h"
#include "transcoder/send_queue.h"
#include "transcoder/work.h"
#include "transcoder/work_table.h"

#define QUEUE_BYTES    (64 * 1024 * 1024)
#define LINGER_MS      1000
#define END_MS         5000 /* for threads that were told to end, at the end of all */
#define STATE_MAX      160
#define INSTANCE_BYTES 16 /* random */
struct worker {
    struct loop *loop;
    struct worker_config config;
    char *list;                          /* of addresses, with commas */
    char addr[LINK_ADDRS_MAX][ADDR_MAX]; /* the same, apart */
    size_t at;
    char *name;
    char *encoder;
    char instance[INSTANCE_BYTES * 2 + 1];
    struct link *link;
    struct mailbox *mail;
    struct loop_timer *idle; /* calls drained from outside any other callback */
    struct loop_timer *late; /* ends the drain */
    struct loop_timer *worn;
    struct work_table jobs;
    struct send_queue out;
    void (*drained)(void *arg);
    void *drained_arg;
    char state[STATE_MAX];
    struct worker_stats stats;
};

static void set_state(struct worker *w, const char *format, const char *detail)
{
    char text[STATE_MAX];
    snprintf(text, sizeof text, format, detail);
    memcpy(w->state, text, sizeof text);
}

/* --- out --- */

/* Before the welcome and after a loss nobody waits for results: they are dropped. */
static enum err send_now(void *arg, struct blob *envelope, struct blob *payload)
{
    struct worker *w = arg;
    return w->stats.connected ? link_send(w->link, 0, envelope, payload) : ERR_OK;
}

static void flush(struct worker *w)
{
    send_queue_flush(&w->out);
    if (w->stats.draining && w->jobs.n == 0 && send_queue_is_empty(&w->out)) {
        loop_timer_start(w->idle, 0, 0);
    }
}

static void send_msg(struct worker *w, const struct link_msg *m)
{
    struct blob *envelope = link_msg_pack(m);
    if (envelope != NULL) {
        send_queue_push_message(&w->out, envelope);
        flush(w);
    }
}

static void send_words(struct worker *w, enum link_msg_type type, uint64_t job, const char *reason,
                       bool final)
{
    struct link_msg m = {.type = type, .job = job, .reason = reason, .final = final};
    send_msg(w, &m);
}

static void say_hello(struct worker *w)
{
    struct link_msg m = {.type = LINK_HELLO, .reason = ""};
    m.hello = (struct link_hello){
        .version_min = LINK_VERSION,
        .version_max = LINK_VERSION,
        .role = link_role_name(LINK_ROLE_TRANSCODER),
        .name = w->name,
        .encoder = w->encoder,
        .software = software_version,
        .instance = w->instance,
        .capacity = work_table_places(&w->jobs, w->config.capacity),
        .speed = speed_announce(&w->stats.speed),
        .draining = w->stats.draining,
    };
    enum err e = link_send_msg(w->link, 0, &m, NULL);
    if (e != ERR_OK) {
        log_warn("worker", "hello", "could not be sent: %s", err_text(e));
    }
}

static void say_hello_again(struct worker *w)
{
    if (w->stats.connected) {
        say_hello(w);
    }
}

/* --- jobs --- */

static void on_idle(void *arg)
{
    struct worker *w = arg;
    void (*drained)(void *) = w->drained;
    w->drained = NULL;
    if (drained != NULL) {
        drained(w->drained_arg);
    }
}

static void announce_speed(struct worker *w)
{
    if (speed_is_news(&w->stats.speed)) {
        log_info("worker", "speed", "mpixels_per_s=%.1f from=%s cores=%.2f",
                 (double)speed_now(&w->stats.speed) / 1e6, speed_source_name(w->stats.speed.source),
                 w->stats.speed.cores_permille / 1000.0);
        say_hello_again(w);
    }
}

static void measure(struct worker *w, const struct job *j, const struct link_job_done *done)
{
    struct worker_stats *s = &w->stats;
    int64_t now = clock_mono_us();
    uint64_t pixels = 0;
    histogram_observe(&s->job_time, now - j->opened_us);
    histogram_observe(&s->finish_time, now - j->complete_us);
    histogram_observe(&s->cpu_time, (int64_t)done->cpu_us);
    for (size_t i = 0; i < done->n_rungs; i++) {
        pixels += done->rungs[i].pixels;
    }
    speed_observe(&s->speed, pixels, done->cpu_us);
    announce_speed(w);
}

static void recover(struct worker *w, struct job *j)
{
    work_table_set_hangs(&w->jobs, j, false);
    log_warn("worker", "job_unstuck", "stream=%s msn=%llu: a job that hung has ended after all",
             j->stream, (unsigned long long)j->msn);
    say_hello_again(w);
}

/* A job's last event has been sent, or was not to be. */
static void end_job(void *arg, struct work_event *e)
{
    struct worker *w = arg;
    struct job *j = work_table_of(&w->jobs, e->work);
    if (j->hangs) {
        recover(w, j);
    }
    for (size_t i = 0; i < e->done.n_rungs; i++) {
        w->stats.frames += e->done.rungs[i].frames;
        w->stats.pixels += e->done.rungs[i].pixels;
        w->stats.bytes += e->done.rungs[i].bytes;
    }
    w->stats.cpu_us += e->done.cpu_us;
    if (work_is_cancelled(j->work)) {
        /* Counted when it was cancelled. */
    } else if (e->failed) {
        w->stats.failed++;
        event_emit_reason("job_failed", "stream", j->stream, e->fault.text);
        log_warn("worker", "job_failed", "stream=%s msn=%llu reason=\"%s\"", j->stream,
                 (unsigned long long)j->msn, e->fault.text);
    } else {
        w->stats.done++;
        measure(w, j, &e->done);
        log_debug("worker", "job_done", "stream=%s msn=%llu cpu_ms=%llu", j->stream,
                  (unsigned long long)j->msn, (unsigned long long)(e->done.cpu_us / 1000));
    }
    struct work *work = j->work;
    work_table_remove(&w->jobs, j);
    work_event_destroy(e);
    work_destroy(work);
}

static void on_work(void *arg, void *item)
{
    struct worker *w = arg;
    send_queue_push_event(&w->out, item);
    flush(w);
}

static void on_worn(void *arg)
{
    struct worker *w = arg;
    w->config.on_worn(w->config.on_worn_arg);
}

static void give_up(struct worker *w, struct job *j)
{
    work_table_set_hangs(&w->jobs, j, true);
    w->stats.stuck_total++;
    event_emit("job_stuck", "stream", j->stream);
    log_error("worker", "job_stuck",
              "stream=%s msn=%llu: a thread of it hangs in a codec: it has had %d ms to end; "
              "its place is given up, jobs that hang: %u",
              j->stream, (unsigned long long)j->msn, w->config.stuck_ms, w->jobs.hanging);
    bool worn = w->jobs.hanging >= WORKER_STUCK_MAX || w->jobs.hanging >= w->config.capacity;
    if (worn && w->config.on_worn != NULL && !w->stats.draining) {
        loop_timer_start(w->worn, 0, 0);
    }
    say_hello_again(w);
    flush(w);
}

/* The job is given up here; its thread ends by itself. */
static void fail_job(struct worker *w, struct job *j, const char *reason, bool final)
{
    w->stats.failed++;
    event_emit_reason("job_failed", "stream", j->stream, reason);
    log_warn("worker", "job_failed", "stream=%s msn=%llu reason=\"%s\"", j->stream,
             (unsigned long long)j->msn, reason);
    uint64_t id = work_job(j->work);
    work_table_wind_down(j, w->config.stuck_ms);
    send_words(w, LINK_JOB_FAILED, id, reason, final);
}

static void on_deadline(void *arg)
{
    struct job *j = arg;
    if (!work_is_cancelled(j->work)) {
        fail_job(j->owner, j, "not finished within its deadline", false);
    } else if (!work_has_ended(j->work)) {
        give_up(j->owner, j);
    }
}

static void on_late(void *arg)
{
    struct worker *w = arg;
    log_warn("worker", "drain_over", "jobs=%u are not done after %d ms; ending without them",
             work_table_load(&w->jobs), w->config.drain_ms);
    struct job *j;
    while ((j = work_table_running(&w->jobs)) != NULL) {
        fail_job(w, j, "this transcoder is leaving and does not wait for the job any longer",
                 false);
    }
    loop_timer_start(w->idle, 0, 0);
}

static void refuse(struct worker *w, const struct link_msg *m, const char *reason)
{
    w->stats.refused++;
    log_info("worker", "job_refused", "stream=%s msn=%llu reason=\"%s\"", m->open.stream,
             (unsigned long long)m->open.msn, reason);
    send_words(w, LINK_JOB_REFUSE, m->job, reason, false);
}

/* What cannot be opened here. When no other host could either, refusing would only make the
 * orchestrator ask around: the job is taken and fails. */
static void reject(struct worker *w, const struct link_msg *m, const struct fault *f)
{
    if (!f->final) {
        refuse(w, m, f->text);
        return;
    }
    w->stats.accepted++;
    w->stats.failed++;
    log_warn("worker", "job_failed", "stream=%s msn=%llu reason=\"%s\"", m->open.stream,
             (unsigned long long)m->open.msn, f->text);
    struct link_msg answer = {.type = LINK_JOB_ACCEPT, .job = m->job, .reason = ""};
    send_msg(w, &answer);
    send_words(w, LINK_JOB_FAILED, m->job, f->text, true);
}

static void on_open(struct worker *w, const struct link_msg *m)
{
    struct work *work = NULL;
    struct fault fault = {0};
    if (w->stats.draining) {
        refuse(w, m, "this transcoder is leaving");
        return;
    }
    if (work_table_is_full(&w->jobs, w->config.capacity)) {
        refuse(w, m, "this transcoder is full");
        return;
    }
    if (work_table_find(&w->jobs, m->job) != NULL) {
        refuse(w, m, "there is a job of that number already");
        return;
    }
    size_t threads = cores_threads(w->stats.speed.cores_permille);
    if (work_create(w->mail, m->job, &m->open, threads, &fault, &work) != ERR_OK) {
        reject(w, m, &fault);
        return;
    }
    struct job *j = work_table_add(&w->jobs, w->loop, work, &m->open, on_deadline, w);
    w->stats.accepted++;
    log_debug("worker", "job", "stream=%s msn=%llu rungs=%zu", j->stream,
              (unsigned long long)j->msn, m->open.n_ladder);
    struct link_msg answer = {.type = LINK_JOB_ACCEPT, .job = m->job, .reason = ""};
    send_msg(w, &answer);
}

static void on_unit(struct worker *w, const struct link_msg *m, struct blob *payload)
{
    struct job *j = work_table_find(&w->jobs, m->job);
    if (j == NULL) {
        w->stats.units_unknown++;
        return;
    }
    if (m->unit.last) {
        j->complete_us = clock_mono_us();
    }
    switch (work_push(j->work, &m->unit, payload)) {
    case ERR_OK:
        break;
    case ERR_PROTO:
        fail_job(w, j, "a unit is missing, or came after the last one", false);
        break;
    case ERR_LIMIT:
        fail_job(w, j, "this transcoder is too slow for the job", false);
        break;
    default:
        fail_job(w, j, "this transcoder has no memory for the job", false);
        break;
    }
}

static void cancel_job(struct worker *w, struct job *j)
{
    w->stats.cancelled++;
    work_table_wind_down(j, w->config.stuck_ms);
}

static void on_cancel(struct worker *w, const struct link_msg *m)
{
    struct job *j = work_table_find(&w->jobs, m->job);
    if (j != NULL) {
        log_debug("worker", "job_cancelled", "stream=%s msn=%llu reason=\"%s\"", j->stream,
                  (unsigned long long)j->msn, m->reason);
        cancel_job(w, j);
    }
}

/* --- the link --- */

static void lose(struct worker *w, const char *why)
{
    if (w->stats.connected) {
        event_emit_reason("orchestrator_lost", "address", w->addr[w->at], why);
        log_warn("worker", "lost", "orchestrator=%s jobs=%u, redialling", w->addr[w->at],
                 work_table_load(&w->jobs));
    }
    w->stats.connected = false;
    set_state(w, "%s", why);
    struct job *j;
    while ((j = work_table_running(&w->jobs)) != NULL) {
        cancel_job(w, j);
    }
    flush(w);
}

static void on_welcome(struct worker *w, const struct link_welcome *m)
{
    if (m->version != LINK_VERSION) {
        log_warn("worker", "version",
                 "the orchestrator speaks version %u of the messages, this program %d", m->version,
                 LINK_VERSION);
        set_state(w, "the orchestrator speaks another version of the messages%s", "");
        return;
    }
    if (!w->stats.connected) {
        w->stats.connections++;
        event_emit("orchestrator_connected", "address", w->addr[w->at]);
        log_info("worker", "connected", "orchestrator=%s session=%s", w->addr[w->at], m->session);
    }
    w->stats.connected = true;
    link_set_beat(w->link, m->heartbeat_ms, m->timeout_ms);
    set_state(w, "%s", "connected");
}

static void on_message(struct worker *w, const struct link_event *e)
{
    switch (e->msg->type) {
    case LINK_WELCOME:
        on_welcome(w, &e->msg->welcome);
        break;
    case LINK_BYE:
        log_warn("worker", "bye", "the orchestrator says: %s", e->msg->reason);
        lose(w, "the orchestrator said goodbye");
        set_state(w, "the orchestrator said: %s", e->msg->reason);
        break;
    case LINK_JOB_OPEN:
        on_open(w, e->msg);
        break;
    case LINK_JOB_UNIT:
        on_unit(w, e->msg, e->payload);
        break;
    case LINK_JOB_CANCEL:
        on_cancel(w, e->msg);
        break;
    default:
        break; /* pings, and what is not for a transcoder */
    }
}

static void on_link(void *arg, const struct link_event *e)
{
    struct worker *w = arg;
    switch (e->type) {
    case LINK_EVENT_UP:
        w->at = e->target;
        set_state(w, "%s", "waiting for the orchestrator's welcome");
        say_hello(w);
        break;
    case LINK_EVENT_DOWN:
        lose(w, "the orchestrator does not answer; redialling");
        break;
    case LINK_EVENT_REFUSED:
        /* The link has logged it. */
        lose(w, "the orchestrator does not accept this secret or credential (see the log)");
        break;
    case LINK_EVENT_MESSAGE:
        on_message(w, e);
        break;
    case LINK_EVENT_WRITABLE:
        flush(w);
        break;
    }
}

/* --- life --- */

static struct link_config link_config_of(const struct worker *w)
{
    const struct worker_config *c = &w->config;
    return (struct link_config){
        .addr = w->list,
        .keys = c->keys,
        .peer_queue_bytes = QUEUE_BYTES,
        .heartbeat_ms = c->heartbeat_ms > 0 ? c->heartbeat_ms : WORKER_HEARTBEAT_MS,
        .timeout_ms = c->timeout_ms > 0 ? c->timeout_ms : WORKER_TIMEOUT_MS,
        .retry_min_ms = c->retry_min_ms > 0 ? c->retry_min_ms : WORKER_RETRY_MIN_MS,
        .retry_max_ms = WORKER_RETRY_MAX_MS,
    };
}

static void split_list(struct worker *w)
{
    const char *c = w->list;
    for (size_t i = 0; i < LINK_ADDRS_MAX && *c != '\0'; i++) {
        int len = (int)strcspn(c, ",");
        snprintf(w->addr[i], sizeof w->addr[i], "%.*s", len, c);
        c += len + (c[len] == ',');
    }
}

enum err worker_create(struct loop *l, const struct worker_config *config,
                       struct worker **ret_worker, const char **ret_why)
{
    struct worker *w = mem_alloc(sizeof *w);
    w->loop = l;
    w->config = *config;
    w->config.stuck_ms = config->stuck_ms > 0 ? config->stuck_ms : WORKER_STUCK_MS;
    w->config.drain_ms = config->drain_ms > 0 ? config->drain_ms : WORKER_DRAIN_MS;
    w->list = mem_strdup(config->orch_addr);
    split_list(w);
    speed_set(&w->stats.speed, &config->speed, config->cores_permille);
    w->name = mem_strdup(config->name);
    w->encoder = mem_strdup(config->encoder);
    id_random_hex(w->instance, INSTANCE_BYTES);
    work_table_init(&w->jobs);
    histogram_init(&w->stats.job_time, HISTOGRAM_LONG);
    histogram_init(&w->stats.finish_time, HISTOGRAM_SHORT);
    histogram_init(&w->stats.cpu_time, HISTOGRAM_LONG);
    send_queue_init(&w->out, send_now, end_job, w);
    w->mail = mailbox_create(l, on_work, w);
    w->idle = loop_timer_create(l, on_idle, w);
    w->late = loop_timer_create(l, on_late, w);
    w->worn = loop_timer_create(l, on_worn, w);
    set_state(w, "%s", "no orchestrator has answered yet; dialling");
    struct link_config link = link_config_of(w);
    enum err e = link_dial(l, &link, on_link, w, &w->link, ret_why);
    link_keys_wipe(&link.keys);
    link_keys_wipe(&w->config.keys);
    if (e != ERR_OK) {
        worker_destroy(w);
        return e;
    }
    *ret_worker = w;
    return ERR_OK;
}

void worker_set_capacity(struct worker *w, uint32_t capacity)
{
    w->config.capacity = capacity;
    say_hello_again(w);
}

void worker_set_speed(struct worker *w, const struct speed_setting *setting,
                      uint32_t cores_permille)
{
    speed_set(&w->stats.speed, setting, cores_permille);
    /* While it is being measured what was announced stays in force. */
    if (setting->source != SPEED_UNKNOWN) {
        announce_speed(w);
    }
}

void worker_measured(struct worker *w, uint64_t pixels, uint64_t cpu_us)
{
    speed_measured(&w->stats.speed, pixels, cpu_us);
    announce_speed(w);
}

void worker_drain(struct worker *w, void (*drained)(void *arg), void *arg)
{
    w->drained = drained;
    w->drained_arg = arg;
    w->stats.draining = true;
    loop_timer_start(w->late, w->config.drain_ms, 0);
    say_hello_again(w);
    flush(w);
}

static void drop_event(void *item)
{
    work_event_destroy(item);
}

/* Of a thread that hangs everything is left as it is: it may still be at it when the process ends.
 */
static void abandon(struct worker *w, struct job *j)
{
    log_error("worker", "job_abandoned", "stream=%s msn=%llu: its thread does not end; leaving it",
              j->stream, (unsigned long long)j->msn);
    work_abandon(j->work);
    work_table_remove(&w->jobs, j);
}

/* The threads end within a picture; then their last letters are read. */
static void await_jobs(struct worker *w)
{
    int64_t end = clock_mono_ms() + END_MS;
    LIST_EACH (&w->jobs.jobs, it, tmp) {
        struct job *j = LIST_ITEM(it, struct job, node);
        int64_t left = end - clock_mono_ms();
        if (!work_await(j->work, !j->hangs && left > 0 ? left : 0)) {
            abandon(w, j);
        }
    }
    while (!list_empty(&w->jobs.jobs)) {
        loop_run_once(w->loop);
    }
}

void worker_destroy(struct worker *w)
{
    if (w == NULL) {
        return;
    }
    link_destroy(w->link, LINGER_MS);
    w->link = NULL;
    w->stats.connected = false;
    lose(w, "stopped");
    await_jobs(w);
    mailbox_destroy(w->mail, drop_event);
    send_queue_fini(&w->out);
    loop_timer_destroy(w->idle);
    loop_timer_destroy(w->late);
    loop_timer_destroy(w->worn);
    mem_free(w->list);
    mem_free(w->name);
    mem_free(w->encoder);
    mem_free(w);
}

struct worker_stats worker_stats(const struct worker *w)
{
    struct worker_stats s = w->stats;
    s.addr = w->addr[w->at];
    s.state = w->state;
    s.load = work_table_load(&w->jobs);
    s.capacity = work_table_places(&w->jobs, w->config.capacity);
    s.stuck = w->jobs.hanging;
    s.link = link_counters(w->link);
    return s;
}
