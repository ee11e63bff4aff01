#include "run/options.h"

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

static enum err set_value(const struct option *o, void *config, const char *text, char *ret_why)
{
    enum err e = ERR_OK;
    switch (o->type) {
    case OPTION_BOOL:
        e = set_bool(o, config, text);
        if (e != ERR_OK) {
            snprintf(ret_why, OPTIONS_WHY_MAX, "-%s takes true or false, not \"%s\"", o->name,
                     text);
        }
        break;
    case OPTION_INT:
        e = set_int(o, config, text);
        if (e != ERR_OK) {
            snprintf(ret_why, OPTIONS_WHY_MAX, "-%s takes a number from %ld to %ld, not \"%s\"",
                     o->name, o->min, o->max, text);
        }
        break;
    case OPTION_STRING:
    case OPTION_ARGUMENT:
        if (text[0] == '\0' && o->min > 0) {
            snprintf(ret_why, OPTIONS_WHY_MAX, "-%s takes a value that is not empty", o->name);
            return ERR_PROTO;
        }
        *(const char **)field(config, o) = text;
        break;
    }
    return e;
}

static void set_defaults(const struct option *table, size_t n, void *config)
{
    for (size_t i = 0; i < n; i++) {
        const struct option *o = &table[i];
        if (o->type == OPTION_STRING || o->type == OPTION_ARGUMENT) {
            *(const char **)field(config, o) = o->default_text != NULL ? o->default_text : "";
        } else if (o->type == OPTION_INT) {
            *(long *)field(config, o) = o->default_text != NULL ? atol(o->default_text) : 0;
        } else {
            *(bool *)field(config, o) =
                o->default_text != NULL && strcmp(o->default_text, "true") == 0;
        }
    }
}

static const struct option *find(const struct option *table, size_t n, const char *name, size_t len)
{
    for (size_t i = 0; i < n; i++) {
        if (strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0) {
            return &table[i];
        }
    }
    return NULL;
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

/* Whether the argument looks like a flag; *ret_name is what follows its dashes. */
static bool is_flag(const char *arg, const char **ret_name)
{
    size_t dashes = strspn(arg, "-");
    *ret_name = arg + dashes;
    return dashes >= 1 && dashes <= 2 && arg[dashes] != '\0';
}

enum err options_parse(const struct option *table, size_t n, int argc, char **argv, void *config,
                       char *ret_why)
{
    set_defaults(table, n, config);
    for (int i = 1; i < argc; i++) {
        const char *name;
        const struct option *o = find_argument(table, n, config);
        if (!is_flag(argv[i], &name)) {
            if (o == NULL || argv[i][0] == '-' || argv[i][0] == '\0') {
                snprintf(ret_why, OPTIONS_WHY_MAX, "\"%s\" is not a flag", argv[i]);
                return ERR_PROTO;
            }
            *(const char **)field(config, o) = argv[i];
            continue;
        }
        const char *equals = strchr(name, '=');
        size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name);
        o = find(table, n, name, len);
        if (o == NULL) {
            snprintf(ret_why, OPTIONS_WHY_MAX, "unknown flag -%.*s", (int)len, name);
            return ERR_PROTO;
        }
        const char *value = equals != NULL ? equals + 1 : "true";
        if (equals == NULL && o->type != OPTION_BOOL) {
            if (i + 1 == argc) {
                snprintf(ret_why, OPTIONS_WHY_MAX, "-%s needs a value", o->name);
                return ERR_PROTO;
            }
            value = argv[++i];
        }
        enum err e = set_value(o, config, value, ret_why);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

void options_usage(FILE *out, const char *program, const struct option *table, size_t n)
{
    fprintf(out, "Usage: %s [flags]\n", program);
    for (size_t i = 0; i < n; i++) {
        const struct option *o = &table[i];
        fprintf(out, "  -%s%s%s\n      %s", o->name, o->placeholder != NULL ? " " : "",
                o->placeholder != NULL ? o->placeholder : "", o->help);
        if (o->default_text != NULL && o->default_text[0] != '\0' && !o->secret) {
            fprintf(out, " (default %s)", o->default_text);
        }
        fprintf(out, "\n");
    }
}
