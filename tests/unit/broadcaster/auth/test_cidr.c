#include "broadcaster/auth/cidr.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "tests/support/unit.h"

static bool in(const char *list, const char *address)
{
    struct cidr_list l;
    uint8_t bytes[CIDR_ADDRESS_BYTES];
    char why[CIDR_WHY_MAX] = "";
    ck_assert_msg(cidr_list_parse(list, &l, why) == ERR_OK, "%s: %s", list, why);
    ck_assert_int_eq(cidr_address_parse(address, bytes), ERR_OK);
    bool found = cidr_list_contains(&l, bytes);
    cidr_list_fini(&l);
    return found;
}

START_TEST(addresses)
{
    uint8_t a[CIDR_ADDRESS_BYTES], b[CIDR_ADDRESS_BYTES];
    char text[CIDR_TEXT_MAX];
    ck_assert_int_eq(cidr_address_parse("192.0.2.7", a), ERR_OK);
    ck_assert_int_eq(cidr_address_parse("::ffff:192.0.2.7", b), ERR_OK);
    ck_assert_mem_eq(a, b, sizeof a);
    cidr_address_format(a, text);
    ck_assert_str_eq(text, "192.0.2.7");
    ck_assert_int_eq(cidr_address_parse("2001:DB8:0::7", a), ERR_OK);
    cidr_address_format(a, text);
    ck_assert_str_eq(text, "2001:db8::7");
    const char *const bad[] = {"",       "host",     "1.2.3",      "1.2.3.256", "01.2.3.4", "[::1]",
                               "::1%lo", "1.2.3.4 ", "1.2.3.4/32", ":",         "1::2::3"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(cidr_address_parse(bad[i], a) == ERR_PROTO, "%s", bad[i]);
    }
}
END_TEST

START_TEST(inside_and_outside)
{
    ck_assert(in("10.0.0.0/8", "10.255.255.255"));
    ck_assert(!in("10.0.0.0/8", "11.0.0.0"));
    ck_assert(in("192.0.2.128/25", "192.0.2.128") && in("192.0.2.128/25", "192.0.2.255"));
    ck_assert(!in("192.0.2.128/25", "192.0.2.127"));
    ck_assert(in("192.0.2.7", "192.0.2.7") && !in("192.0.2.7", "192.0.2.6"));
    ck_assert(in("2001:db8::/33", "2001:db8:7fff::1") && !in("2001:db8::/33", "2001:db8:8000::1"));
    ck_assert(in("::1", "::1") && !in("::1", "::2"));
    ck_assert(in(" 10.0.0.0/8 ,\t::1,192.0.2.7", "192.0.2.7"));
    ck_assert(!in("", "192.0.2.7") && !in("  ", "::1"));
    /* Bits behind the prefix are ignored. */
    ck_assert(in("10.1.2.3/8", "10.9.9.9"));
}
END_TEST

START_TEST(all_of_a_family)
{
    ck_assert(in("0.0.0.0/0", "203.0.113.9") && !in("0.0.0.0/0", "2001:db8::1"));
    ck_assert(in("::/0", "2001:db8::1") && !in("::/0", "203.0.113.9"));
    ck_assert(in("::ffff:10.0.0.0/104", "10.1.2.3") && !in("::ffff:10.0.0.0/104", "11.1.2.3"));
    ck_assert(in("::ffff:0:0/96", "11.1.2.3"));
}
END_TEST

START_TEST(every_prefix)
{
    for (int bits = 0; bits <= 32; bits++) {
        char text[CIDR_TEXT_MAX], again[CIDR_TEXT_MAX];
        struct cidr c;
        uint8_t a[CIDR_ADDRESS_BYTES];
        snprintf(text, sizeof text, "255.255.255.255/%d", bits);
        ck_assert_int_eq(cidr_parse(text, &c), ERR_OK);
        ck_assert_int_eq(cidr_address_parse("255.255.255.255", a), ERR_OK);
        ck_assert(cidr_contains(&c, a));
        for (int bit = 0; bit < 32; bit++) { /* another address: only behind the prefix */
            a[12 + bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
            ck_assert_int_eq(cidr_contains(&c, a), bit >= bits);
            a[12 + bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
        }
        struct cidr same;
        cidr_format(&c, text);
        ck_assert_int_eq(cidr_parse(text, &same), ERR_OK);
        ck_assert_mem_eq(same.address, c.address, sizeof c.address);
        ck_assert_int_eq(same.bits, c.bits);
        cidr_format(&same, again);
        ck_assert_str_eq(text, again);
    }
}
END_TEST

START_TEST(written)
{
    const struct {
        const char *in, *out;
    } cases[] = {{"10.1.2.3/8", "10.0.0.0/8"},       {"192.0.2.7", "192.0.2.7/32"},
                 {"2001:db8::1", "2001:db8::1/128"}, {"2001:db8:ffff::/32", "2001:db8::/32"},
                 {"0.0.0.0/0", "0.0.0.0/0"},         {"::/0", "::/0"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cidr c;
        char text[CIDR_TEXT_MAX];
        ck_assert_int_eq(cidr_parse(cases[i].in, &c), ERR_OK);
        cidr_format(&c, text);
        ck_assert_str_eq(text, cases[i].out);
    }
}
END_TEST

START_TEST(refused_with_the_item)
{
    const struct {
        const char *list, *item;
    } cases[] = {{"10.0.0.0/33", "\"10.0.0.0/33\""},
                 {"::/129", "\"::/129\""},
                 {"::1,10.0.0/8", "\"10.0.0/8\""},
                 {"10.0.0.0/", "\"10.0.0.0/\""},
                 {"10.0.0.0/-1", "\"10.0.0.0/-1\""},
                 {"10.0.0.0/8 8", "\"10.0.0.0/8 8\""},
                 {"10.0.0.0/0008", "/0008\""},
                 {"10.0.0.0/8,,::1", "\"\""},
                 {"10.0.0.0/8,", "\"\""},
                 {"office", "\"office\""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cidr_list l = {.count = 77};
        char why[CIDR_WHY_MAX] = "";
        ck_assert_msg(cidr_list_parse(cases[i].list, &l, why) == ERR_PROTO, "%s", cases[i].list);
        ck_assert_msg(strstr(why, cases[i].item) != NULL, "%s: %s", cases[i].list, why);
        ck_assert_uint_eq(l.count, 77);
    }
    char long_text[5000], why[CIDR_WHY_MAX];
    struct cidr_list l;
    memset(long_text, '1', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    ck_assert_int_eq(cidr_list_parse(long_text, &l, why), ERR_PROTO);
}
END_TEST

START_TEST(limits)
{
    static char text[2 * (CIDR_LIST_MAX + 1) + 1];
    char why[CIDR_WHY_MAX];
    struct cidr_list l;
    for (size_t i = 0; i < sizeof text - 1; i++) {
        text[i] = i % 2 == 0 ? '1' : ',';
    }
    ck_assert_int_eq(cidr_list_parse(text, &l, why), ERR_LIMIT);
    ck_assert_ptr_nonnull(strstr(why, "4096"));
    mem_fail_nth(1);
    ck_assert_int_eq(cidr_list_parse("::1", &l, why), ERR_NOMEM);
    ck_assert(mem_has_failed());
}
END_TEST

UNIT_MAIN("cidr", addresses, inside_and_outside, all_of_a_family, every_prefix, written,
          refused_with_the_item, limits)
