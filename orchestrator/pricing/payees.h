/* Whom the rungs of transcoders that have gone were paid to: what one of them made badly may be
 * found and made again after that. Pure; one thread. */
#ifndef ORCHESTRATOR_PRICING_PAYEES_H
#define ORCHESTRATOR_PRICING_PAYEES_H

#include <stddef.h>

#include "orchestrator/pricing/purse.h"
#include "run/link.h"

#define PAYEES_GONE_MAX 256 /* the newest */

struct payees_gone {
    link_peer peer; /* 0: none */
    char payee[PURSE_PAYEE_MAX];
};

struct payees {
    struct payees_gone *items; /* a ring */
    size_t next;
};

void payees_init(struct payees *p);
void payees_fini(struct payees *p);

/* That transcoder has gone. */
void payees_left(struct payees *p, link_peer transcoder, const char *payee);

/* NULL: it is not known (any more). Borrowed. */
const char *payees_find(const struct payees *p, link_peer transcoder);

#endif
