#include "broadcaster/viewers/viewers_refuse.h"

#include <string.h>

#include "tests/support/unit.h"

#define KNOWN 784111777 /* of RFC 9110, 5.6.7 */

static const char *refusal(unsigned status, const struct cors *cors, const char *origin)
{
    static char text[VIEWERS_REFUSAL_MAX + 1];
    size_t n = viewers_refusal(status, cors, origin, KNOWN, text);
    ck_assert_uint_lt(n, VIEWERS_REFUSAL_MAX);
    text[n] = '\0';
    return text;
}

START_TEST(a_whole_answer)
{
    ck_assert_str_eq(refusal(431, NULL, NULL),
                     "HTTP/1.1 431 Request Header Fields Too Large\r\n"
                     "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                     "Connection: close\r\n"
                     "Access-Control-Allow-Origin: *\r\n"
                     "Access-Control-Expose-Headers: " CORS_EXPOSED_HEADERS "\r\n"
                     "Cache-Control: no-store\r\n"
                     "X-Content-Type-Options: nosniff\r\n"
                     "Content-Type: text/plain; charset=utf-8\r\n"
                     "Content-Length: 64\r\n"
                     "\r\n"
                     "The headers of this request are too long: its cookies, perhaps.\n");
}
END_TEST

/* All that libmicrohttpd 0.9.75 answers by itself, those from here, and one that nobody knows. */
START_TEST(each_has_a_sentence_of_its_own)
{
    static const unsigned statuses[] = {400, 413, 414, 431, 500, 501, 505};
    size_t n = sizeof statuses / sizeof statuses[0];
    for (size_t i = 0; i < n; i++) {
        char one[VIEWERS_REFUSAL_MAX];
        strcpy(one, strstr(refusal(statuses[i], NULL, NULL), "\r\n\r\n"));
        for (size_t k = 0; k < i; k++) {
            ck_assert_str_ne(strstr(refusal(statuses[k], NULL, NULL), "\r\n\r\n"), one);
        }
    }
    ck_assert_ptr_nonnull(strstr(refusal(799, NULL, NULL), "HTTP/1.1 799 "));
}
END_TEST

START_TEST(whose_page_may_read_it)
{
    char longest[CORS_ORIGIN_MAX] = "https://";
    memset(longest + 8, 'a', sizeof longest - 9);
    char why[CORS_WHY_MAX];
    struct cors *any, *listed;
    ck_assert_int_eq(cors_create("*", &any, why), ERR_OK);
    ck_assert_int_eq(cors_create(longest, &listed, why), ERR_OK);
    ck_assert_str_eq(refusal(400, any, "https://a.example"), refusal(400, NULL, NULL));
    const char *own = refusal(400, listed, longest);
    ck_assert_ptr_nonnull(
        strstr(own, "\r\nVary: Origin\r\nAccess-Control-Allow-Origin: https://aa"));
    ck_assert_ptr_nonnull(strstr(own, "\r\nAccess-Control-Expose-Headers: "));
    for (int i = 0; i < 2; i++) {
        const char *other = refusal(400, listed, i == 0 ? NULL : "https://a.example");
        ck_assert_ptr_nonnull(strstr(other, "\r\nVary: Origin\r\n"));
        ck_assert_ptr_null(strstr(other, "Access-Control"));
    }
    cors_destroy(any);
    cors_destroy(listed);
}
END_TEST

UNIT_MAIN("viewers_refuse", a_whole_answer, each_has_a_sentence_of_its_own, whose_page_may_read_it)
