#include "broadcaster/viewers/pages.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broadcaster/viewers/pages_assets.h"

#define BROWSER "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

static struct pages *pages;

static void begin(void)
{
    const struct pages_config config = {.rtmp_port = 1935, .needs_key = true};
    pages = pages_create(&config);
}

static void end(void)
{
    pages_destroy(pages);
}

static enum pages_found find(const char *target, const char *accept, struct page *ret_page)
{
    struct hls_ask ask = hls_parse(span_cstr(target));
    struct viewer_request r = {
        .method = "GET", .target = span_cstr(target), .ask = &ask, .accept = accept};
    return pages_find(pages, &r, ret_page);
}

static struct page given(const char *target, const char *encoding, const char *tag)
{
    struct page p;
    struct hls_ask ask = hls_parse(span_cstr(target));
    struct viewer_request r = {.method = "HEAD",
                               .target = span_cstr(target),
                               .ask = &ask,
                               .accept = BROWSER,
                               .accept_encoding = encoding,
                               .if_none_match = tag};
    ck_assert_int_eq(pages_find(pages, &r, &p), PAGES_GIVEN);
    return p;
}

static void holds(struct page p, const char *text)
{
    ck_assert_ptr_nonnull(memmem(p.body.data, p.body.len, text, strlen(text)));
}

START_TEST(test_who_gets_a_page)
{
    static const struct {
        const char *target, *accept;
        enum pages_found found;
    } table[] = {
        {"/", BROWSER, PAGES_GIVEN},
        {"/", "TEXT/HTML", PAGES_GIVEN},
        {"/", "*/*, text/html;level=1", PAGES_GIVEN},
        {"/", "*/*", PAGES_VARIES},
        {"/", NULL, PAGES_VARIES},
        {"/", "", PAGES_VARIES},
        {"/", ",,;", PAGES_VARIES},
        {"/", "text/html;q=0", PAGES_VARIES},
        {"/", "text/html ; level=1 ; Q=0.000 , a/b", PAGES_VARIES},
        {"/", "text/html;q=0.001", PAGES_GIVEN},
        {"/", "text/htmlx, xtext/html", PAGES_VARIES},
        {"/stream/hello", BROWSER, PAGES_GIVEN},
        {"/stream/hello", "*/*", PAGES_VARIES},
        {"/stream/current", BROWSER, PAGES_GIVEN},
        {"/stream/hello.m3u8", BROWSER, PAGES_NONE},
        {"/stream/hello/live.m3u8", BROWSER, PAGES_NONE},
        {"/stream/a%2fb", BROWSER, PAGES_NONE},
        {"/stream/", BROWSER, PAGES_NONE},
        {"/healthz", BROWSER, PAGES_NONE},
        {"/nowhere", BROWSER, PAGES_NONE},
        {"/multi?ids=a,b", "*/*", PAGES_GIVEN},
        {"/publish", NULL, PAGES_GIVEN},
        {"/demo", BROWSER, PAGES_NONE},
        {"/embed/hello", NULL, PAGES_GIVEN},
        {"/watch/a/b%20c.mp4?t=1", NULL, PAGES_GIVEN},
        {"/watch/", NULL, PAGES_NONE},
        {"/media/a.mp4", BROWSER, PAGES_NONE},
        {"/media.json", BROWSER, PAGES_NONE},
        {"/video", BROWSER, PAGES_NONE},
        {"/assets/style.css", NULL, PAGES_GIVEN},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct page p;
        ck_assert_msg(find(table[i].target, table[i].accept, &p) == table[i].found, "%s for %s",
                      table[i].target, table[i].accept);
    }
}
END_TEST

START_TEST(test_other_methods_are_not_for_pages)
{
    struct page p;
    struct hls_ask ask = hls_parse(span_cstr("/publish"));
    struct viewer_request r = {
        .method = "POST", .target = span_cstr("/publish"), .ask = &ask, .accept = BROWSER};
    ck_assert_int_eq(pages_find(pages, &r, &p), PAGES_NONE);
}
END_TEST

START_TEST(test_each_page_is_its_own)
{
    holds(given("/", NULL, NULL), "/assets/list.js");
    holds(given("/stream/x", NULL, NULL), "/assets/watch.js");
    holds(given("/multi", NULL, NULL), "/assets/multi.js");
    holds(given("/publish", NULL, NULL), "/assets/publish.js");
    holds(given("/embed/x", NULL, NULL), "/assets/embed.js");
    holds(given("/watch/x.mp4", NULL, NULL), "/assets/media.js");
}
END_TEST

/* Where something costs something there is one page more, and each says where to pay. */
START_TEST(test_pages_where_something_costs_something)
{
    const struct pages_config config = {
        .pays = true, .pointer = "https://wallet.example/me", .media = true};
    struct hls_ask ask = hls_parse(span_cstr("/demo"));
    struct viewer_request r = {.method = "GET",
                               .target = span_cstr("/demo"),
                               .ask = &ask,
                               .accept = BROWSER,
                               .accept_encoding = ""};
    struct pages *paid = pages_create(&config);
    struct page p;
    ck_assert_int_eq(pages_find(paid, &r, &p), PAGES_GIVEN);
    ck_assert_int_eq(p.status, 200);
    holds(p, "/assets/demo.js");
    holds(p, "<link rel=\"monetization\" href=\"https://wallet.example/me\">");
    ck_assert_ptr_nonnull(strstr(p.policy, "default-src 'none'"));
    r.target = span_cstr("/assets/settings.json");
    ask = hls_parse(r.target);
    ck_assert_int_eq(pages_find(paid, &r, &p), PAGES_GIVEN);
    holds(p, "\"demo\":true");
    pages_destroy(paid);
}
END_TEST

START_TEST(test_policy)
{
    const char *whole = given("/stream/x", NULL, NULL).policy;
    ck_assert_ptr_nonnull(strstr(whole, "default-src 'none'"));
    ck_assert_ptr_nonnull(strstr(whole, "media-src 'self' blob:"));
    ck_assert_ptr_nonnull(strstr(whole, "frame-ancestors 'self'"));
    ck_assert_ptr_null(strstr(whole, "unsafe"));
    ck_assert_ptr_nonnull(strstr(given("/embed/x", NULL, NULL).policy, "frame-ancestors *"));
    struct page front = given("/", NULL, NULL);
    ck_assert(front.varies && front.page_too);
}
END_TEST

/* What stands behind such a mark, up to the quote, is the name of a file. */
static size_t check_names(const struct pages_asset *asset, const char *mark)
{
    size_t n = 0;
    struct span body = span_of(asset->plain, asset->plain_len);
    for (const uint8_t *at; (at = memmem(body.data, body.len, mark, strlen(mark))) != NULL; n++) {
        char path[64];
        at += strlen(mark);
        body = span_of(at, body.len - (size_t)(at - body.data));
        snprintf(path, sizeof path, "/assets/%.*s", (int)strcspn((const char *)at, "\"'"), at);
        ck_assert_msg(given(path, NULL, NULL).status == 200, "%s in %s", path, asset->name);
    }
    return n;
}

/* A file that was forgotten is found now. */
START_TEST(test_every_asset_is_there)
{
    size_t n = 0;
    for (size_t i = 0; i < pages_assets_count; i++) {
        const struct pages_asset *a = &pages_assets[i];
        n += check_names(a, "=\"/assets/");
        if (strncmp(a->name, "hls", 3) != 0) {
            n += check_names(a, "from './");
        }
    }
    ck_assert_uint_gt(n, 20);
    ck_assert_int_eq(given("/assets/nothing.js", NULL, NULL).status, 404);
    ck_assert_ptr_null(given("/assets/nothing.js", NULL, NULL).etag);
}
END_TEST

START_TEST(test_gzip)
{
    struct page plain = given("/assets/style.css", "br, gzip;q=0", NULL);
    struct page small = given("/assets/style.css", "br, gzip", NULL);
    ck_assert_ptr_null(plain.content_encoding);
    ck_assert_str_eq(small.content_encoding, "gzip");
    ck_assert_uint_lt(small.body.len, plain.body.len / 2);
    ck_assert_uint_eq(small.body.data[0], 0x1f);
    ck_assert_uint_eq(small.body.data[1], 0x8b);
    ck_assert_str_ne(small.etag, plain.etag);
    ck_assert(small.varies && !small.page_too);
    ck_assert_str_eq(small.content_type, plain.content_type);
}
END_TEST

START_TEST(test_etag)
{
    struct page first = given("/assets/player.js", NULL, NULL);
    char list[128];
    ck_assert_int_eq(first.status, 200);
    snprintf(list, sizeof list, "\"other\", W/%s", first.etag);
    struct page again = given("/assets/player.js", NULL, list);
    ck_assert_int_eq(again.status, 304);
    ck_assert_uint_eq(again.body.len, 0);
    ck_assert_str_eq(again.etag, first.etag);
    ck_assert_int_eq(given("/assets/player.js", NULL, "*").status, 304);
    ck_assert_int_eq(given("/assets/player.js", NULL, "\"other\"").status, 200);
    ck_assert_int_eq(given("/assets/player.js", "gzip", first.etag).status, 200);
    /* A page that is the same still says who may hold it. */
    struct page page = given("/", NULL, given("/", NULL, NULL).etag);
    ck_assert_int_eq(page.status, 304);
    ck_assert_ptr_nonnull(page.policy);
}
END_TEST

START_TEST(test_settings)
{
    struct page p = given("/assets/settings.json", NULL, NULL);
    ck_assert_str_eq(p.content_type, "application/json");
    holds(p, "\"rtmp_port\":1935,");
    holds(p, "\"needs_key\":true,");
    holds(p, "\"rtmps_port\":0,");
    holds(p, "\"media\":false,\"demo\":false}");
    struct page again = given("/assets/settings.json", NULL, p.etag);
    ck_assert_int_eq(again.status, 304);
    ck_assert_uint_eq(again.body.len, 0);
    ck_assert_str_eq(again.etag, p.etag);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("broadcaster/viewers/pages");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, begin, end);
    tcase_add_test(tc, test_who_gets_a_page);
    tcase_add_test(tc, test_other_methods_are_not_for_pages);
    tcase_add_test(tc, test_each_page_is_its_own);
    tcase_add_test(tc, test_pages_where_something_costs_something);
    tcase_add_test(tc, test_policy);
    tcase_add_test(tc, test_every_asset_is_there);
    tcase_add_test(tc, test_gzip);
    tcase_add_test(tc, test_etag);
    tcase_add_test(tc, test_settings);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
