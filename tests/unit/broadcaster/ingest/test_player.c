#include "broadcaster/ingest/player.h"

#include <string.h>

#include "base/mem.h"
#include "broadcaster/rtmp/play.h"
#include "run/log.h"
#include "tests/support/unit.h"
#include "tests/unit/broadcaster/rtmp/script.h"

struct fixture {
    struct player *player;
    struct player_counters counters;
    struct rtmp_session *session;
    struct track *video, *audio;
    struct chunk_reader *reader;
    size_t wakes;
    uint32_t first_video_ms, last_ms;
    size_t videos, audios, datas;
    int first_byte; /* of the first video message */
};

static void on_event(void *arg, const struct rtmp_event *e)
{
    struct fixture *f = arg;
    if (e->type == RTMP_EVENT_PLAY) {
        rtmp_session_accept_play(f->session);
    }
}

static void wake(void *arg)
{
    struct fixture *f = arg;
    f->wakes++;
}

static struct track *make_track(enum track_codec codec)
{
    struct track_params p = {.kind = codec < CODEC_AAC ? TRACK_VIDEO : TRACK_AUDIO,
                             .codec = codec,
                             .config = span_cstr("config"),
                             .sar_den = 1,
                             .sample_rate = 48000,
                             .channels = 2};
    return track_create(&p);
}

static void take_answers(struct fixture *f)
{
    struct buf *out = rtmp_session_output(f->session);
    struct span rest = buf_span(out);
    struct chunk_message m;
    while (chunk_reader_feed(f->reader, &rest, &m) == ERR_OK) {
        struct span body = blob_span(m.blob);
        if (m.type == MESSAGE_VIDEO && body.data[1] == 1) {
            f->first_byte = f->videos == 0 ? body.data[0] : f->first_byte;
            f->first_video_ms = f->videos == 0 ? m.timestamp : f->first_video_ms;
            f->videos++;
            f->last_ms = m.timestamp;
        } else if (m.type == MESSAGE_AUDIO && body.data[1] == 1) {
            f->audios++;
        }
        f->datas += m.type == MESSAGE_DATA_AMF0;
        blob_unref(m.blob);
    }
    buf_clear(out);
}

static struct fixture *open_fixture(void)
{
    static const struct chunk_limits limits = {1 << 20, 1 << 24, 1 << 24};
    struct fixture *f = mem_alloc(sizeof *f);
    struct buf b;
    log_init("test", LOG_ERROR);
    f->session = rtmp_session_create(on_event, f);
    f->player = player_create(wake, f, &f->counters, "peer");
    f->video = make_track(CODEC_H264);
    f->audio = make_track(CODEC_AAC);
    f->reader = chunk_reader_create(&limits);
    buf_init(&b, 1 << 20);
    script_handshake(&b);
    script_connect(&b, "movie", "rtmp://host/movie");
    script_command(&b, "play", 0, "");
    ck_assert_int_eq(rtmp_session_feed(f->session, buf_span(&b)), ERR_OK);
    ck_assert(rtmp_session_playing(f->session));
    buf_drop(rtmp_session_output(f->session), 3073);
    ck_assert_int_eq(chunk_reader_set_size(f->reader, 65536), ERR_OK);
    take_answers(f);
    f->datas = 0;
    buf_fini(&b);
    return f;
}

static void close_fixture(struct fixture *f)
{
    player_destroy(f->player);
    rtmp_session_destroy(f->session);
    chunk_reader_destroy(f->reader);
    track_unref(f->video);
    track_unref(f->audio);
    mem_free(f);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

static void give(struct fixture *f, enum track_kind kind, int64_t ms, bool key, size_t bytes)
{
    struct blob *blob = blob_create(bytes);
    struct packet p = {.kind = kind,
                       .flags = key ? PACKET_KEY : 0,
                       .dts = ms * TICKS_PER_MS,
                       .pts = ms * TICKS_PER_MS,
                       .blob = blob,
                       .data = blob_span(blob)};
    struct tap *t = player_tap(f->player);
    bool video = kind == TRACK_VIDEO;
    t->fns->on_packet(t->arg, video ? f->video : f->audio, video ? f->audio : f->video, &p);
    blob_unref(blob);
}

static void fill(struct fixture *f)
{
    ck_assert_int_eq(player_fill(f->player, f->session), ERR_OK);
    take_answers(f);
}

START_TEST(it_begins_with_a_key_frame_at_nought)
{
    struct fixture *f = open_fixture();
    give(f, TRACK_VIDEO, 5000, false, 10);
    give(f, TRACK_AUDIO, 5001, true, 10);
    ck_assert(!player_waiting(f->player));
    ck_assert_uint_eq(f->wakes, 0);
    give(f, TRACK_VIDEO, 5040, true, 10);
    give(f, TRACK_AUDIO, 5030, true, 10); /* from before the picture: it has no time */
    give(f, TRACK_AUDIO, 5050, true, 10);
    give(f, TRACK_VIDEO, 5080, false, 10);
    ck_assert_uint_gt(f->wakes, 0);
    ck_assert(player_waiting(f->player));
    fill(f);
    ck_assert_int_eq(f->first_byte, 0x17);
    ck_assert_uint_eq(f->first_video_ms, 0);
    ck_assert_uint_eq(f->last_ms, 40);
    ck_assert_uint_eq(f->videos, 2);
    ck_assert_uint_eq(f->audios, 1);
    ck_assert_uint_eq(f->datas, 1); /* onMetaData once, both tracks being known */
    ck_assert_uint_eq(f->counters.packets_dropped, 0);
    close_fixture(f);
}
END_TEST

START_TEST(the_session_is_filled_little_by_little)
{
    struct fixture *f = open_fixture();
    for (int i = 0; i < 100; i++) {
        give(f, TRACK_VIDEO, i, i == 0, 100000);
    }
    ck_assert_int_eq(player_fill(f->player, f->session), ERR_OK);
    ck_assert_uint_lt(rtmp_session_output(f->session)->len, PLAYER_OUTPUT_BYTES + 110000);
    while (player_waiting(f->player)) {
        fill(f);
    }
    take_answers(f);
    ck_assert_uint_eq(f->videos, 100);
    close_fixture(f);
}
END_TEST

START_TEST(who_does_not_read_is_bounded_and_goes_on_with_a_key_frame)
{
    struct fixture *f = open_fixture();
    /* 50 Mb/s for a minute, a key frame each two seconds. */
    for (int i = 0; i < 1500; i++) {
        give(f, TRACK_VIDEO, i * 40, i % 50 == 0, 250000);
        ck_assert_uint_le(blob_live_bytes(), PLAYER_BYTES_MAX + 1000);
    }
    ck_assert_uint_gt(f->counters.packets_dropped, 1000);
    while (player_waiting(f->player)) {
        fill(f);
    }
    ck_assert_int_eq(f->first_byte, 0x17);
    ck_assert_uint_eq(f->last_ms % 40, 0);
    ck_assert_uint_eq(f->videos + f->counters.packets_dropped, 1500);
    size_t before = f->videos;
    give(f, TRACK_VIDEO, 60000, true, 10);
    fill(f);
    ck_assert_uint_eq(f->videos, before + 1);
    close_fixture(f);
}
END_TEST

START_TEST(a_low_rate_is_bounded_in_time)
{
    struct fixture *f = open_fixture();
    for (int i = 0; i < 1500; i++) {
        give(f, TRACK_VIDEO, i * 40, i % 50 == 0, 100);
        give(f, TRACK_AUDIO, i * 40 + 1, true, 10);
    }
    while (player_waiting(f->player)) {
        fill(f);
    }
    ck_assert_uint_le(f->videos, 13 * 25); /* ten seconds, and up to a key frame */
    ck_assert_uint_gt(f->videos, 5 * 25);
    close_fixture(f);
}
END_TEST

START_TEST(pause_and_the_end)
{
    struct fixture *f = open_fixture();
    give(f, TRACK_VIDEO, 0, true, 10);
    player_set_paused(f->player, true);
    give(f, TRACK_VIDEO, 40, true, 10);
    ck_assert(!player_waiting(f->player));
    player_set_paused(f->player, false);
    give(f, TRACK_VIDEO, 80, false, 10);
    give(f, TRACK_AUDIO, 80, true, 10);
    ck_assert(!player_waiting(f->player));
    give(f, TRACK_VIDEO, 120, true, 10);
    struct tap *t = player_tap(f->player);
    t->fns->on_end(t->arg);
    ck_assert(!player_ended(f->player)); /* what is there comes first */
    fill(f);
    ck_assert(player_ended(f->player));
    ck_assert_uint_eq(f->videos, 1);
    close_fixture(f);
}
END_TEST

/* Intra refresh: no key frame ever. */
START_TEST(without_key_frames_any_picture_does_in_the_end)
{
    struct fixture *f = open_fixture();
    for (int i = 0; i < 40; i++) {
        give(f, TRACK_VIDEO, i * 1000, false, 10);
        ck_assert(player_waiting(f->player) == (i > 30));
    }
    player_set_paused(f->player, true);
    player_set_paused(f->player, false);
    give(f, TRACK_VIDEO, 90000, false, 10);
    ck_assert(!player_waiting(f->player));
    close_fixture(f);
}
END_TEST

START_TEST(no_memory)
{
    for (size_t nth = 1; nth < 8; nth++) {
        struct fixture *f = open_fixture();
        give(f, TRACK_VIDEO, 0, true, 100);
        mem_fail_nth(nth);
        enum err e = player_fill(f->player, f->session);
        ck_assert(e == (mem_has_failed() ? ERR_NOMEM : ERR_OK));
        mem_fail_nth(0);
        close_fixture(f);
    }
}
END_TEST

UNIT_MAIN("player", it_begins_with_a_key_frame_at_nought, the_session_is_filled_little_by_little,
          who_does_not_read_is_bounded_and_goes_on_with_a_key_frame, a_low_rate_is_bounded_in_time,
          pause_and_the_end, without_key_frames_any_picture_does_in_the_end, no_memory)
