#include "broadcaster/jobs/rung_probe.h"

#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "broadcaster/jobs/rung_decoder.h"
#include "broadcaster/push/push_workers.h"
#include "run/json.h"
#include "run/loop.h"

#define THREADS       1  /* pictures of a few milliseconds each, and parts have to stay in order */
#define OWN_TIMES_FPS 30 /* taken for the rate of a rung with the source's own times */

/* An emission that is decoded whole. The decoder is the thread's while probes of it are under way.
 */
struct watch {
    struct jobs_watch base;
    struct rung_decoder *decoder; /* NULL: not begun, or it could not be had */
    bool tried;
    bool failed;
    unsigned refs; /* its owner's, and a probe's each; loop's thread */
};

struct probe {
    struct list node;       /* of the workers */
    struct list all;        /* loop's thread */
    struct link_rung asked; /* its texts are not used */
    uint64_t ticket;
    int64_t begun_us, busy_us;
    struct blob *payload;
    struct watch *watch; /* NULL: the first picture alone */
    bool last;
    const char *why;
    struct span config; /* behind the packets */
    size_t n_packets;
    struct link_packet packets[];
};

struct rung_probe {
    struct push_workers *workers;
    struct mailbox *mailbox;
    enum rung_checks checks;
    rung_probe_done_fn *done;
    void *arg;
    struct list all; /* those under way; loop's thread */
    size_t under_way;
    uint64_t checked, bad, skipped, whole;
    int64_t busy_us, waited_us, longest_us; /* of decoding; from begin to done, all and one */
};

/* --- what is looked at --- */

enum err rung_checks_parse(const char *text, enum rung_checks *ret_checks)
{
    static const char *const names[] = {"first", "sample", "all"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret_checks = (enum rung_checks)i;
            return ERR_OK;
        }
    }
    return ERR_NOENT;
}

bool rung_checks_whole(enum rung_checks checks, const struct link_rung *asked, uint32_t random)
{
    if (checks != RUNG_CHECKS_SAMPLE) {
        return checks == RUNG_CHECKS_ALL;
    }
    uint64_t num = asked->fps_num > 0 ? asked->fps_num : OWN_TIMES_FPS;
    uint64_t den = asked->fps_num > 0 && asked->fps_den > 0 ? asked->fps_den : 1;
    uint64_t samples = (uint64_t)asked->width * asked->height * num / den;
    return (uint64_t)random * samples < (uint64_t)RUNG_PROBE_SAMPLES << 32;
}

const char *rung_probe_picture(const struct link_rung *asked, struct span config,
                               struct span picture)
{
    const char *why = NULL;
    struct rung_decoder *d = rung_decoder_create(asked, config, &why);
    if (d != NULL) {
        const struct link_packet packet = {.length = (uint32_t)picture.len, .flags = PACKET_KEY};
        why = rung_decoder_part(d, &packet, 1, picture, true);
        rung_decoder_destroy(d);
    }
    return why;
}

static const char *look(struct probe *it)
{
    struct span payload = blob_span(it->payload);
    struct watch *w = it->watch;
    if (w == NULL) {
        return rung_probe_picture(&it->asked, it->config,
                                  span_of(payload.data, it->packets[0].length));
    }
    const char *why = NULL;
    if (!w->tried) {
        w->tried = true;
        w->decoder = rung_decoder_create(&it->asked, it->config, &why);
    }
    if (w->decoder != NULL && !w->failed) {
        why = rung_decoder_part(w->decoder, it->packets, it->n_packets, payload, it->last);
    }
    w->failed = w->failed || why != NULL;
    return why;
}

static void watch_unref(struct watch *w)
{
    if (w != NULL && --w->refs == 0) {
        rung_decoder_destroy(w->decoder);
        mem_free(w);
    }
}

static void watch_drop(struct jobs_watch *base)
{
    watch_unref((struct watch *)base);
}

/* --- many --- */

static void work(void *arg, struct list *item, const atomic_bool *cancel)
{
    struct rung_probe *p = arg;
    struct probe *it = LIST_ITEM(item, struct probe, node);
    (void)cancel;
    int64_t begun_us = clock_mono_us();
    it->why = look(it);
    it->busy_us = clock_mono_us() - begun_us;
    mailbox_post(p->mailbox, it);
}

static void forget(struct rung_probe *p, struct probe *it)
{
    list_remove(&it->all);
    p->under_way--;
    watch_unref(it->watch);
    blob_unref(it->payload);
    mem_free(it);
}

static void on_done(void *arg, void *item)
{
    struct rung_probe *p = arg;
    struct probe *it = item;
    int64_t took_us = clock_mono_us() - it->begun_us;
    p->checked++;
    p->bad += it->why != NULL;
    p->busy_us += it->busy_us;
    p->waited_us += took_us;
    p->longest_us = took_us > p->longest_us ? took_us : p->longest_us;
    uint64_t ticket = it->ticket;
    const char *why = it->why;
    forget(p, it);
    p->done(p->arg, ticket, why);
}

struct rung_probe *rung_probe_create(struct loop *l, enum rung_checks checks,
                                     rung_probe_done_fn *done, void *arg)
{
    struct rung_probe *p = mem_alloc(sizeof *p);
    p->checks = checks;
    p->done = done;
    p->arg = arg;
    list_init(&p->all);
    p->mailbox = mailbox_create(l, on_done, p);
    p->workers = push_workers_create(THREADS, work, p);
    if (p->workers == NULL) {
        rung_probe_destroy(p);
        return NULL;
    }
    return p;
}

/* All are in the list of those under way. */
static void drop(void *item)
{
    (void)item;
}

void rung_probe_destroy(struct rung_probe *p)
{
    if (p == NULL) {
        return;
    }
    push_workers_destroy(p->workers);
    mailbox_destroy(p->mailbox, drop);
    LIST_EACH (&p->all, n, next) {
        forget(p, LIST_ITEM(n, struct probe, all));
    }
    mem_free(p);
}

/* Whoever makes them cannot foresee it. */
static uint32_t draw(void)
{
    uint32_t random = 0;
    /* Where there is none yet all is decoded. */
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random) {
        random = 0;
    }
    return random;
}

static struct watch *watch_begin(const struct rung_probe *p, const struct link_rung *asked)
{
    bool busy = p->checks == RUNG_CHECKS_SAMPLE && p->under_way > RUNG_PROBES_EASY;
    if (busy || !rung_checks_whole(p->checks, asked, draw())) {
        return NULL;
    }
    struct watch *w = mem_alloc(sizeof *w);
    w->base.drop = watch_drop;
    w->refs = 1;
    return w;
}

static struct probe *probe_create(const struct link_unit *u, size_t n_packets)
{
    size_t packets = n_packets * sizeof u->packets[0];
    struct probe *it = mem_try_alloc(sizeof *it + packets + u->config.len);
    if (it == NULL) {
        return NULL;
    }
    memcpy(it->packets, u->packets, packets);
    uint8_t *config = (uint8_t *)(it->packets + n_packets);
    if (u->config.len > 0) {
        memcpy(config, u->config.data, u->config.len);
    }
    it->config = span_of(config, u->config.len);
    it->n_packets = n_packets;
    it->last = u->last;
    return it;
}

/* One unit that was passed over, and what follows cannot be decoded. */
static bool skip(struct rung_probe *p, struct jobs_watch **watch)
{
    p->skipped++;
    if (*watch != NULL) {
        (*watch)->drop(*watch);
        *watch = NULL;
    }
    return false;
}

bool rung_probe_begin(void *probe, const struct link_rung *asked, const struct link_unit *u,
                      struct blob *payload, uint64_t ticket, struct jobs_watch **watch)
{
    struct rung_probe *p = probe;
    bool first = u->config.len > 0;
    if (!first && *watch == NULL) {
        return false;
    }
    if (p->under_way >= RUNG_PROBES_MAX || u->n_packets == 0) {
        return skip(p, watch);
    }
    struct watch *w = first ? watch_begin(p, asked) : (struct watch *)*watch;
    *watch = w != NULL ? &w->base : NULL;
    p->whole += first && w != NULL;
    struct probe *it = probe_create(u, w != NULL ? u->n_packets : 1);
    if (it == NULL) {
        return skip(p, watch);
    }
    it->watch = w;
    if (w != NULL) {
        w->refs++;
    }
    it->asked = *asked;
    it->ticket = ticket;
    it->begun_us = clock_mono_us();
    it->payload = blob_ref(payload);
    list_push_back(&p->all, &it->all);
    p->under_way++;
    push_workers_add(p->workers, &it->node);
    return true;
}

void rung_probe_status(const struct rung_probe *p, struct json *object)
{
    struct json *o = json_new_object();
    json_set_int(o, "checked", (int64_t)p->checked);
    json_set_int(o, "bad", (int64_t)p->bad);
    json_set_int(o, "skipped", (int64_t)p->skipped);
    json_set_int(o, "whole", (int64_t)p->whole);
    json_set_int(o, "busy_us", p->busy_us);
    json_set_int(o, "waited_us", p->waited_us);
    json_set_int(o, "longest_us", p->longest_us);
    json_set(object, "rung_probes", o);
}
