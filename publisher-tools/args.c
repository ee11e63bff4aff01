#include "publisher-tools/args.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

/* Whether the flag (with its dashes) is in the table and needs a value that it does not carry. */
static bool takes_next(const struct option *table, size_t n, const char *arg)
{
    const char *name = arg + strspn(arg, "-");
    if (strchr(name, '=') != NULL) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (strcmp(table[i].name, name) == 0) {
            return table[i].type != OPTION_BOOL;
        }
    }
    return false;
}

void args_init(struct args *a, const struct option *table, size_t n, int argc, char **argv)
{
    size_t bytes = (size_t)(argc + 1) * sizeof(char *);
    *a = (struct args){.flags = mem_alloc(bytes), .others = mem_alloc(bytes)};
    for (int i = 0; i < argc; i++) {
        if (i > 0 && argv[i][0] != '-') {
            a->others[a->n_others++] = argv[i];
            continue;
        }
        a->flags[a->n_flags++] = argv[i];
        if (i > 0 && i + 1 < argc && takes_next(table, n, argv[i])) {
            a->flags[a->n_flags++] = argv[++i];
        }
    }
}

void args_fini(struct args *a)
{
    mem_free(a->flags);
    mem_free(a->others);
    *a = (struct args){0};
}
