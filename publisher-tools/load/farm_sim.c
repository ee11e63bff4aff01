#include "publisher-tools/load/farm_sim.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "media/packet.h"
#include "run/link_swarm.h"

#define HEARTBEAT_MS 500
#define AT_THE_DOOR  32 /* of a role that have dialled and are not welcomed yet */
#define STEP_MS      20 /* at most, so that an end is noticed */
#define KEPT         4  /* jobs of a stream whose times are remembered */
#define STEP_US      50 /* how finely delays are told: up to two seconds */
#define PAYLOAD_MAX  65536
#define RUNG_SIDE    16
#define DEADLINE_MS  20000
#define JOB_STREAM   1000000u /* job = msn * JOB_STREAM + stream */

static const uint8_t config_bytes[] = {1, 0x42, 0xc0, 0x1e, 0xff, 0xe0, 0};

/* A stream's job as its broadcaster knows it; the times are read by the transcoders' thread. */
struct job {
    uint64_t msn; /* 0: none */
    bool counted;
    unsigned back;             /* parts that came back */
    _Atomic int64_t opened_us; /* 0: a transcoder has it already */
    int64_t sent_us[FARM_PARTS];
};

struct stream {
    uint64_t msn;
    int64_t due_us; /* of the next part */
    unsigned part;
    struct job jobs[KEPT];
};

/* A job at a transcoder. */
struct work {
    uint64_t attempt; /* 0: free */
    unsigned units;
    unsigned emit_from; /* parts before it are there already, from another transcoder */
    bool emitting;
};

/* Of one role's peers. */
struct door {
    size_t dialled, welcomed;
};

struct transcoder {
    struct work works[FARM_CAPACITY_MAX];
};

enum phase { PHASE_JOIN, PHASE_STREAMS, PHASE_END, PHASE_QUIT };

struct farm_sim {
    struct farm_config config;
    _Atomic int phase;
    atomic_bool counting;
    atomic_size_t welcomed;
    atomic_uint_fast64_t open_jobs;
    pthread_mutex_t lock; /* guards why */
    char why[FARM_WHY_MAX];
    uint8_t payload[PAYLOAD_MAX];
    /* the transcoders' thread */
    struct link_swarm *transcoders;
    struct door transcoders_door;
    struct transcoder *each;
    pthread_t transcoders_thread;
    struct samples dispatch;
    uint64_t again, transcoders_bad;
    /* the broadcasters' */
    struct link_swarm *broadcasters;
    struct door broadcasters_door;
    struct stream *streams;
    size_t begun; /* of the streams */
    pthread_t broadcasters_thread;
    struct farm_result result;
};

static void complain(struct farm_sim *f, const char *why)
{
    pthread_mutex_lock(&f->lock);
    snprintf(f->why, sizeof f->why, "%.400s", why);
    pthread_mutex_unlock(&f->lock);
}

static void say_hello(struct farm_sim *f, struct link_swarm *s, const char *role, size_t i)
{
    char name[64], instance[64]; /* one is for people, the other never used twice */
    snprintf(name, sizeof name, "load-%s-%zu", role, i);
    snprintf(instance, sizeof instance, "%c%zu-%llx", role[0], i, (long long)clock_mono_us());
    bool works = strcmp(role, "transcoder") == 0;
    struct link_msg m = {.type = LINK_HELLO, .reason = ""};
    m.hello = (struct link_hello){.version_min = LINK_VERSION,
                                  .version_max = LINK_VERSION,
                                  .role = role,
                                  .name = name,
                                  .encoder = works ? "simulated" : "",
                                  .software = "load",
                                  .instance = instance,
                                  .capacity = works ? f->config.capacity : 0};
    if (link_swarm_send(s, i, &m, span_of("", 0)) != ERR_OK) {
        complain(f, "a hello could not be sent");
    }
}

/* Peers of one role dial some at a time: handshakes are work for both sides. Its own thread's. */
static void let_dial(struct farm_sim *f, struct link_swarm *s, const char *role, struct door *d,
                     size_t all)
{
    while (d->dialled < all && d->dialled - d->welcomed < AT_THE_DOOR) {
        if (link_swarm_dial(s) != ERR_OK) {
            complain(f, "this host has no more sockets");
            return;
        }
        say_hello(f, s, role, d->dialled++);
    }
}

static void take_word(struct farm_sim *f, struct door *d, const struct link_msg *m)
{
    if (m->type == LINK_WELCOME) {
        d->welcomed++;
        atomic_fetch_add(&f->welcomed, 1);
    } else if (m->type == LINK_BYE) {
        complain(f, m->reason);
    }
}

/* --- transcoders --- */

static void note_dispatch(struct farm_sim *f, const struct link_job_open *open)
{
    int64_t now = clock_mono_us();
    unsigned long n = 0;
    if (sscanf(open->stream, "load-%lu", &n) != 1 || n >= f->config.streams) {
        f->transcoders_bad++;
        return;
    }
    int64_t opened = atomic_exchange(&f->streams[n].jobs[open->msn % KEPT].opened_us, 0);
    if (opened == 0) {
        f->again++;
    } else if (atomic_load(&f->counting)) {
        samples_add(&f->dispatch, now - opened);
    }
}

static struct work *work_of(struct transcoder *t, uint64_t attempt)
{
    for (size_t i = 0; i < FARM_CAPACITY_MAX; i++) {
        if (t->works[i].attempt == attempt) {
            return &t->works[i];
        }
    }
    return NULL;
}

static void answer(struct farm_sim *f, size_t peer, const struct link_msg *m, size_t payload)
{
    if (link_swarm_send(f->transcoders, peer, m, span_of(f->payload, payload)) != ERR_OK) {
        f->transcoders_bad++;
    }
}

static void take_job(struct farm_sim *f, size_t peer, const struct link_msg *m)
{
    struct work *w = work_of(&f->each[peer], 0);
    note_dispatch(f, &m->open);
    struct link_msg reply = {.type = w != NULL ? LINK_JOB_ACCEPT : LINK_JOB_REFUSE,
                             .job = m->job,
                             .reason = w != NULL ? "" : "all places are taken"};
    if (w != NULL) {
        *w = (struct work){.attempt = m->job, .emit_from = m->open.ladder[0].emit_from};
    }
    answer(f, peer, &reply, 0);
}

/* Each unit is a part of the rung at once, as long. */
static void take_unit(struct farm_sim *f, size_t peer, const struct link_msg *m)
{
    struct work *w = work_of(&f->each[peer], m->job);
    if (w == NULL || m->unit.n_packets != 1) {
        f->transcoders_bad++;
        return;
    }
    unsigned number = w->units++;
    if (number < w->emit_from) {
        return;
    }
    struct link_packet p = m->unit.packets[0];
    struct link_msg part = {.type = LINK_RUNG_UNIT, .job = m->job, .reason = ""};
    part.unit = (struct link_unit){
        .part = number, .packets = &p, .n_packets = 1, .last = m->unit.last, .config_hash = 1};
    if (!w->emitting) {
        w->emitting = true;
        p.flags = PACKET_KEY;
        part.unit.config = span_of(config_bytes, sizeof config_bytes);
    }
    p.length = (uint32_t)f->config.payload;
    answer(f, peer, &part, f->config.payload);
    if (m->unit.last) {
        struct link_msg done = {.type = LINK_JOB_DONE, .job = m->job, .reason = ""};
        done.done.n_rungs = 1;
        uint64_t parts = w->units - w->emit_from;
        done.done.rungs[0] = (struct link_rung_total){parts, parts * RUNG_SIDE * RUNG_SIDE,
                                                      parts * f->config.payload};
        answer(f, peer, &done, 0);
        w->attempt = 0;
    }
}

static void on_transcoder(void *arg, size_t peer, const struct link_msg *m, struct span payload)
{
    struct farm_sim *f = arg;
    struct work *w;
    switch (m->type) {
    case LINK_JOB_OPEN:
        take_job(f, peer, m);
        break;
    case LINK_JOB_UNIT:
        take_unit(f, peer, m);
        break;
    case LINK_JOB_CANCEL:
        w = work_of(&f->each[peer], m->job);
        if (w != NULL) {
            w->attempt = 0;
        }
        break;
    default:
        take_word(f, &f->transcoders_door, m);
        break;
    }
}

static void *run_transcoders(void *arg)
{
    struct farm_sim *f = arg;
    while (atomic_load(&f->phase) != PHASE_QUIT) {
        let_dial(f, f->transcoders, "transcoder", &f->transcoders_door, f->config.transcoders);
        link_swarm_step(f->transcoders, STEP_MS);
    }
    return NULL;
}

/* --- broadcasters --- */

static size_t broadcaster_of(const struct farm_sim *f, size_t stream)
{
    return stream % f->config.broadcasters;
}

static void send(struct farm_sim *f, size_t stream, const struct link_msg *m, size_t payload)
{
    if (link_swarm_send(f->broadcasters, broadcaster_of(f, stream), m,
                        span_of(f->payload, payload)) != ERR_OK) {
        f->result.bad++;
    }
}

static uint64_t job_number(const struct stream *s, size_t n)
{
    return s->msn * JOB_STREAM + n;
}

static void open_job(struct farm_sim *f, size_t n)
{
    struct stream *s = &f->streams[n];
    struct job *j = &s->jobs[++s->msn % KEPT];
    char name[32];
    snprintf(name, sizeof name, "load-%zu", n);
    if (j->msn != 0) {
        f->result.lost += j->counted; /* it never ended */
    } else {
        atomic_fetch_add(&f->open_jobs, 1);
    }
    j->msn = s->msn;
    j->back = 0;
    j->counted = atomic_load(&f->counting);
    f->result.opened += j->counted;
    struct link_msg m = {.type = LINK_JOB_OPEN, .job = job_number(s, n), .reason = ""};
    m.open = (struct link_job_open){.stream = name, .msn = s->msn, .n_ladder = 1};
    m.open.deadline_ms = (uint32_t)f->config.segment_ms + DEADLINE_MS;
    m.open.track = (struct track_params){.kind = TRACK_VIDEO,
                                         .codec = CODEC_H264,
                                         .config = span_of(config_bytes, sizeof config_bytes),
                                         .width = RUNG_SIDE,
                                         .height = RUNG_SIDE,
                                         .sar_den = 1};
    m.open.ladder[0] = (struct link_rung){.name = "load",
                                          .width = RUNG_SIDE,
                                          .height = RUNG_SIDE,
                                          .fps_num = FARM_PARTS * 1000,
                                          .fps_den = (uint32_t)f->config.segment_ms,
                                          .bitrate_bps = 100000,
                                          .buffer_bits = 100000,
                                          .vbv_init_permille = 900,
                                          .crf = 23,
                                          .preset = "veryfast",
                                          .frames_per_part = 1};
    atomic_store(&j->opened_us, clock_mono_us());
    send(f, n, &m, 0);
}

static void send_part(struct farm_sim *f, size_t n)
{
    struct stream *s = &f->streams[n];
    int64_t step = f->config.segment_ms * TICKS_PER_MS / FARM_PARTS;
    int64_t t = (int64_t)s->msn * f->config.segment_ms * TICKS_PER_MS + s->part * step;
    bool last = s->part == FARM_PARTS - 1;
    struct link_packet p = {.length = (uint32_t)f->config.payload,
                            .dts = t,
                            .pts = t,
                            .duration = (uint32_t)step,
                            .flags = s->part == 0 ? PACKET_KEY : 0};
    struct link_msg m = {.type = LINK_JOB_UNIT, .job = job_number(s, n), .reason = ""};
    m.unit = (struct link_unit){
        .packets = &p,
        .n_packets = 1,
        .seq = s->part,
        .last = last,
        .duration = last ? (uint32_t)(f->config.segment_ms * TICKS_PER_MS) : 0,
    };
    s->jobs[s->msn % KEPT].sent_us[s->part] = clock_mono_us();
    send(f, n, &m, f->config.payload);
    s->part = (s->part + 1) % FARM_PARTS;
}

/* The job that a message is about; NULL: none that is open. */
static struct job *job_of(struct farm_sim *f, size_t peer, uint64_t number)
{
    size_t n = (size_t)(number % JOB_STREAM);
    uint64_t msn = number / JOB_STREAM;
    if (n >= f->config.streams || broadcaster_of(f, n) != peer || msn == 0) {
        return NULL;
    }
    struct job *j = &f->streams[n].jobs[msn % KEPT];
    return j->msn == msn ? j : NULL;
}

static void take_part(struct farm_sim *f, struct job *j, const struct link_unit *u)
{
    if (u->part != j->back || u->part >= FARM_PARTS) {
        f->result.bad++;
        return;
    }
    j->back++;
    if (j->counted) {
        f->result.parts++;
        samples_add(&f->result.round_trip, clock_mono_us() - j->sent_us[u->part]);
    }
}

static void end_job(struct farm_sim *f, struct job *j, const struct link_msg *m)
{
    bool done = m->type == LINK_JOB_DONE;
    if (j->counted) {
        f->result.done += done && j->back == FARM_PARTS;
        f->result.lost += done && j->back != FARM_PARTS;
        f->result.failed += !done;
    }
    if (!done && f->result.first_failure[0] == '\0') {
        snprintf(f->result.first_failure, sizeof f->result.first_failure, "%.400s", m->reason);
    }
    j->msn = 0;
    atomic_fetch_sub(&f->open_jobs, 1);
}

static void on_broadcaster(void *arg, size_t peer, const struct link_msg *m, struct span payload)
{
    struct farm_sim *f = arg;
    bool about_job = m->type == LINK_RUNG_UNIT || m->type == LINK_JOB_DONE ||
                     m->type == LINK_JOB_FAILED || m->type == LINK_JOB_REFUSE;
    if (!about_job) {
        take_word(f, &f->broadcasters_door, m);
        return;
    }
    struct job *j = job_of(f, peer, m->job);
    if (j == NULL) {
        f->result.bad++;
    } else if (m->type == LINK_RUNG_UNIT) {
        take_part(f, j, &m->unit);
    } else {
        end_job(f, j, m);
    }
}

static int64_t part_us(const struct farm_sim *f)
{
    return f->config.segment_ms * 1000 / FARM_PARTS;
}

static void begin_streams(struct farm_sim *f)
{
    int64_t now = clock_mono_us();
    for (size_t n = 0; n < f->config.streams; n++) {
        f->streams[n].due_us =
            now + f->config.segment_ms * 1000 * (int64_t)n / (int64_t)f->config.streams;
    }
}

/* Sends what is due; returns how many ms until something is. */
static int send_due(struct farm_sim *f, bool open_more)
{
    int64_t now = clock_mono_us();
    int64_t next = now + STEP_MS * 1000;
    for (size_t n = 0; n < f->config.streams; n++) {
        struct stream *s = &f->streams[n];
        if (s->part == 0 && !open_more) {
            continue;
        }
        if (s->due_us <= now) {
            if (s->part == 0) {
                open_job(f, n);
            }
            send_part(f, n);
            s->due_us += part_us(f);
        }
        next = s->due_us < next ? s->due_us : next;
    }
    /* Never at once: what spins takes the processor from the orchestrator that is measured. */
    return next <= now ? 1 : (int)((next - now + 999) / 1000);
}

static void *run_broadcasters(void *arg)
{
    struct farm_sim *f = arg;
    bool begun = false;
    for (int phase = PHASE_JOIN; phase != PHASE_QUIT; phase = atomic_load(&f->phase)) {
        int wait_ms = STEP_MS;
        let_dial(f, f->broadcasters, "broadcaster", &f->broadcasters_door, f->config.broadcasters);
        if (phase != PHASE_JOIN) {
            if (!begun) {
                begin_streams(f);
                begun = true;
            }
            wait_ms = send_due(f, phase == PHASE_STREAMS);
        }
        link_swarm_step(f->broadcasters, wait_ms);
    }
    return NULL;
}

/* --- from outside --- */

static enum err open_swarm(const struct farm_config *c, enum link_role role, size_t n,
                           link_swarm_fn *fn, struct farm_sim *f, struct link_swarm **ret_swarm,
                           char *ret_why)
{
    struct link_swarm_config swarm = {.addr = c->addr, .n = n, .heartbeat_ms = HEARTBEAT_MS};
    const char *why = "";
    char words[SECRET_WORDS_MAX];
    enum err e = secret_keys(c->secret, role, &swarm.keys, words);
    if (e != ERR_OK) {
        snprintf(ret_why, FARM_WHY_MAX, "%s", words);
        return ERR_AUTH;
    }
    e = link_swarm_open(&swarm, fn, f, ret_swarm, &why);
    if (e != ERR_OK) {
        snprintf(ret_why, FARM_WHY_MAX, "%zu %ss cannot dial %s: %s", n, link_role_name(role),
                 c->addr, why);
    }
    link_keys_wipe(&swarm.keys);
    return e;
}

static void release(struct farm_sim *f)
{
    link_swarm_close(f->transcoders);
    link_swarm_close(f->broadcasters);
    pthread_mutex_destroy(&f->lock);
    mem_free(f->each);
    mem_free(f->streams);
    mem_free(f);
}

static enum err start_threads(struct farm_sim *f)
{
    enum err e = thread_start("transcoders", run_transcoders, f, &f->transcoders_thread);
    if (e == ERR_OK) {
        e = thread_start("broadcasters", run_broadcasters, f, &f->broadcasters_thread);
        if (e != ERR_OK) {
            atomic_store(&f->phase, PHASE_QUIT);
            pthread_join(f->transcoders_thread, NULL);
        }
    }
    return e;
}

enum err farm_start(const struct farm_config *config, struct farm_sim **ret_farm, char *ret_why)
{
    struct farm_sim *f = mem_alloc(sizeof *f);
    f->config = *config;
    f->each = mem_alloc(config->transcoders * sizeof *f->each);
    f->streams = mem_alloc(config->streams * sizeof *f->streams);
    pthread_mutex_init(&f->lock, NULL);
    samples_init(&f->dispatch, STEP_US);
    samples_init(&f->result.round_trip, STEP_US);
    enum err e = open_swarm(config, LINK_ROLE_TRANSCODER, config->transcoders, on_transcoder, f,
                            &f->transcoders, ret_why);
    if (e == ERR_OK) {
        e = open_swarm(config, LINK_ROLE_BROADCASTER, config->broadcasters, on_broadcaster, f,
                       &f->broadcasters, ret_why);
    }
    if (e == ERR_OK && start_threads(f) != ERR_OK) {
        snprintf(ret_why, FARM_WHY_MAX, "this host has no thread left");
        e = ERR_IO;
    }
    if (e != ERR_OK) {
        release(f);
        return e;
    }
    *ret_farm = f;
    return ERR_OK;
}

size_t farm_welcomed(struct farm_sim *f, char *ret_why)
{
    pthread_mutex_lock(&f->lock);
    memcpy(ret_why, f->why, FARM_WHY_MAX);
    pthread_mutex_unlock(&f->lock);
    return atomic_load(&f->welcomed);
}

void farm_run_streams(struct farm_sim *f)
{
    atomic_store(&f->phase, PHASE_STREAMS);
}

void farm_count(struct farm_sim *f)
{
    atomic_store(&f->counting, true);
}

void farm_end_streams(struct farm_sim *f)
{
    atomic_store(&f->phase, PHASE_END);
}

uint64_t farm_open_jobs(struct farm_sim *f)
{
    return atomic_load(&f->open_jobs);
}

static uint64_t never_ended(const struct farm_sim *f)
{
    uint64_t n = 0;
    for (size_t i = 0; i < f->config.streams; i++) {
        for (size_t k = 0; k < KEPT; k++) {
            n += f->streams[i].jobs[k].msn != 0 && f->streams[i].jobs[k].counted;
        }
    }
    return n;
}

void farm_stop(struct farm_sim *f, struct farm_result *ret_result)
{
    atomic_store(&f->phase, PHASE_QUIT);
    pthread_join(f->transcoders_thread, NULL);
    pthread_join(f->broadcasters_thread, NULL);
    f->result.lost += never_ended(f);
    f->result.again = f->again;
    f->result.bad +=
        f->transcoders_bad + link_swarm_bad(f->transcoders) + link_swarm_bad(f->broadcasters);
    f->result.dispatch = f->dispatch;
    *ret_result = f->result;
    release(f);
}
