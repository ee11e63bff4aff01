#include "run/options.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void *field(void *config, const struct option *o)
{
    return (char *)config + o->offset;
}

static enum err set_bool(const struct option *o, void *config, const char *text)
{
    static const char *const yes[] = {"true", "1", "t", "T", "TRUE", "True"};
    static const char *const no[] = {"false", "0", "f", "F", "FALSE", "False"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *(bool *)field(config, o) = strcmp(text, yes[i]) == 0;
            return ERR_OK;
        }
    }
    return ERR_PROTO;
}

static enum err set_int(const struct option *o, void *config, const char *text)
{
    char *end;
    errno = 0;
    long v = strtol(text, &end, 10);
    if (text[0] == '\0' || *end != '\0' || errno != 0 || v < o->min || v > o->max) {
        return ERR_PROTO;
    }
    *(long *)field(config, o) = v;
    return ERR_OK;
}

static const struct duration_unit {
    const char *name;
    long ms;
} duration_units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"", 1000}};
#define N_DURATION_UNITS (sizeof duration_units / sizeof duration_units[0])

static enum err set_duration(const struct option *o, void *config, const char *text)
{
    char *end;
    errno = 0;
    long v = strtol(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || errno != 0) {
        return ERR_PROTO;
    }
    for (size_t i = 0; i < N_DURATION_UNITS; i++) {
        const struct duration_unit *u = &duration_units[i];
        if (strcmp(end, u->name) == 0) {
            if (v > o->max / u->ms || v * u->ms < o->min) {
                return ERR_PROTO;
            }
            *(long *)field(config, o) = v * u->ms;
            return ERR_OK;
        }
    }
    return ERR_PROTO;
}

void option_duration_text(long ms, char *ret_text)
{
    bool whole = ms % 1000 == 0;
    snprintf(ret_text, OPTION_DURATION_MAX, "%ld%s", whole ? ms / 1000 : ms, whole ? "s" : "ms");
}

static void say_duration(const struct option *o, char *ret_why)
{
    char min[OPTION_DURATION_MAX], max[OPTION_DURATION_MAX];
    option_duration_text(o->min, min);
    option_duration_text(o->max, max);
    snprintf(ret_why, OPTIONS_WHY_MAX,
             "takes a duration like 30s, 500ms or 2m, from %s to %s (a number alone is seconds)",
             min, max);
}

enum err options_set(const struct option *o, void *config, const char *text, char *ret_why)
{
    enum err e = ERR_OK;
    switch (o->type) {
    case OPTION_BOOL:
    case OPTION_COMMAND:
        e = set_bool(o, config, text);
        if (e != ERR_OK) {
            snprintf(ret_why, OPTIONS_WHY_MAX, "takes true or false");
        }
        break;
    case OPTION_INT:
        e = set_int(o, config, text);
        if (e != ERR_OK) {
            snprintf(ret_why, OPTIONS_WHY_MAX, "takes a number from %ld to %ld", o->min, o->max);
        }
        break;
    case OPTION_DURATION:
        e = set_duration(o, config, text);
        if (e != ERR_OK) {
            say_duration(o, ret_why);
        }
        break;
    case OPTION_STRING:
    case OPTION_LIST:
    case OPTION_COMMAND_TEXT:
    case OPTION_ARGUMENT:
        if (text[0] == '\0' && o->min > 0) {
            snprintf(ret_why, OPTIONS_WHY_MAX, "takes a text that is not empty");
            return ERR_PROTO;
        }
        *(const char **)field(config, o) = text;
        break;
    }
    return e;
}

bool option_is_command(const struct option *o)
{
    return o->type == OPTION_COMMAND || o->type == OPTION_COMMAND_TEXT ||
           o->type == OPTION_ARGUMENT;
}

static bool is_flag(const struct option *o)
{
    return o->type == OPTION_BOOL || o->type == OPTION_COMMAND;
}

static void set_defaults(const struct option *table, size_t n, void *config)
{
    for (size_t i = 0; i < n; i++) {
        const struct option *o = &table[i];
        if (is_flag(o)) {
            *(bool *)field(config, o) =
                o->default_text != NULL && strcmp(o->default_text, "true") == 0;
        } else if (o->type == OPTION_INT) {
            *(long *)field(config, o) = o->default_text != NULL ? atol(o->default_text) : 0;
        } else if (o->type == OPTION_DURATION) {
            *(long *)field(config, o) = 0;
            if (o->default_text != NULL && set_duration(o, config, o->default_text) != ERR_OK) {
                assert(!"the default is a good duration");
            }
        } else {
            *(const char **)field(config, o) = o->default_text != NULL ? o->default_text : "";
        }
    }
}

const struct option *options_find(const struct option *table, size_t n, const char *name,
                                  size_t len)
{
    for (size_t i = 0; i < n; i++) {
        if (strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

#define GUESS_NAME_MAX 64
#define GUESS_WRONG    2

/* How many letters have to be changed, put in or taken out; case does not count. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t row[GUESS_NAME_MAX + 1];
    for (size_t j = 0; j <= b_len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            bool same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
            size_t best = corner + (same ? 0 : 1);
            best = row[j] + 1 < best ? row[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            corner = row[j];
            row[j] = best;
        }
    }
    return row[b_len];
}

const struct option *options_guess(const struct option *table, size_t n, const char *name,
                                   size_t len)
{
    const struct option *found = NULL;
    size_t least = GUESS_WRONG + 1;
    while (len > 0 && *name == '-') {
        name++;
        len--;
    }
    for (size_t i = 0; i < n; i++) {
        size_t own = strlen(table[i].name);
        if (len > GUESS_NAME_MAX || own > GUESS_NAME_MAX || len <= GUESS_WRONG) {
            continue;
        }
        size_t d = distance(name, len, table[i].name, own);
        /* A name of few letters is not the same name with most of them changed. */
        if (d < least && d * 2 < own) {
            least = d;
            found = &table[i];
        }
    }
    return found;
}

static enum err wrong_value(const struct option *o, const char *value, char *ret_why)
{
    char takes[OPTIONS_WHY_MAX];
    snprintf(takes, sizeof takes, "%s", ret_why);
    snprintf(ret_why, OPTIONS_WHY_MAX, "-%s %.100s, not \"%.300s\"", o->name, takes, value);
    return ERR_PROTO;
}

/* Reads the flag at argv[*i], and its value when that is the next argument. */
static enum err take_flag(const struct option *table, size_t n, int argc, char **argv, int *i,
                          void *config, const struct option **ret_option, char *ret_why)
{
    const char *arg = argv[*i];
    size_t dashes = strspn(arg, "-");
    if (dashes < 1 || dashes > 2 || arg[dashes] == '\0') {
        snprintf(ret_why, OPTIONS_WHY_MAX, "\"%s\" is not a flag", arg);
        return ERR_PROTO;
    }
    const char *name = arg + dashes;
    const char *equals = strchr(name, '=');
    size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name);
    const struct option *o = options_find(table, n, name, len);
    if (o == NULL && strcmp(name, "h") == 0) {
        o = options_find(table, n, "help", 4);
    }
    if (o == NULL) {
        o = options_guess(table, n, name, len);
        snprintf(ret_why, OPTIONS_WHY_MAX, "unknown flag -%.*s%s%s%s", (int)(len < 128 ? len : 128),
                 name, o != NULL ? "; did you mean -" : "", o != NULL ? o->name : "",
                 o != NULL ? "?" : "");
        return ERR_PROTO;
    }
    const char *value = equals != NULL ? equals + 1 : "true";
    if (equals == NULL && !is_flag(o)) {
        if (*i + 1 == argc) {
            snprintf(ret_why, OPTIONS_WHY_MAX, "-%s needs a value", o->name);
            return ERR_PROTO;
        }
        value = argv[++*i];
    }
    if (options_set(o, config, value, ret_why) != ERR_OK) {
        return wrong_value(o, value, ret_why);
    }
    *ret_option = o;
    return ERR_OK;
}

/* Whose value an argument without a flag is: that of an OPTION_ARGUMENT without a value, when the
 * flag before it has one. NULL: nobody's. */
static const struct option *find_argument(const struct option *table, size_t n, void *config)
{
    for (size_t i = 1; i < n; i++) {
        if (table[i].type == OPTION_ARGUMENT &&
            (*(const char **)field(config, &table[i - 1]))[0] != '\0' &&
            (*(const char **)field(config, &table[i]))[0] == '\0') {
            return &table[i];
        }
    }
    return NULL;
}

enum err options_parse_origins(const struct option *table, size_t n, int argc, char **argv,
                               void *config, struct option_origin *origins, char *ret_why)
{
    set_defaults(table, n, config);
    for (size_t i = 0; origins != NULL && i < n; i++) {
        origins[i] = (struct option_origin){.source = OPTION_FROM_DEFAULT};
    }
    for (int i = 1; i < argc; i++) {
        const struct option *o = find_argument(table, n, config);
        enum err e = ERR_OK;
        if (o != NULL && argv[i][0] != '-' && argv[i][0] != '\0') {
            *(const char **)field(config, o) = argv[i];
        } else {
            e = take_flag(table, n, argc, argv, &i, config, &o, ret_why);
        }
        if (e != ERR_OK) {
            return e;
        }
        if (origins != NULL) {
            origins[o - table].source = OPTION_FROM_FLAG;
        }
    }
    return ERR_OK;
}

enum err options_parse(const struct option *table, size_t n, int argc, char **argv, void *config,
                       char *ret_why)
{
    return options_parse_origins(table, n, argc, argv, config, NULL, ret_why);
}

const char *options_heading(const struct option_group *groups, const char *name)
{
    for (size_t i = 0; groups != NULL && groups[i].first != NULL; i++) {
        if (strcmp(groups[i].first, name) == 0) {
            return groups[i].heading;
        }
    }
    return NULL;
}

void options_hint(FILE *out, const char *program)
{
    fprintf(out, "Usage: %s [flags]; %s -help describes each flag\n", program, program);
}

void options_usage(FILE *out, const char *program, const struct option *table, size_t n,
                   const struct option_group *groups)
{
    fprintf(out, "Usage: %s [flags]\n", program);
    for (size_t i = 0; i < n; i++) {
        const struct option *o = &table[i];
        const char *heading = options_heading(groups, o->name);
        if (heading != NULL) {
            fprintf(out, "\n%s:\n", heading);
        }
        fprintf(out, "  -%s%s%s\n      %s", o->name, o->placeholder != NULL ? " " : "",
                o->placeholder != NULL ? o->placeholder : "", o->help);
        if (o->default_text != NULL && o->default_text[0] != '\0' && !o->secret) {
            fprintf(out, " (default %s)", o->default_text);
        }
        fprintf(out, "\n");
    }
}
