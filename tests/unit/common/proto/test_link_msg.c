#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proto/link_msg.h"

#define ROUNDS 300

/* A small generator of our own: the same run everywhere. */
static uint64_t state = 88172645463325252u;

static uint64_t rnd(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint32_t between(uint32_t min, uint32_t max)
{
    return min + (uint32_t)(rnd() % ((uint64_t)max - min + 1));
}

static const char *const words[] = {"a", "host:12", "h264 \xc3\xa9t\xc3\xa9", "P144p30fps16x9",
                                    "veryfast"};

static const char *word(void)
{
    return words[rnd() % 5];
}

static uint8_t config[LINK_CONFIG_MAX];
static struct link_packet packet_store[LINK_PACKETS_MAX];

static struct link_rung random_rung(void)
{
    uint32_t den = rnd() % 2 ? 1 : 1001;
    return (struct link_rung){
        .name = word(),
        .width = between(1, LINK_SIDE_MAX / 2) * 2,
        .height = between(1, LINK_SIDE_MAX / 2) * 2,
        .fps_num = between(0, 9) == 0 ? 0 : between(den, 240 * den),
        .fps_den = den,
        .bitrate_bps = between(1, 1000000000),
        .buffer_bits = between(1, 2000000000),
        .vbv_init_permille = between(0, 1000),
        .crf = between(0, 51),
        .preset = word(),
        .bframes = between(0, 16),
        .dts_delay_frames = between(0, 64),
        .frames_per_part = between(1, 1000),
        .emit_from = between(0, 100000),
        .profile = between(0, LINK_PROFILES_ - 1),
        .gop_frames = between(0, 100000),
        .lookahead_frames = between(0, 250),
        .viewers = (uint32_t)rnd(),
    };
}

static void random_open(struct link_job_open *o)
{
    o->stream = rnd() % 2 ? "hello_world" : "\xc3\xa9t\xc3\xa9";
    o->msn = rnd() >> 11;
    o->track = (struct track_params){
        .kind = TRACK_VIDEO,
        .codec = (enum track_codec)between(CODEC_H264, CODEC_VP9),
        .config = span_of(config, between(1, LINK_CONFIG_MAX)),
        .width = (int)between(1, LINK_SIDE_MAX),
        .height = (int)between(1, LINK_SIDE_MAX),
        .sar_num = (int)between(0, 65535),
        .sar_den = (int)between(1, 65535),
    };
    o->n_ladder = between(1, PROFILE_LADDER_MAX);
    for (size_t i = 0; i < o->n_ladder; i++) {
        o->ladder[i] = random_rung();
    }
    o->deadline_ms = between(0, 3600000);
}

static size_t random_unit(struct link_unit *u, bool rung)
{
    size_t sum = 0;
    u->last = rnd() % 2;
    u->packets = packet_store;
    u->n_packets = rnd() % 4 ? between(0, 8) : between(0, LINK_PACKETS_MAX);
    for (size_t i = 0; i < u->n_packets; i++) {
        int64_t dts = (int64_t)(rnd() >> 8) - (INT64_C(1) << 55);
        packet_store[i] = (struct link_packet){between(1, 15000), dts, dts + between(0, 90000),
                                               between(0, 90000), between(0, 3)};
        sum += packet_store[i].length;
    }
    if (rung) {
        u->rung = between(0, PROFILE_LADDER_MAX - 1);
        u->part = between(0, 100000);
        u->config = rnd() % 2 ? span_of(config, between(1, 300)) : span_of(NULL, 0);
        u->config_hash = rnd();
    } else {
        u->duration = between(0, 900000);
        u->seq = (uint32_t)rnd();
    }
    return sum;
}

static void random_done(struct link_job_done *d)
{
    d->n_rungs = between(0, PROFILE_LADDER_MAX);
    for (size_t i = 0; i < d->n_rungs; i++) {
        d->rungs[i] = (struct link_rung_total){rnd() >> 12, rnd() >> 12, rnd() >> 12};
    }
    d->cpu_us = rnd() >> 12;
}

/* Fills *m; returns the payload's length. */
static size_t random_msg(enum link_msg_type type, struct link_msg *m)
{
    *m = (struct link_msg){.type = type, .reason = ""};
    if (type >= LINK_JOB_OPEN && type < LINK_PAY_ASK) {
        m->job = rnd();
    }
    switch (type) {
    case LINK_HELLO:
        m->hello =
            (struct link_hello){1,      between(1, 9), word(),           word(),      word(),
                                word(), word(),        between(0, 1000), rnd() >> 12, rnd() % 2};
        return 0;
    case LINK_WELCOME:
        m->welcome =
            (struct link_welcome){between(1, 9), word(),      between(1, 1000), between(1, 5000),
                                  rnd() >> 12,   rnd() >> 12, between(0, 19),   word()};
        return 0;
    case LINK_PING:
        return 0;
    case LINK_JOB_OPEN:
        random_open(&m->open);
        return 0;
    case LINK_JOB_UNIT:
    case LINK_RUNG_UNIT:
        return random_unit(&m->unit, type == LINK_RUNG_UNIT);
    case LINK_JOB_DONE:
        random_done(&m->done);
        return 0;
    case LINK_JOB_FAILED:
        m->final = rnd() % 2;
        m->reason = word();
        return 0;
    case LINK_JOB_ACCEPT:
        return 0;
    case LINK_RUNG_GIVEN_UP:
    case LINK_RUNG_REJECT:
        m->word.rung = between(0, PROFILE_LADDER_MAX - 1);
        m->word.part = type == LINK_RUNG_REJECT ? between(0, 100000) : 0;
        m->reason = word();
        return 0;
    case LINK_PAY_ASK:
        m->pay_ask = (struct link_pay_ask){
            rnd(),          (enum link_pay_kind)between(LINK_PAY_ACCOUNT, LINK_PAY_QUERY),
            word(),         word(),
            word(),         rnd() >> 1,
            rnd() >> 1,     rnd() >> 1,
            (uint32_t)rnd()};
        return 0;
    case LINK_PAY_ANSWER:
        m->pay_answer =
            (struct link_pay_answer){rnd(),
                                     (enum link_pay_status)between(LINK_PAY_OK, LINK_PAY_OFF),
                                     rnd() >> 1,
                                     rnd() >> 1,
                                     rnd() >> 1,
                                     word(),
                                     span_of(config, between(0, LINK_BODY_MAX)),
                                     between(0, 599)};
        return 0;
    case LINK_PAY_NEWS:
        m->pay_news = (struct link_pay_news){word(), rnd() >> 1};
        return 0;
    default:
        m->reason = word();
        return 0;
    }
}

static void same_rung(const struct link_rung *a, const struct link_rung *b)
{
    ck_assert_str_eq(a->name, b->name);
    ck_assert_str_eq(a->preset, b->preset);
    ck_assert_uint_eq(a->width, b->width);
    ck_assert_uint_eq(a->height, b->height);
    ck_assert_uint_eq(a->fps_num, b->fps_num);
    ck_assert_uint_eq(a->fps_den, b->fps_den);
    ck_assert_uint_eq(a->bitrate_bps, b->bitrate_bps);
    ck_assert_uint_eq(a->buffer_bits, b->buffer_bits);
    ck_assert_uint_eq(a->vbv_init_permille, b->vbv_init_permille);
    ck_assert_uint_eq(a->crf, b->crf);
    ck_assert_uint_eq(a->bframes, b->bframes);
    ck_assert_uint_eq(a->dts_delay_frames, b->dts_delay_frames);
    ck_assert_uint_eq(a->frames_per_part, b->frames_per_part);
    ck_assert_uint_eq(a->emit_from, b->emit_from);
    ck_assert_uint_eq(a->profile, b->profile);
    ck_assert_uint_eq(a->gop_frames, b->gop_frames);
    ck_assert_uint_eq(a->lookahead_frames, b->lookahead_frames);
    ck_assert_uint_eq(a->viewers, b->viewers);
}

static bool same_track(const struct track_params *a, const struct track_params *b)
{
    return a->kind == b->kind && a->codec == b->codec && span_equal(a->config, b->config) &&
           a->width == b->width && a->height == b->height && a->sar_num == b->sar_num &&
           a->sar_den == b->sar_den;
}

static void same_open(const struct link_job_open *a, const struct link_job_open *b)
{
    ck_assert_str_eq(a->stream, b->stream);
    ck_assert_uint_eq(a->msn, b->msn);
    ck_assert(same_track(&a->track, &b->track));
    ck_assert_uint_eq(a->n_ladder, b->n_ladder);
    for (size_t i = 0; i < a->n_ladder; i++) {
        same_rung(&a->ladder[i], &b->ladder[i]);
    }
    ck_assert_uint_eq(a->deadline_ms, b->deadline_ms);
}

static void same_unit(const struct link_unit *a, const struct link_unit *b)
{
    ck_assert_uint_eq(a->rung, b->rung);
    ck_assert_uint_eq(a->part, b->part);
    ck_assert_uint_eq(a->last, b->last);
    ck_assert_uint_eq(a->duration, b->duration);
    ck_assert_uint_eq(a->seq, b->seq);
    ck_assert_uint_eq(a->config_hash, b->config_hash);
    ck_assert(span_equal(a->config, b->config));
    ck_assert_uint_eq(a->n_packets, b->n_packets);
    for (size_t i = 0; i < a->n_packets; i++) {
        ck_assert_uint_eq(a->packets[i].length, b->packets[i].length);
        ck_assert_int_eq(a->packets[i].dts, b->packets[i].dts);
        ck_assert_int_eq(a->packets[i].pts, b->packets[i].pts);
        ck_assert_uint_eq(a->packets[i].duration, b->packets[i].duration);
        ck_assert_uint_eq(a->packets[i].flags, b->packets[i].flags);
    }
}

static void same_hello(const struct link_hello *a, const struct link_hello *b)
{
    ck_assert_uint_eq(a->version_min, b->version_min);
    ck_assert_uint_eq(a->version_max, b->version_max);
    ck_assert_str_eq(a->role, b->role);
    ck_assert_str_eq(a->name, b->name);
    ck_assert_str_eq(a->encoder, b->encoder);
    ck_assert_str_eq(a->software, b->software);
    ck_assert_str_eq(a->instance, b->instance);
    ck_assert_uint_eq(a->capacity, b->capacity);
    ck_assert_uint_eq(a->speed, b->speed);
    ck_assert_uint_eq(a->draining, b->draining);
}

static void same_done(const struct link_job_done *a, const struct link_job_done *b)
{
    ck_assert_uint_eq(a->n_rungs, b->n_rungs);
    ck_assert_uint_eq(a->cpu_us, b->cpu_us);
    for (size_t i = 0; i < a->n_rungs; i++) {
        ck_assert_uint_eq(a->rungs[i].frames, b->rungs[i].frames);
        ck_assert_uint_eq(a->rungs[i].pixels, b->rungs[i].pixels);
        ck_assert_uint_eq(a->rungs[i].bytes, b->rungs[i].bytes);
    }
}

static void same_pay_ask(const struct link_pay_ask *a, const struct link_pay_ask *b)
{
    ck_assert_uint_eq(a->ask, b->ask);
    ck_assert_uint_eq(a->kind, b->kind);
    ck_assert_str_eq(a->account, b->account);
    ck_assert_str_eq(a->key, b->key);
    ck_assert_str_eq(a->text, b->text);
    ck_assert_uint_eq(a->amount, b->amount);
    ck_assert_uint_eq(a->least, b->least);
    ck_assert_uint_eq(a->total, b->total);
    ck_assert_uint_eq(a->ttl_ms, b->ttl_ms);
}

static void same_pay_answer(const struct link_pay_answer *a, const struct link_pay_answer *b)
{
    ck_assert_uint_eq(a->ask, b->ask);
    ck_assert_uint_eq(a->status, b->status);
    ck_assert_uint_eq(a->balance, b->balance);
    ck_assert_uint_eq(a->amount, b->amount);
    ck_assert_uint_eq(a->held, b->held);
    ck_assert_str_eq(a->text, b->text);
    ck_assert(span_equal(a->body, b->body));
    ck_assert_uint_eq(a->http_status, b->http_status);
}

static void same_msg(const struct link_msg *a, const struct link_msg *b)
{
    ck_assert_int_eq(a->type, b->type);
    ck_assert_uint_eq(a->job, b->job);
    ck_assert_uint_eq(a->final, b->final);
    ck_assert_str_eq(a->reason, b->reason);
    if (a->type == LINK_HELLO) {
        same_hello(&a->hello, &b->hello);
    } else if (a->type == LINK_WELCOME) {
        ck_assert_uint_eq(a->welcome.version, b->welcome.version);
        ck_assert_str_eq(a->welcome.session, b->welcome.session);
        ck_assert_uint_eq(a->welcome.heartbeat_ms, b->welcome.heartbeat_ms);
        ck_assert_uint_eq(a->welcome.timeout_ms, b->welcome.timeout_ms);
        ck_assert_uint_eq(a->welcome.price, b->welcome.price);
        ck_assert_uint_eq(a->welcome.price_pixels, b->welcome.price_pixels);
        ck_assert_uint_eq(a->welcome.money_scale, b->welcome.money_scale);
        ck_assert_str_eq(a->welcome.money_asset, b->welcome.money_asset);
    } else if (a->type == LINK_JOB_OPEN) {
        same_open(&a->open, &b->open);
    } else if (a->type == LINK_JOB_UNIT || a->type == LINK_RUNG_UNIT) {
        same_unit(&a->unit, &b->unit);
    } else if (a->type == LINK_JOB_DONE) {
        same_done(&a->done, &b->done);
    } else if (a->type == LINK_RUNG_GIVEN_UP || a->type == LINK_RUNG_REJECT) {
        ck_assert_uint_eq(a->word.rung, b->word.rung);
        ck_assert_uint_eq(a->word.part, b->word.part);
    } else if (a->type == LINK_PAY_ASK) {
        same_pay_ask(&a->pay_ask, &b->pay_ask);
    } else if (a->type == LINK_PAY_ANSWER) {
        same_pay_answer(&a->pay_answer, &b->pay_answer);
    } else if (a->type == LINK_PAY_NEWS) {
        ck_assert_str_eq(a->pay_news.account, b->pay_news.account);
        ck_assert_uint_eq(a->pay_news.balance, b->pay_news.balance);
    }
}

START_TEST(each_type_comes_back_as_it_went)
{
    struct link_msg m;
    for (int round = 0; round < ROUNDS; round++) {
        size_t payload_len = random_msg((enum link_msg_type)_i, &m);
        struct blob *b = link_msg_pack(&m);
        ck_assert_ptr_nonnull(b);
        struct link_msg *back = NULL;
        const char *why = "";
        ck_assert_msg(link_msg_unpack(blob_span(b), payload_len, &back, &why) == ERR_OK, "%s", why);
        same_msg(&m, back);
        link_msg_destroy(back);
        blob_unref(b);
    }
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

/* Whatever comes out must be within the limits: packing it again asserts them. */
static void unpack_anything(struct span bytes, size_t payload_len)
{
    struct link_msg *m = NULL;
    const char *why = NULL;
    enum err e = link_msg_unpack(bytes, payload_len, &m, &why);
    if (e == ERR_OK) {
        ck_assert_ptr_nonnull(m);
        struct blob *again = link_msg_pack(m);
        ck_assert_ptr_nonnull(again);
        blob_unref(again);
        link_msg_destroy(m);
        return;
    }
    ck_assert(e == ERR_PROTO || e == ERR_LIMIT);
    ck_assert_ptr_null(m);
    ck_assert(why != NULL && why[0] != '\0');
}

START_TEST(cut_and_flipped_envelopes_are_refused_or_read)
{
    struct link_msg m;
    for (int round = 0; round < 20; round++) {
        size_t payload_len = random_msg((enum link_msg_type)_i, &m);
        if (m.type == LINK_JOB_OPEN) {
            m.open.track.config.len = 1 + m.open.track.config.len % 40;
        }
        struct blob *b = link_msg_pack(&m);
        size_t len = blob_span(b).len;
        uint8_t *copy = malloc(len + 1);
        for (size_t cut = 0; cut < len; cut += 1 + len / 200) {
            /* A heap block of just that size, so that the sanitizer sees a read past the cut. */
            uint8_t *exact = malloc(cut + 1);
            memcpy(exact, blob_span(b).data, cut);
            unpack_anything(span_of(exact, cut), payload_len);
            free(exact);
        }
        for (int flip = 0; flip < 200; flip++) {
            memcpy(copy, blob_span(b).data, len);
            for (uint32_t n = between(1, 3); n > 0 && len > 0; n--) {
                copy[rnd() % len] ^= (uint8_t)(1 << rnd() % 8);
            }
            unpack_anything(span_of(copy, len), payload_len);
        }
        free(copy);
        blob_unref(b);
    }
}
END_TEST

START_TEST(random_bytes_are_refused_or_read)
{
    uint8_t bytes[300];
    for (int round = 0; round < 20000; round++) {
        size_t len = rnd() % sizeof bytes;
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (uint8_t)rnd();
        }
        unpack_anything(span_of(bytes, len), 0);
    }
}
END_TEST

START_TEST(each_allocation_may_fail)
{
    struct link_msg m;
    size_t payload_len = random_msg((enum link_msg_type)_i, &m);
    struct blob *b = NULL;
    size_t n = 0;
    do {
        mem_fail_nth(++n);
        b = link_msg_pack(&m);
        ck_assert_int_eq(mem_has_failed(), b == NULL);
    } while (b == NULL);
    ck_assert_uint_gt(n, 1);
    struct link_msg *back = NULL;
    n = 0;
    do {
        mem_fail_nth(++n);
        enum err e = link_msg_unpack(blob_span(b), payload_len, &back, NULL);
        ck_assert_int_eq(e, mem_has_failed() ? ERR_NOMEM : ERR_OK);
    } while (back == NULL);
    mem_fail_nth(0);
    ck_assert_uint_gt(n, 1);
    same_msg(&m, back);
    link_msg_destroy(back);
    blob_unref(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

static void refused(struct span bytes, size_t payload_len, enum err expected, const char *word)
{
    struct link_msg *m = NULL;
    const char *why = "";
    ck_assert_int_eq(link_msg_unpack(bytes, payload_len, &m, &why), expected);
    ck_assert_ptr_null(m);
    ck_assert_msg(strstr(why, word) != NULL, "\"%s\" does not say \"%s\"", why, word);
}

START_TEST(an_empty_envelope_is_no_message)
{
    refused(span_of(NULL, 0), 0, ERR_PROTO, "not complete");
    refused(span_of("\x00", 1), 0, ERR_PROTO, "not a message");
    /* Field 99, which no version knows: no body. */
    refused(span_of("\x9a\x06\x01x", 4), 0, ERR_PROTO, "not complete");
    static uint8_t large[LINK_ENVELOPE_MAX + 1];
    refused(span_of(large, sizeof large), 0, ERR_LIMIT, "too long");
}
END_TEST

START_TEST(strings_are_text)
{
    /* bye { reason } */
    refused(span_of("\x22\x05\x0a\x03"
                    "a\0b",
                    7),
            0, ERR_PROTO, "not complete");
    refused(span_of("\x22\x05\x0a\x03"
                    "a\nb",
                    7),
            0, ERR_PROTO, "reason");
    refused(span_of("\x22\x04\x0a\x02\xc3(", 6), 0, ERR_PROTO, "reason");
    refused(span_of("\x22\x05\x0a\x03\xed\xa0\x80", 7), 0, ERR_PROTO, "reason");
    refused(span_of("\x22\x04\x0a\x02\xc2\x85", 6), 0, ERR_PROTO, "reason");
    uint8_t bytes[6 + LINK_STRING_MAX + 1] = {0x22, 0x84, 0x04, 0x0a, 0x81, 0x04};
    memset(bytes + 6, 'x', LINK_STRING_MAX + 1);
    refused(span_of(bytes, sizeof bytes), 0, ERR_PROTO, "reason");
}
END_TEST

/* Thousands of two-byte sub-messages must not become megabytes. */
START_TEST(a_small_envelope_cannot_unfold_into_much)
{
    static uint8_t bytes[4 + 200000];
    size_t n = 200000;
    bytes[0] = 0x5a; /* job_unit */
    bytes[1] = (uint8_t)(n & 0x7f) | 0x80;
    bytes[2] = (uint8_t)(n >> 7 & 0x7f) | 0x80;
    bytes[3] = (uint8_t)(n >> 14);
    for (size_t i = 0; i < n; i += 2) {
        bytes[4 + i] = 0x1a; /* packets { } */
        bytes[5 + i] = 0;
    }
    refused(span_of(bytes, 4 + n), 0, ERR_LIMIT, "unfolds");
    /* A few more packets than allowed fit the budget and are refused for their number. */
    n = 2 * (LINK_PACKETS_MAX + 1);
    bytes[1] = (uint8_t)(n & 0x7f) | 0x80;
    bytes[2] = (uint8_t)(n >> 7 & 0x7f) | 0x80;
    bytes[3] = (uint8_t)(n >> 14);
    refused(span_of(bytes, 4 + n), 0, ERR_LIMIT, "too many packets");
}
END_TEST

START_TEST(the_payload_must_fit_the_packets)
{
    struct link_packet p[2] = {{.length = 10}, {.length = 20, .flags = PACKET_KEY}};
    struct link_msg m = {.type = LINK_JOB_UNIT, .job = 7};
    m.unit.packets = p;
    m.unit.n_packets = 2;
    struct blob *b = link_msg_pack(&m);
    refused(blob_span(b), 0, ERR_PROTO, "payload");
    refused(blob_span(b), 29, ERR_PROTO, "payload");
    refused(blob_span(b), 31, ERR_PROTO, "payload");
    refused(blob_span(b), (size_t)LINK_PAYLOAD_MAX + 1, ERR_LIMIT, "payload");
    blob_unref(b);
    struct link_msg ping = {.type = LINK_PING};
    b = link_msg_pack(&ping);
    refused(blob_span(b), 1, ERR_PROTO, "payload");
    blob_unref(b);
}
END_TEST

/* A rung's fields, each just outside its limit, as raw protobuf. */
struct limit_case {
    uint8_t field; /* of Rung */
    uint32_t value;
    const char *word;
};

static const struct limit_case limit_cases[] = {{2, 0, "width"},
                                                {2, 257, "width"},
                                                {3, LINK_SIDE_MAX + 2, "width"},
                                                {4, 241, "fps"},
                                                {5, 0, "fps"},
                                                {5, 31, "fps"},
                                                {6, 0, "bitrate"},
                                                {6, 1000000001, "bitrate"},
                                                {7, 0, "buffer"},
                                                {8, 1001, "vbv"},
                                                {9, 52, "crf"},
                                                {11, 17, "bframes"},
                                                {12, 65, "dts_delay"},
                                                {13, 0, "frames_per_part"},
                                                {13, 1001, "frames_per_"},
                                                {14, 100001, "emit_from"},
                                                {15, LINK_PROFILES_, "profile"},
                                                {16, 100001, "gop_frames"},
                                                {17, 251, "lookahead_frames"}};

static size_t put_varint(uint8_t *out, uint64_t v)
{
    size_t n = 0;
    for (; v >= 0x80; v >>= 7) {
        out[n++] = (uint8_t)v | 0x80;
    }
    out[n++] = (uint8_t)v;
    return n;
}

START_TEST(a_rung_outside_its_limits_is_refused)
{
    const struct limit_case *c = &limit_cases[_i];
    uint8_t rung[200];
    size_t n = 0;
    static const uint32_t good[18] = {0,   0,  256, 144, 30, 1,  400000, 400000,
                                      900, 23, 0,   0,   0,  15, 0};
    memcpy(rung, "\x0a\x01r\x52\x01p", 6); /* name, preset */
    n = 6;
    for (uint8_t f = 2; f <= 17; f++) {
        if (f != 10) {
            n += put_varint(rung + n, (uint64_t)f << 3);
            n += put_varint(rung + n, f == c->field ? c->value : good[f]);
        }
    }
    /* stream "s", track { h264, config, 640x360 }, the rung */
    uint8_t open[300] = "\x12\x01s\x22\x0f\x0a\x04h264\x12\x01"
                        "c\x18\x80\x05\x20\xe8\x02";
    size_t m = 3 + 2 + 15;
    open[m++] = 0x2a;
    m += put_varint(open + m, n);
    memcpy(open + m, rung, n);
    m += n;
    uint8_t envelope[400] = {0x52};
    size_t k = 1 + put_varint(envelope + 1, m);
    memcpy(envelope + k, open, m);
    refused(span_of(envelope, k + m), 0, ERR_LIMIT, c->word);
}
END_TEST

START_TEST(nothing_outside_the_limits_is_packed)
{
    struct link_packet p = {.length = 1, .pts = INT64_MAX};
    struct link_msg m = {.type = LINK_JOB_UNIT};
    m.unit.packets = &p;
    m.unit.n_packets = 1;
    ck_assert_ptr_null(link_msg_pack(&m));
    p.pts = 0;
    m.unit.n_packets = LINK_PACKETS_MAX + 1;
    ck_assert_ptr_null(link_msg_pack(&m));
    m.unit.n_packets = 1;
    struct blob *b = link_msg_pack(&m);
    ck_assert_ptr_nonnull(b);
    blob_unref(b);
    m = (struct link_msg){.type = LINK_BYE, .reason = "two\nlines"};
    ck_assert_ptr_null(link_msg_pack(&m));
    m.reason = NULL; /* left out: empty */
    b = link_msg_pack(&m);
    ck_assert_ptr_nonnull(b);
    blob_unref(b);
    m = (struct link_msg){.type = LINK_JOB_OPEN, .job = 1};
    random_open(&m.open);
    m.open.track.codec = CODEC_AAC; /* sound is not transcoded */
    ck_assert_ptr_null(link_msg_pack(&m));
}
END_TEST

START_TEST(no_money_outside_the_limits_is_packed)
{
    struct link_msg m = {.type = LINK_PAY_ASK};
    m.pay_ask.kind = LINK_PAY_HOLD; /* texts left out: empty */
    struct blob *b = link_msg_pack(&m);
    ck_assert_ptr_nonnull(b);
    blob_unref(b);
    m.pay_ask.amount = (uint64_t)INT64_MAX + 1;
    ck_assert_ptr_null(link_msg_pack(&m));
    m.pay_ask.amount = 0;
    m.pay_ask.kind = 0;
    ck_assert_ptr_null(link_msg_pack(&m));
    m = (struct link_msg){.type = LINK_PAY_ANSWER};
    m.pay_answer.http_status = 600;
    ck_assert_ptr_null(link_msg_pack(&m));
    m.pay_answer.http_status = 200;
    m.pay_answer.balance = UINT64_MAX;
    ck_assert_ptr_null(link_msg_pack(&m));
    m = (struct link_msg){.type = LINK_PAY_NEWS};
    m.pay_news.account = "two\nlines";
    ck_assert_ptr_null(link_msg_pack(&m));
}
END_TEST

START_TEST(packets_are_slices_of_the_payload)
{
    struct link_packet p[3] = {{.length = 3, .dts = 1, .pts = 2, .duration = 9, .flags = 1},
                               {.length = 1, .dts = 10, .pts = 12},
                               {.length = 2, .dts = 20, .pts = 22}};
    struct link_unit u = {.packets = p, .n_packets = 3};
    struct blob *payload = blob_copy(span_of("abcdef", 6));
    struct packets ps;
    packets_init(&ps);
    mem_fail_nth(1);
    ck_assert_int_eq(link_unit_packets(&u, TRACK_VIDEO, payload, &ps), ERR_NOMEM);
    ck_assert_uint_eq(ps.count, 0);
    mem_fail_nth(0);
    ck_assert_int_eq(link_unit_packets(&u, TRACK_VIDEO, payload, &ps), ERR_OK);
    p[2].length = 3; /* does not fit: what stood before stands still */
    ck_assert_int_eq(link_unit_packets(&u, TRACK_VIDEO, payload, &ps), ERR_PROTO);
    ck_assert_uint_eq(ps.count, 3);
    ck_assert_uint_eq(ps.bytes, 6);
    blob_unref(payload);
    ck_assert(span_equal(ps.items[0].data, span_cstr("abc")));
    ck_assert(span_equal(ps.items[1].data, span_cstr("d")));
    ck_assert(span_equal(ps.items[2].data, span_cstr("ef")));
    ck_assert_int_eq(ps.items[0].pts, 2);
    ck_assert_int_eq(ps.items[0].duration, 9);
    ck_assert_uint_eq(ps.items[0].flags, PACKET_KEY);
    packets_fini(&ps);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

int main(void)
{
    int types = LINK_PAY_NEWS + 1;
    int cases = (int)(sizeof limit_cases / sizeof limit_cases[0]);
    for (size_t i = 0; i < sizeof config; i++) {
        config[i] = (uint8_t)rnd();
    }
    Suite *s = suite_create("link_msg");
    TCase *t = tcase_create("codec");
    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, each_type_comes_back_as_it_went, 0, types);
    tcase_add_loop_test(t, cut_and_flipped_envelopes_are_refused_or_read, 0, types);
    tcase_add_test(t, random_bytes_are_refused_or_read);
    tcase_add_loop_test(t, each_allocation_may_fail, 0, types);
    suite_add_tcase(s, t);
    t = tcase_create("limits");
    tcase_set_timeout(t, 10);
    tcase_add_test(t, an_empty_envelope_is_no_message);
    tcase_add_test(t, strings_are_text);
    tcase_add_test(t, a_small_envelope_cannot_unfold_into_much);
    tcase_add_test(t, the_payload_must_fit_the_packets);
    tcase_add_loop_test(t, a_rung_outside_its_limits_is_refused, 0, cases);
    tcase_add_test(t, nothing_outside_the_limits_is_packed);
    tcase_add_test(t, no_money_outside_the_limits_is_packed);
    tcase_add_test(t, packets_are_slices_of_the_payload);
    suite_add_tcase(s, t);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? 0 : 1;
}
