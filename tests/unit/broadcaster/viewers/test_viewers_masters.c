/* Master playlists are written, and packed, once for what the renditions are. */
#include "broadcaster/hls/hls.h"
#include "broadcaster/viewers/http_tag.h"
#include "broadcaster/viewers/viewers_answer.h"
#include "tests/unit/broadcaster/viewers/viewers_bench.h"

static struct answer get(const char *target, const char *accept)
{
    struct hls_ask ask = hls_parse(span_cstr(target));
    struct viewer_request request = {
        .method = "GET", .target = span_cstr(target), .ask = &ask, .accept_encoding = accept};
    struct answer a;
    answer_init(&a, board, &request);
    ck_assert_int_eq(a.status, 200);
    return a;
}

static void publish_rate(const char *name, int64_t bps)
{
    struct clip v = clip_video(160, 90, 40, 10, 0, 900000);
    struct segment *s = segment(&v, 100, false);
    struct window *w = window_create(&s, 1, 1);
    struct variant variant = {.width = 160,
                              .height = 90,
                              .rank = strcmp(name, "source") != 0,
                              .bandwidth_bps = bps,
                              .video = {"avc1.42c00a", bps, bps, bps}};
    strcpy(variant.name, name);
    board_publish(board, "a", &variant, w);
    window_unref(w);
    segment_unref(s);
    clip_free(&v);
}

static bool has(const struct answer *a, const char *text)
{
    struct span body = blob_span(a->blob);
    return memmem(body.data, body.len, text, strlen(text)) != NULL;
}

static const char *const masters[] = {"/stream/a.m3u8", "/stream/a/live.m3u8",
                                      "/stream/current.m3u8", "/stream/current/live.m3u8"};
#define MASTERS (sizeof masters / sizeof masters[0])

/* The second answer has the very bytes of the first, in both forms; another state has others. */
START_TEST(made_once_for_a_state)
{
    board = board_create();
    board_set_current(board, "a");
    publish_rate("source", 5000);
    publish_rate("rung", 1000);
    publish_rate("lower", 500);
    publish_rate("lowest", 200); /* enough to be worth packing */
    for (size_t i = 0; i < MASTERS; i++) {
        struct answer first = get(masters[i], "gzip");
        publish_rate("rung", 1000); /* a part more: another window, the same renditions */
        struct answer again = get(masters[i], "gzip"), plain = get(masters[i], NULL);
        ck_assert(first.gzipped && again.gzipped && !plain.gzipped);
        ck_assert_ptr_nonnull(first.gzip);
        ck_assert_ptr_eq(first.gzip, again.gzip);
        ck_assert_ptr_eq(first.blob, again.blob);
        ck_assert_ptr_eq(first.blob, plain.blob);
        ck_assert_str_eq(first.etag, again.etag);
        ck_assert_str_ne(first.etag, plain.etag);
        char tag[HTTP_TAG_MAX];
        http_tag_write(http_tag_of(blob_span(plain.blob)), false, tag);
        ck_assert_str_eq(plain.etag, tag);
        publish_rate("rung", 1001 + (int64_t)i);
        struct answer other = get(masters[i], "gzip");
        ck_assert_ptr_ne(other.blob, first.blob);
        ck_assert_ptr_ne(other.gzip, first.gzip);
        ck_assert_str_ne(other.etag, first.etag);
        publish_rate("rung", 1000);
        answer_fini(&first);
        answer_fini(&again);
        answer_fini(&plain);
        answer_fini(&other);
    }
    board_destroy(board);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

/* What the current stream's address gives leads to other addresses than the stream's own. */
START_TEST(each_address_has_its_own)
{
    board = board_create();
    board_set_current(board, "a");
    publish_rate("source", 5000);
    for (int round = 0; round < 2; round++) {
        struct answer own = get(masters[1], NULL), current = get(masters[3], NULL);
        struct answer asked = get("/stream/a/live.m3u8?token=x", "gzip");
        ck_assert(has(&own, "\nsource/live.m3u8"));
        ck_assert(has(&current, "\n../a/source/live.m3u8"));
        ck_assert_ptr_null(asked.blob); /* nobody else's */
        ck_assert_str_ne(asked.etag, own.etag);
        answer_fini(&own);
        answer_fini(&current);
        answer_fini(&asked);
    }
    board_destroy(board);
}
END_TEST

UNIT_MAIN("viewers_masters", made_once_for_a_state, each_address_has_its_own)
