#include "run/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

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

static bool is_public(const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        return addr_is_public((const struct sockaddr *)&v4);
    }
    ck_assert_int_eq(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return addr_is_public((const struct sockaddr *)&v6);
}

START_TEST(public_addresses_are_known)
{
    static const char *const public[] = {
        "1.1.1.1",         "9.255.255.255", "11.0.0.0",    "100.63.0.1",           "100.128.0.1",
        "126.1.1.1",       "172.15.0.1",    "172.32.0.1",  "192.167.1.1",          "192.169.0.1",
        "223.255.255.255", "198.20.0.1",    "2001:200::1", "2606:4700:4700::1111", "3fff::1"};
    static const char *const others[] = {"0.0.0.0",
                                         "10.1.2.3",
                                         "100.64.0.1",
                                         "127.0.0.1",
                                         "169.254.169.254",
                                         "172.16.0.1",
                                         "172.31.0.1",
                                         "192.168.1.1",
                                         "198.18.0.1",
                                         "224.0.0.1",
                                         "255.255.255.255",
                                         "::",
                                         "::1",
                                         "fe80::1",
                                         "fc00::1",
                                         "fd12::1",
                                         "ff02::1",
                                         "::ffff:1.1.1.1",
                                         "64:ff9b::a00:1",
                                         "2002:a00:1::",
                                         "2001::1",
                                         "2001:db8::1"};
    for (size_t i = 0; i < sizeof public / sizeof public[0]; i++) {
        ck_assert_msg(is_public(public[i]), "%s", public[i]);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        ck_assert_msg(!is_public(others[i]), "%s", others[i]);
    }
    ck_assert(!addr_is_public(&(struct sockaddr){.sa_family = AF_UNIX}));
}
END_TEST

UNIT_MAIN("addr", partial_addresses_are_completed, others_are_refused, loopback_is_known,
          public_addresses_are_known)
