#include "proto/link_msg.h"

#include <assert.h>

#include "base/mem.h"
#include "proto/link.pb-c.h"
#include "proto/link_arena.h"
#include "proto/link_check.h"

/* protobuf's structs for the largest message: packets or rungs, and the pointers to them. */
#define PACK_BUDGET (1024 * 1024)

/* The arena never outgrows its budget here (the limits were checked), so NULL is want of memory. */
static void *take(struct link_arena *a, size_t size, bool *ok)
{
    void *p = link_arena_take(a, size);
    assert(!link_arena_over_budget(a));
    *ok = *ok && p != NULL;
    return p;
}

/* protobuf's structs are not const, though packing only reads. */
static char *text(const char *s)
{
    return s != NULL ? (char *)s : (char *)protobuf_c_empty_string;
}

static ProtobufCBinaryData bytes(struct span s)
{
    return (ProtobufCBinaryData){.len = s.len, .data = (uint8_t *)s.data};
}

static void write_hello(const struct link_hello *h, Link__Hello *p)
{
    link__hello__init(p);
    p->version_min = h->version_min;
    p->version_max = h->version_max;
    p->role = text(h->role);
    p->name = text(h->name);
    p->capacity = h->capacity;
    p->encoder = text(h->encoder);
    p->software = text(h->software);
    p->instance = text(h->instance);
    p->draining = h->draining;
    p->speed = h->speed;
}

static void write_welcome(const struct link_welcome *w, Link__Welcome *p)
{
    link__welcome__init(p);
    p->version = w->version;
    p->session = text(w->session);
    p->heartbeat_ms = w->heartbeat_ms;
    p->timeout_ms = w->timeout_ms;
    p->price = w->price;
    p->price_pixels = w->price_pixels;
    p->money_scale = w->money_scale;
    p->money_asset = text(w->money_asset);
}

static void write_track(const struct track_params *t, Link__Track *p)
{
    link__track__init(p);
    p->codec = text(track_codec_name(t->codec));
    p->config = bytes(t->config);
    p->width = (uint32_t)t->width;
    p->height = (uint32_t)t->height;
    p->sar_num = (uint32_t)t->sar_num;
    p->sar_den = (uint32_t)t->sar_den;
    p->quarters = t->turn.quarters;
    p->mirrored = t->turn.mirrored;
}

static void write_rung(const struct link_rung *r, Link__Rung *p)
{
    link__rung__init(p);
    p->name = text(r->name);
    p->width = r->width;
    p->height = r->height;
    p->fps_num = r->fps_num;
    p->fps_den = r->fps_den;
    p->bitrate_bps = r->bitrate_bps;
    p->buffer_bits = r->buffer_bits;
    p->vbv_init_permille = r->vbv_init_permille;
    p->crf = r->crf;
    p->preset = text(r->preset);
    p->bframes = r->bframes;
    p->dts_delay_frames = r->dts_delay_frames;
    p->frames_per_part = r->frames_per_part;
    p->emit_from = r->emit_from;
    p->profile = r->profile;
    p->gop_frames = r->gop_frames;
    p->lookahead_frames = r->lookahead_frames;
    p->viewers = r->viewers;
}

static bool write_open(struct link_arena *a, const struct link_msg *m, Link__JobOpen *p)
{
    bool ok = true;
    size_t n = m->open.n_ladder;
    link__job_open__init(p);
    p->job = m->job;
    p->stream = text(m->open.stream);
    p->msn = m->open.msn;
    p->deadline_ms = m->open.deadline_ms;
    p->track = take(a, sizeof *p->track, &ok);
    p->ladder = take(a, n * sizeof(Link__Rung *), &ok);
    Link__Rung *rungs = take(a, n * sizeof *rungs, &ok);
    if (!ok) {
        return false;
    }
    write_track(&m->open.track, p->track);
    p->n_ladder = n;
    for (size_t i = 0; i < n; i++) {
        write_rung(&m->open.ladder[i], &rungs[i]);
        p->ladder[i] = &rungs[i];
    }
    return true;
}

static Link__Packet **write_packets(struct link_arena *a, const struct link_unit *u)
{
    bool ok = true;
    Link__Packet **list = take(a, u->n_packets * sizeof(Link__Packet *), &ok);
    Link__Packet *items = take(a, u->n_packets * sizeof *items, &ok);
    if (!ok) {
        return NULL;
    }
    for (size_t i = 0; i < u->n_packets; i++) {
        const struct link_packet *from = &u->packets[i];
        link__packet__init(&items[i]);
        items[i].length = from->length;
        items[i].dts = from->dts;
        items[i].pts = from->pts;
        items[i].duration = from->duration;
        items[i].flags = from->flags;
        list[i] = &items[i];
    }
    return list;
}

static bool write_job_unit(struct link_arena *a, const struct link_msg *m, Link__JobUnit *p)
{
    link__job_unit__init(p);
    p->job = m->job;
    p->last = m->unit.last;
    p->duration = m->unit.duration;
    p->seq = m->unit.seq;
    p->n_packets = m->unit.n_packets;
    p->packets = write_packets(a, &m->unit);
    return p->packets != NULL;
}

static bool write_rung_unit(struct link_arena *a, const struct link_msg *m, Link__RungUnit *p)
{
    link__rung_unit__init(p);
    p->job = m->job;
    p->rung = m->unit.rung;
    p->part = m->unit.part;
    p->last = m->unit.last;
    p->config = bytes(m->unit.config);
    p->config_hash = m->unit.config_hash;
    p->n_packets = m->unit.n_packets;
    p->packets = write_packets(a, &m->unit);
    return p->packets != NULL;
}

static bool write_done(struct link_arena *a, const struct link_msg *m, Link__JobDone *p)
{
    bool ok = true;
    size_t n = m->done.n_rungs;
    link__job_done__init(p);
    p->job = m->job;
    p->cpu_us = m->done.cpu_us;
    p->rungs = take(a, n * sizeof(Link__RungTotal *), &ok);
    Link__RungTotal *totals = take(a, n * sizeof *totals, &ok);
    if (!ok) {
        return false;
    }
    p->n_rungs = n;
    for (size_t i = 0; i < n; i++) {
        link__rung_total__init(&totals[i]);
        totals[i].frames = m->done.rungs[i].frames;
        totals[i].pixels = m->done.rungs[i].pixels;
        totals[i].bytes = m->done.rungs[i].bytes;
        p->rungs[i] = &totals[i];
    }
    return true;
}

/* Room for whichever body the message has. */
union body {
    Link__Hello hello;
    Link__Welcome welcome;
    Link__Ping ping;
    Link__Bye bye;
    Link__JobOpen job_open;
    Link__JobUnit job_unit;
    Link__JobCancel job_cancel;
    Link__JobAccept job_accept;
    Link__JobRefuse job_refuse;
    Link__RungUnit rung_unit;
    Link__JobDone job_done;
    Link__JobFailed job_failed;
    Link__RungGivenUp rung_given_up;
    Link__RungReject rung_reject;
    Link__PayAsk pay_ask;
    Link__PayAnswer pay_answer;
    Link__PayNews pay_news;
};

static void write_pay_ask(const struct link_pay_ask *a, Link__PayAsk *p)
{
    link__pay_ask__init(p);
    p->ask = a->ask;
    p->kind = a->kind;
    p->account = text(a->account);
    p->key = text(a->key);
    p->amount = a->amount;
    p->least = a->least;
    p->total = a->total;
    p->ttl_ms = a->ttl_ms;
    p->text = text(a->text);
}

static void write_pay_answer(const struct link_pay_answer *a, Link__PayAnswer *p)
{
    link__pay_answer__init(p);
    p->ask = a->ask;
    p->status = a->status;
    p->balance = a->balance;
    p->amount = a->amount;
    p->held = a->held;
    p->text = text(a->text);
    p->body = bytes(a->body);
    p->http_status = a->http_status;
}

static void write_pay_news(const struct link_pay_news *n, Link__PayNews *p)
{
    link__pay_news__init(p);
    p->account = text(n->account);
    p->balance = n->balance;
}

static void write_small(const struct link_msg *m, Link__Envelope *e, union body *b)
{
    switch (m->type) {
    case LINK_PING:
        link__ping__init(&b->ping);
        e->body_case = LINK__ENVELOPE__BODY_PING;
        break;
    case LINK_BYE:
        link__bye__init(&b->bye);
        b->bye.reason = text(m->reason);
        e->body_case = LINK__ENVELOPE__BODY_BYE;
        break;
    case LINK_JOB_CANCEL:
        link__job_cancel__init(&b->job_cancel);
        b->job_cancel.job = m->job;
        b->job_cancel.reason = text(m->reason);
        e->body_case = LINK__ENVELOPE__BODY_JOB_CANCEL;
        break;
    case LINK_JOB_ACCEPT:
        link__job_accept__init(&b->job_accept);
        b->job_accept.job = m->job;
        e->body_case = LINK__ENVELOPE__BODY_JOB_ACCEPT;
        break;
    case LINK_JOB_REFUSE:
        link__job_refuse__init(&b->job_refuse);
        b->job_refuse.job = m->job;
        b->job_refuse.reason = text(m->reason);
        e->body_case = LINK__ENVELOPE__BODY_JOB_REFUSE;
        break;
    case LINK_RUNG_GIVEN_UP:
        link__rung_given_up__init(&b->rung_given_up);
        b->rung_given_up.job = m->job;
        b->rung_given_up.rung = m->word.rung;
        b->rung_given_up.reason = text(m->reason);
        e->body_case = LINK__ENVELOPE__BODY_RUNG_GIVEN_UP;
        break;
    case LINK_RUNG_REJECT:
        link__rung_reject__init(&b->rung_reject);
        b->rung_reject.job = m->job;
        b->rung_reject.rung = m->word.rung;
        b->rung_reject.part = m->word.part;
        b->rung_reject.reason = text(m->reason);
        e->body_case = LINK__ENVELOPE__BODY_RUNG_REJECT;
        break;
    default:
        assert(m->type == LINK_JOB_FAILED);
        link__job_failed__init(&b->job_failed);
        b->job_failed.job = m->job;
        b->job_failed.reason = text(m->reason);
        b->job_failed.final = m->final;
        e->body_case = LINK__ENVELOPE__BODY_JOB_FAILED;
        break;
    }
}

/* Sets e's body from m, in b and the arena. False without memory. */
static bool write_body(struct link_arena *a, const struct link_msg *m, Link__Envelope *e,
                       union body *b)
{
    e->ping = &b->ping; /* all bodies of the oneof share this pointer */
    switch (m->type) {
    case LINK_HELLO:
        write_hello(&m->hello, &b->hello);
        e->body_case = LINK__ENVELOPE__BODY_HELLO;
        return true;
    case LINK_WELCOME:
        write_welcome(&m->welcome, &b->welcome);
        e->body_case = LINK__ENVELOPE__BODY_WELCOME;
        return true;
    case LINK_JOB_OPEN:
        e->body_case = LINK__ENVELOPE__BODY_JOB_OPEN;
        return write_open(a, m, &b->job_open);
    case LINK_JOB_UNIT:
        e->body_case = LINK__ENVELOPE__BODY_JOB_UNIT;
        return write_job_unit(a, m, &b->job_unit);
    case LINK_RUNG_UNIT:
        e->body_case = LINK__ENVELOPE__BODY_RUNG_UNIT;
        return write_rung_unit(a, m, &b->rung_unit);
    case LINK_JOB_DONE:
        e->body_case = LINK__ENVELOPE__BODY_JOB_DONE;
        return write_done(a, m, &b->job_done);
    case LINK_PAY_ASK:
        write_pay_ask(&m->pay_ask, &b->pay_ask);
        e->body_case = LINK__ENVELOPE__BODY_PAY_ASK;
        return true;
    case LINK_PAY_ANSWER:
        write_pay_answer(&m->pay_answer, &b->pay_answer);
        e->body_case = LINK__ENVELOPE__BODY_PAY_ANSWER;
        return true;
    case LINK_PAY_NEWS:
        write_pay_news(&m->pay_news, &b->pay_news);
        e->body_case = LINK__ENVELOPE__BODY_PAY_NEWS;
        return true;
    default:
        write_small(m, e, b);
        return true;
    }
}

/* What a caller may leave out, filled in. */
static struct link_msg completed(const struct link_msg *m)
{
    struct link_msg c = *m;
    c.reason = text(m->reason);
    if (m->type == LINK_HELLO) {
        c.hello.role = text(m->hello.role);
        c.hello.name = text(m->hello.name);
        c.hello.encoder = text(m->hello.encoder);
        c.hello.software = text(m->hello.software);
        c.hello.instance = text(m->hello.instance);
    }
    if (m->type == LINK_WELCOME) {
        c.welcome.money_asset = text(m->welcome.money_asset);
    }
    if (m->type == LINK_PAY_ASK) {
        c.pay_ask.account = text(m->pay_ask.account);
        c.pay_ask.key = text(m->pay_ask.key);
        c.pay_ask.text = text(m->pay_ask.text);
    }
    if (m->type == LINK_PAY_ANSWER) {
        c.pay_answer.text = text(m->pay_answer.text);
    }
    if (m->type == LINK_JOB_OPEN && m->open.track.sar_num == 0 && m->open.track.sar_den == 0) {
        c.open.track.sar_den = 1;
    }
    return c;
}

struct blob *link_msg_pack(const struct link_msg *m)
{
    struct link_msg c = completed(m);
    const char *why;
    struct link_arena *a = link_check(&c, &why) == ERR_OK ? link_arena_create(PACK_BUDGET) : NULL;
    if (a == NULL) {
        return NULL;
    }
    Link__Envelope envelope = LINK__ENVELOPE__INIT;
    union body body;
    struct blob *b = NULL;
    if (write_body(a, &c, &envelope, &body)) {
        size_t size = link__envelope__get_packed_size(&envelope);
        assert(size <= LINK_ENVELOPE_MAX);
        b = blob_create(size);
    }
    if (b != NULL) {
        link__envelope__pack(&envelope, blob_bytes(b));
    }
    link_arena_destroy(a);
    return b;
}
