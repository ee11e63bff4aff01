/* Receipts as a running orchestrator has them: its flags, its HTTP address, and the order in which
 * all ends. Loop's thread. */
#ifndef ORCHESTRATOR_RECEIPTS_DESK_H
#define ORCHESTRATOR_RECEIPTS_DESK_H

#include "orchestrator/receipts/receipts.h"

struct desk;

struct desk_config {
    struct receipts_config receipts;
    const char *addr; /* -receiptAddr; "": none */
};

/* Whether payments are taken by receipts; then there has to be a ledger. */
bool desk_is_wanted(const struct desk_config *config);

/* Flags that do not go together. Logs what is wrong. */
enum err desk_check(const struct desk_config *config) CHECKED;

/* Borrows the ledger; NULL: there is none. When no receipts are wanted it gives NULL. Logs what is
 * wrong. Gives. */
enum err desk_open(struct loop *l, const struct desk_config *config, struct ledger *ledger,
                   struct desk **ret_desk) CHECKED;

/* Nobody is listened to any more, and who waits is told, but for the ledger; before ledger_close.
 * Takes NULL. */
void desk_stop(struct desk *d);
/* After ledger_close. Takes NULL. */
void desk_close(struct desk *d);

/* NULL: there are none. */
struct receipts *desk_receipts(const struct desk *d);

/* Take NULL. */
void desk_status(const struct desk *d, struct json *object);
void desk_metrics(const struct desk *d, struct metrics *m);

#endif
