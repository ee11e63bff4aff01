/* Sources of every codec, and what damage on the way may make of them: a job ends in whole parts or
 * in words. DAMAGE_ROUNDS=N in the environment: more of it, for a sanitizer's build. */
#include <stdlib.h>

#include "fixture.h"
#include "tests/support/clip_codec.h"
#include "tests/support/unit.h"

#define FRAMES 20
#define ROUNDS 10

static const enum track_codec codecs[] = {CODEC_H264, CODEC_HEVC, CODEC_AV1, CODEC_VP9};
#define N_CODECS ((int)(sizeof codecs / sizeof codecs[0]))

static struct output out;
static uint32_t seed;

static uint32_t dice(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

static unsigned rounds(void)
{
    const char *more = getenv("DAMAGE_ROUNDS");
    return more != NULL ? (unsigned)strtoul(more, NULL, 10) : ROUNDS;
}

static struct link_job_open job_for(const struct clip *c)
{
    struct source s = {
        .width = CLIP_WIDTH, .height = CLIP_HEIGHT, .track = *track_params(c->track)};
    return open_for(&s, "P144p30fps16x9");
}

static void run_packets(const struct link_job_open *open, const struct packets *packets)
{
    struct source s = {.packets = *packets};
    run_job(&s, open, 0, packets->count, 0, (int64_t)FRAMES * TICKS_PER_S / 30, &out);
}

static struct packets copy_of(const struct clip *c)
{
    struct packets copy;
    packets_init(&copy);
    for (size_t i = 0; i < c->packets.count; i++) {
        struct packet p = c->packets.items[i];
        p.blob = blob_copy(p.data);
        p.data = blob_span(p.blob);
        ck_assert_int_eq(packets_push(&copy, p), ERR_OK);
    }
    return copy;
}

/* Some bytes anywhere, near the beginning of a packet more often: there the headers are. */
static void damage_bytes(struct packet *p)
{
    uint32_t n = 1 + dice() % 8;
    for (uint32_t i = 0; i < n && p->data.len > 0; i++) {
        size_t range = dice() % 2 == 0 && p->data.len > 24 ? 24 : p->data.len;
        blob_bytes(p->blob)[dice() % range] ^= (uint8_t)(1u << dice() % 8);
    }
}

static void damage(struct packets *ps)
{
    uint32_t n = 1 + dice() % 6;
    for (uint32_t i = 0; i < n; i++) {
        struct packet *p = &ps->items[dice() % ps->count];
        switch (dice() % 8) {
        case 0: /* cut off */
            p->data.len = dice() % (p->data.len + 1);
            break;
        case 1: { /* in another's place */
            struct packet *q = &ps->items[dice() % ps->count];
            struct packet kept = *p;
            *p = *q;
            *q = kept;
            break;
        }
        case 2: /* noise */
            for (size_t k = 0; k < p->data.len; k++) {
                blob_bytes(p->blob)[k] = (uint8_t)dice();
            }
            break;
        default:
            damage_bytes(p);
        }
    }
}

static void is_words_or_parts(unsigned round)
{
    if (out.result != ERR_OK) {
        ck_assert_msg(out.fault.text[0] != '\0', "round %u: no words", round);
    } else {
        ck_assert_uint_ge(out.done.rungs[0].frames, 1);
        ck_assert(out.units[out.count - 1].unit.last);
    }
    output_free(&out);
}

START_TEST(whole)
{
    struct clip c = clip_codec(codecs[_i], FRAMES, 0);
    struct link_job_open open = job_for(&c);
    run_packets(&open, &c.packets);
    ck_assert_msg(out.result == ERR_OK, "%s", out.fault.text);
    ck_assert_uint_eq(out.done.rungs[0].frames, FRAMES);
    ck_assert_uint_eq(out.errors, 0);
    output_free(&out);
    clip_free(&c);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(damaged_packets)
{
    struct clip c = clip_codec(codecs[_i], FRAMES, 0);
    struct link_job_open open = job_for(&c);
    seed = 1;
    for (unsigned round = 0; round < rounds(); round++) {
        struct packets ps = copy_of(&c);
        damage(&ps);
        run_packets(&open, &ps);
        is_words_or_parts(round);
        packets_fini(&ps);
    }
    clip_free(&c);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(damaged_configs)
{
    struct clip c = clip_codec(codecs[_i], FRAMES, 0);
    struct link_job_open open = job_for(&c);
    struct span config = open.track.config;
    seed = 2;
    for (unsigned round = 0; round < rounds(); round++) {
        uint8_t *copy = mem_alloc(config.len);
        memcpy(copy, config.data, config.len);
        size_t len = dice() % 4 == 0 ? dice() % (config.len + 1) : config.len;
        for (uint32_t i = 0; i < 1 + dice() % 4; i++) {
            copy[dice() % config.len] ^= (uint8_t)(1u << dice() % 8);
        }
        open.track.config = span_of(copy, len);
        run_packets(&open, &c.packets);
        is_words_or_parts(round);
        mem_free(copy);
    }
    clip_free(&c);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

int main(void)
{
    av_log_set_level(AV_LOG_QUIET);
    Suite *suite = suite_create("damage");
    TCase *t = tcase_create("damage");
    tcase_set_timeout(t, getenv("DAMAGE_ROUNDS") != NULL ? 0 : UNIT_TIMEOUT_S);
    tcase_add_loop_test(t, whole, 0, N_CODECS);
    tcase_add_loop_test(t, damaged_packets, 0, N_CODECS);
    tcase_add_loop_test(t, damaged_configs, 0, N_CODECS);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
