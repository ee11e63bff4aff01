#include "run/options.h"

#include <string.h>

#include "tests/support/config_table.h"
#include "tests/support/unit.h"

struct config {
    bool on, off;
    long n;
    const char *s, *secret;
    const char *make, *make_name;
};

static const struct option table[] = {
    {"on", OPTION_BOOL, NULL, 0, 0, false, offsetof(struct config, on), NULL, "Switches on."},
    {"off", OPTION_BOOL, "true", 0, 0, false, offsetof(struct config, off), NULL, "Is on."},
    {"n", OPTION_INT, "5", 1, 10, false, offsetof(struct config, n), "N", "A number."},
    {"rtmpAddr", OPTION_STRING, "x:1", 0, 0, false, offsetof(struct config, s), "ADDR", "Where."},
    {"key", OPTION_STRING, "hush", 0, 0, true, offsetof(struct config, secret), "TEXT", "A key."},
    {"make", OPTION_STRING, "", 1, 0, false, offsetof(struct config, make), "KIND", "Makes one."},
    {"makeName", OPTION_ARGUMENT, "", 0, 0, false, offsetof(struct config, make_name), "NAME",
     "Its name."},
};
#define N (sizeof table / sizeof table[0])

static enum err parse(struct config *c, char *why, char **argv)
{
    int argc = 0;
    while (argv[argc] != NULL) {
        argc++;
    }
    return options_parse(table, N, argc, argv, c, why);
}

#define ARGS(...) ((char *[]){"program", __VA_ARGS__, NULL})

START_TEST(defaults_stand)
{
    struct config c;
    char why[OPTIONS_WHY_MAX];
    ck_assert_int_eq(parse(&c, why, (char *[]){"program", NULL}), ERR_OK);
    ck_assert(!c.on && c.off);
    ck_assert_int_eq(c.n, 5);
    ck_assert_str_eq(c.s, "x:1");
}
END_TEST

START_TEST(all_forms_are_read)
{
    struct config c;
    char why[OPTIONS_WHY_MAX];
    ck_assert_int_eq(
        parse(&c, why, ARGS("-on", "--off=false", "-n", "7", "--rtmpAddr=:1=2", "-key", "-dash")),
        ERR_OK);
    ck_assert(c.on && !c.off);
    ck_assert_int_eq(c.n, 7);
    ck_assert_str_eq(c.s, ":1=2");
    ck_assert_str_eq(c.secret, "-dash");
    ck_assert_int_eq(parse(&c, why, ARGS("-on=true", "-on=false")), ERR_OK);
    ck_assert(!c.on);
}
END_TEST

START_TEST(wrong_ones_are_named)
{
    static const struct {
        const char *a, *b, *why;
    } rows[] = {
        {"-rtmp", "x", "-rtmp"},
        {"-N", "1", "-N"},
        {"-rtmpaddr", "x", "-rtmpaddr; did you mean -rtmpAddr?"},
        {"-n", "0", "1 to 10"},
        {"-n", "eleven", "eleven"},
        {"-n=", NULL, "number"},
        {"-on=maybe", NULL, "maybe"},
        {"-rtmpAddr", NULL, "value"},
        {"plain", NULL, "plain"},
        {"-", NULL, "\"-\""},
        {"---on", NULL, "---on"},
        {"-make", "", "not empty"},
        {"-make=", NULL, "not empty"},
        {"-n", "5x", "5x"},
        {"-n=99999999999999999999", NULL, "999"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config c;
        char why[OPTIONS_WHY_MAX] = "";
        char *argv[] = {"program", (char *)rows[i].a, (char *)rows[i].b, NULL};
        ck_assert_msg(parse(&c, why, argv) == ERR_PROTO, "%s", rows[i].a);
        ck_assert_msg(strstr(why, rows[i].why) != NULL, "%s: %s", rows[i].a, why);
    }
}
END_TEST

START_TEST(an_argument_stands_where_a_flag_takes_it)
{
    static const struct {
        const char *argv[6];
        enum err err;
    } rows[] = {
        {{"p", "-make", "kind", "name", NULL}, ERR_OK},
        {{"p", "-make=kind", "-on", "name", NULL}, ERR_OK},
        {{"p", "-make", "kind", "-makeName", "name", NULL}, ERR_OK},
        {{"p", "-makeName=name", "-make", "kind", NULL}, ERR_OK},
        {{"p", "-make", "kind", "name", "name", NULL}, ERR_PROTO},
        {{"p", "-make", "kind", "-makeName", "name", "name"}, ERR_PROTO},
        {{"p", "-make", "kind", "", NULL}, ERR_PROTO},
        {{"p", "-make", "kind", "-", NULL}, ERR_PROTO},
        {{"p", "-make", "kind", "---name", NULL}, ERR_PROTO},
        {{"p", "name", "-make", "kind", NULL}, ERR_PROTO},
        {{"p", "-makeName", "name", "name", NULL}, ERR_PROTO},
        {{"p", "-rtmpAddr", "kind", "name", NULL}, ERR_PROTO},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config c;
        char why[OPTIONS_WHY_MAX] = "";
        int argc = 0;
        while (argc < 6 && rows[i].argv[argc] != NULL) {
            argc++;
        }
        enum err e = options_parse(table, N, argc, (char **)rows[i].argv, &c, why);
        ck_assert_msg(e == rows[i].err, "row %zu: %s", i, why);
        if (e == ERR_OK) {
            ck_assert_str_eq(c.make, "kind");
            ck_assert_str_eq(c.make_name, "name");
        } else {
            ck_assert_msg(strstr(why, "is not a flag") != NULL, "row %zu: %s", i, why);
        }
    }
}
END_TEST

START_TEST(usage_shows_defaults_but_no_secret)
{
    char text[4096] = "";
    FILE *f = fmemopen(text, sizeof text, "w");
    const struct option_group groups[] = {{"rtmpAddr", "Where it listens"}, {NULL, NULL}};
    options_usage(f, "program", table, N, groups);
    fclose(f);
    ck_assert_ptr_nonnull(strstr(text, "\nWhere it listens:\n  -rtmpAddr ADDR"));
    ck_assert_ptr_nonnull(strstr(text, "(default 5)"));
    ck_assert_ptr_null(strstr(text, "hush"));
}
END_TEST

START_TEST(origins_are_noted)
{
    struct config_table c;
    struct option_origin origins[CONFIG_TABLE_N];
    char why[OPTIONS_WHY_MAX];
    char *argv[] = {"program", "-v", "3", "--help", "-rungs=", "-config", "-x"};
    ck_assert_int_eq(options_parse_origins(config_table, CONFIG_TABLE_N, 7, argv, &c, origins, why),
                     ERR_OK);
    ck_assert(c.help);
    ck_assert_str_eq(c.list, "");
    ck_assert_str_eq(c.file, "-x");
    static const char *const given[] = {"v", "help", "rungs", "config"};
    size_t n = 0;
    for (size_t i = 0; i < CONFIG_TABLE_N; i++) {
        bool flag = origins[i].source == OPTION_FROM_FLAG;
        ck_assert(flag || origins[i].source == OPTION_FROM_DEFAULT);
        n += flag;
    }
    ck_assert_uint_eq(n, sizeof given / sizeof given[0]);
    for (size_t i = 0; i < n; i++) {
        const struct option *o =
            options_find(config_table, CONFIG_TABLE_N, given[i], strlen(given[i]));
        ck_assert_int_eq(origins[o - config_table].source, OPTION_FROM_FLAG);
    }
}
END_TEST

START_TEST(help_has_a_short_name)
{
    struct config_table c;
    char why[OPTIONS_WHY_MAX];
    static const char *const ways[] = {"-h", "--h"};
    for (size_t i = 0; i < 2; i++) {
        char *argv[] = {"program", (char *)ways[i]};
        ck_assert_int_eq(options_parse(config_table, CONFIG_TABLE_N, 2, argv, &c, why), ERR_OK);
        ck_assert(c.help);
    }
    char *argv[] = {"program", "-hel"};
    ck_assert_int_eq(options_parse(config_table, CONFIG_TABLE_N, 2, argv, &c, why), ERR_PROTO);
}
END_TEST

START_TEST(names_are_guessed)
{
    static const struct {
        const char *name, *meant;
    } rows[] = {{"cliAdr", "cliAddr"},
                {"cli_addr", "cliAddr"},
                {"CLIADDR", "cliAddr"},
                {"-cliAddr", "cliAddr"},
                {"maxSession", "maxSessions"},
                {"nmae", NULL},
                {"nam", "name"},
                {"x", NULL},
                {"v", NULL},
                {"", NULL},
                {"----", NULL},
                {"orchSecret", "orchSecret"},
                {"httpAddr", NULL},
                {"rung", "rungs"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct option *o =
            options_guess(config_table, CONFIG_TABLE_N, rows[i].name, strlen(rows[i].name));
        const char *found = o != NULL ? o->name : NULL;
        ck_assert_msg((found == NULL) == (rows[i].meant == NULL) &&
                          (found == NULL || strcmp(found, rows[i].meant) == 0),
                      "%s: %s", rows[i].name, found != NULL ? found : "(none)");
    }
    char large[1000];
    memset(large, 'a', sizeof large);
    ck_assert_ptr_null(options_guess(config_table, CONFIG_TABLE_N, large, sizeof large));
}
END_TEST

START_TEST(durations_have_units)
{
    static const struct option o = {"grace", OPTION_DURATION, "30s",      500, 3600000, false,
                                    0,       "TIME",          "How long."};
    static const struct {
        const char *text;
        long ms; /* -1: refused */
    } rows[] = {{"30s", 30000},
                {"500ms", 500},
                {"30", 30000},
                {"2m", 120000},
                {"1h", 3600000},
                {"499ms", -1},
                {"0", -1},
                {"2h", -1},
                {"61m", -1},
                {"", -1},
                {"s", -1},
                {"-1s", -1},
                {" 5s", -1},
                {"5 s", -1},
                {"5S", -1},
                {"1.5s", -1},
                {"5sec", -1},
                {"9999999999999999999999s", -1},
                {"9223372036854775807h", -1}};
    char why[OPTIONS_WHY_MAX], text[OPTION_DURATION_MAX];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        long ms = 7;
        enum err e = options_set(&o, &ms, rows[i].text, why);
        ck_assert_msg((e == ERR_OK) == (rows[i].ms >= 0), "\"%s\"", rows[i].text);
        ck_assert_int_eq(ms, rows[i].ms >= 0 ? rows[i].ms : 7);
        ck_assert(e == ERR_OK || strstr(why, "from 500ms to 3600s") != NULL);
        if (e == ERR_OK) {
            long again = 0;
            option_duration_text(ms, text);
            ck_assert_int_eq(options_set(&o, &again, text, why), ERR_OK);
            ck_assert_int_eq(again, ms);
        }
    }
    long ms = 0;
    ck_assert_int_eq(options_parse(&o, 1, 1, (char *[]){"program", NULL}, &ms, why), ERR_OK);
    ck_assert_int_eq(ms, 30000);
}
END_TEST

UNIT_MAIN("options", defaults_stand, all_forms_are_read, wrong_ones_are_named,
          an_argument_stands_where_a_flag_takes_it, usage_shows_defaults_but_no_secret,
          origins_are_noted, help_has_a_short_name, names_are_guessed, durations_have_units)
