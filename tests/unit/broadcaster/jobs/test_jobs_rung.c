#include "broadcaster/jobs/jobs_rung.h"

#include "tests/support/unit.h"

#define FRAMES 4 /* of a part */

static const uint8_t config[] = {1,    66, 192, 13, 0xff, 0xe1, 0, 4,
                                 0x67, 66, 192, 13, 1,    0,    1, 0x68};
static const struct link_rung described = {.width = 192, .height = 144, .frames_per_part = FRAMES};

/* A part that is right in every way but for what the caller changes. */
struct part {
    struct link_packet packets[FRAMES + 1];
    struct link_unit unit;
    size_t bytes;
};

static void part_init(struct part *p, uint32_t number)
{
    *p = (struct part){.bytes = FRAMES};
    for (uint32_t i = 0; i <= FRAMES; i++) {
        int64_t t = (int64_t)(number * FRAMES + i) * 3000;
        p->packets[i] = (struct link_packet){.length = 1, .dts = t, .pts = t, .duration = 3000};
    }
    p->unit = (struct link_unit){
        .part = number, .packets = p->packets, .n_packets = FRAMES, .config_hash = 9};
    p->unit.config = span_of(config, number == 0 ? sizeof config : 0);
}

static enum err push(struct jobs_rung *r, struct part *p)
{
    struct blob *payload = blob_create(p->bytes);
    enum err e = jobs_rung_push(r, &described, &p->unit, payload);
    blob_unref(payload);
    return e;
}

static void too_few(struct part *p)
{
    p->unit.n_packets--;
}
static void too_many(struct part *p)
{
    p->unit.n_packets++;
    p->unit.last = true;
}
static void none(struct part *p)
{
    p->unit.n_packets = 0;
    p->unit.last = true;
}
static void left_out(struct part *p)
{
    p->unit.part++;
}
static void backwards(struct part *p)
{
    p->packets[2].dts = p->packets[1].dts;
}
static void shown_early(struct part *p)
{
    p->packets[2].pts--;
}
static void no_config(struct part *p)
{
    p->unit.config.len = 0;
}
static void half_a_config(struct part *p)
{
    p->unit.config.len = 9;
}
static void other_hash(struct part *p)
{
    p->unit.config_hash++;
}
static void first_times_again(struct part *p)
{
    p->packets[0].dts = p->packets[0].pts = 3000;
}

static const struct {
    void (*spoil)(struct part *p);
    uint32_t number;
} bad[] = {{too_few, 0},   {too_many, 0},    {none, 0},       {left_out, 0},
           {backwards, 0}, {shown_early, 0}, {no_config, 0},  {half_a_config, 0},
           {too_few, 1},   {left_out, 1},    {other_hash, 1}, {first_times_again, 1}};

START_TEST(parts_that_do_not_fit_are_refused_and_change_nothing)
{
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct jobs_rung r;
        struct part p;
        jobs_rung_init(&r);
        for (uint32_t n = 0; n < bad[i].number; n++) {
            part_init(&p, n);
            ck_assert_int_eq(push(&r, &p), ERR_OK);
        }
        part_init(&p, bad[i].number);
        bad[i].spoil(&p);
        ck_assert_msg(push(&r, &p) == ERR_PROTO, "case %zu", i);
        part_init(&p, bad[i].number);
        ck_assert_msg(push(&r, &p) == ERR_OK, "case %zu", i);
        ck_assert_uint_eq(r.packets.count, (bad[i].number + 1) * FRAMES);
        jobs_rung_fini(&r);
    }
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(the_last_part_may_be_short_and_nothing_follows)
{
    struct jobs_rung r;
    struct part p;
    jobs_rung_init(&r);
    part_init(&p, 0);
    p.unit.last = true;
    p.unit.n_packets = 1;
    p.bytes = 1;
    ck_assert_int_eq(push(&r, &p), ERR_OK);
    ck_assert(r.complete);
    part_init(&p, 1);
    ck_assert_int_eq(push(&r, &p), ERR_PROTO);
    jobs_rung_fini(&r);
}
END_TEST

START_TEST(a_rung_is_bounded_in_bytes_and_in_packets)
{
    static const uint32_t sizes[] = {1, 1 << 20};
    for (size_t i = 0; i < 2; i++) {
        struct jobs_rung r;
        struct part p;
        uint32_t n = 0;
        enum err e = ERR_OK;
        jobs_rung_init(&r);
        while (e == ERR_OK) {
            part_init(&p, n++);
            for (uint32_t k = 0; k < FRAMES; k++) {
                p.packets[k].length = sizes[i];
            }
            p.bytes = (size_t)FRAMES * sizes[i];
            e = push(&r, &p);
        }
        ck_assert_int_eq(e, ERR_LIMIT);
        ck_assert_uint_le(r.packets.bytes + r.packets.count * sizeof(struct packet), JOBS_RUNG_MAX);
        ck_assert_uint_gt(r.packets.count, 50);
        jobs_rung_fini(&r);
    }
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

/* Whatever is sent that the buffer holds, no ten seconds have more than 103 % of the cap: the worst
 * is a full buffer that is emptied at once, and then all that flows in. */
START_TEST(no_ten_seconds_above_the_cap)
{
    static const int caps[] = {18000, 400000, 6000000};
    for (size_t c = 0; c < sizeof caps / sizeof caps[0]; c++) {
        struct jobs_rate r;
        jobs_rate_init(&r, caps[c]);
        ck_assert_int_le(r.rate_bps, caps[c]);
        ck_assert_uint_eq(jobs_rate_permille(&r), r.level_bits * 1000 / r.size_bits);
        int64_t sent[600] = {0}, most = 0;
        for (size_t i = 0; i < 600; i++) {
            int64_t room = r.level_bits + r.rate_bps * 3000 / TICKS_PER_S;
            room = room < r.size_bits ? room : r.size_bits;
            bool spend = i % 300 >= 60; /* quiet for two seconds, then all there is */
            struct link_packet p = {.length = (uint32_t)(spend ? room / 8 : 0), .duration = 3000};
            const struct link_unit u = {.packets = &p, .n_packets = 1};
            jobs_rate_spend(&r, &u);
            sent[i] = (int64_t)p.length * 8;
            ck_assert_int_ge(r.level_bits, 0);
        }
        for (size_t i = 0; i < 300; i++) {
            int64_t sum = 0;
            for (size_t k = i; k < i + 300; k++) {
                sum += sent[k];
            }
            most = sum > most ? sum : most;
        }
        ck_assert_int_le(most, (int64_t)caps[c] * 10 * 103 / 100);
        ck_assert_int_ge(most, (int64_t)caps[c] * 8);
    }
}
END_TEST

/* Segments of 60 pictures that spend this part of what flows in. */
static void spend_segments(struct jobs_rate *r, int64_t permille, int n)
{
    for (int i = 0; i < 60 * n; i++) {
        if (i % 60 == 0) {
            jobs_rate_open(r);
        }
        int64_t bits = r->rate_bps * 3000 / TICKS_PER_S * permille / 1000;
        struct link_packet p = {.length = (uint32_t)(bits / 8), .duration = 3000};
        const struct link_unit u = {.packets = &p, .n_packets = 1, .last = i % 60 == 59};
        jobs_rate_spend(r, &u);
    }
}

START_TEST(a_starved_rung_is_told_to_reach_for_less)
{
    struct jobs_rate r;
    jobs_rate_init(&r, 1000000);
    ck_assert_uint_eq(jobs_rate_crf_more(&r), 0);
    spend_segments(&r, 400, 3);
    ck_assert_uint_eq(jobs_rate_crf_more(&r), 0);
    spend_segments(&r, 1050, 1);
    ck_assert_uint_eq(jobs_rate_crf_more(&r), 1);
    spend_segments(&r, 1050, 2);
    ck_assert_uint_eq(jobs_rate_crf_more(&r), 5);
    spend_segments(&r, 800, 3);
    ck_assert_uint_eq(jobs_rate_crf_more(&r), 5);
    spend_segments(&r, 1050, 1);
    ck_assert_uint_eq(jobs_rate_crf_more(&r), 6);
    spend_segments(&r, 1050, 9);
    ck_assert_uint_eq(jobs_rate_crf_more(&r), RATE_CRF_MORE_MAX);
    spend_segments(&r, 750, 1);
    ck_assert_uint_eq(jobs_rate_crf_more(&r), RATE_CRF_MORE_MAX - 1);
    spend_segments(&r, 100, 4);
    ck_assert_uint_eq(jobs_rate_crf_more(&r), 0);
}
END_TEST

START_TEST(a_rung_that_spends_all_and_has_a_whole_buffer_is_not_starved)
{
    struct jobs_rate r;
    jobs_rate_init(&r, 1000000);
    spend_segments(&r, 400, 1);
    spend_segments(&r, 1000, 5);
    ck_assert_uint_eq(jobs_rate_crf_more(&r), 0);
}
END_TEST

START_TEST(the_first_segment_that_starves_counts_most)
{
    struct jobs_rate r;
    jobs_rate_init(&r, 1000000);
    spend_segments(&r, 1050, 1);
    ck_assert_uint_eq(jobs_rate_crf_more(&r), 3);
    spend_segments(&r, 1050, 1);
    ck_assert_uint_eq(jobs_rate_crf_more(&r), 5);
}
END_TEST

/* Pictures that spend this part of what flows in, none of which ends a segment. */
static void spend_pictures(struct jobs_rate *r, int64_t permille, int n)
{
    for (int i = 0; i < n; i++) {
        int64_t bits = r->rate_bps * 3000 / TICKS_PER_S * permille / 1000;
        struct link_packet p = {.length = (uint32_t)(bits / 8), .duration = 3000};
        const struct link_unit u = {.packets = &p, .n_packets = 1};
        jobs_rate_spend(r, &u);
    }
}

/* When the next segment is opened, the last parts of the one before are not here yet. */
START_TEST(most_of_a_segment_tells_as_much_as_all_of_it)
{
    struct jobs_rate r;
    jobs_rate_init(&r, 1000000);
    spend_pictures(&r, 1010, 29);
    ck_assert_uint_eq(jobs_rate_crf_more(&r), 0);
    spend_pictures(&r, 1010, 26);
    ck_assert_uint_eq(jobs_rate_crf_more(&r), 3);
    ck_assert_uint_eq(jobs_rate_crf_more(&r), 3);
    spend_pictures(&r, 1010, 4);
    ck_assert_uint_eq(jobs_rate_crf_more(&r), 3);
    r.in_bits = 0;
    r.out_bits = 0;
    ck_assert_uint_eq(jobs_rate_crf_more(&r), 0);
}
END_TEST

static void spend_last(struct jobs_rate *r)
{
    struct link_packet p = {.length = 4000, .duration = 3000};
    const struct link_unit u = {.packets = &p, .n_packets = 1, .last = true};
    jobs_rate_spend(r, &u);
}

/* Segment after segment is opened when this many pictures of the one before came; of each the CRF
 * is what the one that was open then made of it, and nothing is told twice. */
START_TEST(what_a_segment_was_told_already_is_not_told_again)
{
    static const struct {
        int seen;
        uint32_t told[4];
    } cases[] = {{55, {0, 3, 5, 7}}, {60, {0, 3, 5, 7}}, {20, {0, 0, 3, 3}}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct jobs_rate r;
        jobs_rate_init(&r, 1000000);
        jobs_rate_open(&r);
        for (int k = 0; k < 4; k++) {
            ck_assert_uint_eq(r.crf_told, cases[i].told[k]);
            spend_pictures(&r, 1010, cases[i].seen == 60 ? 59 : cases[i].seen);
            if (cases[i].seen < 60) {
                jobs_rate_open(&r);
                jobs_rate_open(&r); /* in vain the first time */
                spend_pictures(&r, 1010, 59 - cases[i].seen);
                spend_last(&r);
            } else {
                spend_last(&r);
                jobs_rate_open(&r);
            }
        }
    }
}
END_TEST

/* An encoder that spends all it is told of leaves a key frame's worth, however long segments are.
 */
START_TEST(a_segment_leaves_some_for_the_next_key_frame)
{
    static const int frames[] = {30, 60, 300};
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        struct jobs_rate r;
        jobs_rate_init(&r, 1000000);
        r.level_bits = 0;
        for (int segment = 0; segment < 3; segment++) {
            int64_t told = jobs_rate_bps(&r), level = r.level_bits;
            ck_assert_int_lt(told, r.rate_bps);
            ck_assert_int_ge(told, r.rate_bps / 2);
            for (int k = 0; k < frames[i]; k++) {
                int64_t bits = level + told * 3000 / TICKS_PER_S;
                level = 0;
                struct link_packet p = {.length = (uint32_t)(bits / 8), .duration = 3000};
                const struct link_unit u = {
                    .packets = &p, .n_packets = 1, .last = k == frames[i] - 1};
                jobs_rate_spend(&r, &u);
            }
        }
        ck_assert_uint_ge(jobs_rate_permille(&r), 200);
        ck_assert_uint_le(jobs_rate_permille(&r), 300);
    }
}
END_TEST

UNIT_MAIN("jobs_rung", parts_that_do_not_fit_are_refused_and_change_nothing,
          the_last_part_may_be_short_and_nothing_follows, a_rung_is_bounded_in_bytes_and_in_packets,
          no_ten_seconds_above_the_cap, a_starved_rung_is_told_to_reach_for_less,
          a_rung_that_spends_all_and_has_a_whole_buffer_is_not_starved,
          the_first_segment_that_starves_counts_most, most_of_a_segment_tells_as_much_as_all_of_it,
          what_a_segment_was_told_already_is_not_told_again,
          a_segment_leaves_some_for_the_next_key_frame)
