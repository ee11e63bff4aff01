#include "broadcaster/ingest/proxy_protocol.h"

#include <stdio.h>
#include <string.h>

#include "broadcaster/auth/cidr.h"
#include "tests/support/unit.h"

#define SIGNATURE  '\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n'
#define BYTES(...) span_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))
#define BEHIND     "\3rtmp"

static enum err feed(struct span bytes, size_t piece, struct proxy_source *ret_source,
                     struct span *ret_rest)
{
    struct proxy_header h;
    enum err e = ERR_AGAIN;
    proxy_header_init(&h);
    while (e == ERR_AGAIN && bytes.len > 0) {
        size_t n = bytes.len < piece ? bytes.len : piece;
        struct span in = span_of(bytes.data, n);
        e = proxy_header_feed(&h, &in, ret_source);
        *ret_rest = span_of(in.data, in.len + (bytes.len - n));
        bytes = span_of(bytes.data + n, bytes.len - n);
        ck_assert(e != ERR_AGAIN || in.len == 0);
    }
    return e;
}

/* In pieces of every size, with the connection's own bytes behind; cut short it waits. expected:
 * "address port", "" for nobody known, NULL for a refusal. */
static void check(struct span header, const char *expected)
{
    uint8_t bytes[5000];
    ck_assert_uint_lt(header.len + 5, sizeof bytes);
    memcpy(bytes, header.data, header.len);
    memcpy(bytes + header.len, BEHIND, 5);
    struct span all = span_of(bytes, header.len + 5), rest = {0};
    for (size_t piece = 1; piece <= all.len; piece += piece < 40 ? 1 : 997) {
        struct proxy_source s = {.known = false};
        enum err e = feed(all, piece, &s, &rest);
        if (expected == NULL) {
            ck_assert_msg(e == ERR_PROTO || e == ERR_LIMIT, "%d", e);
            continue;
        }
        char text[CIDR_TEXT_MAX] = "", line[CIDR_TEXT_MAX + 20] = "";
        ck_assert_int_eq(e, ERR_OK);
        ck_assert(span_equal(rest, span_cstr(BEHIND)));
        if (s.known) {
            cidr_address_format(s.address, text);
            snprintf(line, sizeof line, "%s %d", text, s.port);
        }
        ck_assert_str_eq(line, expected);
    }
    for (size_t n = 0; expected != NULL && n < header.len; n++) {
        struct proxy_source s;
        ck_assert_int_eq(feed(span_of(header.data, n), 99999, &s, &rest), ERR_AGAIN);
    }
}

static void check_line(const char *line, const char *expected)
{
    check(span_cstr(line), expected);
}

/* Fact 30 */
START_TEST(version_1)
{
    check_line("PROXY TCP4 192.0.2.7 198.51.100.1 40112 1935\r\n", "192.0.2.7 40112");
    check_line("PROXY TCP6 2001:db8::7 ::1 65535 0\r\n", "2001:db8::7 65535");
    check_line("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.1 1 1935\r\n", "192.0.2.7 1");
    check_line("PROXY UNKNOWN\r\n", "");
    check_line("PROXY UNKNOWN ff:ff::ff ff::1 1 2\r\n", "");
    const char *const bad[] = {
        "PROXY TCP4 192.0.2.7 198.51.100.1 40112\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 40112 1935 7\r\n",
        "PROXY TCP4 192.0.2.7  198.51.100.1 40112 1935\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 65536 1935\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 040 1935\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 -1 1935\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 1 \r\n",
        "PROXY TCP4 2001:db8::7 ::1 1 2\r\n",
        "PROXY TCP6 192.0.2.7 198.51.100.1 1 2\r\n",
        "PROXY TCP4 host 198.51.100.1 1 2\r\n",
        "PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n",
        "PROXY\r\n",
        "PROXX TCP4 192.0.2.7 198.51.100.1 1 2\r\n",
        "\3",
        "GET / HTTP/1.1\r\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        check_line(bad[i], NULL);
    }
    char line[PROXY_LINE_MAX + 2] = "PROXY UNKNOWN ";
    memset(line + 14, 'x', PROXY_LINE_MAX - 16);
    memcpy(line + PROXY_LINE_MAX - 2, "\r\n", 3);
    check_line(line, "");
    memcpy(line + PROXY_LINE_MAX - 2, "x\r\n", 4);
    check_line(line, NULL);
    check(BYTES('P', 'R', 'O', 'X', 'Y', ' ', 'U', 'N', 'K', 'N', 'O', 'W', 'N', 0, '\r', '\n'),
          NULL);
}
END_TEST

/* Fact 30 */
START_TEST(version_2)
{
    check(BYTES(SIGNATURE, 0x21, 0x11, 0, 12, 192, 0, 2, 7, 198, 51, 100, 1, 0x9c, 0xb0, 7, 0x8f),
          "192.0.2.7 40112");
    check(BYTES(SIGNATURE, 0x21, 0x21, 0, 36, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 9, 7, 0x8f),
          "2001:db8::7 9");
    /* extensions behind */
    check(BYTES(SIGNATURE, 0x21, 0x11, 0, 17, 192, 0, 2, 7, 198, 51, 100, 1, 0, 1, 7, 0x8f, 4, 0, 2,
                0, 0),
          "192.0.2.7 1");
    check(BYTES(SIGNATURE, 0x20, 0, 0, 0), "");             /* the proxy itself */
    check(BYTES(SIGNATURE, 0x20, 0x11, 0, 3, 1, 2, 3), ""); /* and whatever it adds */
    check(BYTES(SIGNATURE, 0x21, 0, 0, 2, 1, 2), "");       /* not known */
    check(BYTES(SIGNATURE, 0x21, 0x12, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), ""); /* UDP */
    check(BYTES(SIGNATURE, 0x31, 0x11, 0, 12), NULL); /* version 3 */
    check(BYTES(SIGNATURE, 0x22, 0x11, 0, 12), NULL); /* an unknown command */
    check(BYTES(SIGNATURE, 0x21, 0x11, 0, 11), NULL); /* too short for its addresses */
    check(BYTES(SIGNATURE, 0x21, 0x21, 0, 35), NULL);
    check(BYTES(SIGNATURE, 0x21, 0x11, 0x10, 1), NULL); /* 4097 */
    check(BYTES('\r', '\n', '\r', '\n', 1), NULL);
    uint8_t large[16 + PROXY_EXTRA_MAX] = {SIGNATURE, 0x20, 0, 0x10, 0};
    check(span_of(large, sizeof large), "");
}
END_TEST

START_TEST(how_it_begins)
{
    ck_assert(proxy_header_begins(span_cstr("PROXY TCP4")));
    ck_assert(proxy_header_begins(BYTES(SIGNATURE)));
    ck_assert(!proxy_header_begins(span_cstr("PROXY")));
    ck_assert(!proxy_header_begins(span_cstr("\3......")));
    ck_assert(!proxy_header_begins(span_of(NULL, 0)));
}
END_TEST

UNIT_MAIN("proxy_protocol", version_1, version_2, how_it_begins)
