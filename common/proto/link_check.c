#include "proto/link_check.h"

#include <string.h>

#include "base/id.h"
#include "base/utf8.h"

#define VERSION_MAX         1000
#define CAPACITY_MAX        10000
#define INTERVAL_MAX_MS     (60 * 60 * 1000)
#define NUMBER_MAX          (UINT64_C(1) << 53) /* what every reader of JSON can hold */
#define MONEY_SCALE_MAX     18
#define SAR_MAX             65535
#define FPS_MIN             1
#define FPS_MAX             240
#define FPS_DEN_MAX         1000000
#define BITRATE_MAX_BPS     1000000000
#define BUFFER_MAX_BITS     2000000000
#define PERMILLE_MAX        1000
#define CRF_MAX             51
#define BFRAMES_MAX         16
#define DTS_DELAY_MAX       64
#define FRAMES_PER_PART_MAX 1000
#define PARTS_MAX           100000
#define GOP_MAX             100000 /* frames */
#define LOOKAHEAD_MAX       250
#define TIME_MAX_TICKS      (INT64_C(1) << 56)
#define DURATION_MAX_TICKS  (60 * 60 * TICKS_PER_S)
#define REORDER_MAX_TICKS   (3 * 60 * 60 * TICKS_PER_S) /* RTMP can say 2.3 hours */
#define PACKET_FLAGS        (PACKET_KEY | PACKET_PREROLL)

/* The checks below return what is wrong, or NULL. */
struct fault {
    enum err e;
    const char *why;
};

static const struct fault fine = {ERR_OK, NULL};

static struct fault malformed(const char *why)
{
    return (struct fault){ERR_PROTO, why};
}

static struct fault outside(const char *why)
{
    return (struct fault){ERR_LIMIT, why};
}

/* Text for people: UTF-8 without control characters. */
static bool text_ok(const char *text, size_t max)
{
    struct span rest = span_of(text, strnlen(text, max + 1));
    if (rest.len > max) {
        return false;
    }
    while (rest.len > 0) {
        uint32_t code;
        size_t n = utf8_read(rest, &code);
        if (n == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0)) {
            return false;
        }
        rest = span_of(rest.data + n, rest.len - n);
    }
    return true;
}

static bool name_ok(const char *text)
{
    return text != NULL && text[0] != '\0' && text_ok(text, LINK_STRING_MAX);
}

static bool within(uint64_t v, uint64_t min, uint64_t max)
{
    return v >= min && v <= max;
}

static struct fault check_hello(const struct link_hello *h)
{
    if (!within(h->version_min, 1, VERSION_MAX) ||
        !within(h->version_max, h->version_min, VERSION_MAX)) {
        return outside("hello: the versions are out of range");
    }
    if (!name_ok(h->role)) {
        return malformed("hello: role is not a name");
    }
    if (!text_ok(h->name, LINK_STRING_MAX)) {
        return malformed("hello: name is too long or not text");
    }
    if (!text_ok(h->encoder, LINK_STRING_MAX)) {
        return malformed("hello: encoder is too long or not text");
    }
    if (!text_ok(h->software, LINK_STRING_MAX)) {
        return malformed("hello: software is too long or not text");
    }
    if (!text_ok(h->instance, LINK_STRING_MAX)) {
        return malformed("hello: instance is too long or not text");
    }
    if (h->speed > NUMBER_MAX) {
        return outside("hello: speed is out of range");
    }
    return h->capacity > CAPACITY_MAX ? outside("hello: capacity is out of range") : fine;
}

static struct fault check_welcome(const struct link_welcome *w)
{
    if (!within(w->version, 1, VERSION_MAX)) {
        return outside("welcome: version is out of range");
    }
    if (!name_ok(w->session)) {
        return malformed("welcome: session is not a name");
    }
    if (!within(w->heartbeat_ms, 1, INTERVAL_MAX_MS)) {
        return outside("welcome: heartbeat_ms is out of range");
    }
    if (w->price > NUMBER_MAX || w->price_pixels > NUMBER_MAX) {
        return outside("welcome: the price is out of range");
    }
    if (w->money_scale > MONEY_SCALE_MAX + 1 || !text_ok(w->money_asset, LINK_STRING_MAX)) {
        return outside("welcome: the money is out of range");
    }
    return within(w->timeout_ms, 1, INTERVAL_MAX_MS) ? fine
                                                     : outside("welcome: timeout_ms out of range");
}

static struct fault check_track(const struct track_params *t)
{
    if (t->kind != TRACK_VIDEO || !track_codec_is_video(t->codec)) {
        return malformed("job: the track's codec is not known");
    }
    if (t->config.len == 0) {
        return malformed("job: the track has no config");
    }
    if (t->config.len > LINK_CONFIG_MAX) {
        return outside("job: the track's config is too long");
    }
    if (t->width < 1 || t->width > LINK_SIDE_MAX || t->height < 1 || t->height > LINK_SIDE_MAX) {
        return outside("job: the track's width or height is out of range");
    }
    if (t->sar_num < 0 || t->sar_num > SAR_MAX || t->sar_den < 1 || t->sar_den > SAR_MAX) {
        return outside("job: the track's sample aspect ratio is out of range");
    }
    if (t->turn.quarters > 3) {
        return outside("job: the track's turn is out of range");
    }
    return fine;
}

static bool side_ok(uint32_t side)
{
    return within(side, 2, LINK_SIDE_MAX) && side % 2 == 0;
}

static bool fps_ok(const struct link_rung *r)
{
    /* 0: the source's own rate. */
    return within(r->fps_den, 1, FPS_DEN_MAX) &&
           (r->fps_num == 0 ||
            within(r->fps_num, (uint64_t)r->fps_den * FPS_MIN, (uint64_t)r->fps_den * FPS_MAX));
}

static struct fault check_rate(const struct link_rung *r)
{
    if (!within(r->bitrate_bps, 1, BITRATE_MAX_BPS)) {
        return outside("rung: bitrate_bps is out of range");
    }
    if (!within(r->buffer_bits, 1, BUFFER_MAX_BITS)) {
        return outside("rung: buffer_bits is out of range");
    }
    if (r->vbv_init_permille > PERMILLE_MAX) {
        return outside("rung: vbv_init_permille is out of range");
    }
    return r->crf > CRF_MAX ? outside("rung: crf is out of range") : fine;
}

static struct fault check_rung(const struct link_rung *r)
{
    if (!name_ok(r->name)) {
        return malformed("rung: name is not a name");
    }
    if (!name_ok(r->preset)) {
        return malformed("rung: preset is not a name");
    }
    if (!side_ok(r->width) || !side_ok(r->height)) {
        return outside("rung: width or height is odd or out of range");
    }
    if (!fps_ok(r)) {
        return outside("rung: fps is out of range");
    }
    if (r->bframes > BFRAMES_MAX) {
        return outside("rung: bframes is out of range");
    }
    if (r->dts_delay_frames > DTS_DELAY_MAX) {
        return outside("rung: dts_delay_frames is out of range");
    }
    if (!within(r->frames_per_part, 1, FRAMES_PER_PART_MAX)) {
        return outside("rung: frames_per_part is out of range");
    }
    if (r->profile >= LINK_PROFILES_) {
        return outside("rung: profile is not known");
    }
    if (r->gop_frames > GOP_MAX || r->lookahead_frames > LOOKAHEAD_MAX) {
        return outside("rung: gop_frames or lookahead_frames is out of range");
    }
    return r->emit_from > PARTS_MAX ? outside("rung: emit_from is out of range") : check_rate(r);
}

static struct fault check_open(const struct link_job_open *o)
{
    if (o->stream == NULL || !id_valid(span_cstr(o->stream)) || !text_ok(o->stream, ID_MAX)) {
        return malformed("job: stream is not a stream id");
    }
    if (o->msn > NUMBER_MAX) {
        return outside("job: msn is out of range");
    }
    if (!within(o->n_ladder, 1, PROFILE_LADDER_MAX)) {
        return outside("job: the ladder has no rung or too many");
    }
    if (o->deadline_ms > INTERVAL_MAX_MS) {
        return outside("job: deadline_ms is out of range");
    }
    struct fault f = check_track(&o->track);
    for (size_t i = 0; i < o->n_ladder && f.e == ERR_OK; i++) {
        f = check_rung(&o->ladder[i]);
    }
    return f;
}

static bool time_ok(int64_t ticks)
{
    return ticks >= -TIME_MAX_TICKS && ticks <= TIME_MAX_TICKS;
}

static struct fault check_packet(const struct link_packet *p)
{
    if (!within(p->length, 1, LINK_PAYLOAD_MAX)) {
        return outside("packet: length is out of range");
    }
    if (!time_ok(p->dts) || !time_ok(p->pts)) {
        return outside("packet: dts or pts is out of range");
    }
    int64_t delay = p->pts - p->dts;
    if (delay < -REORDER_MAX_TICKS || delay > REORDER_MAX_TICKS) {
        return outside("packet: pts and dts are too far apart");
    }
    if (p->duration > DURATION_MAX_TICKS) {
        return outside("packet: duration is out of range");
    }
    return (p->flags & ~(uint32_t)PACKET_FLAGS) != 0 ? outside("packet: flags are not known")
                                                     : fine;
}

static struct fault check_unit(const struct link_unit *u)
{
    if (u->rung >= PROFILE_LADDER_MAX) {
        return outside("unit: rung is out of range");
    }
    if (u->part > PARTS_MAX) {
        return outside("unit: part is out of range");
    }
    if (u->n_packets > LINK_PACKETS_MAX) {
        return outside("unit: too many packets");
    }
    if (u->duration > DURATION_MAX_TICKS) {
        return outside("unit: duration is out of range");
    }
    if (u->config.len > LINK_CONFIG_MAX) {
        return outside("unit: config is too long");
    }
    struct fault f = fine;
    for (size_t i = 0; i < u->n_packets && f.e == ERR_OK; i++) {
        f = check_packet(&u->packets[i]);
    }
    return f;
}

static struct fault check_done(const struct link_job_done *d)
{
    if (d->n_rungs > PROFILE_LADDER_MAX) {
        return outside("done: too many rungs");
    }
    if (d->cpu_us > NUMBER_MAX) {
        return outside("done: cpu_us is out of range");
    }
    for (size_t i = 0; i < d->n_rungs; i++) {
        const struct link_rung_total *t = &d->rungs[i];
        if (t->frames > NUMBER_MAX || t->pixels > NUMBER_MAX || t->bytes > NUMBER_MAX) {
            return outside("done: a rung's total is out of range");
        }
    }
    return fine;
}

static struct fault check_reason(const struct link_msg *m)
{
    return text_ok(m->reason, LINK_STRING_MAX) ? fine : malformed("reason is too long or not text");
}

static struct fault check_word(const struct link_msg *m)
{
    if (m->word.rung >= PROFILE_LADDER_MAX) {
        return outside("word: rung is out of range");
    }
    return m->word.part > PARTS_MAX ? outside("word: part is out of range") : check_reason(m);
}

static struct fault check_pay_ask(const struct link_pay_ask *a)
{
    if (a->kind < LINK_PAY_ACCOUNT || a->kind >= LINK_PAY_KINDS_) {
        return malformed("pay ask: its kind is not known");
    }
    if (!text_ok(a->account, LINK_STRING_MAX) || !text_ok(a->key, LINK_STRING_MAX) ||
        !text_ok(a->text, LINK_STRING_MAX)) {
        return malformed("pay ask: a string is too long or not text");
    }
    if (a->amount > INT64_MAX || a->least > INT64_MAX || a->total > INT64_MAX) {
        return outside("pay ask: an amount is out of range");
    }
    return fine;
}

static struct fault check_pay_answer(const struct link_pay_answer *a)
{
    if (a->status >= LINK_PAY_STATUSES_) {
        return malformed("pay answer: its status is not known");
    }
    if (!text_ok(a->text, LINK_STRING_MAX)) {
        return malformed("pay answer: the text is too long or not text");
    }
    if (a->body.len > LINK_BODY_MAX) {
        return outside("pay answer: the body is too long");
    }
    if (a->balance > INT64_MAX || a->amount > INT64_MAX || a->held > INT64_MAX) {
        return outside("pay answer: an amount is out of range");
    }
    return a->http_status > 599 ? outside("pay answer: http_status is out of range") : fine;
}

static struct fault check_pay_news(const struct link_pay_news *n)
{
    if (!text_ok(n->account, LINK_STRING_MAX)) {
        return malformed("pay news: the account is too long or not text");
    }
    return n->balance > INT64_MAX ? outside("pay news: the balance is out of range") : fine;
}

static struct fault check(const struct link_msg *m)
{
    switch (m->type) {
    case LINK_HELLO:
        return check_hello(&m->hello);
    case LINK_WELCOME:
        return check_welcome(&m->welcome);
    case LINK_PING:
        return fine;
    case LINK_BYE:
    case LINK_JOB_CANCEL:
    case LINK_JOB_REFUSE:
    case LINK_JOB_FAILED:
        return check_reason(m);
    case LINK_JOB_OPEN:
        return check_open(&m->open);
    case LINK_JOB_UNIT:
    case LINK_RUNG_UNIT:
        return check_unit(&m->unit);
    case LINK_JOB_ACCEPT:
        return fine;
    case LINK_JOB_DONE:
        return check_done(&m->done);
    case LINK_RUNG_GIVEN_UP:
    case LINK_RUNG_REJECT:
        return check_word(m);
    case LINK_PAY_ASK:
        return check_pay_ask(&m->pay_ask);
    case LINK_PAY_ANSWER:
        return check_pay_answer(&m->pay_answer);
    case LINK_PAY_NEWS:
        return check_pay_news(&m->pay_news);
    }
    return malformed("the message's type is not known");
}

enum err link_check(const struct link_msg *m, const char **ret_why)
{
    struct fault f = check(m);
    if (f.e != ERR_OK) {
        *ret_why = f.why;
    }
    return f.e;
}

enum err link_check_payload(const struct link_msg *m, size_t payload_len, const char **ret_why)
{
    uint64_t sum = 0;
    if (m->type == LINK_JOB_UNIT || m->type == LINK_RUNG_UNIT) {
        for (size_t i = 0; i < m->unit.n_packets; i++) {
            sum += m->unit.packets[i].length;
        }
    }
    if (payload_len > LINK_PAYLOAD_MAX) {
        *ret_why = "the payload is too long";
        return ERR_LIMIT;
    }
    if (sum != payload_len) {
        *ret_why = "the payload's length is not that of the packets";
        return ERR_PROTO;
    }
    return ERR_OK;
}
