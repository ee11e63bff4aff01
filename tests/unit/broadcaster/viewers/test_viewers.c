/* usual time: 11 s */
#include "broadcaster/viewers/viewers.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broadcaster/pack/packager.h"
#include "broadcaster/stream/rendition.h"
#include "tests/support/clip.h"
#include "tests/support/clip_codec.h"
#include "tests/support/raw_http.h"

#define WAIT_MS       10000
#define N_CONNECTIONS 300
#define ROUNDS        50
#define LARGE_BYTES   (24 * 1024 * 1024) /* more than both socket buffers take */

static struct board *board;
static struct viewers *viewers;
static int port;

static const struct viewers_config plain = {
    .addr = {.host = "127.0.0.1"}, .threads = 2, .max_connections = 1000, .idle_timeout_s = 30};

static void start(const struct viewers_config *config)
{
    const char *why = NULL;
    board = board_create();
    enum err e = viewers_create(config, board, &viewers, &why);
    ck_assert_msg(e == ERR_OK, "%s", why);
    port = viewers_port(viewers);
    ck_assert_int_gt(port, 0);
}

static void stop(void)
{
    viewers_destroy(viewers);
    board_destroy(board);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

static struct segment *segment(const struct clip *v, uint64_t msn, bool gap)
{
    struct packets ps = gap ? (struct packets){0} : clip_cut(v, (msn % 4) * 10, 10);
    struct segment_info info = {
        .msn = msn, .start = (int64_t)msn * 178200, .duration = 178200, .gap = gap};
    return segment_create(&info, v->track, &ps, NULL);
}

/* A window of 100..count-1 behind, with number 103 a gap; the last two listed. */
static void publish(const char *id, const char *name, size_t count)
{
    struct clip v = clip_video(160, 90, 40, 10, 0, 900000);
    struct segment *list[8];
    for (size_t i = 0; i < count; i++) {
        list[i] = segment(&v, 100 + i, i == 3);
    }
    struct window *w = window_create(list, count, count < 2 ? count : 2);
    w->target_duration_s = 2;
    struct variant variant = {.width = 160, .height = 90, .bandwidth_bps = 400000};
    strcpy(variant.name, name);
    board_publish(board, id, &variant, w);
    window_unref(w);
    for (size_t i = 0; i < count; i++) {
        segment_unref(list[i]);
    }
    clip_free(&v);
}

static void has_cors(const struct raw_reply *r)
{
    ck_assert(raw_has(r, "Access-Control-Allow-Origin: *"));
    ck_assert_ptr_nonnull(strstr(r->head, "Access-Control-Expose-Headers: Content-Length"));
}

static void expect(const char *path, int status, const char *type, const char *body)
{
    struct raw_reply r = raw_get(port, path);
    ck_assert_msg(r.status == status, "%s: %d, not %d", path, r.status, status);
    has_cors(&r);
    ck_assert_msg(raw_has(&r, type), "%s: %s", path, r.head);
    ck_assert_msg(strstr(r.body, body) != NULL, "%s: %s", path, r.body);
    raw_free(&r);
}

#define TEXT     "Content-Type: text/plain; charset=utf-8"
#define PLAYLIST "Content-Type: application/vnd.apple.mpegurl"

START_TEST(what_is_there)
{
    start(&plain);
    publish("hello_world", "source", 5);
    publish("hello_world", "P144p30fps16x9", 5);
    board_set_current(board, "hello_world");
    const char *master = "#EXTM3U\n#EXT-X-VERSION:3\n"
                         "#EXT-X-STREAM-INF:PROGRAM-ID=0,BANDWIDTH=400000,RESOLUTION=160x90\n"
                         "hello_world/source.m3u8\n"
                         "#EXT-X-STREAM-INF:PROGRAM-ID=0,BANDWIDTH=400000,RESOLUTION=160x90\n"
                         "hello_world/P144p30fps16x9.m3u8\n";
    expect("/stream/hello_world.m3u8", 200, PLAYLIST, master);
    expect("/stream/hello_world.m3u8?_HLS_msn=5", 200, PLAYLIST, master);
    expect("/stream/current.m3u8", 200, PLAYLIST, master);
    expect("/stream/Current.m3u8", 200, PLAYLIST, master);
    expect("/stream/hello%5Fworld.m3u8", 200, PLAYLIST, master);
    expect("/stream/hello_world/P144p30fps16x9.m3u8", 200, PLAYLIST,
           "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-MEDIA-SEQUENCE:103\n#EXT-X-TARGETDURATION:2\n"
           "#EXT-X-GAP\n#EXTINF:1.980,\n/stream/hello_world/P144p30fps16x9/103.ts\n"
           "#EXTINF:1.980,\n/stream/hello_world/P144p30fps16x9/104.ts\n");
    expect("/", 200, TEXT, "/stream/ID.m3u8");
    expect("/healthz", 200, TEXT, "ok\n");
    struct viewers_counters c = viewers_counters(viewers);
    ck_assert_uint_eq(c.requests, 8);
    ck_assert_uint_eq(c.playlists, 6);
    ck_assert_uint_gt(c.sent_bytes, 1000);
    stop();
}
END_TEST

START_TEST(a_segment_is_its_container)
{
    start(&plain);
    publish("a", "source", 5);
    struct window *w = board_window(board, "a", "source");
    struct blob *want = NULL;
    ck_assert_int_eq(packager_mpegts(window_find(w, 101), &want), ERR_OK);
    int fd = raw_connect(port);
    for (int i = 0; i < 3; i++) { /* the connection is kept */
        struct raw_reply r = raw_ask(fd, "GET", "/stream/a/source/101.ts");
        ck_assert_int_eq(r.status, 200);
        has_cors(&r);
        ck_assert(raw_has(&r, "Content-Type: video/mp2t"));
        ck_assert(raw_has(&r, "Cache-Control: public, max-age=3600, immutable"));
        ck_assert_uint_eq(r.len, blob_span(want).len);
        ck_assert_int_eq(memcmp(r.body, blob_span(want).data, r.len), 0);
        raw_free(&r);
    }
    struct raw_reply r = raw_ask(fd, "HEAD", "/stream/a/source/101.ts");
    char length[64];
    snprintf(length, sizeof length, "Content-Length: %zu", blob_span(want).len);
    ck_assert_int_eq(r.status, 200);
    ck_assert(raw_has(&r, length));
    raw_free(&r);
    /* Nothing of a body came behind the head: the next answer is in its place. */
    r = raw_ask(fd, "GET", "/healthz");
    ck_assert_str_eq(r.body, "ok\n");
    raw_free(&r);
    close(fd);
    ck_assert_uint_eq(segment_bytes(window_find(w, 101)),
                      segment_packets(window_find(w, 101))->bytes + blob_span(want).len);
    ck_assert_uint_eq(viewers_counters(viewers).segments, 4);
    blob_unref(want);
    window_unref(w);
    stop();
}
END_TEST

static struct segment *of_codecs(uint64_t msn, const struct clip *v, const struct clip *a)
{
    struct packets pictures = v != NULL ? clip_cut(v, 0, 15) : (struct packets){0};
    struct packets sounds = a != NULL ? clip_cut(a, 0, 15) : (struct packets){0};
    struct sound *sound = a != NULL ? sound_create(a->track, &sounds) : NULL;
    struct segment_info info = {.msn = msn, .duration = 45000, .independent = true};
    struct segment *s = segment_create(&info, v != NULL ? v->track : NULL, &pictures, sound);
    sound_unref(sound);
    return s;
}

/* Two segments by way of a rendition, which measures them. */
static void publish_codecs(const char *id, const char *name, enum track_codec video,
                           enum track_codec audio)
{
    struct clip v = {0}, a = {0};
    if (video != CODECS_) {
        v = clip_codec(video, 15, 900000);
    }
    if (audio != CODECS_) {
        a = clip_codec(audio, 15, 900000);
    }
    struct rendition *r = rendition_create(board, id, name);
    for (uint64_t msn = 100; msn < 102; msn++) {
        struct segment *s =
            of_codecs(msn, video != CODECS_ ? &v : NULL, audio != CODECS_ ? &a : NULL);
        rendition_expect(r, msn);
        rendition_settle(r, s);
        segment_unref(s);
    }
    rendition_destroy(r);
    clip_free(&v);
    clip_free(&a);
}

static void expect_bytes(const char *path, const char *type, struct span want)
{
    struct raw_reply r = raw_get(port, path);
    ck_assert_int_eq(r.status, 200);
    has_cors(&r);
    ck_assert_msg(raw_has(&r, type), "%s: %s", path, r.head);
    ck_assert(raw_has(&r, "Cache-Control: public, max-age=3600, immutable"));
    ck_assert_uint_eq(r.len, want.len);
    ck_assert_int_eq(memcmp(r.body, want.data, r.len), 0);
    raw_free(&r);
}

START_TEST(in_fmp4)
{
    start(&plain);
    publish_codecs("a", "source", CODEC_H264, CODEC_AAC);
    struct window *w = board_window(board, "a", "source");
    struct segment *s = window_find(w, 101);
    struct blob *init = NULL, *media = NULL;
    char path[200], map[100];
    for (int audio = 0; audio < 2; audio++) {
        const char *name = audio ? "audio" : "source";
        ck_assert_int_eq((audio ? packager_cmaf_audio_init : packager_cmaf_video_init)(s, &init),
                         ERR_OK);
        ck_assert_int_eq((audio ? packager_cmaf_audio : packager_cmaf_video)(s, &media), ERR_OK);
        snprintf(map, sizeof map, "init-%016" PRIx64 ".mp4", packager_hash(blob_span(init)));
        snprintf(path, sizeof path, "/stream/a/%s/live.m3u8", name);
        expect(path, 200, PLAYLIST, map);
        snprintf(path, sizeof path, "/stream/a/%s/%s", name, map);
        expect_bytes(path, audio ? "Content-Type: audio/mp4" : "Content-Type: video/mp4",
                     blob_span(init));
        snprintf(path, sizeof path, "/stream/a/%s/101.m4s", name);
        expect_bytes(path, audio ? "Content-Type: audio/mp4" : "Content-Type: video/iso.segment",
                     blob_span(media));
        blob_unref(init);
        blob_unref(media);
    }
    /* What was made is kept, and counted. */
    size_t bytes = segment_bytes(s);
    expect("/stream/a/source/101.m4s", 200, "Content-Type: video/iso.segment", "");
    ck_assert_uint_eq(segment_bytes(s), bytes);
    expect("/stream/a/live.m3u8", 200, PLAYLIST, "\naudio/live.m3u8\n");
    expect("/stream/a/source/99.m4s", 404, TEXT, "too old");
    expect("/stream/a/source/102.m4s", 404, TEXT, "not there yet");
    expect("/stream/a/source/init-0123456789abcdef.mp4", 404, TEXT, "still here begins with that");
    expect("/stream/b/live.m3u8", 404, TEXT, "There is no stream \"b\"");
    expect("/stream/b/audio/live.m3u8", 404, TEXT, "There is no stream \"b\"");
    window_unref(w);
    stop();
}
END_TEST

START_TEST(what_mpeg_ts_cannot_carry)
{
    start(&plain);
    publish_codecs("a", "source", CODEC_AV1, CODEC_OPUS);
    expect("/stream/a.m3u8", 404, TEXT, "play /stream/a/live.m3u8 instead");
    expect("/stream/a/source.m3u8", 404, TEXT, "play /stream/a/live.m3u8 instead");
    expect("/stream/a/source/100.ts", 404, TEXT, "play /stream/a/live.m3u8 instead");
    expect("/stream/a", 302, "Location: /stream/a/live.m3u8", "The stream is at");
    expect("/stream/a/live.m3u8", 200, PLAYLIST, "CODECS=\"av01.");
    expect("/stream/a/source/live.m3u8", 200, PLAYLIST, "100.m4s");
    publish_codecs("a", "P144p30fps16x9", CODEC_H264, CODEC_OPUS);
    expect("/stream/a.m3u8", 200, PLAYLIST, "\na/P144p30fps16x9.m3u8\n");
    struct raw_reply r = raw_get(port, "/stream/a.m3u8");
    ck_assert_ptr_null(strstr(r.body, "source"));
    raw_free(&r);
    expect("/stream/a/P144p30fps16x9/100.ts", 200, "Content-Type: video/mp2t", "G");
    expect("/stream/a", 302, "Location: /stream/a.m3u8", "The stream is at");
    stop();
}
END_TEST

START_TEST(sound_alone)
{
    start(&plain);
    publish_codecs("a", "source", CODECS_, CODEC_AAC);
    expect("/stream/a.m3u8", 200, PLAYLIST, "\na/source.m3u8\n");
    expect("/stream/a/source/100.ts", 200, "Content-Type: video/mp2t", "G");
    expect("/stream/a/live.m3u8", 200, PLAYLIST,
           ",CODECS=\"mp4a.40.2\",AUDIO=\"audio\"\naudio/live.m3u8\n");
    expect("/stream/a/audio/live.m3u8", 200, PLAYLIST, "101.m4s");
    expect("/stream/a/source/live.m3u8", 404, TEXT, "its sound is in rendition \"audio\"");
    publish_codecs("a", "audio1", CODECS_, CODEC_OPUS);
    expect("/stream/a/live.m3u8", 200, PLAYLIST, "URI=\"audio1/live.m3u8\"");
    expect("/stream/a/audio1/live.m3u8", 200, PLAYLIST, "101.m4s");
    expect("/stream/a/audio1/101.m4s", 200, "Content-Type: audio/mp4", "");
    stop();
}
END_TEST

/* In fMP4 only, also where MPEG-TS could carry it. */
START_TEST(further_sound)
{
    start(&plain);
    publish_codecs("a", "source", CODEC_AV1, CODEC_OPUS);
    publish_codecs("a", "audio1", CODECS_, CODEC_AAC);
    expect("/stream/a", 302, "Location: /stream/a/live.m3u8", "The stream is at");
    expect("/stream/a.m3u8", 404, TEXT, "play /stream/a/live.m3u8 instead");
    expect("/stream/a/audio1.m3u8", 404, TEXT,
           "A track of sound alone is not carried by MPEG-TS: play /stream/a/live.m3u8 instead");
    expect("/stream/a/audio1/100.ts", 404, TEXT, "A track of sound alone is not carried");
    expect("/stream/a/audio1/live.m3u8", 200, PLAYLIST, "101.m4s");
    publish_codecs("b", "source", CODEC_H264, CODEC_AAC);
    publish_codecs("b", "audio1", CODECS_, CODEC_AAC);
    struct raw_reply r = raw_get(port, "/stream/b.m3u8");
    ck_assert_int_eq(r.status, 200);
    ck_assert_ptr_null(strstr(r.body, "audio"));
    raw_free(&r);
    expect("/stream/b/live.m3u8", 200, PLAYLIST, "NAME=\"Track 1\"");
    stop();
}
END_TEST

/* A rendition that is away for long: its playlist says so, and does not vanish under its players.
 */
START_TEST(gaps_and_nothing_else)
{
    start(&plain);
    struct rendition *r = rendition_create(board, "a", "audio1");
    struct clip a = clip_codec(CODEC_AAC, 15, 900000);
    for (uint64_t msn = 100; msn < 100 + RENDITION_LISTED + 1; msn++) {
        struct segment_info info = {.msn = msn, .duration = 45000, .gap = true};
        struct segment *s =
            msn == 100 ? of_codecs(msn, NULL, &a) : segment_create(&info, NULL, NULL, NULL);
        rendition_expect(r, msn);
        rendition_settle(r, s);
        segment_unref(s);
    }
    rendition_destroy(r);
    clip_free(&a);
    expect("/stream/a/audio1/live.m3u8", 200, PLAYLIST, "#EXT-X-GAP\n#EXTINF:0.500,\n106.m4s\n");
    expect("/stream/a/audio1/106.m4s", 404, TEXT, "is missing: a gap");
    stop();
}
END_TEST

START_TEST(a_stream_called_live)
{
    start(&plain);
    publish_codecs("live", "source", CODEC_H264, CODEC_AAC);
    expect("/stream/live.m3u8", 200, PLAYLIST, "\nlive/source.m3u8\n");
    expect("/stream/live/live.m3u8", 200, PLAYLIST, "\nsource/live.m3u8\n");
    expect("/stream/live/source.m3u8", 200, PLAYLIST, "/stream/live/source/100.ts\n");
    expect("/stream/current/live.m3u8", 404, TEXT, "no current stream");
    board_set_current(board, "live");
    expect("/stream/current/live.m3u8", 200, PLAYLIST, "\n../live/source/live.m3u8\n");
    stop();
}
END_TEST

START_TEST(what_is_not_there)
{
    start(&plain);
    expect("/stream/current.m3u8", 404, TEXT, "no current stream");
    expect("/stream/current", 404, TEXT, "no current stream");
    publish("a", "source", 5);
    expect("/stream/b.m3u8", 404, TEXT, "There is no stream \"b\" here now.");
    expect("/stream/b", 404, TEXT, "There is no stream \"b\"");
    expect("/stream/b/source.m3u8", 404, TEXT, "There is no stream \"b\"");
    expect("/stream/b/source/1.ts", 404, TEXT, "There is no stream \"b\"");
    expect("/stream/a/P144.m3u8", 404, TEXT, "Stream \"a\" has no rendition \"P144\"");
    expect("/stream/a/P144/100.ts", 404, TEXT, "Stream \"a\" has no rendition \"P144\"");
    expect("/stream/a/source/99.ts", 404, TEXT, "too old");
    expect("/stream/a/source/105.ts", 404, TEXT, "not there yet");
    expect("/stream/a/source/103.ts", 404, TEXT, "a gap");
    expect("/stream/a/source/x.ts", 404, TEXT, "NUMBER.ts");
    expect("/stream/%61%20.m3u8", 404, TEXT, "no stream of that name");
    expect("/vod/x", 404, TEXT, "There is nothing here");
    ck_assert_uint_eq(viewers_counters(viewers).not_found, 14);
    stop();
}
END_TEST

START_TEST(bad_paths)
{
    start(&plain);
    expect("/stream/../../etc/passwd", 400, TEXT, "dot segment");
    expect("/stream/%2e%2e/a.m3u8", 400, TEXT, "dot segment");
    expect("/stream/a%2Fb.m3u8", 400, TEXT, "encoded slash");
    expect("/stream/a%00b.m3u8", 400, TEXT, "control character");
    expect("/stream/a%0d%0aSet-Cookie:x.m3u8", 400, TEXT, "control character");
    expect("/stream/a%zz.m3u8", 400, TEXT, "percent sign");
    ck_assert_uint_eq(viewers_counters(viewers).bad_requests, 6);
    char path[3000] = "/stream/";
    memset(path + 8, 'a', sizeof path - 9);
    expect(path, 400, TEXT, "too long");
    stop();
}
END_TEST

/* Reads until the other side ends it; false when it does not within the limit. */
static bool ends(int fd)
{
    char sink[65536];
    int64_t limit = clock_mono_ms() + WAIT_MS;
    while (clock_mono_ms() < limit) {
        ssize_t n = recv(fd, sink, sizeof sink, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN)) {
            return true;
        }
    }
    return false;
}

START_TEST(garbage)
{
    static const char *const junk[] = {"\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02",
                                       "GET / HTTP/9.9\r\n\r\n", "GET /\x01 HTTP/1.1\r\n\r\n"};
    struct viewers_config small = plain;
    small.idle_timeout_s = 1;
    start(&small);
    for (size_t i = 0; i < sizeof junk / sizeof junk[0]; i++) {
        int fd = raw_connect(port);
        raw_send(fd, junk[i], strlen(junk[i]));
        shutdown(fd, SHUT_WR);
        ck_assert(ends(fd));
        close(fd);
    }
    char *large = calloc(1, 200000);
    memcpy(large, "GET / HTTP/1.1\r\nX: ", 19);
    memset(large + 19, 'a', 199000);
    int fd = raw_connect(port);
    raw_send(fd, large, 199019);
    struct raw_reply r = raw_read(fd, false);
    ck_assert(r.status == 431 || r.status == 413 || r.status == 0);
    raw_free(&r);
    close(fd);
    free(large);
    expect("/healthz", 200, TEXT, "ok");
    stop();
}
END_TEST

START_TEST(methods)
{
    start(&plain);
    publish("a", "source", 5);
    int fd = raw_connect(port);
    struct raw_reply r = raw_ask(fd, "OPTIONS", "/stream/a/source/101.ts");
    ck_assert_int_eq(r.status, 204);
    has_cors(&r);
    ck_assert(raw_has(&r, "Access-Control-Allow-Methods: GET, HEAD, OPTIONS"));
    ck_assert_ptr_nonnull(strstr(r.head, "Access-Control-Allow-Headers: Range"));
    raw_free(&r);
    r = raw_ask(fd, "HEAD", "/stream/a.m3u8");
    ck_assert_int_eq(r.status, 200);
    ck_assert(!raw_has(&r, "Content-Length: 0"));
    raw_free(&r);
    r = raw_ask(fd, "HEAD", "/stream/b.m3u8");
    ck_assert_int_eq(r.status, 404);
    has_cors(&r);
    raw_free(&r);
    close(fd);
    static const char *const others[] = {"POST", "PUT", "DELETE", "TRACE", "get", "X"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        fd = raw_connect(port);
        r = raw_ask(fd, others[i], "/stream/a.m3u8");
        ck_assert_int_eq(r.status, 405);
        has_cors(&r);
        ck_assert(raw_has(&r, "Allow: GET, HEAD, OPTIONS"));
        raw_free(&r);
        close(fd);
    }
    stop();
}
END_TEST

START_TEST(redirects)
{
    start(&plain);
    publish("stra\xc3\x9f"
            "e",
            "source", 1);
    board_set_current(board, "stra\xc3\x9f"
                             "e");
    struct raw_reply r = raw_get(port, "/stream/stra%c3%9fe?x=1");
    ck_assert_int_eq(r.status, 302);
    has_cors(&r);
    ck_assert(raw_has(&r, "Location: /stream/stra%C3%9Fe.m3u8?x=1"));
    raw_free(&r);
    r = raw_get(port, "/stream/CURRENT");
    ck_assert_int_eq(r.status, 302);
    ck_assert(raw_has(&r, "Location: /stream/current.m3u8"));
    raw_free(&r);
    expect("/stream/current.m3u8", 200, PLAYLIST, "\nstra%C3%9Fe/source.m3u8\n");
    stop();
}
END_TEST

START_TEST(a_stream_called_current)
{
    start(&plain);
    publish("current", "source", 1);
    expect("/stream/current.m3u8", 200, PLAYLIST, "\ncurrent/source.m3u8\n");
    expect("/stream/current/source.m3u8", 200, PLAYLIST, "/stream/current/source/100.ts\n");
    stop();
}
END_TEST

START_TEST(many_connections)
{
    int fds[N_CONNECTIONS];
    start(&plain);
    publish("a", "source", 5);
    for (int i = 0; i < N_CONNECTIONS; i++) {
        fds[i] = raw_connect(port);
        ck_assert_int_ge(fds[i], 0);
    }
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < N_CONNECTIONS; i++) {
            struct raw_reply r = raw_ask(fds[i], "GET", "/stream/a/source/104.ts");
            ck_assert_int_eq(r.status, 200);
            raw_free(&r);
        }
    }
    ck_assert_uint_eq(viewers_counters(viewers).connections, N_CONNECTIONS);
    ck_assert_uint_eq(viewers_counters(viewers).segments, 2 * N_CONNECTIONS);
    stop(); /* while all of them are connected */
    for (int i = 0; i < N_CONNECTIONS; i++) {
        char byte;
        ck_assert_int_le(recv(fds[i], &byte, 1, 0), 0);
        close(fds[i]);
    }
}
END_TEST

static void healthy(int fd)
{
    struct raw_reply r = raw_ask(fd, "GET", "/healthz");
    ck_assert_int_eq(r.status, 200);
    raw_free(&r);
}

/* However many threads share them. Who is one too many waits for a place. */
START_TEST(as_many_connections_as_allowed)
{
    for (int max = 1; max <= 5; max++) {
        struct viewers_config config = plain;
        int fds[6];
        config.max_connections = max;
        start(&config);
        for (int i = 0; i < max; i++) {
            fds[i] = raw_connect(port);
            healthy(fds[i]);
        }
        fds[max] = raw_connect(port);
        for (int i = 0; i < ROUNDS; i++) {
            healthy(fds[i % max]);
        }
        ck_assert_uint_eq(viewers_counters(viewers).connections, (uint64_t)max);
        for (int i = 0; i < max; i++) {
            close(fds[i]);
        }
        healthy(fds[max]);
        close(fds[max]);
        stop();
    }
}
END_TEST

struct reader {
    pthread_t thread;
    atomic_bool *done;
    unsigned bad;
};

static void *read_on(void *arg)
{
    struct reader *me = arg;
    int fd = raw_connect(port);
    while (!atomic_load(me->done)) {
        struct raw_reply r = raw_ask(fd, "GET", "/stream/a/source.m3u8");
        unsigned long msn = 0;
        char *at = strstr(r.body, "SEQUENCE:");
        me->bad += r.status != 200 || at == NULL || sscanf(at, "SEQUENCE:%lu", &msn) != 1;
        raw_free(&r);
        char path[64];
        snprintf(path, sizeof path, "/stream/a/source/%lu.ts", msn + 1);
        r = raw_ask(fd, "GET", path);
        me->bad += r.status != 200 || r.len % 188 != 0 || r.len == 0;
        raw_free(&r);
    }
    close(fd);
    return NULL;
}

START_TEST(readers_while_the_loop_publishes)
{
    struct reader readers[4] = {0};
    atomic_bool done = false;
    start(&plain);
    publish("a", "source", 5);
    for (size_t i = 0; i < 4; i++) {
        readers[i].done = &done;
        ck_assert_int_eq(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
    }
    for (int i = 0; i < 60; i++) {
        publish("a", "source", 5);
    }
    while (viewers_counters(viewers).segments < 50) {
        publish("a", "source", 5);
    }
    atomic_store(&done, true);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(readers[i].thread, NULL);
        ck_assert_uint_eq(readers[i].bad, 0);
    }
    stop();
}
END_TEST

START_TEST(limits)
{
    struct viewers_config small = plain;
    small.max_per_address = 2;
    small.idle_timeout_s = 1;
    start(&small);
    int first = raw_connect(port);
    int second = raw_connect(port);
    struct raw_reply r = raw_ask(first, "GET", "/healthz");
    ck_assert_int_eq(r.status, 200);
    raw_free(&r);
    r = raw_ask(second, "GET", "/healthz");
    ck_assert_int_eq(r.status, 200);
    raw_free(&r);
    int third = raw_connect(port);
    r = raw_ask(third, "GET", "/healthz");
    ck_assert_int_eq(r.status, 0);
    raw_free(&r);
    close(third);
    ck_assert(ends(first)); /* by silence */
    ck_assert(ends(second));
    close(first);
    close(second);
    stop();
}
END_TEST

START_TEST(a_dripping_request_is_ended)
{
    struct viewers_config small = plain;
    small.idle_timeout_s = 1;
    start(&small);
    int fd = raw_connect(port);
    raw_send(fd, "GET / HTTP/1.1\r\nX: ", 19);
    int64_t limit = clock_mono_ms() + WAIT_MS;
    bool ended = false;
    while (!ended && clock_mono_ms() < limit) {
        ended = send(fd, "a", 1, MSG_NOSIGNAL) != 1;
        usleep(100000); /* the drip itself */
    }
    ck_assert(ended);
    close(fd);
    stop();
}
END_TEST

/* One segment of one picture that is larger than all buffers between here and there. */
static void publish_large(void)
{
    struct blob *b = blob_create(LARGE_BYTES);
    uint8_t *bytes = blob_bytes(b);
    size_t nal = LARGE_BYTES - 4;
    memset(bytes, 0x41, LARGE_BYTES);
    for (int i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(nal >> (24 - 8 * i));
    }
    struct packets ps = {0};
    struct packet p = {.flags = PACKET_KEY, .blob = b, .data = blob_span(b)};
    ck_assert_int_eq(packets_push(&ps, p), ERR_OK);
    struct clip v = clip_video(160, 90, 1, 1, 0, 0);
    struct segment *s = segment_create(&(struct segment_info){.msn = 1}, v.track, &ps, NULL);
    struct window *w = window_create(&s, 1, 1);
    board_publish(board, "a", &(struct variant){.name = "source"}, w);
    window_unref(w);
    segment_unref(s);
    clip_free(&v);
}

static const char large_request[] = "GET /stream/a/source/1.ts HTTP/1.1\r\nHost: x\r\n\r\n";

START_TEST(a_large_body_arrives_whole)
{
    start(&plain);
    publish_large();
    struct raw_reply r = raw_get(port, "/stream/a/source/1.ts");
    ck_assert_int_eq(r.status, 200);
    ck_assert_uint_gt(r.len, LARGE_BYTES);
    raw_free(&r);
    stop();
}
END_TEST

START_TEST(who_does_not_read_is_ended)
{
    struct viewers_config small = plain;
    small.idle_timeout_s = 1;
    start(&small);
    publish_large();
    /* The container is made at first, which may take longer than the connection may be silent. */
    int fd;
    int status = 0;
    for (int64_t limit = clock_mono_ms() + WAIT_MS; status != 200 && clock_mono_ms() < limit;) {
        fd = raw_connect(port);
        struct raw_reply made = raw_ask(fd, "HEAD", "/stream/a/source/1.ts");
        status = made.status;
        raw_free(&made);
        close(fd);
    }
    ck_assert_int_eq(status, 200);
    fd = raw_connect(port);
    raw_send(fd, large_request, strlen(large_request));
    char byte;
    ck_assert_int_eq(recv(fd, &byte, 1, 0), 1);
    int64_t limit = clock_mono_ms() + WAIT_MS;
    while (viewers_counters(viewers).connections > 0 && clock_mono_ms() < limit) {
        usleep(20000); /* polling what only time brings */
    }
    ck_assert_uint_eq(viewers_counters(viewers).connections, 0);
    close(fd);
    stop();
}
END_TEST

START_TEST(stops_in_mid_answer)
{
    start(&plain);
    publish_large();
    int fd = raw_connect(port);
    raw_send(fd, large_request, strlen(large_request));
    char byte;
    ck_assert_int_eq(recv(fd, &byte, 1, 0), 1);
    stop();
    ck_assert(ends(fd));
    close(fd);
}
END_TEST

START_TEST(addresses)
{
    struct viewers_config both = plain;
    strcpy(both.addr.host, "::");
    start(&both);
    expect("/healthz", 200, TEXT, "ok");
    int fd = raw_connect_v6(port);
    struct raw_reply r = raw_ask(fd, "GET", "/healthz");
    ck_assert_int_eq(r.status, 200);
    raw_free(&r);
    close(fd);
    struct viewers *second = NULL;
    const char *why = NULL;
    both.addr.port = port;
    ck_assert_int_eq(viewers_create(&both, board, &second, &why), ERR_IO);
    ck_assert_str_eq(why, "Address already in use");
    ck_assert_ptr_null(second);
    stop();
    struct viewers_config one = plain;
    one.threads = 1;
    strcpy(one.addr.host, "localhost");
    start(&one);
    expect("/healthz", 200, TEXT, "ok");
    stop();
    viewers_destroy(NULL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("viewers");
    TCase *t = tcase_create("viewers");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, what_is_there);
    tcase_add_test(t, a_segment_is_its_container);
    tcase_add_test(t, in_fmp4);
    tcase_add_test(t, what_mpeg_ts_cannot_carry);
    tcase_add_test(t, sound_alone);
    tcase_add_test(t, further_sound);
    tcase_add_test(t, gaps_and_nothing_else);
    tcase_add_test(t, a_stream_called_live);
    tcase_add_test(t, what_is_not_there);
    tcase_add_test(t, bad_paths);
    tcase_add_test(t, garbage);
    tcase_add_test(t, methods);
    tcase_add_test(t, redirects);
    tcase_add_test(t, a_stream_called_current);
    tcase_add_test(t, many_connections);
    tcase_add_test(t, as_many_connections_as_allowed);
    tcase_add_test(t, readers_while_the_loop_publishes);
    tcase_add_test(t, limits);
    tcase_add_test(t, a_dripping_request_is_ended);
    tcase_add_test(t, a_large_body_arrives_whole);
    tcase_add_test(t, who_does_not_read_is_ended);
    tcase_add_test(t, stops_in_mid_answer);
    tcase_add_test(t, addresses);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
