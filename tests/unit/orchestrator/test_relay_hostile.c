/* usual time: 6 s */
/* Peers with the right key and the worst intentions, on the real link: what the relay holds stays
 * bounded, and the others' jobs go on. */
#include "fakes.h"

#define ATTACKS      300
#define HONEST       50 /* the honest broadcaster's job */
#define PACKETS_MANY LINK_PACKETS_MAX

/* Any bytes' worth of packets, as they are told. */
static void send_units(struct fake *f, enum link_msg_type type, uint64_t job, struct link_unit *u)
{
    size_t size = 0;
    for (size_t i = 0; i < u->n_packets; i++) {
        size += u->packets[i].length;
    }
    struct blob *payload = size > 0 ? payload_of(size, 0xee) : NULL;
    struct link_msg m = {.type = type, .job = job, .reason = "", .unit = *u};
    enum err e = link_send_msg(f->link, 0, &m, payload);
    blob_unref(payload);
    ck_assert(e == ERR_OK || e == ERR_AGAIN); /* the attacker's own queue is full: enough */
}

static uint64_t accept_job(struct fake *t)
{
    wait_msg(t, LINK_JOB_OPEN, 1);
    uint64_t attempt = last_of(t, LINK_JOB_OPEN)->job;
    say(t, LINK_JOB_ACCEPT, attempt, "");
    return attempt;
}

/* The honest pair's job from one end to the other. */
static void finish_honestly(struct fake *b, struct fake *t, uint64_t attempt)
{
    send_part(t, attempt, 0, true, true, 700);
    struct link_msg done = {.type = LINK_JOB_DONE, .job = attempt, .reason = ""};
    tell(t, &done, NULL);
    wait_msg(b, LINK_JOB_DONE, 1);
    ck_assert_uint_eq(last_of(b, LINK_JOB_DONE)->job, HONEST);
    ck_assert_uint_eq(count_of(b, LINK_RUNG_UNIT), 1);
    ck_assert_uint_eq(count_of(b, LINK_JOB_FAILED), 0);
}

/* Each kind of forged part; the one-packet part that it starts from would be right. */
static void forge(unsigned kind, struct link_unit *u, struct link_packet *p)
{
    static const uint8_t config[] = {1, 2, 3};
    for (unsigned i = 0; i < PACKETS_MANY; i++) {
        p[i] = (struct link_packet){.length = 1, .dts = i, .pts = i, .flags = PACKET_KEY};
    }
    *u = (struct link_unit){.packets = p, .n_packets = 1, .config_hash = 7};
    u->config = span_of(config, sizeof config);
    switch (kind) {
    case 0:
        u->rung = PROFILE_LADDER_MAX - 1;
        break;
    case 1:
        u->part = 100000;
        break;
    case 2:
        u->n_packets = PACKETS_MANY;
        break;
    case 3:
        p[0].length = LINK_PAYLOAD_MAX;
        u->n_packets = 1;
        u->last = true; /* before the segment's end */
        break;
    case 4:
        p[0].pts = -1;
        break;
    case 5:
        u->n_packets = 0;
        break;
    default:
        p[0].flags = 0;
        break;
    }
}

#define FORGERIES 7

static bool has_refused_one(const void *arg)
{
    return job_table_counters(relay_table(relay)).bad_units == 1;
}

/* A part that breaks a rule costs the forger the job, and reaches nobody. */
START_TEST(a_forged_part_goes_to_nobody)
{
    static struct link_packet packets[PACKETS_MANY];
    struct link_unit u;
    struct fake *b = join(LINK_ROLE_BROADCASTER, 0);
    struct fake *evil = join(LINK_ROLE_TRANSCODER, 9);
    open_job(b, HONEST);
    uint64_t attempt = accept_job(evil);
    struct fake *good = join(LINK_ROLE_TRANSCODER, 1); /* alone, the forger is asked again */
    send_unit(b, HONEST, 0, false, 100);
    wait_msg(evil, LINK_JOB_UNIT, 1);
    forge((unsigned)_i, &u, packets);
    send_units(evil, LINK_RUNG_UNIT, attempt, &u);
    WAIT(has_refused_one, NULL);
    wait_msg(evil, LINK_JOB_CANCEL, 1);
    uint64_t again = accept_job(good);
    send_unit(b, HONEST, 1, true, 100);
    wait_msg(good, LINK_JOB_UNIT, 2);
    send_units(evil, LINK_RUNG_UNIT, again, &u); /* somebody else's */
    finish_honestly(b, good, again);
    ck_assert_uint_eq(gauges().held_bytes, 0);
}
END_TEST

static bool has_got_strays(const void *arg)
{
    struct job_table_counters c = job_table_counters(relay_table(relay));
    return c.stray + c.late_answers >= ATTACKS;
}

START_TEST(a_flood_of_parts_for_nobody)
{
    struct fake *b = join(LINK_ROLE_BROADCASTER, 0);
    struct fake *good = join(LINK_ROLE_TRANSCODER, 1);
    open_job(b, HONEST);
    uint64_t attempt = accept_job(good);
    send_unit(b, HONEST, 0, true, 100);
    wait_msg(good, LINK_JOB_UNIT, 1);
    struct fake *evil = join(LINK_ROLE_TRANSCODER, 9);
    struct link_packet p = {.length = MB, .flags = PACKET_KEY};
    struct link_unit u = {.packets = &p, .n_packets = 1};
    for (unsigned i = 0; i < ATTACKS / 3; i++) {
        send_units(evil, LINK_RUNG_UNIT, attempt, &u);
        say(evil, LINK_JOB_FAILED, attempt, "no");
        say(evil, LINK_JOB_DONE, attempt + i, "");
    }
    WAIT(has_got_strays, NULL);
    finish_honestly(b, good, attempt);
    ck_assert_uint_eq(relay_waiting_bytes(relay), 0);
    ck_assert_uint_eq(gauges().held_bytes, 0);
}
END_TEST

static void open_absurdly(struct fake *b, uint64_t job, unsigned variant)
{
    static const uint8_t config[LINK_CONFIG_MAX] = {1, 66, 0, 30};
    static char words[LINK_STRING_MAX + 1];
    char stream[16];
    snprintf(stream, sizeof stream, "s%u", variant % 40);
    memset(words, 'w', LINK_STRING_MAX);
    struct link_msg m = {.type = LINK_JOB_OPEN, .job = job, .reason = ""};
    m.open = (struct link_job_open){
        .stream = stream,
        .msn = UINT64_C(1) << 53,
        .track = {.kind = TRACK_VIDEO,
                  .codec = CODEC_H264,
                  .config = {config, sizeof config},
                  .width = LINK_SIDE_MAX,
                  .height = LINK_SIDE_MAX,
                  .sar_den = 1},
        .n_ladder = PROFILE_LADDER_MAX,
        .deadline_ms = variant % 3 == 0   ? 0
                       : variant % 3 == 1 ? 1
                                          : 60 * 60 * 1000,
    };
    for (unsigned i = 0; i < PROFILE_LADDER_MAX; i++) {
        m.open.ladder[i] = (struct link_rung){.name = words,
                                              .preset = words,
                                              .width = LINK_SIDE_MAX,
                                              .height = LINK_SIDE_MAX,
                                              .fps_num = 240,
                                              .fps_den = 1,
                                              .bitrate_bps = 1000000000,
                                              .buffer_bits = 2000000000,
                                              .crf = 51,
                                              .bframes = 16,
                                              .dts_delay_frames = 64,
                                              .frames_per_part = 1000,
                                              .emit_from = 100000};
    }
    enum err e = link_send_msg(b->link, 0, &m, NULL);
    ck_assert(e == ERR_OK || e == ERR_AGAIN);
}

static bool has_refused_many(const void *arg)
{
    struct job_table_counters c = job_table_counters(relay_table(relay));
    return c.opened + c.refused >= ATTACKS;
}

START_TEST(a_broadcaster_that_opens_and_opens)
{
    struct fake *b = join(LINK_ROLE_BROADCASTER, 0);
    struct fake *good = join(LINK_ROLE_TRANSCODER, 1);
    open_job(b, HONEST);
    uint64_t attempt = accept_job(good);
    struct fake *evil = join(LINK_ROLE_BROADCASTER, 0);
    evil->forgetful = true;
    for (unsigned i = 0; i < ATTACKS; i++) {
        open_absurdly(evil, i + 1, i);
        say(evil, LINK_JOB_CANCEL, HONEST, "the other's");
    }
    WAIT(has_refused_many, NULL);
    struct job_table_gauges g = gauges();
    ck_assert_uint_le(g.sessions, JOB_TABLE_SESSIONS_DEFAULT);
    ck_assert_uint_le(g.held_bytes, (size_t)ATTACKS * (LINK_CONFIG_MAX + 64 * 1024));
    send_unit(b, HONEST, 0, true, 100);
    wait_msg(good, LINK_JOB_UNIT, 1);
    finish_honestly(b, good, attempt);
    leave(evil);
    ck_assert_uint_eq(job_table_counters(relay_table(relay)).done, 1);
}
END_TEST

static bool has_given_up(const void *arg)
{
    return job_table_counters(relay_table(relay)).failed >= *(const unsigned *)arg;
}

struct wanted_unit {
    const struct fake *fake;
    uint64_t job;
};

static bool has_unit_of(const void *arg)
{
    const struct wanted_unit *w = arg;
    const struct got *newest = last_of(w->fake, LINK_JOB_UNIT);
    return newest != NULL && newest->job == w->job;
}

/* A segment without an end, one with units behind its end, one with a hole, one that is empty. */
START_TEST(segments_that_cannot_be)
{
    struct fake *b = join(LINK_ROLE_BROADCASTER, 0);
    struct fake *good = join(LINK_ROLE_TRANSCODER, 5);
    open_job(b, HONEST);
    uint64_t attempt = accept_job(good);
    struct fake *evil = join(LINK_ROLE_BROADCASTER, 0);
    evil->forgetful = true;
    good->forgetful = true;
    struct link_packet p = {.length = 2 * MB};
    open_job(evil, 1);
    for (uint32_t i = 0; i < 2 * FLOOD * FLOOD_SIZE / (2 * MB) + 1; i++) {
        send_unit(evil, 1, i, false, p.length);
    }
    unsigned failed = 1;
    WAIT(has_given_up, &failed);
    open_job(evil, 2);
    send_unit(evil, 2, 0, true, 10);
    send_unit(evil, 2, 1, true, 10);
    open_job(evil, 3);
    send_unit(evil, 3, 1, false, 10);
    open_job(evil, 4);
    struct link_unit none = {.n_packets = 0};
    send_units(evil, LINK_JOB_UNIT, 4, &none);
    failed = 4;
    WAIT(has_given_up, &failed);
    send_unit(evil, 1, 7, false, 10); /* of what is over */
    send_unit(b, HONEST, 0, true, 100);
    struct wanted_unit unit = {good, attempt};
    WAIT(has_unit_of, &unit); /* behind all that was for the other job */
    finish_honestly(b, good, attempt);
    ck_assert_uint_eq(gauges().held_bytes, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("relay_hostile");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 90);
    tcase_add_unchecked_fixture(tc, derive_once, NULL);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, a_forged_part_goes_to_nobody, 0, FORGERIES);
    tcase_add_test(tc, a_flood_of_parts_for_nobody);
    tcase_add_test(tc, a_broadcaster_that_opens_and_opens);
    tcase_add_test(tc, segments_that_cannot_be);
    suite_add_tcase(suite, tc);
    SRunner *sr = srunner_create(suite);
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
