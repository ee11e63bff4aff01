#include "run/addr.h"

#include <string.h>

#include "tests/support/unit.h"

START_TEST(partial_addresses_are_completed)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"", "127.0.0.1:8935"},
        {":80", "127.0.0.1:80"},
        {"0.0.0.0", "0.0.0.0:8935"},
        {"example.org", "example.org:8935"},
        {"example.org:1", "example.org:1"},
        {"[::1]", "[::1]:8935"},
        {"[::1]:9000", "[::1]:9000"},
        {"::1", "[::1]:8935"},
        {"fe80::1%eth0", "[fe80::1%eth0]:8935"},
        {"https://10.0.0.1:8936", "10.0.0.1:8936"},
        {"http://10.0.0.1", "10.0.0.1:8935"},
        {"0.0.0.0:0", "0.0.0.0:0"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct addr a;
        char out[ADDR_MAX];
        ck_assert_msg(addr_parse(rows[i].text, "127.0.0.1", 8935, &a) == ERR_OK, "%s",
                      rows[i].text);
        addr_format(&a, out);
        ck_assert_str_eq(out, rows[i].want);
    }
}
END_TEST

START_TEST(others_are_refused)
{
    static const char *const bad[] = {"a:b",    "a:",        "a:-1",     "a:65536", "a:999999",
                                      "[::1",   "[::1]x",    "[]:80",    "a b:80",  "a/b",
                                      "[::1]:", "x:80,y:81", "[::1]:8x", "a:8 0"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct addr a = {.port = -7};
        ck_assert_msg(addr_parse(bad[i], "127.0.0.1", 8935, &a) == ERR_PROTO, "%s", bad[i]);
        ck_assert_int_eq(a.port, -7);
    }
    char longer[600];
    memset(longer, 'a', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    struct addr a;
    ck_assert_int_eq(addr_parse(longer, "127.0.0.1", 8935, &a), ERR_PROTO);
}
END_TEST

START_TEST(loopback_is_known)
{
    struct addr a = {.host = "127.9.9.9"};
    ck_assert(addr_is_loopback(&a));
    strcpy(a.host, "::1");
    ck_assert(addr_is_loopback(&a));
    strcpy(a.host, "0.0.0.0");
    ck_assert(!addr_is_loopback(&a));
    ck_assert_int_eq(addr_parse("127.0.0.1.example.org:1", "h", 1, &a), ERR_OK);
    ck_assert(!addr_is_loopback(&a)); /* a name, whatever it looks like */
}
END_TEST

UNIT_MAIN("addr", partial_addresses_are_completed, others_are_refused, loopback_is_known)
