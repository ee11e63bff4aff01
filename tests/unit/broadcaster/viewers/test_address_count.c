#include "broadcaster/viewers/address_count.h"

#include <pthread.h>

#include "base/mem.h"
#include "broadcaster/auth/cidr.h"
#include "tests/support/unit.h"

static enum err up(struct address_count *a, const char *text)
{
    uint8_t address[CIDR_ADDRESS_BYTES];
    ck_assert_int_eq(cidr_address_parse(text, address), ERR_OK);
    return address_count_up(a, address);
}

static void down(struct address_count *a, const char *text)
{
    uint8_t address[CIDR_ADDRESS_BYTES];
    ck_assert_int_eq(cidr_address_parse(text, address), ERR_OK);
    address_count_down(a, address);
}

START_TEST(each_address_has_its_own)
{
    struct address_count *a = address_count_create(2);
    ck_assert_int_eq(up(a, "192.0.2.1"), ERR_OK);
    ck_assert_int_eq(up(a, "192.0.2.1"), ERR_OK);
    ck_assert_int_eq(up(a, "192.0.2.1"), ERR_LIMIT);
    ck_assert_int_eq(up(a, "192.0.2.2"), ERR_OK);
    down(a, "192.0.2.1");
    ck_assert_int_eq(up(a, "192.0.2.1"), ERR_OK);
    ck_assert_int_eq(up(a, "192.0.2.1"), ERR_LIMIT);
    address_count_destroy(a);
}
END_TEST

START_TEST(a_mapped_address_is_the_same)
{
    struct address_count *a = address_count_create(1);
    ck_assert_int_eq(up(a, "192.0.2.1"), ERR_OK);
    ck_assert_int_eq(up(a, "::ffff:192.0.2.1"), ERR_LIMIT);
    ck_assert_int_eq(up(a, "::ffff:192.0.2.2"), ERR_OK);
    ck_assert_int_eq(up(a, "192.0.2.2"), ERR_LIMIT);
    down(a, "::ffff:192.0.2.1");
    ck_assert_int_eq(up(a, "192.0.2.1"), ERR_OK);
    address_count_destroy(a);
}
END_TEST

START_TEST(of_ipv6_the_network_counts)
{
    struct address_count *a = address_count_create(1);
    ck_assert_int_eq(up(a, "2001:db8:0:1::1"), ERR_OK);
    ck_assert_int_eq(up(a, "2001:db8:0:1:ffff:ffff:ffff:ffff"), ERR_LIMIT);
    ck_assert_int_eq(up(a, "2001:db8:0:2::1"), ERR_OK);
    down(a, "2001:db8:0:1:2::3");
    ck_assert_int_eq(up(a, "2001:db8:0:1::4"), ERR_OK);
    address_count_destroy(a);
}
END_TEST

START_TEST(without_a_limit_nothing_is_kept)
{
    struct address_count *a = address_count_create(0);
    mem_fail_nth(1);
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(up(a, "192.0.2.1"), ERR_OK);
    }
    ck_assert(!mem_has_failed());
    mem_fail_nth(0);
    down(a, "192.0.2.1");
    address_count_destroy(a);
    address_count_destroy(NULL);
}
END_TEST

START_TEST(no_address_and_no_memory)
{
    struct address_count *a = address_count_create(1);
    mem_fail_nth(1);
    ck_assert_int_eq(up(a, "192.0.2.1"), ERR_NOMEM);
    ck_assert_int_eq(up(a, "192.0.2.1"), ERR_OK);
    ck_assert_int_eq(up(a, "::"), ERR_OK);
    ck_assert_int_eq(up(a, "::"), ERR_LIMIT);
    down(a, "::");
    address_count_destroy(a);
}
END_TEST

static void *come_and_go(void *arg)
{
    for (int i = 0; i < 20000; i++) {
        if (up(arg, i % 2 == 0 ? "192.0.2.1" : "2001:db8::1") == ERR_OK) {
            down(arg, i % 2 == 0 ? "192.0.2.1" : "2001:db8::1");
        }
    }
    return NULL;
}

START_TEST(threads_count_together)
{
    struct address_count *a = address_count_create(3);
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go, a), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(up(a, "192.0.2.1"), ERR_OK);
    }
    ck_assert_int_eq(up(a, "192.0.2.1"), ERR_LIMIT);
    address_count_destroy(a);
}
END_TEST

UNIT_MAIN("address_count", each_address_has_its_own, a_mapped_address_is_the_same,
          of_ipv6_the_network_counts, without_a_limit_nothing_is_kept, no_address_and_no_memory,
          threads_count_together)
