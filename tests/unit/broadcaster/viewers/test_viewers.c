#include "broadcaster/viewers/viewers.h"

#include <inttypes.h>

#include "broadcaster/pack/packager.h"
#include "tests/support/clip_codec.h"
#include "tests/unit/broadcaster/viewers/viewers_bench.h"

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
           ",CODECS=\"mp4a.40.2\",AUDIO=\"audio\",CLOSED-CAPTIONS=NONE\naudio/live.m3u8\n");
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

UNIT_MAIN("viewers", what_is_there, a_segment_is_its_container, in_fmp4, what_mpeg_ts_cannot_carry,
          sound_alone, further_sound, gaps_and_nothing_else, a_stream_called_live,
          what_is_not_there, bad_paths, garbage, methods, redirects, a_stream_called_current)
