#include "publisher-tools/hls_playlist.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "tests/support/unit.h"

static const char media[] = "#EXTM3U\n"
                            "#EXT-X-VERSION:3\n"
                            "#EXT-X-MEDIA-SEQUENCE:119802\n"
                            "#EXT-X-DISCONTINUITY-SEQUENCE:4\n"
                            "#EXT-X-TARGETDURATION:2\n"
                            "#EXTINF:1.980,\n"
                            "/stream/a/119802.ts\n"
                            "# a comment\n"
                            "#EXT-X-MAP:BYTERANGE=\"1@2\",URI=\"init,1.mp4\"\n"
                            "#EXT-X-DISCONTINUITY\n"
                            "#EXTINF:2,title, with comma\n"
                            "119803.ts\n"
                            "#EXT-X-GAP\r\n"
                            "#EXTINF:0.0333337,\r\n"
                            "119804.ts\r\n"
                            "#EXT-X-SOMETHING-NEW:1\n"
                            "#EXT-X-ENDLIST\n";

static const char master[] =
    "#EXTM3U\n"
    "#EXT-X-VERSION:3\n"
    "#EXT-X-STREAM-INF:PROGRAM-ID=0,BANDWIDTH=4000000,RESOLUTION=640x360\n"
    "a/source.m3u8\n"
    "#EXT-X-STREAM-INF:CODECS=\"avc1.4d401f,mp4a.40.2,BANDWIDTH=7\",BANDWIDTH=400000\n"
    "a/P144p30fps16x9.m3u8\n";

static struct hls_playlist *read_ok(const char *text)
{
    struct hls_playlist *p = NULL;
    struct hls_refusal r = {0, ""};
    ck_assert_msg(hls_playlist_read(span_cstr(text), &p, &r) == ERR_OK, "line %u: %s", r.line,
                  r.why);
    return p;
}

START_TEST(a_media_playlist)
{
    struct hls_playlist *p = read_ok(media);
    ck_assert(!p->is_master && p->ended && p->has_target_duration);
    ck_assert_int_eq(p->version, 3);
    ck_assert_int_eq(p->target_duration_s, 2);
    ck_assert_uint_eq(p->media_sequence, 119802);
    ck_assert_uint_eq(p->discontinuity_sequence, 4);
    ck_assert_uint_eq(p->n_segments, 3);
    const struct hls_segment *s = p->segments;
    ck_assert_uint_eq(s[0].number, 119802);
    ck_assert_int_eq(s[0].duration_us, 1980000);
    ck_assert(span_equal(s[0].uri, span_cstr("/stream/a/119802.ts")));
    ck_assert_uint_eq(s[0].line, 7);
    ck_assert(!s[0].gap && !s[0].discontinuity && s[0].map_uri.len == 0);
    ck_assert_int_eq(s[1].duration_us, 2000000);
    ck_assert(s[1].discontinuity && !s[1].gap);
    ck_assert(span_equal(s[1].map_uri, span_cstr("init,1.mp4")));
    ck_assert_uint_eq(s[2].number, 119804);
    ck_assert_int_eq(s[2].duration_us, 33333);
    ck_assert(s[2].gap && !s[2].discontinuity);
    ck_assert(span_equal(s[2].uri, span_cstr("119804.ts")));
    hls_playlist_destroy(p);
}
END_TEST

START_TEST(a_master_playlist)
{
    struct hls_playlist *p = read_ok(master);
    ck_assert(p->is_master);
    ck_assert_uint_eq(p->n_variants, 2);
    ck_assert_int_eq(p->variants[0].bandwidth_bps, 4000000);
    ck_assert_int_eq(p->variants[0].width, 640);
    ck_assert_int_eq(p->variants[0].height, 360);
    ck_assert_int_eq(p->variants[1].bandwidth_bps, 400000);
    ck_assert_int_eq(p->variants[1].width, 0);
    ck_assert(span_equal(p->variants[1].uri, span_cstr("a/P144p30fps16x9.m3u8")));
    hls_playlist_destroy(p);
}
END_TEST

START_TEST(faults_are_found_with_their_line)
{
    static const struct {
        const char *text;
        unsigned line;
        const char *word;
    } cases[] = {
        {"", 1, "EXTM3U"},
        {"<html>", 1, "EXTM3U"},
        {"\xef\xbb\xbf#EXTM3U\n", 1, "EXTM3U"},
        {"#EXTM3U\n", 0, "TARGETDURATION"},
        {"#EXTM3U\n#EXT-X-TARGETDURATION:1.5\n", 2, "whole number"},
        {"#EXTM3U\n#EXT-X-TARGETDURATION:\n", 2, "whole number"},
        {"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-TARGETDURATION:2\n", 3, "second"},
        {"#EXTM3U\n#EXT-X-TARGETDURATION:2\na.ts\n", 3, "EXTINF"},
        {"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:x,\n", 3, "EXTINF"},
        {"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:-1,\n", 3, "EXTINF"},
        {"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.2.3,\n", 3, "EXTINF"},
        {"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\n#EXTINF:1,\n", 4, "two"},
        {"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\n", 0, "URI"},
        {"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\na\n#EXT-X-MEDIA-SEQUENCE:1\n", 5, "behind"},
        {"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:99999999999999999999\n", 2, "number"},
        {"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:-1\n", 2, "number"},
        {"#EXTM3U\n#EXT-X-VERSION:x\n", 2, "VERSION"},
        {"#EXTM3U\n#EXT-X-MAP:BYTERANGE=\"x\"\n", 2, "MAP"},
        {"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=x\n", 2, "BANDWIDTH"},
        {"#EXTM3U\n#EXT-X-STREAM-INF:RESOLUTION=640\n", 2, "RESOLUTION"},
        {"#EXTM3U\n#EXT-X-STREAM-INF:\na\nb\n", 4, "STREAM-INF"},
        {"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n", 0, "URI"},
        {"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-STREAM-INF:BANDWIDTH=1\na\n", 4, "master"},
        {"#EXTM3U\n#EXT\x01\n", 2, "control"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hls_playlist *p = NULL;
        struct hls_refusal r = {99, ""};
        ck_assert_msg(hls_playlist_read(span_cstr(cases[i].text), &p, &r) == ERR_PROTO, "case %zu",
                      i);
        ck_assert_msg(r.line == cases[i].line && strstr(r.why, cases[i].word) != NULL,
                      "case %zu: line %u: %s", i, r.line, r.why);
        ck_assert_ptr_null(p);
    }
}
END_TEST

START_TEST(limits_hold)
{
    size_t size = HLS_PLAYLIST_MAX_BYTES + 1;
    char *text = mem_alloc(size + 64);
    struct hls_playlist *p = NULL;
    struct hls_refusal r;
    memset(text, 'a', size);
    ck_assert_int_eq(hls_playlist_read(span_of(text, size), &p, &r), ERR_LIMIT);
    size_t n = (size_t)sprintf(text, "#EXTM3U\n#EXT-X-TARGETDURATION:1\n");
    for (int i = 0; i <= HLS_ENTRIES_MAX; i++) {
        n += (size_t)sprintf(text + n, "#EXTINF:1,\n%d\n", i);
    }
    ck_assert_int_eq(hls_playlist_read(span_of(text, n), &p, &r), ERR_LIMIT);
    ck_assert_ptr_null(p);
    mem_free(text);
}
END_TEST

/* Reads exactly these bytes from memory of their own size, so that a sanitizer sees each overrun.
 */
static void read_any(const char *bytes, size_t len)
{
    struct hls_playlist *p = NULL;
    struct hls_refusal r = {0, NULL};
    char *copy = mem_alloc(len);
    memcpy(copy, bytes, len);
    if (hls_playlist_read(span_of(copy, len), &p, &r) == ERR_OK) {
        ck_assert_uint_le(p->n_segments + p->n_variants, len);
        hls_playlist_destroy(p);
    } else {
        ck_assert_ptr_nonnull(r.why);
    }
    mem_free(copy);
}

START_TEST(every_cut_and_many_changes_are_survived)
{
    const char *const texts[] = {media, master};
    unsigned seed = 12345;
    for (int t = 0; t < 2; t++) {
        size_t len = strlen(texts[t]);
        for (size_t cut = 0; cut <= len; cut++) {
            read_any(texts[t], cut);
            read_any(texts[t] + cut, len - cut);
        }
        char changed[sizeof media];
        for (int round = 0; round < 20000; round++) {
            memcpy(changed, texts[t], len);
            for (int k = 0; k < 3; k++) {
                seed = seed * 1103515245 + 12345;
                changed[(seed >> 8) % len] = "\n\r#:,=\"9.A-"[(seed >> 24) % 11];
            }
            read_any(changed, len);
        }
    }
}
END_TEST

START_TEST(each_refused_allocation_is_survived)
{
    char text[8192];
    size_t n = (size_t)sprintf(text, "#EXTM3U\n#EXT-X-TARGETDURATION:1\n");
    for (int i = 0; i < 100; i++) {
        n += (size_t)sprintf(text + n, "#EXTINF:1,\n%d\n", i);
    }
    size_t failures = 0;
    for (size_t nth = 1;; nth++) {
        struct hls_playlist *p = NULL;
        struct hls_refusal r;
        mem_fail_nth(nth);
        enum err e = hls_playlist_read(span_of(text, n), &p, &r);
        if (!mem_has_failed()) {
            ck_assert_int_eq(e, ERR_OK);
            ck_assert_uint_eq(p->n_segments, 100);
            hls_playlist_destroy(p);
            break;
        }
        ck_assert_int_eq(e, ERR_NOMEM);
        ck_assert_ptr_null(p);
        failures++;
    }
    ck_assert_uint_gt(failures, 2);
    hls_playlist_destroy(NULL);
}
END_TEST

START_TEST(renditions_with_a_playlist_of_their_own)
{
    static const char text[] =
        "#EXTM3U\n"
        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"x,URI=y\",URI=\"a.m3u8\"\n"
        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"inside\"\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a\"\nv.m3u8\n"
        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"z\",URI=\"b.m3u8\"\n";
    struct hls_playlist *p = NULL;
    struct hls_refusal r;
    ck_assert_int_eq(hls_playlist_read(span_cstr(text), &p, &r), ERR_OK);
    ck_assert(p->is_master);
    ck_assert_uint_eq(p->n_variants, 1);
    ck_assert_uint_eq(p->n_renditions, 2);
    ck_assert(span_equal(p->renditions[0].uri, span_cstr("a.m3u8")));
    ck_assert(span_equal(p->renditions[1].uri, span_cstr("b.m3u8")));
    ck_assert_uint_eq(p->renditions[1].line, 6);
    hls_playlist_destroy(p);
}
END_TEST

UNIT_MAIN("hls_playlist", a_media_playlist, renditions_with_a_playlist_of_their_own,
          a_master_playlist, faults_are_found_with_their_line, limits_hold,
          every_cut_and_many_changes_are_survived, each_refused_allocation_is_survived)
