/* Stands between a real transcoder and the orchestrator, and makes of it one that cannot be
 * trusted: LINK_SECRET=TEXT false_transcoder MODE LISTEN ORCHESTRATOR The transcoder dials LISTEN
 * (HOST:PORT) in place of the orchestrator; jobs pass as they are, and what comes back is changed
 * as MODE says (see modes[]; weak=N: of so many pixels a second). Ends with SIGTERM, or with status
 * 1 when it can go on no more. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "run/link.h"
#include "run/log.h"
#include "run/loop.h"

#define QUEUE_BYTES   (64 * 1024 * 1024)
#define HEARTBEAT_MS  500
#define TIMEOUT_MS    1500
#define RETRY_MIN_MS  200
#define RETRY_MAX_MS  5000
#define TICK_MS       10
#define SLOWER        5
#define SHIFT_TICKS   TICKS_PER_S
#define LENGTH_BYTES  4 /* before each NAL unit */
#define NAL_TYPE_MASK 0x1f
#define NAL_SLICE     1
#define NAL_IDR       5

struct relay;

/* One message on its way to the orchestrator: its unit may be changed where it is. *payload is
 * borrowed; a replacement is given. */
typedef void tamper_fn(struct link_msg *m, struct blob **payload);

struct mode {
    const char *name;
    tamper_fn *answer;               /* of every RUNG_UNIT; NULL: passes */
    void (*ask)(struct link_msg *m); /* of every JOB_OPEN; NULL: passes */
    enum link_msg_type instead;      /* of a RUNG_UNIT: what is sent in its place; 0: itself */
    bool final;                      /* and it says that the input is at fault */
    bool mute;                       /* units and what ends a job get lost */
    bool slow;                       /* SLOWER times slower than the pictures are shown */
    bool weak; /* it makes so many pixels a second, whatever it is asked for */
};

/* A job that the transcoder has. */
struct asked {
    struct list node;
    uint64_t job;
    uint64_t pixels[PROFILE_LADDER_MAX]; /* of a picture of each rung */
};

/* What waits for its time. */
struct held {
    struct list node;
    int64_t due_ms;  /* slow */
    int64_t work_us; /* weak: what it takes */
    bool ends_job;
    uint64_t job;
    uint32_t rung;
    struct blob *envelope, *payload;
};

struct relay {
    struct loop *loop;
    const struct mode *mode;
    const char *listen_addr;
    struct link_config config;
    struct link *up;   /* to the orchestrator */
    struct link *down; /* from the transcoder; NULL until the orchestrator is there */
    link_peer transcoder;
    bool is_up;         /* the orchestrator is there */
    struct blob *hello; /* the transcoder's newest one, for when it is */
    struct list held;
    struct list asked;     /* weak */
    uint64_t pixels_per_s; /* weak */
    int64_t free_us;       /* weak: when it had done the last piece of work */
    struct loop_timer *tick;
    bool failed;
};

static void give_up(struct relay *r, const char *why)
{
    log_error("false_transcoder", "end", "%s", why);
    r->failed = true;
    loop_stop(r->loop);
}

/* --- what is changed --- */

static void shift_times(struct link_msg *m, struct blob **payload)
{
    (void)payload;
    for (size_t i = 0; i < m->unit.n_packets; i++) {
        m->unit.packets[i].dts += SHIFT_TICKS;
        m->unit.packets[i].pts += SHIFT_TICKS;
    }
}

static void lose_a_frame(struct link_msg *m, struct blob **payload)
{
    struct link_unit *u = &m->unit;
    if (u->n_packets > 1) {
        struct span all = blob_span(*payload);
        *payload = blob_copy(span_of(all.data, all.len - u->packets[--u->n_packets].length));
    }
}

static void no_key(struct link_msg *m, struct blob **payload)
{
    (void)payload;
    for (size_t i = 0; i < m->unit.n_packets; i++) {
        m->unit.packets[i].flags &= ~(uint32_t)PACKET_KEY;
    }
}

/* fn(bytes, length) for each NAL unit of a unit's packets, in a copy of them. */
static void each_nal(struct blob **payload, void (*fn)(uint8_t *nal, size_t len))
{
    struct blob *copy = blob_copy(blob_span(*payload));
    uint8_t *at = blob_bytes(copy);
    uint8_t *end = at + blob_span(copy).len;
    while (end - at > LENGTH_BYTES) {
        size_t len = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
        at += LENGTH_BYTES;
        if (len > (size_t)(end - at)) {
            break;
        }
        fn(at, len);
        at += len;
    }
    *payload = copy;
}

static void pretend(uint8_t *nal, size_t len)
{
    if (len > 0 && (nal[0] & NAL_TYPE_MASK) == NAL_IDR) {
        nal[0] = (uint8_t)((nal[0] & ~NAL_TYPE_MASK) | NAL_SLICE);
    }
}

/* Said to be key frames, and are none. */
static void false_key(struct link_msg *m, struct blob **payload)
{
    (void)m;
    each_nal(payload, pretend);
}

static void garble(uint8_t *nal, size_t len)
{
    uint32_t noise = (uint32_t)len;
    int type = len > 0 ? nal[0] & NAL_TYPE_MASK : 0;
    if (type != NAL_SLICE && type != NAL_IDR) {
        return;
    }
    for (size_t i = 1; i < len; i++) {
        noise = noise * 1664525u + 1013904223u;
        nal[i] = (uint8_t)(noise >> 24 | 1);
    }
}

static void undecodable(struct link_msg *m, struct blob **payload)
{
    (void)m;
    each_nal(payload, garble);
}

static void spoil(uint8_t *nal, size_t len)
{
    if (len > 0 && (nal[0] & NAL_TYPE_MASK) == NAL_SLICE) {
        memset(nal + len - len / 2, 0xa5, len / 2);
    }
}

/* Key pictures are as they were, and of others the heads. */
static void spoilt_slices(struct link_msg *m, struct blob **payload)
{
    (void)m;
    each_nal(payload, spoil);
}

/* Not even NAL units. */
static void no_framing(struct link_msg *m, struct blob **payload)
{
    (void)m;
    struct blob *copy = blob_copy(blob_span(*payload));
    memset(blob_bytes(copy), 0xff, blob_span(copy).len);
    *payload = copy;
}

static void half_size(struct link_msg *m)
{
    for (size_t i = 0; i < m->open.n_ladder; i++) {
        m->open.ladder[i].width = m->open.ladder[i].width / 4 * 2;
        m->open.ladder[i].height = m->open.ladder[i].height / 4 * 2;
    }
}

static const struct mode modes[] = {
    {.name = "honest"},
    {.name = "times", .answer = shift_times},
    {.name = "frames", .answer = lose_a_frame},
    {.name = "no-key", .answer = no_key},
    {.name = "false-key", .answer = false_key},
    {.name = "size", .ask = half_size},
    {.name = "bytes", .answer = undecodable},
    {.name = "slices", .answer = spoilt_slices},
    {.name = "framing", .answer = no_framing},
    {.name = "fail", .instead = LINK_JOB_FAILED},
    {.name = "final", .instead = LINK_JOB_FAILED, .final = true},
    {.name = "done", .instead = LINK_JOB_DONE},
    {.name = "mute", .mute = true},
    {.name = "slow", .slow = true},
    {.name = "weak", .weak = true},
};

/* --- to the orchestrator --- */

static void send_up(struct relay *r, struct blob *envelope, struct blob *payload)
{
    enum err e = link_send(r->up, 0, envelope, payload);
    if (e != ERR_OK) {
        /* Nothing may be left out in between: the transcoder begins anew. */
        log_warn("false_transcoder", "drop", "the orchestrator takes no more: %s", err_text(e));
        link_drop(r->down, r->transcoder);
    }
}

static bool ends_job(const struct link_msg *m)
{
    return m->type == LINK_JOB_DONE || m->type == LINK_JOB_FAILED;
}

static void free_held(struct held *h)
{
    list_remove(&h->node);
    blob_unref(h->envelope);
    blob_unref(h->payload);
    mem_free(h);
}

/* Each rung of a job goes at its own pace, and the job's end comes behind all of them. */
static int64_t due_of(const struct relay *r, const struct link_msg *m, int64_t now_ms)
{
    int64_t due = now_ms, lasts = 0;
    bool is_unit = m->type == LINK_RUNG_UNIT;
    for (size_t i = 0; is_unit && i < m->unit.n_packets; i++) {
        lasts += m->unit.packets[i].duration;
    }
    LIST_EACH (&r->held, it, tmp) {
        const struct held *h = LIST_ITEM(it, struct held, node);
        bool before = h->job == m->job && (!is_unit || h->rung == m->unit.rung);
        due = before && h->due_ms > due ? h->due_ms : due;
    }
    return due + lasts * SLOWER * 1000 / TICKS_PER_S;
}

static int64_t work_of(const struct relay *r, const struct link_msg *m)
{
    LIST_EACH (&r->asked, it, tmp) {
        const struct asked *a = LIST_ITEM(it, struct asked, node);
        if (a->job == m->job && m->type == LINK_RUNG_UNIT && m->unit.rung < PROFILE_LADDER_MAX) {
            uint64_t pixels = m->unit.n_packets * a->pixels[m->unit.rung];
            return (int64_t)(pixels * 1000000 / r->pixels_per_s);
        }
    }
    return 0;
}

static void hold(struct relay *r, const struct link_msg *m, struct blob *envelope,
                 struct blob *payload)
{
    struct held *h = mem_alloc(sizeof *h);
    int64_t now_ms = loop_now_ms(r->loop);
    if (r->mode->weak) {
        h->work_us = work_of(r, m);
        r->free_us =
            list_empty(&r->held) && r->free_us < now_ms * 1000 ? now_ms * 1000 : r->free_us;
    } else {
        h->due_ms = due_of(r, m, now_ms);
    }
    h->job = m->job;
    h->rung = m->type == LINK_RUNG_UNIT ? m->unit.rung : 0;
    h->ends_job = ends_job(m);
    h->envelope = blob_ref(envelope);
    h->payload = payload != NULL ? blob_ref(payload) : NULL;
    list_push_back(&r->held, &h->node);
}

static void forget_asked(struct relay *r, uint64_t job)
{
    LIST_EACH (&r->asked, it, tmp) {
        struct asked *a = LIST_ITEM(it, struct asked, node);
        if (a->job == job) {
            list_remove(&a->node);
            mem_free(a);
        }
    }
}

static struct held *held_of(const struct relay *r, uint64_t job)
{
    LIST_EACH (&r->held, it, tmp) {
        struct held *h = LIST_ITEM(it, struct held, node);
        if (h->job == job) {
            return h;
        }
    }
    return NULL;
}

/* Of the job whose turn it is. */
static struct held *next_piece(const struct relay *r)
{
    LIST_EACH (&r->asked, it, tmp) {
        struct held *h = held_of(r, LIST_ITEM(it, const struct asked, node)->job);
        if (h != NULL) {
            return h;
        }
    }
    return list_empty(&r->held) ? NULL : LIST_ITEM(r->held.next, struct held, node);
}

/* All jobs have their turn, piece by piece, as a processor is shared. */
static void work(struct relay *r, int64_t now_us)
{
    for (struct held *h; (h = next_piece(r)) != NULL && r->free_us + h->work_us <= now_us;) {
        r->free_us += h->work_us;
        send_up(r, h->envelope, h->payload);
        if (h->ends_job) {
            forget_asked(r, h->job);
        } else {
            LIST_EACH (&r->asked, it, tmp) {
                if (LIST_ITEM(it, struct asked, node)->job == h->job) {
                    list_remove(it);
                    list_push_back(&r->asked, it);
                    break;
                }
            }
        }
        free_held(h);
    }
}

static void on_tick(void *arg)
{
    struct relay *r = arg;
    int64_t now_ms = loop_now_ms(r->loop);
    if (r->mode->weak) {
        work(r, now_ms * 1000);
        return;
    }
    LIST_EACH (&r->held, it, tmp) {
        struct held *h = LIST_ITEM(it, struct held, node);
        if (h->due_ms <= now_ms) {
            send_up(r, h->envelope, h->payload);
            free_held(h);
        }
    }
}

static void note_asked(struct relay *r, const struct link_msg *m)
{
    struct asked *a = mem_alloc(sizeof *a);
    a->job = m->job;
    for (size_t i = 0; i < m->open.n_ladder; i++) {
        a->pixels[i] = (uint64_t)m->open.ladder[i].width * m->open.ladder[i].height;
    }
    list_push_back(&r->asked, &a->node);
}

/* What is wanted no more takes no time. */
static void drop_job(struct relay *r, uint64_t job)
{
    LIST_EACH (&r->held, it, tmp) {
        struct held *h = LIST_ITEM(it, struct held, node);
        if (h->job == job) {
            free_held(h);
        }
    }
    forget_asked(r, job);
}

/* Neither waits for the other's next attempt: who says hello while the orchestrator is away is
 * announced when it is back. */
static void send_hello(struct relay *r)
{
    if (r->is_up && r->transcoder != 0 && r->hello != NULL) {
        send_up(r, r->hello, NULL);
    }
}

static void keep_hello(struct relay *r, struct link_msg *m)
{
    blob_unref(r->hello);
    r->hello = link_msg_pack(m);
    send_hello(r);
}

static void pass_up(struct relay *r, const struct link_event *e)
{
    const struct mode *mode = r->mode;
    struct link_msg *m = e->msg;
    struct link_msg other = {.type = mode->instead,
                             .job = m->job,
                             .reason = "it was told to fail",
                             .final = mode->final};
    struct blob *payload = e->payload;
    bool is_unit = m->type == LINK_RUNG_UNIT;
    if (mode->mute && (is_unit || ends_job(m))) {
        return;
    }
    if (is_unit && mode->answer != NULL) {
        mode->answer(m, &payload);
    } else if (is_unit && mode->instead != 0) {
        m = &other;
        payload = NULL;
    }
    struct blob *envelope = link_msg_pack(m);
    if (envelope == NULL) {
        give_up(r, "a message cannot be packed");
    } else if ((mode->slow || mode->weak) && (is_unit || ends_job(m))) {
        hold(r, m, envelope, payload);
    } else {
        send_up(r, envelope, payload);
    }
    blob_unref(envelope);
    if (payload != e->payload) {
        blob_unref(payload);
    }
}

static void forget_held(struct relay *r)
{
    LIST_EACH (&r->held, it, tmp) {
        free_held(LIST_ITEM(it, struct held, node));
    }
    LIST_EACH (&r->asked, it, tmp) {
        forget_asked(r, LIST_ITEM(it, struct asked, node)->job);
    }
}

static void on_down(void *arg, const struct link_event *e)
{
    struct relay *r = arg;
    if (e->type == LINK_EVENT_MESSAGE) {
        r->transcoder = e->peer;
        if (e->msg->type == LINK_HELLO) {
            keep_hello(r, e->msg);
        } else {
            pass_up(r, e);
        }
    } else if (e->type == LINK_EVENT_DOWN && e->peer == r->transcoder) {
        give_up(r, "the transcoder behind it has gone");
    }
}

/* --- to the transcoder --- */

static void start_listening(struct relay *r)
{
    struct link_config config = r->config;
    const char *why = "";
    if (secret_derive(getenv("LINK_SECRET"), LINK_ROLE_ORCHESTRATOR, &config.keys) != ERR_OK) {
        give_up(r, "the secret is no good");
        return;
    }
    config.addr = r->listen_addr;
    if (link_listen(r->loop, &config, on_down, r, &r->down, &why) != ERR_OK) {
        give_up(r, why);
        return;
    }
    log_info("false_transcoder", "listening", "addr=%s mode=%s", r->listen_addr, r->mode->name);
}

static void pass_down(struct relay *r, const struct link_event *e)
{
    if (e->msg->type == LINK_JOB_OPEN && r->mode->ask != NULL) {
        r->mode->ask(e->msg);
    }
    if (r->mode->weak && e->msg->type == LINK_JOB_OPEN) {
        note_asked(r, e->msg);
    } else if (r->mode->weak && e->msg->type == LINK_JOB_CANCEL) {
        drop_job(r, e->msg->job);
    }
    if (e->msg->type == LINK_WELCOME) {
        link_set_beat(r->up, e->msg->welcome.heartbeat_ms, e->msg->welcome.timeout_ms);
    }
    if (link_send_msg(r->down, r->transcoder, e->msg, e->payload) != ERR_OK) {
        link_drop(r->down, r->transcoder);
    }
}

static void on_up(void *arg, const struct link_event *e)
{
    struct relay *r = arg;
    switch (e->type) {
    case LINK_EVENT_UP:
        r->is_up = true;
        send_hello(r);
        if (r->down == NULL) {
            start_listening(r);
        }
        break;
    case LINK_EVENT_DOWN:
        r->is_up = false;
        forget_held(r);
        if (r->transcoder != 0) {
            link_drop(r->down, r->transcoder); /* it says hello again when it is back */
            r->transcoder = 0;
        }
        break;
    case LINK_EVENT_MESSAGE:
        if (r->transcoder != 0) {
            pass_down(r, e);
        }
        break;
    case LINK_EVENT_REFUSED:
        give_up(r, "the orchestrator refuses the secret");
        break;
    case LINK_EVENT_WRITABLE:
        break;
    }
}

/* --- life --- */

static void on_signal(void *arg, int number)
{
    (void)number;
    struct relay *r = arg;
    loop_stop(r->loop);
}

static const struct mode *find_mode(const char *text, uint64_t *ret_pixels_per_s)
{
    size_t len = strcspn(text, "=");
    uint64_t number = text[len] == '=' ? strtoull(text + len + 1, NULL, 10) : 0;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        const struct mode *m = &modes[i];
        if (strlen(m->name) == len && memcmp(m->name, text, len) == 0 && m->weak == (number > 0)) {
            *ret_pixels_per_s = number;
            return m;
        }
    }
    return NULL;
}

static int run(struct relay *r, const char *orchestrator)
{
    const char *why = "";
    struct link_config config = r->config;
    char words[SECRET_WORDS_MAX];
    if (secret_keys(getenv("LINK_SECRET"), LINK_ROLE_TRANSCODER, &config.keys, words) != ERR_OK) {
        give_up(r, words);
        return 1;
    }
    config.addr = orchestrator;
    if (link_dial(r->loop, &config, on_up, r, &r->up, &why) != ERR_OK) {
        give_up(r, why);
        return 1;
    }
    loop_on_signal(r->loop, SIGTERM, on_signal, r);
    loop_timer_start(r->tick, TICK_MS, TICK_MS);
    loop_run(r->loop);
    link_destroy(r->up, 0);
    link_destroy(r->down, 0);
    forget_held(r);
    blob_unref(r->hello);
    return r->failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct relay r = {
        .config = {.peer_queue_bytes = QUEUE_BYTES,
                   .heartbeat_ms = HEARTBEAT_MS,
                   .timeout_ms = TIMEOUT_MS,
                   .retry_min_ms = RETRY_MIN_MS,
                   .retry_max_ms = RETRY_MAX_MS},
    };
    r.mode = argc == 4 ? find_mode(argv[1], &r.pixels_per_s) : NULL;
    if (r.mode == NULL || getenv("LINK_SECRET") == NULL) {
        fprintf(stderr, "usage: LINK_SECRET=TEXT false_transcoder MODE LISTEN ORCHESTRATOR\n");
        return 2;
    }
    r.listen_addr = argv[2];
    r.loop = loop_create();
    list_init(&r.held);
    list_init(&r.asked);
    r.tick = loop_timer_create(r.loop, on_tick, &r);
    int status = run(&r, argv[3]);
    loop_timer_destroy(r.tick);
    loop_run_once(r.loop);
    loop_destroy(r.loop);
    return status;
}
