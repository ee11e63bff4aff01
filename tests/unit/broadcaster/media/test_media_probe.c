#include "broadcaster/media/media_probe.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/mem.h"
#include "broadcaster/media/media_open.h"
#include "broadcaster/pack/packager.h"
#include "broadcaster/stream/segment.h"
#include "tests/support/clip.h"
#include "tests/support/media_folder.h"
#include "tests/support/unit.h"

#define WIDTH    320
#define HEIGHT   180
#define FRAMES   60
#define FILE_MAX (4 * 1024 * 1024)

static atomic_bool cancel;

static enum err probe_named(struct span bytes, const char *name, struct media_facts *ret_facts)
{
    struct media_folder folder = media_folder_create();
    char path[MEDIA_FOLDER_PATH_MAX];
    media_folder_put(&folder, name, bytes, 0);
    media_folder_path(&folder, name, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    enum err e = media_probe(fd, bytes.len, &cancel, ret_facts);
    ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 0);
    close(fd);
    media_folder_destroy(&folder);
    return e;
}

static enum err probe(struct span bytes, struct media_facts *ret_facts)
{
    return probe_named(bytes, "file", ret_facts);
}

static void expect_nothing(struct span bytes, const char *what)
{
    struct media_facts facts = {.width = 77};
    enum err e = probe(bytes, &facts);
    ck_assert_msg(e == ERR_PROTO, "%s: %s", what, err_text(e));
    ck_assert_int_eq(facts.width, 77);
}

START_TEST(sound)
{
    struct media_facts f;
    struct span wav = media_folder_wav(2.5);
    ck_assert_int_eq(probe(wav, &f), ERR_OK);
    ck_assert_int_eq(f.duration_ms, 2500);
    ck_assert_str_eq(f.audio_codec, "pcm_s16le");
    ck_assert_str_eq(f.video_codec, "");
    ck_assert_int_eq(f.width, 0);
    ck_assert(f.bitrate_bps > 127000 && f.bitrate_bps < 129000);
    mem_free((void *)(uintptr_t)wav.data);
}
END_TEST

static struct segment *segment_of_clip(struct clip *v)
{
    *v = clip_video(WIDTH, HEIGHT, FRAMES, 30, 0, 0);
    struct packets ps = clip_cut(v, 0, FRAMES);
    struct segment_info info = {.msn = 1, .duration = 180000, .independent = true};
    return segment_create(&info, v->track, &ps, NULL);
}

static void is_the_clip(struct span bytes, const char *what)
{
    struct media_facts f;
    enum err e = probe(bytes, &f);
    ck_assert_msg(e == ERR_OK, "%s: %s", what, err_text(e));
    ck_assert_str_eq(f.video_codec, "h264");
    ck_assert_str_eq(f.audio_codec, "");
    ck_assert_int_eq(f.width, WIDTH);
    ck_assert_int_eq(f.height, HEIGHT);
    ck_assert_msg(f.duration_ms > 1900 && f.duration_ms < 2100, "%s: %d ms", what,
                  (int)f.duration_ms);
    ck_assert_msg(f.fps_milli == 30000, "%s: %d", what, (int)f.fps_milli);
}

START_TEST(pictures)
{
    struct clip v;
    struct segment *s = segment_of_clip(&v);
    struct blob *ts = NULL, *head = NULL, *body = NULL;
    struct buf mp4;
    ck_assert_int_eq(packager_mpegts(s, &ts), ERR_OK);
    is_the_clip(blob_span(ts), "ts");
    ck_assert_int_eq(packager_cmaf_video_init(s, &head), ERR_OK);
    ck_assert_int_eq(packager_cmaf_video(s, &body), ERR_OK);
    buf_init(&mp4, FILE_MAX);
    ck_assert_int_eq(buf_put(&mp4, blob_span(head)), ERR_OK);
    expect_nothing(blob_span(body), "a fragment alone");
    ck_assert_int_eq(buf_put(&mp4, blob_span(body)), ERR_OK);
    is_the_clip(buf_span(&mp4), "mp4");
    /* Cut anywhere it ends, with an answer or without. */
    for (size_t n = 0; n < mp4.len; n += mp4.len / 23) {
        struct media_facts f;
        enum err e = probe(span_of(mp4.data, n), &f);
        ck_assert_msg(e == ERR_OK || e == ERR_PROTO, "%zu: %s", n, err_text(e));
    }
    buf_fini(&mp4);
    blob_unref(ts);
    blob_unref(head);
    blob_unref(body);
    segment_unref(s);
    clip_free(&v);
}
END_TEST

START_TEST(what_is_no_media)
{
    static const char *const texts[] = {
        "", "x", "a text of some length that is no media at all, whatever it is called\n",
        "<svg xmlns=\"http://www.w3.org/2000/svg\"/>", "\x89PNG\r\n\x1a\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        expect_nothing(span_cstr(texts[i]), texts[i]);
    }
}
END_TEST

/* A file that names others: none of them is looked at. */
START_TEST(no_other_file)
{
    struct span wav = media_folder_wav(1);
    struct media_folder folder = media_folder_create();
    char path[MEDIA_FOLDER_PATH_MAX], text[2 * MEDIA_FOLDER_PATH_MAX];
    media_folder_put(&folder, "other.wav", wav, 0);
    media_folder_path(&folder, "other.wav", path);
    struct media_facts f;
    snprintf(text, sizeof text, "ffconcat version 1.0\nfile '%s'\n", path);
    ck_assert_int_eq(probe_named(span_cstr(text), "a.ffconcat", &f), ERR_PROTO);
    snprintf(text, sizeof text,
             "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n%s\n#EXT-X-ENDLIST\n", path);
    ck_assert_int_eq(probe_named(span_cstr(text), "a.m3u8", &f), ERR_PROTO);
    media_folder_destroy(&folder);
    mem_free((void *)(uintptr_t)wav.data);
}
END_TEST

START_TEST(given_up)
{
    struct media_facts f;
    struct span wav = media_folder_wav(1);
    atomic_store(&cancel, true);
    ck_assert_int_eq(probe(wav, &f), ERR_TIMEOUT);
    mem_free((void *)(uintptr_t)wav.data);
}
END_TEST

UNIT_MAIN("media_probe", sound, pictures, what_is_no_media, no_other_file, given_up)
