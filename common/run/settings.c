#include "run/settings.h"

#include <assert.h>
#include <string.h>

#include "run/log.h"

#define PRINT_MAX (16 * 1024 * 1024) /* more than a command line can hold */

void settings_init(struct settings *s, const struct config_print *p)
{
    assert(p->n <= SETTINGS_MAX);
    *s = (struct settings){.print = *p};
}

void settings_fini(struct settings *s)
{
    config_destroy(s->file);
    s->file = NULL;
}

void settings_hint(const struct settings *s)
{
    options_hint(stderr, s->print.role);
}

enum err settings_read_flags(struct settings *s, int argc, char **argv, void *config)
{
    char why[OPTIONS_WHY_MAX];
    const struct config_print *p = &s->print;
    s->argc = argc;
    s->argv = argv;
    enum err e = options_parse_origins(p->table, p->n, argc, argv, config, s->origins, why);
    if (e != ERR_OK) {
        fprintf(stderr, "%s: %s\n", p->role, why);
        settings_hint(s);
    }
    return e;
}

enum err settings_read_file(struct settings *s, const char *flag, void *config)
{
    char why[CONFIG_WHY_MAX];
    const struct config_print *p = &s->print;
    const struct option *o = options_find(p->table, p->n, flag, strlen(flag));
    assert(o != NULL && o->type == OPTION_COMMAND_TEXT);
    if (s->origins[o - p->table].source != OPTION_FROM_FLAG) {
        return ERR_OK;
    }
    s->path = *(const char *const *)((const char *)config + o->offset);
    enum err e = config_load(s->path, p->table, p->n, &s->file, why);
    if (e != ERR_OK) {
        fprintf(stderr, "%s: %s\n", p->role, why);
        return e;
    }
    config_apply(s->file, p->table, config, s->origins);
    return ERR_OK;
}

enum err settings_read_again(const struct settings *s, void *config, struct config_file **ret_file,
                             char *ret_why)
{
    struct option_origin origins[SETTINGS_MAX];
    const struct config_print *p = &s->print;
    struct config_file *file = NULL;
    char why[OPTIONS_WHY_MAX];
    enum err e = options_parse_origins(p->table, p->n, s->argc, s->argv, config, origins, why);
    if (e != ERR_OK) {
        snprintf(ret_why, CONFIG_WHY_MAX, "%s", why);
        return e;
    }
    if (s->path != NULL) {
        e = config_load(s->path, p->table, p->n, &file, ret_why);
        if (e != ERR_OK) {
            return e;
        }
        config_apply(file, p->table, config, origins);
    }
    *ret_file = file;
    return ERR_OK;
}

bool settings_given(const struct settings *s, const char *name)
{
    const struct config_print *p = &s->print;
    const struct option *o = options_find(p->table, p->n, name, strlen(name));
    return o != NULL && s->origins[o - p->table].source != OPTION_FROM_DEFAULT;
}

void settings_warn(const struct settings *s)
{
    char why[CONFIG_WHY_MAX];
    if (s->file != NULL && config_exposed(s->path, s->file, s->print.table, s->print.n, why)) {
        log_warn("config", "exposed_secret", "%s", why);
    }
}

static int print_out(struct buf *b, enum err e)
{
    bool written = e == ERR_OK && fwrite(b->data, 1, b->len, stdout) == b->len;
    written = fflush(stdout) == 0 && written;
    if (!written) {
        fprintf(stderr, "it could not be printed: %s\n", err_text(e != ERR_OK ? e : ERR_IO));
    }
    buf_fini(b);
    return written ? 0 : 1;
}

int settings_print_values(const struct settings *s, const void *config)
{
    struct buf b;
    buf_init(&b, PRINT_MAX);
    return print_out(&b, config_print_values(&b, &s->print, config, s->origins, s->path));
}

int settings_print_sample(const struct settings *s, const struct option_sample *samples)
{
    struct buf b;
    buf_init(&b, PRINT_MAX);
    return print_out(&b, config_print_sample(&b, &s->print, samples));
}
