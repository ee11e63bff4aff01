#include "broadcaster/auth/bans.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/unit.h"

static const struct bans_config usual = {.after = 3, .window_ms = 1000, .first_ms = 500};

static const uint8_t *address(const char *text)
{
    static uint8_t bytes[CIDR_ADDRESS_BYTES];
    ck_assert_int_eq(cidr_address_parse(text, bytes), ERR_OK);
    return bytes;
}

static bool note(struct bans *b, const char *text, int64_t now)
{
    return bans_failure(b, address(text), now);
}

static int64_t left(const struct bans *b, const char *text, int64_t now)
{
    return bans_left_ms(b, address(text), now);
}

START_TEST(each_ban_is_longer)
{
    struct bans *b = bans_create(&usual);
    int64_t now = 10;
    for (int64_t ms = 500; ms < 20000; ms *= 2) {
        ck_assert(!note(b, "192.0.2.1", now) && !note(b, "192.0.2.1", now));
        ck_assert_int_eq(left(b, "192.0.2.1", now), 0);
        ck_assert(note(b, "192.0.2.1", now));
        ck_assert_int_eq(left(b, "192.0.2.1", now), ms);
        ck_assert_int_eq(left(b, "192.0.2.2", now), 0);
        now += ms;
        ck_assert_int_eq(left(b, "192.0.2.1", now - 1), 1);
        ck_assert_int_eq(left(b, "192.0.2.1", now), 0);
    }
    ck_assert_uint_eq(bans_total(b), 6);
    now += 20000; /* who kept quiet as long as the last ban is new again */
    for (int i = 0; i < 3; i++) {
        (void)note(b, "192.0.2.1", now);
    }
    ck_assert_int_eq(left(b, "192.0.2.1", now), 500);
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 3; i++) {
            (void)note(b, "192.0.2.1", now);
        }
        ck_assert_int_le(left(b, "192.0.2.1", now), BANS_LONGEST_MS);
        now += left(b, "192.0.2.1", now);
    }
    bans_destroy(b);
    bans_destroy(NULL);
}
END_TEST

START_TEST(rare_failures_are_none)
{
    struct bans *b = bans_create(&usual);
    for (int64_t now = 0; now < 100000; now += 500) {
        ck_assert(!note(b, "192.0.2.1", now));
    }
    bans_destroy(b);
    struct bans_config never = usual;
    never.after = 0;
    b = bans_create(&never);
    for (int i = 0; i < 100; i++) {
        ck_assert(!note(b, "192.0.2.1", 5));
    }
    bans_destroy(b);
}
END_TEST

START_TEST(one_subscriber_of_ipv6_is_one_address)
{
    struct bans *b = bans_create(&usual);
    struct ban list[2];
    ck_assert(!note(b, "2001:db8:1:2::1", 0) && !note(b, "2001:db8:1:2:ffff::", 0));
    ck_assert(!note(b, "2001:db8:1:3::1", 0));
    ck_assert(note(b, "2001:db8:1:2:3::4", 0));
    ck_assert_int_gt(left(b, "2001:db8:1:2::9", 0), 0);
    ck_assert_int_eq(left(b, "2001:db8:1:3::1", 0), 0);
    ck_assert_uint_eq(bans_list(b, 0, list, 2), 1);
    ck_assert_str_eq(list[0].address, "2001:db8:1:2::/64");
    ck_assert(list[0].left_ms == 500 && list[0].times == 1);
    ck_assert_uint_eq(bans_clear(b, address("2001:db8:1:2::77"), 0), 1);
    ck_assert_int_eq(left(b, "2001:db8:1:2::9", 0), 0);
    bans_destroy(b);
}
END_TEST

START_TEST(this_host_is_asked_for)
{
    static const char *const local[] = {"127.0.0.1", "127.9.9.9", "::1"};
    for (int on = 0; on < 2; on++) {
        struct bans_config c = usual;
        c.loopback = on;
        struct bans *b = bans_create(&c);
        for (size_t i = 0; i < 3; i++) {
            bool banned = false;
            for (int n = 0; n < 3; n++) {
                banned = note(b, local[i], 0);
            }
            ck_assert_int_eq(banned, on);
        }
        ck_assert_uint_eq(bans_list(b, 0, NULL, 0), on ? 3 : 0);
        ck_assert_uint_eq(bans_clear(b, NULL, 0), on ? 3 : 0);
        ck_assert_uint_eq(bans_list(b, 0, NULL, 0), 0);
        bans_destroy(b);
    }
}
END_TEST

/* A flood of addresses forgets neither who is banned nor grows. */
START_TEST(a_full_table)
{
    struct bans *b = bans_create(&usual);
    for (int i = 0; i < 3; i++) {
        (void)note(b, "192.0.2.1", 0);
    }
    for (unsigned i = 0; i < BANS_MAX + 10; i++) {
        char text[32];
        snprintf(text, sizeof text, "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
        ck_assert(!note(b, text, 100));
    }
    ck_assert_int_eq(left(b, "192.0.2.1", 100), 400);
    for (unsigned i = 0; i < BANS_MAX + 10; i++) {
        char text[32];
        snprintf(text, sizeof text, "11.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
        for (int n = 0; n < 3; n++) {
            (void)note(b, text, 200);
        }
        ck_assert_int_gt(left(b, text, 200), 0);
    }
    ck_assert_uint_eq(bans_list(b, 200, NULL, 0), BANS_MAX);
    bans_destroy(b);
}
END_TEST

UNIT_MAIN("bans", each_ban_is_longer, rare_failures_are_none, one_subscriber_of_ipv6_is_one_address,
          this_host_is_asked_for, a_full_table)
