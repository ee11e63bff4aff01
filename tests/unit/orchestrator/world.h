/* What the tests of the job table share: a table whose messages are recorded, and short ways to
 * make peers, jobs and units. */
#ifndef TESTS_ORCHESTRATOR_WORLD_H
#define TESTS_ORCHESTRATOR_WORLD_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "orchestrator/job_table.h"

#define SENT_MAX     4096
#define WORLD_PAYEES 10

struct sent {
    link_peer to;
    enum link_msg_type type;
    uint64_t job;
    char reason[LINK_STRING_MAX + 1];
    bool final;
    struct link_job_open open; /* texts are not kept */
    uint32_t rung, part, seq, n_packets;
    bool last;
    struct blob *payload; /* for comparing only; no reference */
    struct link_job_done done;
};

struct world {
    struct job_table *table;
    struct sent sent[SENT_MAX];
    size_t n_sent;
    link_peer full;      /* a transcoder whose queue is full; 0 = none */
    size_t room;         /* messages it still takes */
    const char *unpaid;  /* why no job may open; NULL: they may */
    enum err rung_error; /* what sending a RUNG_UNIT says */
    struct job_note last_note;
    char last_reason[LINK_STRING_MAX + 1];
    struct {
        uint64_t earned, unearned; /* pixels */
    } pay[WORLD_PAYEES];           /* of a world with prices, by the transcoder's number */
    int64_t now;
};

static inline enum err world_send(void *arg, link_peer to, const struct link_msg *m,
                                  struct blob *payload)
{
    struct world *w = arg;
    /* Whatever leaves the table can be put on the wire. */
    struct blob *envelope = link_msg_pack(m);
    ck_assert_ptr_nonnull(envelope);
    blob_unref(envelope);
    bool queued = m->type == LINK_JOB_OPEN || m->type == LINK_JOB_UNIT;
    if (queued && to == w->full && w->room == 0) {
        return ERR_AGAIN;
    }
    if (m->type == LINK_RUNG_UNIT && w->rung_error != ERR_OK) {
        return w->rung_error;
    }
    if (queued && to == w->full) {
        w->room--;
    }
    ck_assert_uint_lt(w->n_sent, SENT_MAX);
    struct sent *s = &w->sent[w->n_sent++];
    *s = (struct sent){.to = to, .type = m->type, .job = m->job, .final = m->final};
    snprintf(s->reason, sizeof s->reason, "%s", m->reason != NULL ? m->reason : "");
    if (m->type == LINK_JOB_OPEN) {
        s->open = m->open;
    } else if (m->type == LINK_JOB_DONE) {
        s->done = m->done;
    } else if (m->type == LINK_RUNG_GIVEN_UP) {
        s->rung = m->word.rung;
    } else if (m->type == LINK_JOB_UNIT || m->type == LINK_RUNG_UNIT) {
        s->rung = m->unit.rung;
        s->part = m->unit.part;
        s->seq = m->unit.seq;
        s->n_packets = (uint32_t)m->unit.n_packets;
        s->last = m->unit.last;
    }
    s->payload = payload;
    return ERR_OK;
}

static inline void world_note(void *arg, const struct job_note *n)
{
    struct world *w = arg;
    w->last_note = *n;
    snprintf(w->last_reason, sizeof w->last_reason, "%s", n->reason);
}

static inline const char *world_reserve(void *arg, link_peer broadcaster, uint64_t pixels)
{
    const struct world *w = arg;
    return w->unpaid;
}

static inline void world_release(void *arg, link_peer broadcaster, uint64_t pixels)
{
}

static inline void world_earned(void *arg, link_peer broadcaster, const struct transcoder *by,
                                uint64_t pixels)
{
    struct world *w = arg;
    ck_assert_uint_lt(by->peer, WORLD_PAYEES);
    w->pay[by->peer].earned += pixels;
}

static inline void world_unearned(void *arg, link_peer broadcaster, link_peer by, uint64_t pixels)
{
    struct world *w = arg;
    ck_assert_uint_lt(by, WORLD_PAYEES);
    w->pay[by].unearned += pixels;
}

static inline struct world *world_create_with(const struct job_table_config *config, bool priced)
{
    struct world *w = mem_alloc(sizeof *w);
    struct job_table_config defaults;
    job_table_config_defaults(&defaults);
    struct job_table_out out = {.arg = w, .send = world_send, .note = world_note};
    if (priced) {
        out.open = world_reserve;
        out.closed = world_release;
        out.earned = world_earned;
        out.unearned = world_unearned;
    }
    w->table = job_table_create(config != NULL ? config : &defaults, &out);
    w->now = 1000;
    return w;
}

static inline struct world *world_create(const struct job_table_config *config)
{
    return world_create_with(config, false);
}

/* Nothing is held, nobody is loaded: what must hold when all jobs are over. */
static inline void world_check_empty(const struct world *w)
{
    struct job_table_gauges g = job_table_gauges(w->table);
    ck_assert_uint_eq(g.queued + g.offered + g.active, 0);
    ck_assert_uint_eq(g.held_bytes, 0);
    ck_assert_uint_eq(roster_load(job_table_roster(w->table)), 0);
}

static inline void world_destroy(struct world *w)
{
    job_table_destroy(w->table);
    mem_free(w);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

static inline void world_transcoder_on(struct world *w, const char *address, link_peer peer,
                                       uint32_t capacity, const char *encoder, uint64_t speed)
{
    char name[32];
    snprintf(name, sizeof name, "t%u", peer);
    struct link_hello h = {.version_min = 1,
                           .version_max = 1,
                           .role = "transcoder",
                           .name = name,
                           .encoder = encoder,
                           .software = "test",
                           .speed = speed,
                           .capacity = capacity};
    ck_assert_int_eq(job_table_transcoder_joined(w->table, peer, address, &h, w->now), ERR_OK);
}

static inline void world_transcoder_at(struct world *w, link_peer peer, uint32_t capacity,
                                       const char *encoder, uint64_t speed)
{
    world_transcoder_on(w, "127.0.0.1", peer, capacity, encoder, speed);
}

static inline void world_transcoder(struct world *w, link_peer peer, uint32_t capacity,
                                    const char *encoder)
{
    world_transcoder_at(w, peer, capacity, encoder, 0);
}

static inline void world_broadcaster(struct world *w, link_peer peer)
{
    char name[32];
    snprintf(name, sizeof name, "b%u", peer);
    struct link_hello h = {.version_min = 1,
                           .version_max = 1,
                           .role = "broadcaster",
                           .name = name,
                           .encoder = "",
                           .software = "test"};
    ck_assert_int_eq(job_table_broadcaster_joined(w->table, peer, "127.0.0.1", &h, w->now), ERR_OK);
}

static inline struct link_job_open world_open_of(const char *stream, uint64_t msn, size_t rungs,
                                                 uint32_t deadline_ms)
{
    static const uint8_t config[] = {1, 66, 0, 30};
    struct link_job_open o = {.stream = stream, .msn = msn, .deadline_ms = deadline_ms};
    o.track = (struct track_params){.kind = TRACK_VIDEO,
                                    .codec = CODEC_H264,
                                    .config = {config, sizeof config},
                                    .width = 640,
                                    .height = 480,
                                    .sar_den = 1};
    o.n_ladder = rungs;
    for (size_t i = 0; i < rungs; i++) {
        o.ladder[i] = (struct link_rung){.name = "rung",
                                         .preset = "veryfast",
                                         .width = 100 * (uint32_t)(i + 1),
                                         .height = 10,
                                         .fps_num = 30,
                                         .fps_den = 1,
                                         .bitrate_bps = 400000,
                                         .buffer_bits = 400000,
                                         .crf = 23,
                                         .frames_per_part = 2};
    }
    return o;
}

static inline void world_job(struct world *w, link_peer b, uint64_t job, const char *stream,
                             uint64_t msn, size_t rungs)
{
    struct link_job_open o = world_open_of(stream, msn, rungs, 5000);
    job_table_open(w->table, b, job, &o, w->now);
}

/* A unit of one packet with size bytes. */
static inline void world_unit(struct world *w, link_peer b, uint64_t job, uint32_t seq, bool last,
                              size_t size)
{
    struct link_packet p = {.length = (uint32_t)size, .dts = seq * 3000, .pts = seq * 3000};
    struct link_unit u = {.packets = &p, .n_packets = 1, .seq = seq, .last = last};
    struct blob *payload = blob_create(size);
    ck_assert_ptr_nonnull(payload);
    memset(blob_bytes(payload), (int)seq, size);
    job_table_unit(w->table, b, job, &u, payload, w->now);
    blob_unref(payload);
}

/* Two packets of a rung's part, right in every way but for what the caller changes. */
struct rung_part {
    struct link_packet packets[3]; /* one more for the caller */
    struct link_unit unit;
};

static inline void world_part_init(struct rung_part *p, uint32_t rung, uint32_t part, bool first,
                                   bool last)
{
    static const uint8_t config[] = {1, 2, 3};
    *p = (struct rung_part){0};
    for (unsigned i = 0; i < 2; i++) {
        p->packets[i] = (struct link_packet){.length = 10,
                                             .dts = (part * 2 + i) * 3000,
                                             .pts = (part * 2 + i) * 3000,
                                             .duration = 3000,
                                             .flags = first && i == 0 ? PACKET_KEY : 0};
    }
    p->unit = (struct link_unit){.rung = rung,
                                 .part = part,
                                 .packets = p->packets,
                                 .n_packets = 2,
                                 .last = last,
                                 .config_hash = 77};
    if (first) {
        p->unit.config = span_of(config, sizeof config);
    }
}

static inline void world_emit(struct world *w, link_peer t, uint64_t attempt,
                              const struct rung_part *p)
{
    struct blob *payload = blob_create(20);
    ck_assert_ptr_nonnull(payload);
    memset(blob_bytes(payload), 0, 20);
    job_table_rung_unit(w->table, t, attempt, &p->unit, payload, w->now);
    blob_unref(payload);
}

static inline void world_part(struct world *w, link_peer t, uint64_t attempt, uint32_t rung,
                              uint32_t part, bool first, bool last)
{
    struct rung_part p;
    world_part_init(&p, rung, part, first, last);
    world_emit(w, t, attempt, &p);
}

static inline void world_done(struct world *w, link_peer t, uint64_t attempt)
{
    struct link_job_done d = {.n_rungs = 1, .cpu_us = 5};
    job_table_done(w->table, t, attempt, &d, w->now);
}

static inline size_t world_count(const struct world *w, link_peer to, enum link_msg_type type)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n_sent; i++) {
        n += w->sent[i].to == to && w->sent[i].type == type;
    }
    return n;
}

/* The newest message of that type to that peer, or NULL. */
static inline const struct sent *world_last(const struct world *w, link_peer to,
                                            enum link_msg_type type)
{
    for (size_t i = w->n_sent; i > 0; i--) {
        if (w->sent[i - 1].to == to && w->sent[i - 1].type == type) {
            return &w->sent[i - 1];
        }
    }
    return NULL;
}

static inline uint64_t world_attempt(const struct world *w, link_peer t)
{
    const struct sent *s = world_last(w, t, LINK_JOB_OPEN);
    ck_assert_ptr_nonnull(s);
    return s->job;
}

static inline int world_run(Suite *suite)
{
    SRunner *sr = srunner_create(suite);
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
