/* Who has had the free preview: an amount of credit, once for a viewer's signed id and once for an
 * address (of IPv6: a network of 64 bits, and of a network of 48 bits so many of these). All are
 * hashes of 64 evenly spread bits here. A bounded table: when it is full the entries that are
 * oldest give way. Pure; one thread, or its owner's lock. */
#ifndef BROADCASTER_PAYWALL_PREVIEW_H
#define BROADCASTER_PAYWALL_PREVIEW_H

#include <stdint.h>

#define PREVIEW_ENTRIES    65536    /* of viewers; as many of addresses, and of sites */
#define PREVIEW_ADDRESS_MS 86400000 /* after that an address, or site, may have another one */
#define PREVIEW_SITE_MAX   16       /* addresses of one site in that time: a site may have 65536 */

struct preview;

/* amount: money (money.h). Gives. */
struct preview *preview_create(uint64_t amount);
void preview_destroy(struct preview *p); /* takes NULL */

/* What this viewer still has of it: all when neither he nor the address has begun one, which this
 * does then. address, site: those of the request; site 0: it has none, as with IPv4. */
uint64_t preview_open(struct preview *p, uint64_t viewer, uint64_t address, uint64_t site,
                      int64_t now_ms);

/* So much is left of it, when he is forgotten elsewhere. */
void preview_close(struct preview *p, uint64_t viewer, uint64_t left);

#endif
