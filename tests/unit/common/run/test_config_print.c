#include "run/config_print.h"

#include <string.h>

#include "base/mem.h"
#include "run/config.h"
#include "tests/support/config_table.h"
#include "tests/support/unit.h"

#define PRINT_MAX 100000

static const struct config_print print = {"broadcaster", config_table, CONFIG_TABLE_N, NULL};

static void parse(struct config_table *c, struct option_origin *origins, char **argv)
{
    char why[OPTIONS_WHY_MAX] = "";
    int argc = 0;
    while (argv[argc] != NULL) {
        argc++;
    }
    enum err e = options_parse_origins(config_table, CONFIG_TABLE_N, argc, argv, c, origins, why);
    ck_assert_msg(e == ERR_OK, "%s", why);
}
#define ARGS(...) ((char *[]){"program", __VA_ARGS__, NULL})

/* What is printed, ended by a NUL. */
static char *printed(struct buf *b, const struct config_table *c,
                     const struct option_origin *origins, const char *path)
{
    buf_init(b, PRINT_MAX);
    ck_assert_int_eq(config_print_values(b, &print, c, origins, path), ERR_OK);
    ck_assert_int_eq(buf_put_u8(b, 0), ERR_OK);
    return (char *)b->data;
}

static struct config_file *read_back(const char *text)
{
    struct config_file *file = NULL;
    struct config_fault fault = {0};
    enum err e = config_read(span_cstr(text), config_table, CONFIG_TABLE_N, &file, &fault);
    ck_assert_msg(e == ERR_OK, "%s%u: %s", text, fault.line, fault.text);
    return file;
}

START_TEST(values_and_origins)
{
    struct config_table c;
    struct option_origin origins[CONFIG_TABLE_N];
    parse(&c, origins, ARGS("-v", "7", "-orchSecret", "hush"));
    struct config_file *file = read_back("on: true\n\nrungs: [a, b]\n");
    config_apply(file, config_table, &c, origins);
    struct buf b;
    char *text = printed(&b, &c, origins, "/etc/x.yaml");
    static const char *const lines[] = {
        "\non: true                                        # /etc/x.yaml:1\n",
        "\noff: true                                       # default\n",
        "\nmaxSessions: 5                                  # default\n",
        "\nv: 7                                            # flag\n",
        "\ncliAddr: 127.0.0.1:7935                         # default\n",
        "\nname: \"\"                                        # default\n",
        "\n#orchSecret: \"***\"                              # flag; a secret is not shown\n",
        "\nrungs: a,b                                      # /etc/x.yaml:3\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        ck_assert_msg(strstr(text, lines[i]) != NULL, "%s\n%s", lines[i], text);
    }
    ck_assert_ptr_null(strstr(text, "hush"));
    ck_assert_ptr_null(strstr(text, "help:"));
    ck_assert_ptr_null(strstr(text, "config:"));
    config_destroy(file);
    buf_fini(&b);
}
END_TEST

/* Texts that YAML would take for something else, or not at all, if they stood there as they are. */
static const char *const awkward[] = {"",
                                      "x",
                                      "true",
                                      "no",
                                      "Null",
                                      "~",
                                      "5",
                                      "010",
                                      "-1",
                                      "1.5",
                                      "1.2.3",
                                      "0x1F",
                                      "1e5",
                                      ".5",
                                      ".inf",
                                      "127.0.0.1:80",
                                      "::1",
                                      "[::1]:8935",
                                      ":7936",
                                      "a:",
                                      "a: b",
                                      "a #b",
                                      "#a",
                                      "# a",
                                      "- a",
                                      "-",
                                      "--",
                                      "?",
                                      "&a",
                                      "*a",
                                      "!a",
                                      "%a",
                                      "@a",
                                      "`a",
                                      "|",
                                      ">",
                                      "{a",
                                      "a}",
                                      "'",
                                      "\"",
                                      "\\",
                                      "a\\nb",
                                      " a",
                                      "a ",
                                      "a  b",
                                      "/etc/secret file",
                                      "/etc/secret",
                                      "a,b",
                                      ",a",
                                      "a,,b",
                                      "12:30:45",
                                      "2001-01-01",
                                      "<<",
                                      "=",
                                      "M\xc3\xbcller",
                                      "\xe2\x80\xa8x",
                                      "\xe2\x80\xa9",
                                      "\xef\xbb\xbf",
                                      "\xef\xbf\xbf",
                                      "\xf0\x9f\x98\x80",
                                      "\xc2\xa0",
                                      "***",
                                      "y",
                                      "on"};

START_TEST(what_is_printed_can_be_read)
{
    for (size_t i = 0; i < sizeof awkward / sizeof awkward[0]; i++) {
        struct config_table c, back;
        struct option_origin origins[CONFIG_TABLE_N];
        char *value = (char *)awkward[i];
        parse(&c, origins, ARGS("-name", value, "-cliAddr", value, "-rungs", value));
        struct buf b;
        char *text = printed(&b, &c, origins, NULL);
        struct config_file *file = read_back(text);
        parse(&back, origins, (char *[]){"program", NULL});
        config_apply(file, config_table, &back, origins);
        ck_assert_str_eq(back.name, value);
        ck_assert_str_eq(back.addr, value);
        ck_assert_str_eq(back.list, value);
        ck_assert_int_eq(back.v, c.v);
        ck_assert(back.off && !back.on);
        config_destroy(file);
        buf_fini(&b);
    }
}
END_TEST

START_TEST(what_no_file_can_give_is_a_comment)
{
    static const char *const texts[] = {
        "a\nb: c",  "\t",           "\x01",     "\xff", "a\xc3",
        "\xc0\xaf", "\xed\xa0\x80", "\xc2\x85", "\x7f", "\xf4\x90\x80\x80"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct config_table c;
        struct option_origin origins[CONFIG_TABLE_N];
        parse(&c, origins, ARGS("-name", (char *)texts[i]));
        struct buf b;
        char *text = printed(&b, &c, origins, NULL);
        ck_assert_msg(strstr(text, "\n#name: \"?\" ") != NULL, "%s", text);
        ck_assert_ptr_nonnull(strstr(text, "# flag; holds bytes that no file can give\n"));
        config_destroy(read_back(text));
        buf_fini(&b);
    }
}
END_TEST

START_TEST(a_path_cannot_leave_its_comment)
{
    static const char *const paths[] = {"a\nv: 5", "\xff\n", "M\xc3\xbcller.yaml"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct config_table c;
        struct option_origin origins[CONFIG_TABLE_N];
        parse(&c, origins, (char *[]){"program", NULL});
        origins[0] = (struct option_origin){OPTION_FROM_FILE, 1};
        struct buf b;
        config_destroy(read_back(printed(&b, &c, origins, paths[i])));
        buf_fini(&b);
    }
}
END_TEST

START_TEST(a_sample_is_complete)
{
    static const struct option_sample samples[] = {{"v", "9"}, {"rungs", "P7"}, {NULL, NULL}};
    struct buf b;
    buf_init(&b, PRINT_MAX);
    ck_assert_int_eq(config_print_sample(&b, &print, samples), ERR_OK);
    ck_assert_int_eq(buf_put_u8(&b, 0), ERR_OK);
    char *text = (char *)b.data;
    unsigned line;
    struct config_file *file = read_back(text);
    ck_assert_str_eq(config_value(file, 3, &line), "9");
    ck_assert_str_eq(config_value(file, 7, &line), "P7");
    ck_assert_ptr_null(config_value(file, 0, &line));
    config_destroy(file);

    /* With each line in earnest it holds every flag that a file can give. */
    char earnest[PRINT_MAX];
    size_t len = 0;
    for (const char *c = text; *c != '\0'; c++) {
        bool disabled = *c == '#' && c[1] != ' ' && (c == text || c[-1] == '\n');
        if (!disabled) {
            earnest[len++] = *c;
        }
    }
    earnest[len] = '\0';
    file = read_back(earnest);
    for (size_t i = 0; i < CONFIG_TABLE_N; i++) {
        const char *value = config_value(file, i, &line);
        ck_assert_msg((value != NULL) != option_is_command(&config_table[i]), "%s",
                      config_table[i].name);
    }
    ck_assert_str_eq(config_value(file, 1, &line), "true");
    ck_assert_str_eq(config_value(file, 4, &line), "127.0.0.1:7935");
    config_destroy(file);
    buf_fini(&b);
}
END_TEST

START_TEST(long_help_is_broken_at_blanks)
{
    static const struct option one[] = {
        {"x", OPTION_BOOL, NULL, 0, 0, false, 0, NULL,
         "Word0123456789 word0123456789 word0123456789 word0123456789 word0123456789 "
         "word0123456789 word0123456789."}};
    static const struct option_group groups[] = {{"x", "Things"}, {NULL, NULL}};
    struct config_print p = {"broadcaster", one, 1, groups};
    struct buf b;
    buf_init(&b, PRINT_MAX);
    ck_assert_int_eq(config_print_sample(&b, &p, NULL), ERR_OK);
    ck_assert_int_eq(buf_put_u8(&b, 0), ERR_OK);
    ck_assert_ptr_nonnull(strstr((char *)b.data, " word0123456789\n# word0123456789.\n#   true"));
    ck_assert_ptr_nonnull(strstr((char *)b.data, "\n# ---- Things ----\n\n# Word"));
    buf_fini(&b);
}
END_TEST

START_TEST(every_allocation_fails_in_turn)
{
    struct config_table c;
    struct option_origin origins[CONFIG_TABLE_N];
    parse(&c, origins, (char *[]){"program", NULL});
    for (size_t n = 1;; n++) {
        struct buf b;
        buf_init(&b, PRINT_MAX);
        mem_fail_nth(n);
        enum err e = config_print_values(&b, &print, &c, origins, "x");
        if (e == ERR_OK) {
            e = config_print_sample(&b, &print, NULL);
        }
        bool failed = mem_has_failed();
        mem_fail_nth(0);
        buf_fini(&b);
        if (!failed) {
            ck_assert_int_eq(e, ERR_OK);
            ck_assert_uint_gt(n, 2);
            break;
        }
        ck_assert_int_eq(e, ERR_NOMEM);
    }
}
END_TEST

UNIT_MAIN("config_print", values_and_origins, what_is_printed_can_be_read,
          what_no_file_can_give_is_a_comment, a_path_cannot_leave_its_comment, a_sample_is_complete,
          long_help_is_broken_at_blanks, every_allocation_fails_in_turn)
