/* Who has had the free preview: an amount of credit, once for a viewer's signed id and once for an
 * address (of IPv6: a network of 64 bits). Both are hashes of 64 evenly spread bits here. A bounded
 * table: when it is full the entries that are oldest give way. Pure; one thread, or its owner's
 * lock. */
#ifndef BROADCASTER_PAYWALL_PREVIEW_H
#define BROADCASTER_PAYWALL_PREVIEW_H

#include <stdint.h>

#define PREVIEW_ENTRIES    65536    /* of viewers; as many of addresses */
#define PREVIEW_ADDRESS_MS 86400000 /* after that an address may have another one */

struct preview;

/* amount: money (money.h). Gives. */
struct preview *preview_create(uint64_t amount);
void preview_destroy(struct preview *p); /* takes NULL */

/* What this viewer still has of it: all when neither he nor the address has begun one, which this
 * does then. address: that of the request. */
uint64_t preview_open(struct preview *p, uint64_t viewer, uint64_t address, int64_t now_ms);

/* So much is left of it, when he is forgotten elsewhere. */
void preview_close(struct preview *p, uint64_t viewer, uint64_t left);

#endif
