/* What is noted of receipts that a service is asked about, and what a journal makes of it. */
#include "orchestrator/receipts/intents.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/unit.h"

#define FIRST  "AQAAAAAAAAAAAAAAAAAAAAABAAAAAAAAAGQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="
#define SECOND "AQAAAAAAAAAAAAAAAAAAAAABAAAAAAAAAPoAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="
#define WHO    "viewer:Zo\xc3\xab Z"

static struct intents *table;
static struct buf journal;

static void start(void)
{
    table = intents_create();
    buf_init(&journal, 65536);
    ck_assert_int_eq(intents_save(table, &journal), ERR_OK);
}

static void finish(void)
{
    intents_destroy(table);
    buf_fini(&journal);
}

/* A new table, of what was written. */
static void crash(void)
{
    size_t line = 0;
    intents_destroy(table);
    table = intents_create();
    ck_assert_int_eq(intents_load(table, buf_span(&journal), &line), ERR_OK);
}

static struct intent *ask(const char *text, const char *account)
{
    struct receipt r;
    ck_assert_int_eq(receipt_parse(span_cstr(text), &r), RECEIPT_GOOD);
    struct intent *it = intents_ask(table, span_cstr(text), &r, account, &journal);
    ck_assert_ptr_nonnull(it);
    return it;
}

START_TEST(an_end_is_an_end)
{
    start();
    struct intent *it = ask(FIRST, WHO);
    ck_assert_uint_eq(it->receipt.total, 100);
    ck_assert_ptr_eq(intents_left(table), it);
    crash();
    it = intents_left(table);
    ck_assert_str_eq(it->account, WHO);
    ck_assert_str_eq(it->text, FIRST);
    ck_assert(!it->is_got);
    ck_assert_int_eq(intents_got(table, it, 0, &journal), ERR_OK);
    crash();
    it = intents_left(table);
    ck_assert(it->is_got);
    ck_assert_uint_eq(intents_counted(table, &it->receipt), 100);
    struct receipt r = it->receipt;
    ck_assert_int_eq(intents_end(table, it, &journal), ERR_OK);
    crash();
    ck_assert_ptr_null(intents_left(table));
    buf_clear(&journal); /* written anew, too, it knows what was counted */
    ck_assert_int_eq(intents_save(table, &journal), ERR_OK);
    crash();
    ck_assert_uint_eq(intents_counted(table, &r), 100);
    finish();
}
END_TEST

START_TEST(the_next_one_tells_of_a_lost_one)
{
    start();
    struct intent *other = ask(FIRST, "viewer:other"), *lost = ask(FIRST, WHO);
    lost->is_waiting = other->is_waiting = true;
    ck_assert_ptr_null(intents_left(table));
    struct intent *next = ask(SECOND, WHO);
    next->is_open = true;
    ck_assert_int_eq(intents_got(table, next, 100, &journal), ERR_OK);
    ck_assert_ptr_eq(intents_left(table), lost);
    ck_assert_uint_eq(lost->base, 0);
    ck_assert(!other->is_got);
    crash();
    ck_assert(intents_find(table, span_cstr(FIRST), WHO)->is_got);
    ck_assert_uint_eq(intents_find(table, span_cstr(SECOND), WHO)->base, 100);
    ck_assert(!intents_find(table, span_cstr(FIRST), "viewer:other")->is_got);
    finish();
}
END_TEST

/* What was counted already is not counted again. */
START_TEST(a_lost_one_that_was_counted_stays_so)
{
    start();
    struct intent *first = ask(FIRST, WHO);
    ck_assert_int_eq(intents_got(table, first, 0, &journal), ERR_OK);
    ck_assert_int_eq(intents_end(table, first, &journal), ERR_OK);
    struct intent *again = ask(FIRST, WHO), *next = ask(SECOND, WHO);
    ck_assert_int_eq(intents_got(table, next, 100, &journal), ERR_OK);
    ck_assert(!again->is_got);
    finish();
}
END_TEST

START_TEST(there_is_an_end_to_them)
{
    char account[32];
    struct receipt r;
    start();
    buf_fini(&journal);
    buf_init(&journal, INTENTS_JOURNAL_MAX);
    ck_assert_int_eq(intents_save(table, &journal), ERR_OK);
    ck_assert_int_eq(receipt_parse(span_cstr(FIRST), &r), RECEIPT_GOOD);
    for (int i = 0; i < INTENTS_MAX; i++) {
        snprintf(account, sizeof account, "viewer:%d", i);
        ask(FIRST, account);
    }
    ck_assert_ptr_null(intents_ask(table, span_cstr(FIRST), &r, WHO, &journal));
    intents_find(table, span_cstr(FIRST), "viewer:7")->is_waiting = true;
    ask(FIRST, WHO);
    ck_assert_ptr_null(intents_find(table, span_cstr(FIRST), "viewer:7"));
    crash(); /* a start finds no more in the journal than there may be */
    ck_assert_ptr_null(intents_find(table, span_cstr(FIRST), "viewer:7"));
    ck_assert_uint_eq(intents_count(table), INTENTS_MAX);
    finish();
}
END_TEST

START_TEST(other_lines_are_told)
{
    static const char *const wrong[] = {
        "receipt nonces 1\n",
        "receipt intents 1\nask\n",
        "receipt intents 1\nask AAAA viewer:a\n",
        "receipt intents 1\nask " FIRST "\n",
        "receipt intents 1\ngot " FIRST " x viewer:a\n",
        "receipt intents 1\ngot " FIRST " 1\n",
        "receipt intents 1\ngot " FIRST " 101 viewer:a\n",
        "receipt intents 1\nnew " FIRST " viewer:a\n",
        "receipt intents 1\ncounted " FIRST " 1\n",
        "receipt intents 1\nask " FIRST " viewer:a\r\r\n",
        "receipt intents 1\nask " FIRST " viewer:\xff\n",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        size_t line = 0;
        table = intents_create();
        ck_assert_msg(intents_load(table, span_cstr(wrong[i]), &line) == ERR_PROTO, "%s", wrong[i]);
        ck_assert_uint_eq(line, i == 0 ? 1 : 2);
        intents_destroy(table);
    }
    start();
    ask(FIRST, WHO);
    while (journal.len > 0) { /* cut short anywhere */
        size_t line = 0;
        struct intents *t = intents_create();
        ck_assert_int_eq(intents_load(t, buf_span(&journal), &line), ERR_OK);
        intents_destroy(t);
        journal.len--;
    }
    finish();
}
END_TEST

UNIT_MAIN("intents", an_end_is_an_end, the_next_one_tells_of_a_lost_one,
          a_lost_one_that_was_counted_stays_so, there_is_an_end_to_them, other_lines_are_told)
