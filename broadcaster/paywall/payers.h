/* Accounts that had money when they were last known: they need not wait behind all others of their
 * address when they come back. Hashes of 64 evenly spread bits. A bounded table: where it is full
 * the one that was noted longest ago gives way. Pure; one thread, or its owner's lock. */
#ifndef BROADCASTER_PAYWALL_PAYERS_H
#define BROADCASTER_PAYWALL_PAYERS_H

#include <stdbool.h>
#include <stdint.h>

#define PAYERS_ENTRIES 65536

struct payers;

struct payers *payers_create(void);
void payers_destroy(struct payers *p); /* takes NULL */

void payers_note(struct payers *p, uint64_t account, bool has_money);
bool payers_has(const struct payers *p, uint64_t account);

#endif
