/* Reading a ledger's file: pages, histories, documents, and being broken off. */
#include <sys/stat.h>

#include "base/mem.h"
#include "orchestrator/ledger/ledger_json.h"
#include "tests/unit/orchestrator/ledger/folder.h"

static struct ledger_reader *reader;

static void ask(struct ledger_store *s, struct ledger_request r)
{
    struct ledger_answer a;
    struct ledger_account *gained;
    ck_assert_int_eq(s->begin(s), ERR_OK);
    ck_assert_int_eq(ledger_book_apply(s, &r, 1700000000123, &a, &gained), ERR_OK);
    ck_assert_int_eq(a.err, ERR_OK);
    ck_assert_int_eq(s->commit(s), ERR_OK);
}

static void grant(struct ledger_store *s, const char *account, uint64_t amount)
{
    ask(s, (struct ledger_request){
               .op = LEDGER_GRANT, .account = account, .key = "", .amount = amount});
}

/* a, b, c with 10, 20, 30; then a spends 1, 2, 3 to b and has 4 held. */
static void make_ledger(void)
{
    make_folder();
    struct ledger_store *s = open_store();
    grant(s, "a", 10);
    grant(s, "b", 20);
    grant(s, "c", 30);
    for (uint64_t n = 1; n <= 3; n++) {
        char key[8];
        snprintf(key, sizeof key, "s%d", (int)n);
        ask(s, (struct ledger_request){
                   .op = LEDGER_SPEND, .account = "a", .other = "b", .key = key, .amount = n});
    }
    ask(s, (struct ledger_request){
               .op = LEDGER_HOLD, .account = "a", .key = "h", .amount = 4, .ttl_ms = 1000});
    s->close(s);
    char why[LEDGER_WHY_MAX];
    ck_assert_msg(ledger_reader_open(path, &reader, why) == ERR_OK, "%s", why);
}

static void end_ledger(void)
{
    ledger_reader_close(reader);
    remove_folder();
}

static void add_name(void *arg, const struct ledger_account *a)
{
    strcat(arg, a->name);
    strcat(arg, " ");
}

START_TEST(accounts_come_in_pages)
{
    char names[256] = "";
    make_ledger();
    ck_assert_int_eq(ledger_reader_accounts(reader, "", 2, add_name, names), ERR_OK);
    ck_assert_str_eq(names, "a b ");
    ck_assert_int_eq(ledger_reader_accounts(reader, "b", 2, add_name, names), ERR_OK);
    ck_assert_str_eq(names, "a b c world:grants ");
    ck_assert_int_eq(ledger_reader_accounts(reader, "x", 2, add_name, names), ERR_OK);
    ck_assert_str_eq(names, "a b c world:grants ");
    end_ledger();
}
END_TEST

struct seen {
    size_t n;
    int64_t entries[16], free_after[16], held_after[16];
};

static void add_line(void *arg, const struct ledger_line *line)
{
    struct seen *s = arg;
    s->entries[s->n] = line->entry;
    s->free_after[s->n] = line->free_after;
    s->held_after[s->n] = line->held_after;
    s->n++;
    ck_assert_int_eq(line->at_ms, 1700000000123);
}

START_TEST(a_history_is_told_backwards)
{
    struct ledger_account a;
    struct seen s = {0};
    make_ledger();
    ck_assert_int_eq(ledger_reader_history(reader, "a", 10, &a, add_line, &s), ERR_OK);
    ck_assert_int_eq(a.free, 0);
    ck_assert_int_eq(a.held, 4);
    static const int64_t entries[] = {7, 6, 5, 4, 1}, frees[] = {0, 4, 7, 9, 10};
    ck_assert_uint_eq(s.n, 5);
    for (size_t i = 0; i < s.n; i++) {
        ck_assert_int_eq(s.entries[i], entries[i]);
        ck_assert_int_eq(s.free_after[i], frees[i]);
        ck_assert_int_eq(s.held_after[i], i == 0 ? 4 : 0);
    }
    s.n = 0;
    ck_assert_int_eq(ledger_reader_history(reader, "b", 2, &a, add_line, &s), ERR_OK);
    ck_assert_uint_eq(s.n, 2);
    ck_assert_int_eq(a.free, 26);
    ck_assert_int_eq(ledger_reader_history(reader, "nobody", 2, &a, add_line, &s), ERR_NOENT);
    end_ledger();
}
END_TEST

START_TEST(the_journal_comes_in_pages_of_whole_entries)
{
    struct seen s = {0};
    int64_t last = 0;
    make_ledger();
    ck_assert_int_eq(ledger_reader_journal(reader, 0, 6, add_line, &s, &last), ERR_OK);
    ck_assert_int_eq(last, 6);
    ck_assert_uint_eq(s.n, 12);
    ck_assert_int_eq(ledger_reader_journal(reader, last, 6, add_line, &s, &last), ERR_OK);
    ck_assert_int_eq(last, 7);
    ck_assert_uint_eq(s.n, 13); /* a hold is one posting */
    ck_assert_int_eq(ledger_reader_journal(reader, last, 6, add_line, &s, &last), ERR_OK);
    ck_assert_int_eq(last, 7);
    ck_assert_int_eq(ledger_reader_journal(reader, INT64_MAX, 1, add_line, &s, &last), ERR_OK);
    ck_assert_uint_eq(s.n, 13);
    end_ledger();
}
END_TEST

static void interrupt(void *arg, const struct ledger_account *a)
{
    ++*(int *)arg;
    ledger_reader_interrupt(reader);
}

START_TEST(it_can_be_broken_off)
{
    int n = 0;
    char names[256] = "";
    make_ledger();
    ck_assert_int_eq(ledger_reader_accounts(reader, "", 100, interrupt, &n), ERR_IO);
    ck_assert_int_eq(n, 1);
    ck_assert_ptr_nonnull(strstr(ledger_reader_why(reader), "interrupted"));
    ck_assert_int_eq(ledger_reader_accounts(reader, "", 1, add_name, names), ERR_OK);
    ck_assert_str_eq(names, "a ");
    end_ledger();
}
END_TEST

static void has(struct json *j, const char *text)
{
    char *all = json_line(j);
    ck_assert_msg(strstr(all, text) != NULL, "%s is not in %s", text, all);
    mem_free(all);
    json_destroy(j);
}

START_TEST(documents_say_where_to_go_on)
{
    struct json *j;
    make_ledger();
    ck_assert_int_eq(ledger_json_accounts(reader, "", 4, &j), ERR_OK);
    has(j, "\"next\":\"world:grants\"");
    ck_assert_int_eq(ledger_json_accounts(reader, "", 5, &j), ERR_OK);
    has(j, "\"next\":null");
    ck_assert_int_eq(ledger_json_journal(reader, 0, 7, &j), ERR_OK);
    has(j, "\"next\":7");
    ck_assert_int_eq(ledger_json_journal(reader, 0, 8, &j), ERR_OK);
    has(j, "\"at\":\"2023-11-14T22:13:20.123Z\"");
    ck_assert_int_eq(ledger_json_account(reader, "a", 1, &j), ERR_OK);
    has(j, "\"balance\":\"0\",\"held\":\"4\",\"owed\":\"0\",\"frozen\":false");
    ck_assert_int_eq(ledger_json_account(reader, "nobody", 1, &j), ERR_NOENT);
    ck_assert_int_eq(ledger_json_audit(reader, &j), ERR_OK);
    has(j, "\"faults\":0");
    end_ledger();
}
END_TEST

START_TEST(what_is_no_ledger_is_said)
{
    char why[LEDGER_WHY_MAX];
    struct ledger_reader *r;
    make_folder();
    ck_assert_int_eq(ledger_reader_open(path, &r, why), ERR_NOENT);
    FILE *f = fopen(path, "w");
    fclose(f);
    ck_assert_int_eq(ledger_reader_open(path, &r, why), ERR_PROTO);
    ck_assert_ptr_nonnull(strstr(why, "empty"));
    f = fopen(path, "w");
    for (int i = 0; i < 100; i++) {
        fputs("no ledger at all, ", f);
    }
    fclose(f);
    ck_assert_int_eq(ledger_reader_open(path, &r, why), ERR_PROTO);
    ck_assert_ptr_nonnull(strstr(why, "no ledger"));
    remove_folder();
}
END_TEST

UNIT_MAIN("ledger_reader", accounts_come_in_pages, a_history_is_told_backwards,
          the_journal_comes_in_pages_of_whole_entries, it_can_be_broken_off,
          documents_say_where_to_go_on, what_is_no_ledger_is_said)
