#include "publisher-tools/status_table.h"

#include <string.h>

#include "tests/support/unit.h"

static const char *written(enum err (*write)(const struct status_table *, struct buf *),
                           const struct status_table *t, struct buf *out)
{
    buf_init(out, 1 << 20);
    ck_assert_int_eq(write(t, out), ERR_OK);
    ck_assert_int_eq(buf_put_u8(out, 0), ERR_OK);
    return (const char *)out->data;
}

START_TEST(documents_become_tables)
{
    struct status_table *t = status_table_create();
    ck_assert_int_eq(
        status_table_add(
            t, span_cstr("{\"role\":\"broadcaster\",\"name\":\"b\",\"uptime_s\":300,"
                         "\"streams\":[{\"id\":\"x\",\"state\":\"live\",\"rungs\":["
                         "{\"name\":\"source\",\"last\":7,\"lag_segments\":0,\"gaps\":0},"
                         "{\"name\":\"P144\",\"last\":0,\"lag_segments\":-1,\"gaps\":2}]},"
                         "{\"id\":\"a-name-longer-than-its-column\",\"state\":\"live\","
                         "\"rungs\":[{\"name\":\"source\",\"last\":7,\"lag_segments\":0,"
                         "\"gaps\":0}],\"warnings\":[{\"text\":\"slow\"}]}]}")),
        ERR_OK);
    struct buf out;
    const char *text = written(status_table_write, t, &out);
    ck_assert_ptr_nonnull(strstr(text, "5m  source only"));
    ck_assert_ptr_nonnull(strstr(text, "x                        live     source"));
    ck_assert_ptr_nonnull(strstr(text, "P144                          0     -     2"));
    ck_assert_ptr_nonnull(strstr(text, "\na-name-longer-than-its-column\n"
                                       "                         live     source"));
    ck_assert_ptr_nonnull(strstr(text, "\na-name-longer-than-its-column\n"
                                       "                         slow\n"));
    ck_assert_ptr_null(strstr(text, "TRANSCODER"));
    buf_fini(&out);
    text = written(status_table_write_json, t, &out);
    ck_assert_ptr_nonnull(strstr(text, "{\"roles\":[{\"role\":\"broadcaster\""));
    buf_fini(&out);
    status_table_destroy(t);
}
END_TEST

START_TEST(who_paid_and_earned_what_is_shown)
{
    struct status_table *t = status_table_create();
    ck_assert_int_eq(
        status_table_add(
            t, span_cstr("{\"role\":\"orchestrator\",\"ledger\":{\"asset\":\"USD\",\"scale\":9},"
                         "\"broadcasters\":[{\"name\":\"b\",\"account\":\"broadcaster:b\","
                         "\"spent\":1234567890,\"funds\":\"empty\"}],"
                         "\"transcoders\":[{\"name\":\"t\",\"earned\":5},{\"name\":\"u\"}]}")),
        ERR_OK);
    struct buf out;
    const char *text = written(status_table_write, t, &out);
    ck_assert_ptr_nonnull(
        strstr(text, "b                                paid    1.234567890 USD  funds empty"));
    ck_assert_ptr_nonnull(
        strstr(text, "t                                earned  0.000000005 USD\n"));
    ck_assert_ptr_null(strstr(text, "u                                earned"));
    buf_fini(&out);
    status_table_destroy(t);
}
END_TEST

START_TEST(what_is_no_document_is_refused)
{
    static const char *const bad[] = {"",
                                      "{",
                                      "[]",
                                      "{}",
                                      "{\"role\":1}",
                                      "null",
                                      "{\"role\":\"a\"",
                                      "{\"role\":\"a\",\"role\":\"b\"}"};
    struct status_table *t = status_table_create();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(status_table_add(t, span_cstr(bad[i])) == ERR_PROTO, "%s", bad[i]);
    }
    /* Members of other types than expected must not matter. */
    ck_assert_int_eq(status_table_add(t, span_cstr("{\"role\":\"orchestrator\",\"streams\":3,"
                                                   "\"jobs\":[],\"transcoders\":[1,{}]}")),
                     ERR_OK);
    struct buf out;
    written(status_table_write, t, &out);
    buf_fini(&out);
    status_table_destroy(t);
}
END_TEST

START_TEST(events_become_lines)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    ck_assert_int_eq(
        status_event_write(span_cstr("{\"time\":\"T\",\"role\":\"broadcaster\",\"name\":\"b\","
                                     "\"event\":\"rung_lost\",\"stream\":\"x\",\"msn\":5}"),
                           &out),
        ERR_OK);
    ck_assert(span_equal(buf_span(&out),
                         span_cstr("T broadcaster   rung_lost name=\"b\" stream=\"x\" msn=5\n")));
    ck_assert_int_eq(status_event_write(span_cstr("[1]"), &out), ERR_PROTO);
    buf_fini(&out);
}
END_TEST

/* Whatever answers at an address may send such names. */
START_TEST(a_terminal_is_not_told_what_to_do)
{
    static const char bad[] =
        "{\"role\":\"a\\u001b[2J\\nb\",\"event\":\"e\\r\",\"k\\u001b\":\"\\u009b\\u007f\xc3\xa9\"}";
    struct status_table *t = status_table_create();
    ck_assert_int_eq(status_table_add(t, span_cstr(bad)), ERR_OK);
    struct buf out;
    const char *text = written(status_table_write, t, &out);
    ck_assert_ptr_nonnull(strstr(text, "a?[2J?b"));
    ck_assert_ptr_null(strpbrk(text, "\x1b\r\x7f"));
    buf_fini(&out);
    status_table_destroy(t);
    buf_init(&out, 1 << 20);
    ck_assert_int_eq(status_event_write(span_cstr(bad), &out), ERR_OK);
    ck_assert(span_equal(buf_span(&out), span_cstr("- a?[2J?b       e? k?=\"??\xc3\xa9\"\n")));
    buf_fini(&out);
}
END_TEST

UNIT_MAIN("status_table", documents_become_tables, who_paid_and_earned_what_is_shown,
          what_is_no_document_is_refused, events_become_lines, a_terminal_is_not_told_what_to_do)
