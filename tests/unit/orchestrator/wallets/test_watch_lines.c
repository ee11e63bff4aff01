#include "orchestrator/wallets/watch_lines.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "tests/support/unit.h"

#define PLACES 50 /* that the tests use */

/* What is watched, in plain arrays. */
struct table {
    char what[PLACES][WATCH_URL_MAX + LEDGER_NAME_MAX]; /* "URL ACCOUNT"; "": free */
    size_t n;
};

static struct buf file;
static struct table read_table;
static char last_read[WATCH_URL_MAX + LEDGER_NAME_MAX];

static void put(struct span line)
{
    ck_assert_uint_gt(line.len, 0);
    ck_assert_int_eq(buf_put(&file, line), ERR_OK);
}

static void start(void)
{
    buf_init(&file, WATCH_JOURNAL_MAX);
    put(watch_line_first());
}

static void watch(struct table *t, unsigned place, const char *url, const char *account)
{
    char line[WATCH_LINE_MAX];
    put(watch_line_begin(place, url, account, line));
    t->n += t->what[place][0] == '\0';
    snprintf(t->what[place], sizeof t->what[place], "%s %s", url, account);
}

static void over(struct table *t, unsigned place)
{
    char line[WATCH_LINE_MAX];
    put(watch_line_over(place, line));
    t->n -= t->what[place][0] != '\0';
    t->what[place][0] = '\0';
}

static void on_read(void *arg, unsigned place, const char *url, const char *account)
{
    struct table *t = arg;
    snprintf(last_read, sizeof last_read, "%s %s", url, account);
    if (place < PLACES) {
        ck_assert_str_eq(t->what[place], ""); /* one in a place */
        strcpy(t->what[place], last_read);
    }
    t->n++;
}

/* Gives the number of faults. */
static size_t read_file(struct span bytes, size_t *ret_line)
{
    *ret_line = 0;
    memset(&read_table, 0, sizeof read_table);
    return watch_lines_read(bytes, on_read, &read_table, ret_line);
}

static void same(const struct table *t)
{
    ck_assert_uint_eq(read_table.n, t->n);
    for (size_t i = 0; i < PLACES; i++) {
        ck_assert_str_eq(read_table.what[i], t->what[i]);
    }
}

/* Random changes; cut at any byte, as a crash does, the file says what its whole lines say. */
START_TEST(cut_anywhere)
{
    static struct table after[200], t;
    size_t ends[200], line, n = 0;
    unsigned random = 4711;
    start();
    for (int i = 0; i < 199; i++) {
        char url[64], account[64];
        after[n] = t;
        ends[n++] = file.len;
        random = random * 1103515245 + 12345;
        unsigned place = (random >> 8) % PLACES;
        if ((random >> 20) % 3 == 0) {
            over(&t, place); /* also of one that is free */
        } else {
            snprintf(url, sizeof url, "https://w.example/incoming-payments/%u", random);
            snprintf(account, sizeof account, "viewer:m\xc3\xbc ller %u", random >> 25);
            watch(&t, place, url, account); /* also of one that is not */
        }
    }
    after[n] = t;
    ends[n++] = file.len;
    size_t whole = 0;
    for (size_t cut = ends[0]; cut <= file.len; cut++) {
        whole += whole + 1 < n && cut >= ends[whole + 1];
        ck_assert_uint_eq(read_file(span_of(file.data, cut), &line), 0);
        same(&after[whole]);
    }
    ck_assert_uint_eq(whole, n - 1);
    for (size_t cut = 0; cut < ends[0]; cut++) {
        ck_assert_uint_eq(read_file(span_of(file.data, cut), &line), 0);
        ck_assert_uint_eq(read_table.n, 0);
    }
    buf_fini(&file);
}
END_TEST

/* In the order of the lines that have the places. */
START_TEST(in_order)
{
    struct table t = {.n = 0};
    size_t line;
    start();
    watch(&t, 9, "https://w/1", "viewer:a");
    watch(&t, 3, "https://w/2", "viewer:b");
    watch(&t, 5, "https://w/3", "viewer:c");
    over(&t, 9);
    watch(&t, 2, "https://w/4", "viewer:d");
    ck_assert_uint_eq(read_file(buf_span(&file), &line), 0);
    same(&t);
    ck_assert_str_eq(last_read, "https://w/4 viewer:d");
    watch(&t, 3, "https://w/2", "viewer:b");
    ck_assert_uint_eq(read_file(buf_span(&file), &line), 0);
    ck_assert_str_eq(last_read, "https://w/2 viewer:b");
    buf_fini(&file);
}
END_TEST

/* What is none of ours is counted and left out; the rest counts. */
START_TEST(damage)
{
    static const char *const bad[] = {
        "watch",
        "watch 1",
        "watch 1 https://w/1",
        "watch 1 https://w/1 ",
        "watch 1  viewer:a",
        "watch 10000 https://w/1 viewer:a",
        "watch -1 https://w/1 viewer:a",
        "watch 1x https://w/1 viewer:a",
        "watch 1 https://w/\t1 viewer:a",
        "watch 1 https://w/\xc3\xbc viewer:a",
        "watch 1 https://w/1 viewer:\x1b[2J",
        "watch 1 https://w/1 viewer:\xff",
        "over",
        "over 1 x",
        "over 10000",
        "watched 1 https://w/1 viewer:a",
        "watched payments 1", /* not the first */
        "",
        "\x7f",
    };
    size_t line, n = sizeof bad / sizeof bad[0];
    struct table t = {.n = 0};
    start();
    watch(&t, 1, "https://w/9", "viewer:b");
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_eq(buf_printf(&file, "%s\n", bad[i]), ERR_OK);
        ck_assert_msg(read_file(buf_span(&file), &line) == i + 1, "%s", bad[i]);
        ck_assert_uint_eq(line, 3);
        same(&t);
    }
    put(span_of("watch 1 https://w/1\0x viewer:a\n", 31));
    put(span_of("watch 1 https://w/1 viewer:\0a\n", 30));
    watch(&t, 2, "https://w/8", "viewer:c");
    ck_assert_uint_eq(read_file(buf_span(&file), &line), n + 2);
    same(&t);
    file.data[0] ^= 1; /* a first line that is another one's */
    ck_assert_uint_eq(read_file(buf_span(&file), &line), n + 3);
    ck_assert_uint_eq(line, 1);
    same(&t);
    buf_fini(&file);
}
END_TEST

/* The longest that there may be, and longer ones. */
START_TEST(lengths)
{
    char url[WATCH_URL_MAX + 1], account[LEDGER_NAME_MAX + 1], text[2 * WATCH_LINE_MAX];
    size_t line;
    struct table t = {.n = 0};
    memset(url, 'u', sizeof url);
    memset(account, 'a', sizeof account);
    url[WATCH_URL_MAX - 1] = account[LEDGER_NAME_MAX - 1] = '\0';
    start();
    watch(&t, PLACES - 1, url, account);
    ck_assert_uint_eq(read_file(buf_span(&file), &line), 0);
    same(&t);
    put(watch_line_begin(WATCH_PLACES - 1, url, account, text));
    ck_assert_uint_eq(read_file(buf_span(&file), &line), 0);
    ck_assert_uint_eq(read_table.n, 2);
    snprintf(text, sizeof text, "watch 1 %su a\nwatch 1 u %sa\n", url, account);
    put(span_cstr(text));
    ck_assert_uint_eq(read_file(buf_span(&file), &line), 2);
    buf_fini(&file);
}
END_TEST

UNIT_MAIN("watch_lines", cut_anywhere, in_order, damage, lengths)
