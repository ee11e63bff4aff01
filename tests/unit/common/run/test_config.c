#include "run/config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/support/config_table.h"
#include "tests/support/unit.h"

#define FAST_MS 300 /* of processor time, for the largest file, in a build with sanitizers */

static const char whole[] = "# a file with everything\n"
                            "---\n"
                            "on: true\r\n"
                            "off: false # why not\n"
                            "maxSessions: -7\n"
                            "'v': 42\n"
                            "\n"
                            "cliAddr: :7936\n"
                            "name: \"M\\u00fcller \\\"x\\\" \\\\\"\n"
                            "orchSecret: 'it''s hush # not a comment'\n"
                            "rungs:\n"
                            "  - P144p30fps16x9\n"
                            "  - \"P240p30fps16x9\"\n"
                            "...\n";

static enum err read_bytes(const void *text, size_t len, struct config_file **ret_file,
                           struct config_fault *ret_fault)
{
    /* Exactly as large as the text, so that a sanitizer sees one byte too many. */
    uint8_t *copy = malloc(len > 0 ? len : 1);
    ck_assert_ptr_nonnull(copy);
    if (len > 0) {
        memcpy(copy, text, len);
    }
    enum err e = config_read(span_of(copy, len), config_table, CONFIG_TABLE_N, ret_file, ret_fault);
    free(copy);
    return e;
}

static struct config_file *read_good(const char *text)
{
    struct config_file *file = NULL;
    struct config_fault fault = {0};
    enum err e = read_bytes(text, strlen(text), &file, &fault);
    ck_assert_msg(e == ERR_OK, "%s\n%u: %s", text, fault.line, fault.text);
    return file;
}

static const char *value(const struct config_file *file, const char *name, unsigned *ret_line)
{
    const struct option *o = options_find(config_table, CONFIG_TABLE_N, name, strlen(name));
    return config_value(file, (size_t)(o - config_table), ret_line);
}

START_TEST(everything_is_read)
{
    static const struct {
        const char *name, *text;
        unsigned line;
    } rows[] = {
        {"on", "true", 3},
        {"off", "false", 4},
        {"maxSessions", "-7", 5},
        {"v", "42", 6},
        {"cliAddr", ":7936", 8},
        {"name", "M\xc3\xbcller \"x\" \\", 9},
        {"orchSecret", "it's hush # not a comment", 10},
        {"rungs", "P144p30fps16x9,P240p30fps16x9", 12},
    };
    struct config_file *file = read_good(whole);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned line;
        ck_assert_str_eq(value(file, rows[i].name, &line), rows[i].text);
        ck_assert_msg(line == rows[i].line, "%s: line %u", rows[i].name, line);
    }
    unsigned line;
    ck_assert_ptr_null(value(file, "help", &line));
    config_destroy(file);
}
END_TEST

START_TEST(texts_are_what_is_written)
{
    static const struct {
        const char *text, *name, *value;
    } rows[] = {
        {"name: 010", "name", "010"},
        {"name: yes", "name", "yes"},
        {"name: true", "name", "true"},
        {"name: 'null'", "name", "null"},
        {"name: ''", "name", ""},
        {"name: \"\\x41\"", "name", "A"},
        {"name: a#b", "name", "a#b"},
        {"name: a b  # c", "name", "a b"},
        {"name:\t5", "name", "5"},
        {"name: 'a: b'", "name", "a: b"},
        {"{\"name\": \"json\", \"v\": 5}", "v", "5"},
        {"\xef\xbb\xbfv: 0\n", "v", "0"},
        {"%YAML 1.1\n---\nv: 99", "v", "99"},
        {"? v\n: 7\n", "v", "7"},
        {"  v: 7\n  on: true\n", "v", "7"},
        {"maxSessions: -10", "maxSessions", "-10"},
        {"rungs: P1, P2", "rungs", "P1, P2"},
        {"rungs: []", "rungs", ""},
        {"rungs: [a]", "rungs", "a"},
        {"rungs:\n- a\n- 'b c'\n", "rungs", "a,b c"},
        {"cliAddr: '[::1]:8935'", "cliAddr", "[::1]:8935"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config_file *file = read_good(rows[i].text);
        unsigned line;
        const char *text = value(file, rows[i].name, &line);
        ck_assert_msg(text != NULL && strcmp(text, rows[i].value) == 0, "%s: %s", rows[i].text,
                      text != NULL ? text : "(none)");
        config_destroy(file);
    }
}
END_TEST

START_TEST(nothing_is_a_file_too)
{
    static const char *const rows[] = {
        "", "\n", "# only words\n", "---\n", "---\n# x\n...\n", "{}", "\xef\xbb\xbf"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config_file *file = read_good(rows[i]);
        for (size_t k = 0; k < CONFIG_TABLE_N; k++) {
            unsigned line;
            ck_assert_ptr_null(config_value(file, k, &line));
        }
        config_destroy(file);
    }
}
END_TEST

struct fault_row {
    const char *text;
    unsigned line;
    const char *begin; /* of the sentence: the key where there is one */
    const char *holds;
};

static void check_faults(const struct fault_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct config_file *file = NULL;
        struct config_fault f = {0};
        enum err e = read_bytes(rows[i].text, strlen(rows[i].text), &file, &f);
        ck_assert_msg(e == ERR_PROTO && file == NULL, "%s", rows[i].text);
        ck_assert_msg(f.line == rows[i].line, "%s\n%u: %s", rows[i].text, f.line, f.text);
        ck_assert_msg(strncmp(f.text, rows[i].begin, strlen(rows[i].begin)) == 0, "%s\n%u: %s",
                      rows[i].text, f.line, f.text);
        ck_assert_msg(strstr(f.text, rows[i].holds) != NULL, "%s\n%u: %s", rows[i].text, f.line,
                      f.text);
        ck_assert_msg(strchr(f.text, '\n') == NULL, "%s", f.text);
    }
}
#define CHECK_FAULTS(...)                                                                          \
    check_faults((const struct fault_row[]){__VA_ARGS__},                                          \
                 sizeof((const struct fault_row[]){__VA_ARGS__}) / sizeof(struct fault_row))

START_TEST(wrong_keys)
{
    CHECK_FAULTS({"v: 3\ncliAdr: x\n", 2, "cliAdr: ", "did you mean cliAddr?"},
                 {"-v: 3", 1, "-v: ", "no flag of that name"},
                 {"--cliAddr: x", 1, "--cliAddr: ", "did you mean cliAddr?"},
                 {"\nCLIADDR: x", 2, "CLIADDR: ", "did you mean cliAddr?"},
                 {"broadcaster: true", 1, "broadcaster: ", "-help"}, {"'': 5", 1, ": ", "no flag"},
                 {"<<: {v: 3}", 1, "<<: ", "no flag"}, {"\"v\\0\": 5", 1, "v: ", "no flag"},
                 {"v: 3\non: true\n\n'v': 4\n", 4, "v: ", "line 1 already"},
                 {"rungs: [a]\nrungs: b\n", 2, "rungs: ", "line 1 already"},
                 {"help: true", 1, "help: ", "command line"},
                 {"v: 3\nconfig: other.yaml", 2, "config: ", "command line"},
                 {"v: 3\n? [a]\n: b\n", 2, "before the colon", "name of a flag"},
                 {"{v: 3, {a: b}: c}", 1, "before the colon", "name of a flag"},
                 {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: 1", 1,
                  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...: ", "no flag"});
}
END_TEST

START_TEST(wrong_values)
{
    CHECK_FAULTS(
        {"v: abc", 1, "v: ", "a number from 0 to 99 (decimal digits), not \"abc\""},
        {"on: true\nv: 100", 2, "v: ", "0 to 99"}, {"v: -1", 1, "v: ", "0 to 99"},
        {"v: '5'", 1, "v: ", "in quotes"}, {"v: \"5\"", 1, "v: ", "in quotes"},
        {"v: 'x'", 1, "v: ", "not \"x\""}, {"v: 010", 1, "v: ", "\"010\""},
        {"v: 0x10", 1, "v: ", "\"0x10\""}, {"v: 1_0", 1, "v: ", "\"1_0\""},
        {"v: +5", 1, "v: ", "\"+5\""}, {"v: 1.0", 1, "v: ", "\"1.0\""},
        {"v: 1e1", 1, "v: ", "\"1e1\""}, {"v: 5 5", 1, "v: ", "\"5 5\""},
        {"v: --5", 1, "v: ", "\"--5\""}, {"v: '-'", 1, "v: ", "\"-\""},
        {"v: 99999999999999999999", 1, "v: ", "0 to 99"}, {"v: true", 1, "v: ", "\"true\""},
        {"on: yes", 1, "on: ", "true or false, not \"yes\""}, {"on: 1", 1, "on: ", "true or false"},
        {"on: True", 1, "on: ", "true or false"}, {"on: 'true'", 1, "on: ", "in quotes"},
        {"on: \"no\"", 1, "on: ", "true or false"}, {"v: [5]", 1, "v: ", "not a list"},
        {"v: {a: b}", 1, "v: ", "not a map"}, {"on:\n  - true\n", 2, "on: ", "not a list"},
        {"v: 5\ncliAddr: [::1]:8935\n", 2, "cliAddr: ", "quotes"},
        {"name:\nv: 3\n", 1, "name: ", "no value"}, {"v: 1\nfull: ''", 2, "full: ", "not empty"},
        {"name: ~", 1, "name: ", "no value"}, {"name: null", 1, "name: ", "no value"},
        {"name: #x", 1, "name: ", "begins with #"}, {"v:", 1, "v: ", "no value"},
        {"{v}", 1, "v: ", "no value"}, {"name: a\n  b\nv: 3\n", 1, "name: ", "next line"},
        {"v: 3\nname: \"a\n\n  b\"\n", 2, "name: ", "next line"},
        {"name: |\n  a\n", 1, "name: ", "next line"}, {"name: >-\n  a\n", 1, "name: ", "next line"},
        {"name: \"a\\tb\"", 1, "name: ", "control character"},
        {"name: \"a\\0b\"", 1, "name: ", "control character"},
        {"name: \"a\\x85\"", 1, "name: ", "control character"},
        {"name: \"a\\x7f\"", 1, "name: ", "control character"},
        {"orchSecret: '***'", 1, "orchSecret: ", "not shown"},
        {"rungs:\n- a\n- [b]\n", 3, "rungs: ", "names only"},
        {"rungs:\n- a\n- b: c\n", 3, "rungs: ", "names only"},
        {"rungs:\n- a\n-\n", 3, "rungs: ", "no value"},
        {"rungs:\n- a\n- 'b,c'\n", 3, "rungs: ", "comma"},
        {"rungs: [a, '']", 1, "rungs: ", "one name"}, {"rungs: [' ']", 1, "rungs: ", "one name"},
        {"rungs: {a: b}", 1, "rungs: ", "not a map"},
        {"v: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 1,
         "v: ", "aaa...\""});
}
END_TEST

START_TEST(wrong_forms)
{
    CHECK_FAULTS(
        {"- v\n- on\n", 1, "the file must be", "flag: value"},
        {"just words", 1, "the file must be", "blank after the colon"},
        {"v:3\nname: x\n", 1, "the file must be", "blank after the colon"},
        {"# x\n\nv\n", 3, "the file must be", "flag: value"},
        {"on: true\nv 3\nname: x\n", 2, "this is no", "colon and a blank"},
        {"on: true\n  v: 3\n", 1, "on: the value goes on", "same column"},
        {"on: true\n v: 3\nname: b\n", 1, "on: the value goes on", "same column"},
        {"'on': 'true'\n  v: 3\n", 1, "on: ", "quotes"}, {" on: true\nv: 3\n", 2, "this", "column"},
        {"name: a: b\n", 1, "name: ", "quotes"}, {"v: 3\n\tname: x\n", 2, "there is a tab", ""},
        {"\tv: 3\n", 1, "there is a tab", "blanks"},
        {"rungs:\n\t- a\n", 2, "there is a tab", "blanks"},
        {"name: @x\n", 1, "name: ", "this character"},
        {"on: true\nname: `x`\n", 2, "name: ", "this character"},
        {"name: %x\n", 1, "name: ", "this character"},
        {"v: 3\nname: \"abc\non: true\n\n", 2, "name: this quote is not closed", ""},
        {"name: 'abc", 1, "name: this quote is not closed", ""},
        {"name: \"a\\q\"", 1, "name: ", "single quotes"},
        {"name: 'a' b\n", 1, "name: ", "quotes whole"}, {"name: \"\\ud800\"", 1, "name: ", "YAML"},
        {"on: true\nrungs: [a,\n b\n\n", 2, "rungs: this list is not closed", "]"},
        {"{v: 3\n\n", 1, "v: this map is not closed", "}"},
        {"rungs: - a\n", 1, "rungs: ", "dashes"},
        {"v: 3\n---\non: true\n", 2, "a second document", "---"},
        {"v: 3\n...\n---\n", 3, "a second document", "---"},
        {"v: 3\n...\non: true\n", 3, "", "fit"}, {"v: 3\n%TAG ! tag:x,20$", 2, "", "fit"},
        {"%YAML 1.1", 1, "", "fit"}, {"%YAML 1.1\n", 1, "", "fit"}, {"{v", 1, "v: ", "no value"},
        {"on: true\nrungs:\n-", 3, "rungs: ", "no value"}, {"v: ]\n", 1, "v: ", "YAML"},
        {"%YAML 3.0\n---\nv: 3\n", 1, "", "YAML"}, {"v: !!int 5", 1, "v: tags", "delete"},
        {"v: ! 5", 1, "v: tags", "delete"}, {"name: !x!y z\n", 1, "name: tags", "delete"},
        {"!!map {v: 3}", 1, "tags", "delete"}, {"rungs: !!seq [a]", 1, "rungs: tags", "delete"});
}
END_TEST

START_TEST(anchors_and_aliases)
{
    CHECK_FAULTS({"name: &a b\ncliAddr: *a\n", 1, "name: anchors", "write the value out"},
                 {"name: *a\n", 1, "name: anchors", "quotes"}, {"*a : b\n", 1, "anchors", "quotes"},
                 {"&a name: b\n", 1, "anchors", "quotes"}, {"&a {v: 3}\n", 1, "anchors", "quotes"},
                 {"on: true\nrungs: &a [*a]\n", 2, "rungs: anchors", "quotes"},
                 {"rungs: [a, *b]\n", 1, "rungs: anchors", "quotes"},
                 {"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                  "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n",
                  1, "a: ", "no flag"},
                 {"rungs: &a [x,x,x,x,x,x,x,x,x]\nname: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n", 1,
                  "rungs: anchors", "quotes"});
}
END_TEST

START_TEST(bytes_that_are_no_text)
{
    CHECK_FAULTS({"v: 3\n# M\xfcller\n", 2, "this is not UTF-8", "save"},
                 {"name: \xc0\xaf\n", 1, "this is not UTF-8", "save"},
                 {"v: 3\n\nname: a\xe2\x82", 3, "this is not UTF-8", "save"},
                 {"v: 3\nname: \x01\n", 2, "there is a control character", "plain text"},
                 {"v: 3\nname: \x7f\n", 2, "there is a control character", "plain text"});
    static const char utf16[] = "\xff\xfev\0:\0 \0003\0";
    static const char nul[] = "v: 3\nname: a\0b\n";
    struct config_file *file = NULL;
    struct config_fault f;
    ck_assert_int_eq(read_bytes(utf16, sizeof utf16 - 1, &file, &f), ERR_PROTO);
    ck_assert_ptr_nonnull(strstr(f.text, "not UTF-8"));
    ck_assert_int_eq(read_bytes(nul, sizeof nul - 1, &file, &f), ERR_PROTO);
    ck_assert_ptr_nonnull(strstr(f.text, "control character"));
    ck_assert_uint_eq(f.line, 2);
}
END_TEST

START_TEST(secrets_are_in_no_sentence)
{
    static const char *const rows[] = {
        "orchSecret: hush\nv: x\n",   "orchSecret: hush\n  hush\n",
        "orchSecret: \"hush\nv: 3\n", "orchSecret: [hush]\n",
        "orchSecret: hush: hush\n",   "orchSecret: {hush: hush}\n",
        "orchSecret: \"hush\\0\"\n",  "orchSecret: &hush hush\n",
        "orchSecret: 'hush' hush\n",  "orchSecret: hush\norchSecret: hush\n"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config_file *file = NULL;
        struct config_fault f = {0};
        ck_assert_int_eq(read_bytes(rows[i], strlen(rows[i]), &file, &f), ERR_PROTO);
        ck_assert_msg(strstr(f.text, "hush") == NULL, "%s", f.text);
    }
}
END_TEST

/* --- hostile sizes and cuts --- */

static void check_any(const char *text, size_t len)
{
    struct config_file *file = NULL;
    struct config_fault f = {.line = 12345};
    enum err e = read_bytes(text, len, &file, &f);
    unsigned lines = 1;
    for (size_t i = 0; i < len; i++) {
        lines += text[i] == '\n';
    }
    if (e == ERR_OK) {
        config_destroy(file);
        return;
    }
    ck_assert_int_eq(e, ERR_PROTO);
    ck_assert_ptr_null(file);
    ck_assert_msg(f.line >= 1 && f.line <= lines, "%.*s\n%u: %s", (int)len, text, f.line, f.text);
    ck_assert(f.text[0] != '\0' && strlen(f.text) < CONFIG_WHY_MAX);
}

START_TEST(cut_anywhere)
{
    for (size_t len = 0; len <= strlen(whole); len++) {
        check_any(whole, len);
    }
    srand(1);
    for (int i = 0; i < 20000; i++) {
        char text[sizeof whole];
        size_t a = (size_t)rand() % strlen(whole), b = (size_t)rand() % strlen(whole);
        size_t from = a < b ? a : b, to = a < b ? b : a;
        memcpy(text, whole, from);
        memcpy(text + from, whole + to, strlen(whole) - to);
        check_any(text, strlen(whole) - (to - from));
    }
}
END_TEST

START_TEST(large_files_end_soon)
{
    static const char *const pieces[] = {"[",   "{",  "- ",  "? ",  "v: ",      "a",   "\"",
                                         " ",   "\n", "[a,", "*a ", "&a ",      "!a ", "# ",
                                         ":\n", "a,", "''",  "|",   "rungs: [", "%",   "-\n"};
    static const char *const heads[] = {"", "rungs: [", "rungs:\n- ", "name: ", "name: \""};
    char *text = malloc(CONFIG_BYTES_MAX);
    ck_assert_ptr_nonnull(text);
    for (size_t h = 0; h < sizeof heads / sizeof heads[0]; h++) {
        for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
            size_t len = strlen(heads[h]), step = strlen(pieces[p]);
            memcpy(text, heads[h], len);
            for (; len + step <= CONFIG_BYTES_MAX; len += step) {
                memcpy(text + len, pieces[p], step);
            }
            struct config_file *file = NULL;
            struct config_fault f;
            clock_t started = clock();
            enum err e = read_bytes(text, len, &file, &f);
            long ms = (long)((clock() - started) * 1000 / CLOCKS_PER_SEC);
            ck_assert_msg(ms < FAST_MS, "%s%s...: %ld ms", heads[h], pieces[p], ms);
            if (e == ERR_OK) {
                config_destroy(file);
            }
        }
    }
    free(text);
}
END_TEST

START_TEST(the_largest_file)
{
    char *text = malloc(CONFIG_BYTES_MAX + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, '#', CONFIG_BYTES_MAX + 1);
    struct config_file *file = NULL;
    struct config_fault f;
    ck_assert_int_eq(read_bytes(text, CONFIG_BYTES_MAX + 1, &file, &f), ERR_LIMIT);
    ck_assert_uint_eq(f.line, 0);
    ck_assert_ptr_nonnull(strstr(f.text, "64 KiB"));
    ck_assert_int_eq(read_bytes(text, CONFIG_BYTES_MAX, &file, &f), ERR_OK);
    config_destroy(file);
    free(text);
}
END_TEST

START_TEST(every_allocation_fails_in_turn)
{
    size_t n = 1;
    for (;; n++) {
        struct config_file *file = NULL;
        struct config_fault f = {0};
        mem_fail_nth(n);
        enum err e = config_read(span_cstr(whole), config_table, CONFIG_TABLE_N, &file, &f);
        bool failed = mem_has_failed();
        mem_fail_nth(0);
        if (!failed) {
            ck_assert_int_eq(e, ERR_OK);
            config_destroy(file);
            break;
        }
        ck_assert_int_eq(e, ERR_NOMEM);
        ck_assert_ptr_null(file);
        ck_assert_ptr_nonnull(strstr(f.text, "memory"));
    }
    ck_assert_uint_gt(n, 8); /* one for each value at least */
}
END_TEST

/* --- applying --- */

START_TEST(flags_win)
{
    struct config_table c;
    struct option_origin origins[CONFIG_TABLE_N];
    char why[OPTIONS_WHY_MAX];
    char *argv[] = {"program", "-v", "1", "-on=false", "-orchSecret", ""};
    ck_assert_int_eq(options_parse_origins(config_table, CONFIG_TABLE_N, 6, argv, &c, origins, why),
                     ERR_OK);
    struct config_file *file = read_good("v: 2\nmaxSessions: 7\non: true\noff: false\n"
                                         "orchSecret: x\nrungs: [a, b]\ncliAddr: ''\n");
    config_apply(file, config_table, &c, origins);
    ck_assert_int_eq(c.v, 1);
    ck_assert_int_eq(c.n, 7);
    ck_assert(!c.on && !c.off);
    ck_assert_str_eq(c.secret, "");
    ck_assert_str_eq(c.list, "a,b");
    ck_assert_str_eq(c.addr, "");
    ck_assert_str_eq(c.name, "");
    static const struct option_origin want[CONFIG_TABLE_N] = {
        {OPTION_FROM_FLAG, 0},   {OPTION_FROM_FILE, 4}, {OPTION_FROM_FILE, 2},
        {OPTION_FROM_FLAG, 0},   {OPTION_FROM_FILE, 7}, {OPTION_FROM_DEFAULT, 0},
        {OPTION_FROM_FLAG, 0},   {OPTION_FROM_FILE, 6}, {OPTION_FROM_DEFAULT, 0},
        {OPTION_FROM_DEFAULT, 0}};
    for (size_t i = 0; i < CONFIG_TABLE_N; i++) {
        ck_assert_msg(origins[i].source == want[i].source && origins[i].line == want[i].line, "%s",
                      config_table[i].name);
    }
    config_destroy(file);
}
END_TEST

/* --- files --- */

static void write_file(char *path, const char *text, mode_t mode)
{
    strcpy(path, "/tmp/config.XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    ck_assert_int_eq(fchmod(fd, mode), 0);
    close(fd);
}

START_TEST(files_are_named_in_faults)
{
    char path[64], why[CONFIG_WHY_MAX], want[CONFIG_WHY_MAX];
    struct config_file *file = NULL;
    write_file(path, "v: 3\non: perhaps\n", 0600);
    ck_assert_int_eq(config_load(path, config_table, CONFIG_TABLE_N, &file, why), ERR_PROTO);
    snprintf(want, sizeof want, "%s:2: on: takes true or false, not \"perhaps\"", path);
    ck_assert_str_eq(why, want);
    unlink(path);
    ck_assert_int_eq(config_load(path, config_table, CONFIG_TABLE_N, &file, why), ERR_IO);
    snprintf(want, sizeof want, "%s: cannot be read: No such file or directory", path);
    ck_assert_msg(strncmp(why, want, strlen(want)) == 0, "%s", why);
    ck_assert_int_eq(config_load("/tmp", config_table, CONFIG_TABLE_N, &file, why), ERR_IO);
    ck_assert_int_eq(config_load("", config_table, CONFIG_TABLE_N, &file, why), ERR_IO);
    ck_assert_int_eq(config_load("a\nb", config_table, CONFIG_TABLE_N, &file, why), ERR_IO);
    ck_assert_ptr_null(strchr(why, '\n'));
    ck_assert_int_eq(config_load("/dev/zero", config_table, CONFIG_TABLE_N, &file, why), ERR_LIMIT);
    mem_fail_nth(1);
    ck_assert_int_eq(config_load("/dev/null", config_table, CONFIG_TABLE_N, &file, why), ERR_NOMEM);
    ck_assert_ptr_nonnull(strstr(why, "memory"));
    ck_assert_ptr_null(file);
}
END_TEST

START_TEST(a_pipe_may_give_it_in_pieces)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        for (size_t i = 0; i < strlen(whole); i++) {
            if (write(ends[1], whole + i, 1) != 1) {
                _exit(1);
            }
        }
        _exit(0);
    }
    close(ends[1]);
    char path[64], why[CONFIG_WHY_MAX] = "";
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    struct config_file *file = NULL;
    enum err e = config_load(path, config_table, CONFIG_TABLE_N, &file, why);
    ck_assert_msg(e == ERR_OK, "%s", why);
    unsigned line;
    ck_assert_str_eq(value(file, "v", &line), "42");
    ck_assert(!config_exposed(path, file, config_table, CONFIG_TABLE_N, why));
    config_destroy(file);
    close(ends[0]);
}
END_TEST

static bool exposed(const char *text, mode_t mode, char *why)
{
    char path[64];
    struct config_file *file = NULL;
    write_file(path, text, mode);
    ck_assert_int_eq(config_load(path, config_table, CONFIG_TABLE_N, &file, why), ERR_OK);
    bool found = config_exposed(path, file, config_table, CONFIG_TABLE_N, why);
    ck_assert(!found || strstr(why, path) != NULL);
    config_destroy(file);
    unlink(path);
    return found;
}

START_TEST(a_secret_that_others_can_read)
{
    char why[CONFIG_WHY_MAX];
    ck_assert(exposed("v: 3\norchSecret: hush\n", 0644, why));
    ck_assert_ptr_nonnull(strstr(why, ":2: orchSecret: "));
    ck_assert_ptr_nonnull(strstr(why, "0644"));
    ck_assert_ptr_nonnull(strstr(why, "chmod 600"));
    ck_assert_ptr_null(strstr(why, "hush"));
    ck_assert(exposed("orchSecret: hush\n", 0640, why));
    ck_assert(exposed("orchSecret: hush\n", 0602, why));
    ck_assert(!exposed("orchSecret: hush\n", 0600, why));
    ck_assert(!exposed("orchSecret: hush\n", 0400, why));
    ck_assert(!exposed("orchSecret: ''\n", 0644, why));
    ck_assert(!exposed("orchSecret: /etc/passwd\n", 0644, why)); /* a file's name */
    ck_assert(exposed("orchSecret: /etc/no-such-file\n", 0644, why));
    ck_assert(exposed("orchSecret: /tmp\n", 0644, why));
    ck_assert(!exposed("v: 3\n", 0644, why));
}
END_TEST

UNIT_MAIN("config", everything_is_read, texts_are_what_is_written, nothing_is_a_file_too,
          wrong_keys, wrong_values, wrong_forms, anchors_and_aliases, bytes_that_are_no_text,
          secrets_are_in_no_sentence, cut_anywhere, large_files_end_soon, the_largest_file,
          every_allocation_fails_in_turn, flags_win, files_are_named_in_faults,
          a_pipe_may_give_it_in_pieces, a_secret_that_others_can_read)
