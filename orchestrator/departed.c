#include "orchestrator/departed.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

void departed_init(struct departed *d)
{
    *d = (struct departed){.items = mem_alloc(DEPARTED_MAX * sizeof *d->items)};
}

void departed_fini(struct departed *d)
{
    mem_free(d->items);
}

static void write_who(const char *address, const char *name, char ret_who[DEPARTED_WHO_MAX])
{
    const char *colon = strrchr(name, ':');
    bool numbered =
        colon != NULL && colon[1] != '\0' && colon[1 + strspn(colon + 1, "0123456789")] == '\0';
    int n = numbered ? (int)(colon - name) : (int)strlen(name);
    (void)snprintf(ret_who, DEPARTED_WHO_MAX, "%s %.*s", address, n, name);
}

void departed_add(struct departed *d, const char *address, const char *name,
                  const struct standing *s)
{
    if (s->failures > 0 || s->losses > 0 || s->suspend_ms > 0) {
        struct departed_entry *e = &d->items[d->next++ % DEPARTED_MAX];
        write_who(address, name, e->who);
        e->standing = *s;
    }
}

void departed_take(struct departed *d, const char *address, const char *name, struct standing *s)
{
    char who[DEPARTED_WHO_MAX];
    write_who(address, name, who);
    size_t n = d->next < DEPARTED_MAX ? d->next : DEPARTED_MAX;
    for (size_t i = 1; i <= n; i++) {
        struct departed_entry *e = &d->items[(d->next - i) % DEPARTED_MAX];
        if (strcmp(e->who, who) == 0) {
            standing_inherit(s, &e->standing);
            e->who[0] = '\0';
            return;
        }
    }
}
