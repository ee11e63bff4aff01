#include "proto/link_msg.h"

#include <limits.h>
#include <string.h>

#include "base/mem.h"
#include "proto/link.pb-c.h"
#include "proto/link_arena.h"
#include "proto/link_check.h"

/* What one envelope may unfold into. The largest honest message (2048 packets, or a 64 KiB config)
 * needs a third of it. */
#define UNPACK_BUDGET (1024 * 1024)

static void *pb_alloc(void *arena, size_t size)
{
    return link_arena_take(arena, size);
}

static void pb_free(void *arena, void *p)
{
    (void)arena; /* everything goes at once, with the arena */
    (void)p;
}

/* protobuf-c ends strings at a NUL in their midst; the size of the memory it took betrays that. */
static bool has_nul(const char *s)
{
    return s != protobuf_c_empty_string && strlen(s) + 1 != link_arena_size_of(s);
}

/* Reading: each function fills its part of *m from protobuf's struct, and returns false when a
 * string has a NUL in it or something needed is not there. Limits are link_check's; counts are
 * copied as they came, so that it can refuse them. */
static int as_int(uint32_t v)
{
    return v > INT_MAX ? -1 : (int)v;
}

static struct span as_span(ProtobufCBinaryData d)
{
    return span_of(d.data, d.len);
}

static bool read_hello(const Link__Hello *p, struct link_msg *m)
{
    m->type = LINK_HELLO;
    m->hello = (struct link_hello){
        .version_min = p->version_min,
        .version_max = p->version_max,
        .role = p->role,
        .name = p->name,
        .encoder = p->encoder,
        .software = p->software,
        .instance = p->instance,
        .capacity = p->capacity,
        .speed = p->speed,
        .draining = p->draining,
    };
    return !has_nul(p->role) && !has_nul(p->name) && !has_nul(p->encoder) &&
           !has_nul(p->software) && !has_nul(p->instance);
}

static bool read_welcome(const Link__Welcome *p, struct link_msg *m)
{
    m->type = LINK_WELCOME;
    m->welcome = (struct link_welcome){
        .version = p->version,
        .session = p->session,
        .heartbeat_ms = p->heartbeat_ms,
        .timeout_ms = p->timeout_ms,
        .price = p->price,
        .price_pixels = p->price_pixels,
        .money_scale = p->money_scale,
        .money_asset = p->money_asset,
    };
    return !has_nul(p->session) && !has_nul(p->money_asset);
}

static bool read_reason(enum link_msg_type type, uint64_t job, const char *reason,
                        struct link_msg *m)
{
    m->type = type;
    m->job = job;
    m->reason = reason;
    return !has_nul(reason);
}

static bool read_rung(const Link__Rung *p, struct link_rung *r)
{
    *r = (struct link_rung){
        .name = p->name,
        .width = p->width,
        .height = p->height,
        .fps_num = p->fps_num,
        .fps_den = p->fps_den,
        .bitrate_bps = p->bitrate_bps,
        .buffer_bits = p->buffer_bits,
        .vbv_init_permille = p->vbv_init_permille,
        .crf = p->crf,
        .preset = p->preset,
        .bframes = p->bframes,
        .dts_delay_frames = p->dts_delay_frames,
        .frames_per_part = p->frames_per_part,
        .emit_from = p->emit_from,
        .profile = p->profile,
        .gop_frames = p->gop_frames,
        .lookahead_frames = p->lookahead_frames,
        .viewers = p->viewers,
    };
    return !has_nul(p->name) && !has_nul(p->preset);
}

static bool read_track(const Link__Track *p, struct track_params *t)
{
    bool sar_told = p->sar_num != 0 || p->sar_den != 0;
    enum track_codec codec;
    if (has_nul(p->codec) || track_codec_find(p->codec, &codec) != ERR_OK) {
        return false;
    }
    *t = (struct track_params){
        .kind = TRACK_VIDEO,
        .codec = codec,
        .config = as_span(p->config),
        .width = as_int(p->width),
        .height = as_int(p->height),
        .sar_num = as_int(p->sar_num),
        .sar_den = sar_told ? as_int(p->sar_den) : 1,
        .turn = {.quarters = p->quarters, .mirrored = p->mirrored},
    };
    return true;
}

static bool read_open(const Link__JobOpen *p, struct link_msg *m)
{
    m->type = LINK_JOB_OPEN;
    m->job = p->job;
    m->open.stream = p->stream;
    m->open.msn = p->msn;
    m->open.deadline_ms = p->deadline_ms;
    m->open.n_ladder = p->n_ladder;
    if (has_nul(p->stream) || p->track == NULL || !read_track(p->track, &m->open.track)) {
        return false;
    }
    for (size_t i = 0; i < p->n_ladder && i < PROFILE_LADDER_MAX; i++) {
        if (!read_rung(p->ladder[i], &m->open.ladder[i])) {
            return false;
        }
    }
    return true;
}

static void read_done(const Link__JobDone *p, struct link_msg *m)
{
    m->type = LINK_JOB_DONE;
    m->job = p->job;
    m->done.n_rungs = p->n_rungs;
    m->done.cpu_us = p->cpu_us;
    for (size_t i = 0; i < p->n_rungs && i < PROFILE_LADDER_MAX; i++) {
        const Link__RungTotal *t = p->rungs[i];
        m->done.rungs[i] = (struct link_rung_total){t->frames, t->pixels, t->bytes};
    }
}

static bool read_packets(struct link_arena *a, Link__Packet *const *from, size_t n,
                         struct link_unit *u)
{
    u->n_packets = n;
    if (n > LINK_PACKETS_MAX) {
        return true; /* link_check refuses the number before it looks at one */
    }
    u->packets = link_arena_take(a, n * sizeof *u->packets);
    if (u->packets == NULL) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const Link__Packet *p = from[i];
        u->packets[i] = (struct link_packet){p->length, p->dts, p->pts, p->duration, p->flags};
    }
    return true;
}

static bool read_job_unit(struct link_arena *a, const Link__JobUnit *p, struct link_msg *m)
{
    m->type = LINK_JOB_UNIT;
    m->job = p->job;
    m->unit.last = p->last;
    m->unit.duration = p->duration;
    m->unit.seq = p->seq;
    return read_packets(a, p->packets, p->n_packets, &m->unit);
}

static bool read_rung_unit(struct link_arena *a, const Link__RungUnit *p, struct link_msg *m)
{
    m->type = LINK_RUNG_UNIT;
    m->job = p->job;
    m->unit.rung = p->rung;
    m->unit.part = p->part;
    m->unit.last = p->last;
    m->unit.config = as_span(p->config);
    m->unit.config_hash = p->config_hash;
    return read_packets(a, p->packets, p->n_packets, &m->unit);
}

static bool read_pay_ask(const Link__PayAsk *p, struct link_msg *m)
{
    m->type = LINK_PAY_ASK;
    m->pay_ask = (struct link_pay_ask){
        .ask = p->ask,
        .kind = p->kind < LINK_PAY_KINDS_ ? (enum link_pay_kind)p->kind : LINK_PAY_KINDS_,
        .account = p->account,
        .key = p->key,
        .text = p->text,
        .amount = p->amount,
        .least = p->least,
        .total = p->total,
        .ttl_ms = p->ttl_ms,
    };
    return !has_nul(p->account) && !has_nul(p->key) && !has_nul(p->text);
}

static bool read_pay_answer(const Link__PayAnswer *p, struct link_msg *m)
{
    m->type = LINK_PAY_ANSWER;
    m->pay_answer = (struct link_pay_answer){
        .ask = p->ask,
        .status =
            p->status < LINK_PAY_STATUSES_ ? (enum link_pay_status)p->status : LINK_PAY_STATUSES_,
        .balance = p->balance,
        .amount = p->amount,
        .held = p->held,
        .text = p->text,
        .body = as_span(p->body),
        .http_status = p->http_status,
    };
    return !has_nul(p->text);
}

static bool read_pay_news(const Link__PayNews *p, struct link_msg *m)
{
    m->type = LINK_PAY_NEWS;
    m->pay_news = (struct link_pay_news){.account = p->account, .balance = p->balance};
    return !has_nul(p->account);
}

static bool read_body(struct link_arena *a, const Link__Envelope *e, struct link_msg *m)
{
    switch (e->body_case) {
    case LINK__ENVELOPE__BODY_HELLO:
        return read_hello(e->hello, m);
    case LINK__ENVELOPE__BODY_WELCOME:
        return read_welcome(e->welcome, m);
    case LINK__ENVELOPE__BODY_PING:
        m->type = LINK_PING;
        return true;
    case LINK__ENVELOPE__BODY_BYE:
        return read_reason(LINK_BYE, 0, e->bye->reason, m);
    case LINK__ENVELOPE__BODY_JOB_OPEN:
        return read_open(e->job_open, m);
    case LINK__ENVELOPE__BODY_JOB_UNIT:
        return read_job_unit(a, e->job_unit, m);
    case LINK__ENVELOPE__BODY_JOB_CANCEL:
        return read_reason(LINK_JOB_CANCEL, e->job_cancel->job, e->job_cancel->reason, m);
    case LINK__ENVELOPE__BODY_JOB_ACCEPT:
        m->type = LINK_JOB_ACCEPT;
        m->job = e->job_accept->job;
        return true;
    case LINK__ENVELOPE__BODY_JOB_REFUSE:
        return read_reason(LINK_JOB_REFUSE, e->job_refuse->job, e->job_refuse->reason, m);
    case LINK__ENVELOPE__BODY_RUNG_UNIT:
        return read_rung_unit(a, e->rung_unit, m);
    case LINK__ENVELOPE__BODY_JOB_DONE:
        read_done(e->job_done, m);
        return true;
    case LINK__ENVELOPE__BODY_JOB_FAILED:
        m->final = e->job_failed->final;
        return read_reason(LINK_JOB_FAILED, e->job_failed->job, e->job_failed->reason, m);
    case LINK__ENVELOPE__BODY_RUNG_GIVEN_UP:
        m->word.rung = e->rung_given_up->rung;
        return read_reason(LINK_RUNG_GIVEN_UP, e->rung_given_up->job, e->rung_given_up->reason, m);
    case LINK__ENVELOPE__BODY_RUNG_REJECT:
        m->word.rung = e->rung_reject->rung;
        m->word.part = e->rung_reject->part;
        return read_reason(LINK_RUNG_REJECT, e->rung_reject->job, e->rung_reject->reason, m);
    case LINK__ENVELOPE__BODY_PAY_ASK:
        return read_pay_ask(e->pay_ask, m);
    case LINK__ENVELOPE__BODY_PAY_ANSWER:
        return read_pay_answer(e->pay_answer, m);
    case LINK__ENVELOPE__BODY_PAY_NEWS:
        return read_pay_news(e->pay_news, m);
    default:
        return false;
    }
}

static enum err unpack(struct link_arena *a, struct span envelope, size_t payload_len,
                       struct link_msg **ret_m, const char **ret_why)
{
    ProtobufCAllocator allocator = {.alloc = pb_alloc, .free = pb_free, .allocator_data = a};
    Link__Envelope *e = link__envelope__unpack(&allocator, envelope.len, envelope.data);
    struct link_msg *m = e != NULL ? link_arena_take(a, sizeof *m) : NULL;
    bool complete = m != NULL && read_body(a, e, m);
    if (link_arena_over_budget(a)) {
        *ret_why = "the envelope unfolds into too much";
        return ERR_LIMIT;
    }
    if (link_arena_out_of_memory(a)) {
        *ret_why = "out of memory";
        return ERR_NOMEM;
    }
    if (!complete) {
        *ret_why = e == NULL ? "the envelope is not a message" : "the message is not complete";
        return ERR_PROTO;
    }
    m->reason = m->reason != NULL ? m->reason : "";
    m->owned = a;
    enum err err = link_check(m, ret_why);
    if (err == ERR_OK) {
        err = link_check_payload(m, payload_len, ret_why);
    }
    if (err == ERR_OK) {
        *ret_m = m;
    }
    return err;
}

enum err link_msg_unpack(struct span envelope, size_t payload_len, struct link_msg **ret_m,
                         const char **ret_why)
{
    const char *ignored;
    const char **why = ret_why != NULL ? ret_why : &ignored;
    if (envelope.len > LINK_ENVELOPE_MAX) {
        *why = "the envelope is too long";
        return ERR_LIMIT;
    }
    struct link_arena *a = link_arena_create(UNPACK_BUDGET);
    if (a == NULL) {
        *why = "out of memory";
        return ERR_NOMEM;
    }
    enum err e = unpack(a, envelope, payload_len, ret_m, why);
    if (e != ERR_OK) {
        link_arena_destroy(a);
    }
    return e;
}

void link_msg_destroy(struct link_msg *m)
{
    if (m != NULL) {
        link_arena_destroy(m->owned); /* the message itself lives there too */
    }
}

enum err link_unit_packets(const struct link_unit *u, enum track_kind kind, struct blob *payload,
                           struct packets *ret_packets)
{
    size_t before = ret_packets->count;
    struct span rest = blob_span(payload);
    for (size_t i = 0; i < u->n_packets; i++) {
        const struct link_packet *from = &u->packets[i];
        struct packet p = {
            .kind = kind,
            .flags = from->flags,
            .dts = from->dts,
            .pts = from->pts,
            .duration = from->duration,
            .blob = payload,
        };
        enum err e = span_read_bytes(&rest, from->length, &p.data);
        if (e == ERR_OK) {
            e = packets_push(ret_packets, p);
        }
        if (e != ERR_OK) {
            while (ret_packets->count > before) {
                struct packet *last = &ret_packets->items[--ret_packets->count];
                ret_packets->bytes -= last->data.len;
                packet_unref(last);
            }
            return e;
        }
        blob_ref(payload);
    }
    return ERR_OK;
}
