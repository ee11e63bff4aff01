#include "run/daemon_split.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/unit.h"

static const struct option first[] = {
    {"v", OPTION_INT, "3", 0, 9, false, 0, "N", ""},
    {"cliAddr", OPTION_STRING, "", 0, 0, false, 0, "ADDR", ""},
    {"config", OPTION_COMMAND_TEXT, "", 0, 0, false, 0, "FILE", ""},
    {"quiet", OPTION_BOOL, NULL, 0, 0, false, 0, NULL, ""},
};
static const struct option second[] = {
    {"v", OPTION_INT, "3", 0, 9, false, 0, "N", ""},
    {"cliAddr", OPTION_STRING, "", 0, 0, false, 0, "ADDR", ""},
    {"mint", OPTION_COMMAND_TEXT, "", 0, 0, false, 0, "ROLE", ""},
    {"mintName", OPTION_ARGUMENT, "", 0, 0, false, 0, "NAME", ""},
    {"only", OPTION_STRING, "", 0, 0, false, 0, "TEXT", ""},
};
static const struct daemon_split_rule rules[] = {
    {"cliAddr", "one"}, {"config", NULL}, {NULL, NULL}};

#define ARGS_MAX 16

/* The line's words into the shares of the roles "one" and "two", as lines again. */
static enum err split(const char *line, char *ret_one, char *ret_two, char *ret_why)
{
    char copy[256], *argv[ARGS_MAX] = {0};
    int argc = 0;
    struct daemon_split parts[] = {{.role = "one", .table = first, .n = 4},
                                   {.role = "two", .table = second, .n = 5}};
    char *outs[] = {ret_one, ret_two};
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    enum err e = daemon_split(rules, argc, argv, parts, 2, ret_why);
    for (int i = 0; i < 2; i++) {
        outs[i][0] = '\0';
        for (int k = 0; k < parts[i].argc; k++) {
            strcat(outs[i], k > 0 ? " " : "");
            strcat(outs[i], parts[i].argv[k]);
        }
        ck_assert_ptr_null(parts[i].argv[parts[i].argc]);
    }
    daemon_split_fini(parts, 2);
    return e;
}

START_TEST(shares)
{
    static const struct {
        const char *line, *one, *two;
    } rows[] = {
        {"p", "p", "p"},
        {"p -v 5", "p -v 5", "p -v 5"},
        {"p --v=5", "p -v=5", "p -v=5"},
        {"p -quiet -v 5", "p -quiet -v 5", "p -v 5"},
        {"p -quiet=false", "p -quiet=false", "p"},
        {"p -only -v -v 1", "p -v 1", "p -only -v -v 1"},
        {"p -cliAddr :1", "p -cliAddr :1", "p"},
        {"p -two.cliAddr :1", "p", "p -cliAddr :1"},
        {"p -two.cliAddr=:1 --one.v 2", "p -v 2", "p -cliAddr=:1"},
        {"p -one.config f", "p -config f", "p"},
        {"p -mint role name", "p", "p -mint role name"},
        {"p -v", "p -v", "p -v"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char one[256], two[256], why[SPLIT_WHY_MAX] = "";
        ck_assert_int_eq(split(rows[i].line, one, two, why), ERR_OK);
        ck_assert_str_eq(one, rows[i].one);
        ck_assert_str_eq(two, rows[i].two);
    }
}
END_TEST

START_TEST(refusals)
{
    static const struct {
        const char *line;
        enum err e;
        const char *word;
    } rows[] = {
        {"p -none", ERR_NOENT, "-none"},          {"p -one.only x", ERR_NOENT, "-one.only"},
        {"p -three.v 1", ERR_NOENT, "-three.v"},  {"p -config f", ERR_STATE, "-one.config"},
        {"p -two.config f", ERR_NOENT, "config"}, {"p -cli :1", ERR_NOENT, "-cli"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char one[256], two[256], why[SPLIT_WHY_MAX] = "";
        ck_assert_int_eq(split(rows[i].line, one, two, why), rows[i].e);
        ck_assert_ptr_nonnull(strstr(why, rows[i].word));
    }
}
END_TEST

UNIT_MAIN("daemon_split", shares, refusals)
