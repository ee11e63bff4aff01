#include "broadcaster/viewers/viewers_index.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/viewers/viewers.h"
#include "tests/support/clip.h"
#include "tests/support/raw_http.h"
#include "tests/support/unit.h"

#define N_ASKERS 8

static struct board *board;
static struct viewers *viewers;
static int port;

static void start(bool no_index)
{
    struct viewers_config config = {.addr = {.host = "127.0.0.1"},
                                    .threads = 2,
                                    .max_connections = 100,
                                    .idle_timeout_s = 30,
                                    .no_index = no_index};
    const char *why = NULL;
    board = board_create();
    ck_assert_int_eq(viewers_create(&config, board, &viewers, &why), ERR_OK);
    port = viewers_port(viewers);
}

static void stop(void)
{
    viewers_destroy(viewers);
    board_destroy(board);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

/* One segment with a picture, or with sound alone; broken: a picture that cannot be decoded. */
static void publish(const char *id, bool picture, bool broken, int width, int height)
{
    struct clip v = clip_video(width, height, 10, 10, 0, 0);
    struct clip a = clip_audio(10, 64000, 0);
    struct packets video = {0};
    struct packets audio = clip_cut(&a, 0, 10);
    struct sound *sound = sound_create(a.track, &audio);
    if (picture) {
        video = clip_cut(&v, 0, 10);
        video.items[0].data.len = broken ? 4 : video.items[0].data.len;
    }
    struct segment *s = segment_create(&(struct segment_info){.msn = 7, .duration = 90000},
                                       picture ? v.track : NULL, &video, sound);
    struct window *w = window_create(&s, 1, 1);
    struct variant variant = {.name = "source"};
    variant_measure(&variant, &s, 1);
    board_publish(board, id, &variant, w);
    window_unref(w);
    segment_unref(s);
    sound_unref(sound);
    clip_free(&v);
    clip_free(&a);
}

static struct raw_reply expect(const char *path, int status, const char *type, const char *text)
{
    struct raw_reply r = raw_get(port, path);
    ck_assert_msg(r.status == status, "%s: %d %s", path, r.status, r.body);
    ck_assert_msg(raw_has(&r, type), "%s: %s", path, r.head);
    ck_assert(raw_has(&r, "Access-Control-Allow-Origin: *"));
    ck_assert_msg(strstr(r.body, text) != NULL, "%s: %s", path, r.body);
    return r;
}

static void check(const char *path, int status, const char *type, const char *text)
{
    struct raw_reply r = expect(path, status, type, text);
    raw_free(&r);
}

#define TEXT     "Content-Type: text/plain; charset=utf-8"
#define JSON     "Content-Type: application/json"
#define JPEG     "Content-Type: image/jpeg"
#define PLAYLIST "Content-Type: application/vnd.apple.mpegurl"

START_TEST(lists)
{
    start(false);
    check("/streams.json", 200, JSON, "{\"streams\":[]}");
    check("/stream/index.m3u8", 404, TEXT, "No stream is live");
    stop();
    start(false);
    publish("index", true, false, 160, 90);
    check("/streams.json", 200, JSON, "\"id\":\"index\"");
    check("/stream/index.m3u8", 200, PLAYLIST, "\nindex/source.m3u8\n");
    check("/stream/index/source.m3u8", 200, PLAYLIST, "#EXTINF");
    check("/stream/index/live.m3u8", 200, PLAYLIST, "source/live.m3u8");
    struct raw_reply r = expect("/stream/index", 302, TEXT, "The stream is at");
    ck_assert(raw_has(&r, "Location: /stream/index/live.m3u8"));
    raw_free(&r);
    stop();
}
END_TEST

START_TEST(switched_off)
{
    start(true);
    publish("a", true, false, 160, 90);
    check("/streams.json", 404, TEXT, "does not tell");
    check("/stream/index.m3u8", 404, TEXT, "does not tell");
    check("/stream/a/poster.jpg", 200, JPEG, "\xff\xd8\xff");
    stop();
}
END_TEST

START_TEST(posters)
{
    start(false);
    publish("a", true, false, 160, 90);
    publish("sound", false, false, 160, 90);
    publish("broken", true, true, 160, 90);
    board_set_current(board, "a");
    struct raw_reply r = expect("/stream/a/poster.jpg", 200, JPEG, "\xff\xd8\xff");
    ck_assert(raw_has(&r, "Cache-Control: public, max-age=3"));
    ck_assert_ptr_nonnull(strstr(r.head, "ETag: \""));
    raw_free(&r);
    check("/stream/current/poster.jpg", 200, JPEG, "\xff\xd8\xff");
    check("/stream/sound/poster.jpg", 404, TEXT, "it has no picture");
    check("/stream/broken/poster.jpg", 404, TEXT, "cannot be decoded");
    check("/stream/nobody/poster.jpg", 404, TEXT, "There is no stream \"nobody\"");
    stop();
}
END_TEST

static void *ask_poster(void *arg)
{
    struct raw_reply r = raw_get(port, "/stream/a/poster.jpg");
    ck_assert(r.status == 200 || r.status == 503 || r.status == 0);
    int status = r.status;
    raw_free(&r);
    return status == 200 ? arg : NULL;
}

static size_t count_answered(pthread_t *threads)
{
    size_t answered = 0;
    for (int i = 0; i < N_ASKERS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        answered += result != NULL;
    }
    return answered;
}

START_TEST(many_ask_at_once)
{
    pthread_t threads[N_ASKERS];
    start(false);
    publish("a", true, false, 1920, 1080);
    for (int i = 0; i < N_ASKERS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_poster, &port), 0);
    }
    ck_assert_uint_eq(count_answered(threads), N_ASKERS);
    stop();
}
END_TEST

/* Whatever state they are in, the server ends and they are not left hanging. */
START_TEST(it_stops_while_they_ask)
{
    for (int round = 0; round < 10; round++) {
        pthread_t threads[N_ASKERS];
        start(false);
        publish("a", true, false, 640, 360);
        for (int i = 0; i < N_ASKERS; i++) {
            ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_poster, &port), 0);
        }
        while (viewers_counters(viewers).connections == 0 &&
               viewers_counters(viewers).requests == 0) {
        }
        viewers_destroy(viewers);
        (void)count_answered(threads);
        board_destroy(board);
        ck_assert_uint_eq(blob_live_bytes(), 0);
    }
}
END_TEST

UNIT_MAIN("viewers_index", lists, switched_off, posters, many_ask_at_once, it_stops_while_they_ask)
