#include "orchestrator/admitted.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "run/sealed.h"
#include "tests/support/unit.h"

static struct admitted_entry entry(const char *name, unsigned key)
{
    struct admitted_entry e = {.role = LINK_ROLE_TRANSCODER, .minted_s = 1700000000};
    snprintf(e.name, sizeof e.name, "%s", name);
    memcpy(e.key, &key, sizeof key);
    e.key[31] = 1;
    e.server_key[0] = 5;
    return e;
}

static void put(struct admitted *list, const char *name, unsigned key)
{
    struct admitted_entry e = entry(name, key);
    ck_assert_int_eq(admitted_put(list, &e), ERR_OK);
}

static struct buf print(const struct admitted *list)
{
    struct buf b;
    buf_init(&b, ADMITTED_TEXT_MAX);
    ck_assert_int_eq(admitted_print(list, &b), ERR_OK);
    return b;
}

static char why[ADMITTED_WHY_MAX];

/* A few of every kind. */
static struct admitted *sample(void)
{
    struct admitted *list = admitted_create();
    put(list, "edge-7", 700);
    struct admitted_entry e = entry("cam.1", 3);
    e.role = LINK_ROLE_BROADCASTER;
    e.minted_s = 0;
    ck_assert_int_eq(admitted_put(list, &e), ERR_OK);
    put(list, "edge-8", 20);
    ck_assert_int_eq(admitted_revoke(list, "edge-8", 1800000000), ERR_OK);
    return list;
}

START_TEST(what_is_put_in_is_found)
{
    struct admitted *list = sample();
    const struct admitted_entry *e = admitted_by_name(list, "cam.1");
    ck_assert_uint_eq(admitted_count(list), 3);
    ck_assert_int_eq(e->role, LINK_ROLE_BROADCASTER);
    struct admitted_entry want = entry("edge-7", 700);
    ck_assert_str_eq(admitted_by_key(list, want.key)->name, "edge-7");
    want.key[30] ^= 1;
    ck_assert_ptr_null(admitted_by_key(list, want.key));
    ck_assert_ptr_null(admitted_by_name(list, "edge"));
    ck_assert_ptr_null(admitted_by_name(list, "Edge-7"));
    ck_assert_int_eq(admitted_by_name(list, "edge-8")->revoked_s, 1800000000);
    ck_assert_int_eq(admitted_revoke(list, "edge-8", 1900000000), ERR_OK);
    ck_assert_int_eq(admitted_by_name(list, "edge-8")->revoked_s, 1800000000);
    ck_assert_int_eq(admitted_revoke(list, "edge-9", 1), ERR_NOENT);
    struct admitted *empty = admitted_create();
    ck_assert_ptr_null(admitted_by_name(empty, "a"));
    ck_assert_ptr_null(admitted_by_key(empty, want.key));
    admitted_destroy(empty);
    admitted_destroy(list);
    admitted_destroy(NULL);
}
END_TEST

START_TEST(a_name_is_put_in_again_with_another_key)
{
    struct admitted *list = sample();
    put(list, "edge-8", 21);
    ck_assert_uint_eq(admitted_count(list), 3);
    ck_assert_int_eq(admitted_by_name(list, "edge-8")->revoked_s, 0);
    struct admitted_entry was = entry("edge-8", 20), is = entry("edge-8", 21);
    ck_assert_ptr_null(admitted_by_key(list, was.key));
    ck_assert_ptr_nonnull(admitted_by_key(list, is.key));
    put(list, "edge-8", 21); /* the same once more */
    ck_assert_uint_eq(admitted_count(list), 3);
    struct admitted_entry thief = entry("thief", 21);
    ck_assert_int_eq(admitted_put(list, &thief), ERR_STATE);
    ck_assert_uint_eq(admitted_count(list), 3);
    admitted_destroy(list);
}
END_TEST

START_TEST(the_text_comes_back)
{
    unsigned char server[LINK_KEY_BYTES] = {1, 2, 3};
    struct admitted *list = sample(), *back = NULL;
    for (int round = 0; round < 2; round++) {
        struct buf text = print(list);
        ck_assert_int_eq(admitted_parse(buf_span(&text), &back, why), ERR_OK);
        ck_assert_uint_eq(admitted_count(back), 3);
        for (size_t i = 0; i < 3; i++) {
            ck_assert_mem_eq(admitted_at(back, i), admitted_at(list, i),
                             sizeof(struct admitted_entry));
        }
        ck_assert_mem_eq(admitted_server_key(back), admitted_server_key(list), LINK_KEY_BYTES);
        struct buf again = print(back);
        ck_assert(span_equal(buf_span(&again), buf_span(&text)));
        buf_fini(&again);
        buf_fini(&text);
        admitted_destroy(back);
        admitted_set_server_key(list, server);
    }
    admitted_destroy(list);
    list = admitted_create();
    struct buf text = print(list);
    ck_assert_int_eq(admitted_parse(buf_span(&text), &back, why), ERR_OK);
    ck_assert_uint_eq(admitted_count(back), 0);
    buf_fini(&text);
    admitted_destroy(back);
    admitted_destroy(list);
}
END_TEST

START_TEST(cut_short_or_changed_it_is_refused)
{
    struct admitted *list = sample(), *back;
    struct buf text = print(list);
    for (size_t i = 0; i < text.len; i++) {
        /* Of its exact size, so that a sanitizer sees one byte too many. */
        char *copy = mem_alloc(i > 0 ? i : 1);
        memcpy(copy, text.data, i);
        ck_assert_int_eq(admitted_parse(span_of(copy, i), &back, why), ERR_PROTO);
        mem_free(copy);
        for (int bit = 0; bit < 8; bit++) {
            text.data[i] ^= (uint8_t)(1 << bit);
            enum err e = admitted_parse(buf_span(&text), &back, why);
            ck_assert_msg(e == ERR_PROTO || e == ERR_UNSUPPORTED, "byte %zu bit %d", i, bit);
            text.data[i] ^= (uint8_t)(1 << bit);
        }
    }
    buf_fini(&text);
    admitted_destroy(list);
}
END_TEST

#define KEY_A "01000000000000000000000000000000000000000000000000000000000000aa"
#define KEY_B "02000000000000000000000000000000000000000000000000000000000000aa"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

/* Lists with a right checksum. */
START_TEST(sealed_nonsense_is_refused)
{
    static const struct {
        const char *body, *why;
    } rows[] = {
        {"server none\n", NULL},
        {"server " KEY_A "\n", NULL},
        {"server none\nadmitted transcoder a " KEY_A " " ZEROS " 0\n", NULL},
        {"", "line 2"},
        {"server none\n\n", "line 3"},
        {"server\n", "line 2"},
        {"server none x\n", "line 2"},
        {"server " ZEROS "\n", "line 2"},
        {"server none\nadmitted transcoder a " KEY_A " " ZEROS " 00\n", "line 3"},
        {"server none\nadmitted transcoder a " KEY_A " " ZEROS " -1\n", "line 3"},
        {"server none\nadmitted transcoder a " KEY_A " " ZEROS " 9223372036854775808\n", "line 3"},
        {"server none\nadmitted transcoder a " KEY_A " " ZEROS " 9223372036854775807\n", NULL},
        {"server none\nadmitted transcoder a " KEY_A " " ZEROS " 1 2\n", "line 3"},
        {"server none\nrevoked transcoder a " KEY_A " " ZEROS " 1 2\n", NULL},
        {"server none\nrevoked transcoder a " KEY_A " " ZEROS " 1 2 3\n", "line 3"},
        {"server none\nrevoked transcoder a " KEY_A " " ZEROS " 1 0\n", "line 3"},
        {"server none\nrevoked transcoder a " KEY_A " " ZEROS " 1\n", "line 3"},
        {"server none\nadmitted orchestrator a " KEY_A " " ZEROS " 1\n", "line 3"},
        {"server none\nadmitted transcoder  " KEY_A " " ZEROS " 1\n", "line 3"},
        {"server none\nadmitted transcoder a/b " KEY_A " " ZEROS " 1\n", "line 3"},
        {"server none\nadmitted transcoder a " ZEROS " " KEY_A " 1\n", "line 3"},
        {"server none\nadmitted transcoder a " KEY_A " " KEY_A "0 1\n", "line 3"},
        {"server none\nAdmitted transcoder a " KEY_A " " KEY_A " 1\n", "line 3"},
        {"server none\nadmitted transcoder a " KEY_A " " KEY_A " 1 \n", "line 3"},
        {"server none\nadmitted transcoder a " KEY_A " " KEY_A " 1\n"
         "admitted transcoder b " KEY_B " " KEY_A " 1\n"
         "admitted broadcaster a " KEY_B " " KEY_A " 1\n",
         "line 5"},
        {"server none\nadmitted transcoder a " KEY_A " " KEY_A " 1\n"
         "admitted transcoder b " KEY_A " " KEY_A " 1\n",
         "line 4"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[1000];
        struct admitted *list = NULL;
        int n =
            snprintf(text, sizeof text, SEALED_PREFIX "admitted credentials 1\n%s", rows[i].body);
        sealed_line(span_of(text, (size_t)n), text + n);
        why[0] = '\0';
        enum err e = admitted_parse(span_cstr(text), &list, why);
        ck_assert_msg(e == (rows[i].why == NULL ? ERR_OK : ERR_PROTO), "row %zu: %s", i, why);
        ck_assert_msg(rows[i].why == NULL || strstr(why, rows[i].why) != NULL, "row %zu: %s", i,
                      why);
        admitted_destroy(list);
    }
}
END_TEST

/* The text of a list of n, with the longest lines there can be; the i-th is called by the number i
 * in as many digits as a name has. */
static struct buf text_of(unsigned n)
{
    struct buf text;
    char seal[SEALED_LINE_BYTES + 1];
    buf_init(&text, 2 * ADMITTED_TEXT_MAX);
    enum err e = buf_printf(&text, SEALED_PREFIX "admitted credentials 1\nserver none\n");
    for (unsigned i = 0; i < n && e == ERR_OK; i++) {
        /* Not in the order of the names. */
        e = buf_printf(&text, "admitted broadcaster %064u %08x%s %s %" PRId64 "\n", i,
                       i * 2654435761u + 1, KEY_A + 8, ZEROS, (int64_t)INT64_MAX);
    }
    ck_assert_int_eq(e, ERR_OK);
    sealed_line(buf_span(&text), seal);
    ck_assert_int_eq(buf_put(&text, span_cstr(seal)), ERR_OK);
    return text;
}

START_TEST(a_full_list)
{
    struct admitted *list;
    struct buf text = text_of(ADMITTED_MAX);
    ck_assert_uint_lt(text.len + ADMITTED_MAX * sizeof " 9223372036854775807", ADMITTED_TEXT_MAX);
    ck_assert_int_eq(admitted_parse(buf_span(&text), &list, why), ERR_OK);
    ck_assert_uint_eq(admitted_count(list), ADMITTED_MAX);
    struct buf again = print(list);
    ck_assert(span_equal(buf_span(&again), buf_span(&text)));
    for (size_t i = 0; i < ADMITTED_MAX; i++) {
        const struct admitted_entry *at = admitted_at(list, i);
        ck_assert_ptr_eq(admitted_by_name(list, at->name), at);
        ck_assert_ptr_eq(admitted_by_key(list, at->key), at);
    }
    buf_fini(&again);
    buf_fini(&text);
    struct admitted_entry e = entry("one-too-many", 1), other = entry("again", 2);
    ck_assert_int_eq(admitted_put(list, &e), ERR_LIMIT);
    char name[LINK_NAME_SIZE];
    snprintf(name, sizeof name, "%064u", 4711);
    ck_assert_int_eq(admitted_revoke(list, name, INT64_MAX), ERR_OK);
    ck_assert_int_eq(admitted_put(list, &e), ERR_OK);
    ck_assert_uint_eq(admitted_count(list), ADMITTED_MAX);
    ck_assert_ptr_null(admitted_by_name(list, name));
    ck_assert_int_eq(admitted_put(list, &other), ERR_LIMIT);
    put(list, "one-too-many", 3); /* in its own place */
    ck_assert_uint_eq(admitted_count(list), ADMITTED_MAX);
    admitted_destroy(list);
}
END_TEST

START_TEST(one_line_too_many_is_refused)
{
    struct admitted *list;
    struct buf text = text_of(ADMITTED_MAX + 1);
    ck_assert_int_eq(admitted_parse(buf_span(&text), &list, why), ERR_LIMIT);
    ck_assert_ptr_nonnull(strstr(why, "more than 10000"));
    buf_fini(&text);
}
END_TEST

START_TEST(every_allocation_fails_in_turn)
{
    struct admitted *list = sample(), *back;
    struct buf text = print(list);
    bool failed = true;
    size_t n = 1;
    for (; failed; n++) {
        mem_fail_nth(n);
        enum err e = admitted_parse(buf_span(&text), &back, why);
        failed = mem_has_failed();
        mem_fail_nth(0);
        ck_assert_int_eq(e, failed ? ERR_NOMEM : ERR_OK);
    }
    ck_assert_uint_gt(n, 3);
    ck_assert_uint_eq(admitted_count(back), 3);
    admitted_destroy(back);
    failed = true;
    for (n = 1; failed; n++) {
        struct admitted *empty = admitted_create();
        struct admitted_entry e = entry("a", 1);
        mem_fail_nth(n);
        enum err err = admitted_put(empty, &e);
        failed = mem_has_failed();
        mem_fail_nth(0);
        ck_assert_int_eq(err, failed ? ERR_NOMEM : ERR_OK);
        ck_assert_uint_eq(admitted_count(empty), failed ? 0 : 1);
        admitted_destroy(empty);
    }
    ck_assert_uint_gt(n, 3);
    buf_fini(&text);
    admitted_destroy(list);
}
END_TEST

UNIT_MAIN("admitted", what_is_put_in_is_found, a_name_is_put_in_again_with_another_key,
          the_text_comes_back, cut_short_or_changed_it_is_refused, sealed_nonsense_is_refused,
          a_full_list, one_line_too_many_is_refused, every_allocation_fails_in_turn)
