#include "broadcaster/hls/hls.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 50000

static struct hls_ask ask(const char *target)
{
    return hls_parse(span_cstr(target));
}

static const struct {
    const char *target;
    enum hls_what what;
    const char *id;
    const char *rendition;
    uint64_t msn;
} table[] = {
    {"/", HLS_FRONT, "", "", 0},
    {"/?x", HLS_FRONT, "", "", 0},
    {"/healthz", HLS_HEALTH, "", "", 0},
    {"/multi?ids=a,b", HLS_MULTI, "", "", 0},
    {"/multi/", HLS_UNKNOWN, "", "", 0},
    {"/publish", HLS_PUBLISH, "", "", 0},
    {"/publishx", HLS_UNKNOWN, "", "", 0},
    {"/demo?x", HLS_DEMO, "", "", 0},
    {"/demo/", HLS_UNKNOWN, "", "", 0},
    {"/embed/hello_world?muted=0", HLS_EMBED, "hello_world", "", 0},
    {"/embed/%61", HLS_EMBED, "a", "", 0},
    {"/embed/", HLS_UNKNOWN, "", "", 0},
    {"/embed", HLS_UNKNOWN, "", "", 0},
    {"/embed/a/b", HLS_UNKNOWN, "", "", 0},
    {"/embed/%2e%2e", HLS_BAD, "", "", 0},
    {"/embed/%", HLS_BAD, "", "", 0},
    {"/assets/style.css?x", HLS_ASSET, "", "", 0},
    {"/assets/", HLS_UNKNOWN, "", "", 0},
    {"/assets/a/b", HLS_UNKNOWN, "", "", 0},
    {"/assets/%61.js", HLS_UNKNOWN, "", "", 0},
    {"/assets/A.js", HLS_UNKNOWN, "", "", 0},
    {"/assets/abcdefghijabcdefghijabcdefghij12", HLS_ASSET, "", "", 0},
    {"/assets/abcdefghijabcdefghijabcdefghij123", HLS_UNKNOWN, "", "", 0},
    {"/streams.json", HLS_STREAMS, "", "", 0},
    {"/streams.json?t=1", HLS_STREAMS, "", "", 0},
    {"/streams.json/", HLS_UNKNOWN, "", "", 0},
    {"/stream/index.m3u8", HLS_INDEX, "", "", 0},
    {"/stream/%69ndex.m3u8?x", HLS_INDEX, "", "", 0},
    {"/stream/Index.m3u8", HLS_MASTER, "Index", "", 0},
    {"/stream/index", HLS_REDIRECT, "index", "", 0},
    {"/stream/index/live.m3u8", HLS_LIVE_MASTER, "index", "", 0},
    {"/stream/index/source.m3u8", HLS_MEDIA, "index", "source", 0},
    {"/stream/a/poster.jpg", HLS_POSTER, "a", "", 0},
    {"/stream/a/poster.jpeg", HLS_UNKNOWN, "", "", 0},
    {"/stream/a/source/poster.jpg", HLS_UNKNOWN, "", "", 0},
    {"/stream/hello_world.m3u8", HLS_MASTER, "hello_world", "", 0},
    {"/stream/hello_world.m3u8?_HLS_msn=3&a=/..", HLS_MASTER, "hello_world", "", 0},
    {"/stream/hello_world.m3u8#f", HLS_MASTER, "hello_world", "", 0},
    {"http://host:8935/stream/a.m3u8", HLS_MASTER, "a", "", 0},
    {"HTTPS://[::1]/stream/a.m3u8", HLS_MASTER, "a", "", 0},
    {"http://host", HLS_FRONT, "", "", 0},
    {"/stream/a.b-c~d.m3u8", HLS_MASTER, "a.b-c~d", "", 0},
    {"/stream/%61%2Em3u8", HLS_MASTER, "a", "", 0},
    {"/stream/stra%C3%9Fe.m3u8", HLS_MASTER,
     "stra\xc3\x9f"
     "e",
     "", 0},
    {"/stream/stra\xc3\x9f"
     "e.m3u8",
     HLS_MASTER,
     "stra\xc3\x9f"
     "e",
     "", 0},
    {"/stream/hello_world", HLS_REDIRECT, "hello_world", "", 0},
    {"/stream/x.ts", HLS_REDIRECT, "x.ts", "", 0},
    {"/stream/a/source.m3u8", HLS_MEDIA, "a", "source", 0},
    {"/stream/a/P144p30fps16x9.m3u8?t=1", HLS_MEDIA, "a", "P144p30fps16x9", 0},
    {"/stream/a/source/0.ts", HLS_SEGMENT, "a", "source", 0},
    {"/stream/a/source/119802.ts", HLS_SEGMENT, "a", "source", 119802},
    {"/stream/a/source/18446744073709551615.ts", HLS_SEGMENT, "a", "source", UINT64_MAX},
    {"/stream/a/source/18446744073709551616.ts", HLS_UNKNOWN, "", "", 0},
    {"/stream/a/source/99999999999999999999.ts", HLS_UNKNOWN, "", "", 0},
    {"/stream/a/source/000000000000000000001.ts", HLS_UNKNOWN, "", "", 0},
    {"/stream/a/source/01.ts", HLS_UNKNOWN, "", "", 0},
    {"/stream/a/source/-1.ts", HLS_UNKNOWN, "", "", 0},
    {"/stream/a/source/+1.ts", HLS_UNKNOWN, "", "", 0},
    {"/stream/a/source/.ts", HLS_UNKNOWN, "", "", 0},
    {"/stream/a/source/1", HLS_UNKNOWN, "", "", 0},
    {"/stream/a/source/1.mp4", HLS_UNKNOWN, "", "", 0},
    {"/stream/a/source/1.ts/", HLS_UNKNOWN, "", "", 0},
    {"/stream/a/source/1.ts/x", HLS_UNKNOWN, "", "", 0},
    {"/stream/a/live.m3u8", HLS_LIVE_MASTER, "a", "", 0},
    {"/stream/a/live.m3u8?t=1", HLS_LIVE_MASTER, "a", "", 0},
    {"/stream/live.m3u8", HLS_MASTER, "live", "", 0},
    {"/stream/live", HLS_REDIRECT, "live", "", 0},
    {"/stream/live/live.m3u8", HLS_LIVE_MASTER, "live", "", 0},
    {"/stream/live/live/live.m3u8", HLS_LIVE_MEDIA, "live", "live", 0},
    {"/stream/audio/audio/live.m3u8", HLS_LIVE_MEDIA, "audio", "audio", 0},
    {"/stream/a/source/live.m3u8", HLS_LIVE_MEDIA, "a", "source", 0},
    {"/stream/a/audio/live.m3u8", HLS_LIVE_MEDIA, "a", "audio", 0},
    {"/stream/a/audio1/live.m3u8", HLS_LIVE_MEDIA, "a", "audio1", 0},
    {"/stream/a/audio.m3u8", HLS_MEDIA, "a", "audio", 0},
    {"/stream/a/source/LIVE.m3u8", HLS_UNKNOWN, "", "", 0},
    {"/stream/a/source/xlive.m3u8", HLS_UNKNOWN, "", "", 0},
    {"/stream/a/source/119802.m4s", HLS_LIVE_SEGMENT, "a", "source", 119802},
    {"/stream/a/source/119802.0.m4s", HLS_LIVE_PART, "a", "source", 119802},
    {"/stream/a/audio/7.9999.m4s", HLS_LIVE_PART, "a", "audio", 7},
    {"/stream/a/source/7.10000.m4s", HLS_UNKNOWN, "", "", 0},
    {"/stream/a/source/live.m3u8?_HLS_msn=1&_HLS_part=2&t=1", HLS_LIVE_MEDIA, "a", "source", 0},
    {"/stream/a/source/live.m3u8?_HLS_msn=1&_HLS_msn=1", HLS_BAD, "", "", 0},
    {"/stream/a/source/live.m3u8?_HLS_part=2", HLS_BAD, "", "", 0},
    {"/stream/a/source/01.m4s", HLS_UNKNOWN, "", "", 0},
    {"/stream/a/source/1.m4s/", HLS_UNKNOWN, "", "", 0},
    {"/stream/a/source/1.M4S", HLS_UNKNOWN, "", "", 0},
    {"/stream/a/source/init-00000000000000ff.mp4", HLS_LIVE_INIT, "a", "source", 0},
    {"/stream/a/audio/init-fedcba9876543210.mp4", HLS_LIVE_INIT, "a", "audio", 0},
    {"/stream/a/source/init-FEDCBA9876543210.mp4", HLS_UNKNOWN, "", "", 0},
    {"/stream/a/source/init-0000000000000000.mp4", HLS_UNKNOWN, "", "", 0},
    {"/stream/a/source/init-fedcba987654321.mp4", HLS_UNKNOWN, "", "", 0},
    {"/stream/a/source/init-fedcba98765432100.mp4", HLS_UNKNOWN, "", "", 0},
    {"/stream/a/source/init-fedcba987654321g.mp4", HLS_UNKNOWN, "", "", 0},
    {"/stream/a/source/unit-fedcba9876543210.mp4", HLS_UNKNOWN, "", "", 0},
    {"/stream/a/source/init-.mp4", HLS_UNKNOWN, "", "", 0},
    {"/stream/a/source/.mp4", HLS_UNKNOWN, "", "", 0},
    {"/stream/a/source", HLS_UNKNOWN, "", "", 0},
    {"/stream/a/.m3u8", HLS_UNKNOWN, "", "", 0},
    {"/stream/a/", HLS_UNKNOWN, "", "", 0},
    {"/stream//source.m3u8", HLS_UNKNOWN, "", "", 0},
    {"/stream/.m3u8", HLS_UNKNOWN, "", "", 0},
    {"/stream/.hidden.m3u8", HLS_UNKNOWN, "", "", 0},
    {"/stream/a%20b.m3u8", HLS_UNKNOWN, "", "", 0},
    {"/stream/a%252e.m3u8", HLS_UNKNOWN, "", "", 0},
    {"/stream/", HLS_UNKNOWN, "", "", 0},
    {"/stream", HLS_UNKNOWN, "", "", 0},
    {"/STREAM/a.m3u8", HLS_UNKNOWN, "", "", 0},
    {"/favicon.ico", HLS_UNKNOWN, "", "", 0},
    {"//", HLS_UNKNOWN, "", "", 0},
    {"/stream/../etc/passwd", HLS_BAD, "", "", 0},
    {"/stream/..", HLS_BAD, "", "", 0},
    {"/stream/./a.m3u8", HLS_BAD, "", "", 0},
    {"/stream/%2e%2E/a.m3u8", HLS_BAD, "", "", 0},
    {"/stream/a%2fb.m3u8", HLS_BAD, "", "", 0},
    {"/stream/a%5Cb.m3u8", HLS_BAD, "", "", 0},
    {"/stream/a%00.m3u8", HLS_BAD, "", "", 0},
    {"/stream/a%0d%0aX: y.m3u8", HLS_BAD, "", "", 0},
    {"/stream/a\x01.m3u8", HLS_BAD, "", "", 0},
    {"/stream/a%", HLS_BAD, "", "", 0},
    {"/stream/a%4", HLS_BAD, "", "", 0},
    {"/stream/a%zz.m3u8", HLS_BAD, "", "", 0},
    {"/stream/a/b/c/d/%", HLS_BAD, "", "", 0},
    {"", HLS_BAD, "", "", 0},
    {"?", HLS_BAD, "", "", 0},
    {"*", HLS_BAD, "", "", 0},
    {"stream/a.m3u8", HLS_BAD, "", "", 0},
};

START_TEST(targets)
{
    struct hls_ask a = ask(table[_i].target);
    ck_assert_msg(a.what == table[_i].what, "%s: %d", table[_i].target, a.what);
    ck_assert_str_eq(a.id, table[_i].id);
    ck_assert_str_eq(a.rendition, table[_i].rendition);
    ck_assert_uint_eq(a.msn, table[_i].msn);
    ck_assert_int_eq(a.why != NULL, a.what == HLS_UNKNOWN || a.what == HLS_BAD);
}
END_TEST

START_TEST(the_hash_of_an_init)
{
    struct hls_ask a = ask("/stream/a/source/init-fedcba9876543210.mp4");
    ck_assert_uint_eq(a.hash, UINT64_C(0xfedcba9876543210));
}
END_TEST

START_TEST(names_that_a_rung_may_not_have)
{
    ck_assert(hls_is_audio("audio"));
    ck_assert(hls_is_audio("audio1"));
    ck_assert(hls_is_audio("audio7"));
    ck_assert(hls_is_audio("audio-light") && hls_is_light_audio("audio-light"));
    ck_assert(hls_is_audio("audio-light2") && hls_is_light_audio("audio-light10"));
    ck_assert(!hls_is_audio("audio-light1") && !hls_is_audio("audio-light11"));
    ck_assert(!hls_is_audio("audio-light0") && !hls_is_audio("audio-lights"));
    ck_assert(!hls_is_light_audio("audio") && !hls_is_light_audio("audio2"));
    ck_assert(hls_is_reserved("audio-light"));
    ck_assert(!hls_is_audio("audio0"));
    ck_assert(!hls_is_audio("audio8"));
    ck_assert(!hls_is_audio("audio11"));
    ck_assert(!hls_is_audio("audi"));
    ck_assert(!hls_is_audio("live"));
    ck_assert(hls_is_reserved("live"));
    ck_assert(hls_is_reserved("audio2"));
    ck_assert(!hls_is_reserved("source"));
    ck_assert(!hls_is_reserved("live1"));
}
END_TEST

START_TEST(current)
{
    ck_assert(ask("/stream/current/live.m3u8").current);
    ck_assert(!ask("/stream/current/source/live.m3u8").current);
    ck_assert(ask("/stream/current.m3u8").current);
    ck_assert(ask("/stream/CuRRent.m3u8").current);
    ck_assert(ask("/stream/current").current);
    ck_assert(ask("/stream/Current/poster.jpg").current);
    ck_assert(!ask("/stream/a/poster.jpg").current);
    ck_assert_int_eq(ask("/stream/current").what, HLS_REDIRECT);
    ck_assert(!ask("/stream/currents.m3u8").current);
    ck_assert(!ask("/stream/current/source.m3u8").current);
}
END_TEST

static void fill(char *out, const char *before, size_t n, const char *after)
{
    size_t at = strlen(before);
    memcpy(out, before, at);
    memset(out + at, 'a', n);
    strcpy(out + at + n, after);
}

START_TEST(lengths)
{
    char t[HLS_TARGET_MAX + 100];
    fill(t, "/stream/", ID_MAX, ".m3u8");
    ck_assert_int_eq(ask(t).what, HLS_MASTER);
    fill(t, "/stream/", ID_MAX + 1, ".m3u8");
    ck_assert_int_eq(ask(t).what, HLS_UNKNOWN);
    fill(t, "/stream/", 1000, ".m3u8");
    ck_assert_int_eq(ask(t).what, HLS_UNKNOWN);
    fill(t, "/stream/a/", RENDITION_NAME_MAX, ".m3u8");
    ck_assert_int_eq(ask(t).what, HLS_MEDIA);
    fill(t, "/stream/a/", RENDITION_NAME_MAX + 1, ".m3u8");
    ck_assert_int_eq(ask(t).what, HLS_UNKNOWN);
    fill(t, "/stream/a/", RENDITION_NAME_MAX + 1, "/1.ts");
    ck_assert_int_eq(ask(t).what, HLS_UNKNOWN);
    fill(t, "/stream/a.m3u8?", HLS_TARGET_MAX, "");
    ck_assert_int_eq(ask(t).what, HLS_BAD);
    memset(t, '/', HLS_TARGET_MAX);
    memcpy(t, "/stream/", 8);
    t[HLS_TARGET_MAX] = '\0';
    ck_assert_int_eq(ask(t).what, HLS_UNKNOWN);
}
END_TEST

/* Each prefix, and changes at random, in blocks of the exact size: whatever is answered holds what
 * it promises. */
static void check_promises(struct hls_ask a)
{
    bool named = (a.what >= HLS_MASTER && a.what <= HLS_LIVE_INIT) || a.what == HLS_EMBED;
    bool file = a.what == HLS_SEGMENT || a.what == HLS_LIVE_SEGMENT || a.what == HLS_LIVE_PART ||
                a.what == HLS_LIVE_INIT;
    bool media = a.what == HLS_MEDIA || a.what == HLS_LIVE_MEDIA;
    ck_assert_int_eq(named, a.id[0] != '\0');
    ck_assert(!named || id_valid(span_cstr(a.id)));
    ck_assert_int_eq(media || file, a.rendition[0] != '\0');
    ck_assert_int_eq(a.what == HLS_LIVE_INIT, a.hash != 0);
    ck_assert_int_eq(a.what == HLS_ASSET, a.asset[0] != '\0');
    ck_assert_int_eq(a.why != NULL, a.what == HLS_UNKNOWN || a.what == HLS_BAD);
}

START_TEST(prefixes_and_noise)
{
    srand(2);
    for (int round = 0; round < ROUNDS; round++) {
        const char *from = table[rand() % (int)(sizeof table / sizeof table[0])].target;
        size_t n = (size_t)rand() % (strlen(from) + 1);
        char *t = malloc(n + (n == 0));
        memcpy(t, from, n);
        for (int changes = rand() % 4; changes > 0 && n > 0; changes--) {
            t[(size_t)rand() % n] = (char)(rand() % 3 ? "/%.2e?"[rand() % 6] : rand());
        }
        check_promises(hls_parse(span_of(t, n)));
        free(t);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hls");
    TCase *t = tcase_create("hls");
    tcase_set_timeout(t, 20);
    tcase_add_loop_test(t, targets, 0, sizeof table / sizeof table[0]);
    tcase_add_test(t, the_hash_of_an_init);
    tcase_add_test(t, names_that_a_rung_may_not_have);
    tcase_add_test(t, current);
    tcase_add_test(t, lengths);
    tcase_add_test(t, prefixes_and_noise);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
