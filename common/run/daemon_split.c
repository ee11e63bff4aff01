#include "run/daemon_split.h"

#include <string.h>

#include "base/mem.h"

/* One argument that begins with a dash. */
struct flag {
    const char *role; /* of "-ROLE.FLAG"; NULL: not told */
    size_t role_len;
    const char *name; /* up to a "=" or the end */
    size_t name_len;
};

static void read_flag(const char *arg, const struct daemon_split *parts, size_t n,
                      struct flag *ret_flag)
{
    const char *text = arg + 1 + (arg[1] == '-');
    *ret_flag = (struct flag){.name = text};
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(parts[i].role);
        if (strncmp(text, parts[i].role, len) == 0 && text[len] == '.') {
            *ret_flag = (struct flag){.role = text, .role_len = len, .name = text + len + 1};
        }
    }
    ret_flag->name_len = strcspn(ret_flag->name, "=");
}

static void give(struct daemon_split *part, const char *text, size_t len, const char *dash)
{
    size_t dashes = strlen(dash);
    char *copy = mem_alloc(dashes + len + 1);
    memcpy(copy, dash, dashes);
    memcpy(copy + dashes, text, len);
    part->argv[part->argc++] = copy;
}

static const struct option *find(const struct daemon_split *part, const struct flag *f)
{
    return options_find(part->table, part->n, f->name, f->name_len);
}

static const struct daemon_split_rule *rule_of(const struct daemon_split_rule *rules,
                                               const struct flag *f)
{
    for (; rules->flag != NULL; rules++) {
        if (strlen(rules->flag) == f->name_len && strncmp(rules->flag, f->name, f->name_len) == 0) {
            return rules;
        }
    }
    return NULL;
}

static bool is_for(const struct daemon_split *part, const struct flag *f,
                   const struct daemon_split_rule *rule)
{
    if (f->role != NULL) {
        return strlen(part->role) == f->role_len && strncmp(part->role, f->role, f->role_len) == 0;
    }
    return rule == NULL || strcmp(part->role, rule->role) == 0;
}

static bool takes_next(const struct option *o, const struct flag *f)
{
    return o->type != OPTION_BOOL && o->type != OPTION_COMMAND && f->name[f->name_len] == '\0';
}

/* Gives one flag to whom it is for, with its value. Returns how many arguments it took; 0: nobody
 * has it. */
static int give_flag(const struct flag *f, const struct daemon_split_rule *rule, const char *value,
                     struct daemon_split *parts, size_t n)
{
    int taken = 0;
    for (size_t i = 0; i < n; i++) {
        const struct option *o = find(&parts[i], f);
        if (o == NULL || !is_for(&parts[i], f, rule)) {
            continue;
        }
        give(&parts[i], f->name, strlen(f->name), "-");
        taken = 1;
        if (value != NULL && takes_next(o, f)) {
            give(&parts[i], value, strlen(value), "");
            taken = 2;
        }
    }
    return taken;
}

static void give_argument(const char *arg, struct daemon_split *parts, size_t n)
{
    struct daemon_split *part = &parts[0];
    for (size_t i = n; i-- > 0;) {
        for (size_t k = 0; k < parts[i].n; k++) {
            part = parts[i].table[k].type == OPTION_ARGUMENT ? &parts[i] : part;
        }
    }
    give(part, arg, strlen(arg), "");
}

enum err daemon_split(const struct daemon_split_rule *rules, int argc, char **argv,
                      struct daemon_split *parts, size_t n, char *ret_why)
{
    for (size_t i = 0; i < n; i++) {
        parts[i].argc = 0;
        parts[i].argv = mem_alloc((size_t)(argc + 2) * sizeof *parts[i].argv);
        give(&parts[i], argv[0], strlen(argv[0]), "");
    }
    for (int i = 1; i < argc;) {
        if (argv[i][0] != '-' || argv[i][1] == '\0') {
            give_argument(argv[i++], parts, n);
            continue;
        }
        struct flag f;
        read_flag(argv[i], parts, n, &f);
        const struct daemon_split_rule *rule = f.role == NULL ? rule_of(rules, &f) : NULL;
        if (rule != NULL && rule->role == NULL) {
            snprintf(ret_why, SPLIT_WHY_MAX, "-%s would be several roles': say whose, as in -%s.%s",
                     rule->flag, parts[0].role, rule->flag);
            return ERR_STATE;
        }
        int taken = give_flag(&f, rule, argv[i + 1], parts, n);
        if (taken == 0) {
            snprintf(ret_why, SPLIT_WHY_MAX, "%.200s: none of these roles has such a flag",
                     argv[i]);
            return ERR_NOENT;
        }
        i += taken;
    }
    return ERR_OK;
}

void daemon_split_fini(struct daemon_split *parts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (int k = 0; k < parts[i].argc; k++) {
            mem_free(parts[i].argv[k]);
        }
        mem_free(parts[i].argv);
        parts[i].argv = NULL;
        parts[i].argc = 0;
    }
}
