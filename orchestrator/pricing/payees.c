#include "orchestrator/pricing/payees.h"

#include <stdio.h>

#include "base/mem.h"

void payees_init(struct payees *p)
{
    *p = (struct payees){.items = mem_alloc(PAYEES_GONE_MAX * sizeof *p->items)};
}

void payees_fini(struct payees *p)
{
    mem_free(p->items);
}

void payees_left(struct payees *p, link_peer transcoder, const char *payee)
{
    struct payees_gone *it = &p->items[p->next++ % PAYEES_GONE_MAX];
    it->peer = transcoder;
    snprintf(it->payee, sizeof it->payee, "%s", payee);
}

const char *payees_find(const struct payees *p, link_peer transcoder)
{
    for (size_t i = 0; i < PAYEES_GONE_MAX; i++) {
        if (p->items[i].peer == transcoder) {
            return p->items[i].payee;
        }
    }
    return NULL;
}
