/* Who has had the free preview: an amount of credit, once for a viewer's signed id and once for an
 * address (of IPv6: a network of 64 bits, and of a network of 48 bits so many of these). All are
 * hashes of 64 evenly spread bits here. A bounded table: when it is full the entries that are
 * oldest give way. Pure; one thread, or its owner's lock. */
#ifndef BROADCASTER_PAYWALL_PREVIEW_H
#define BROADCASTER_PAYWALL_PREVIEW_H

#include <stdint.h>

#include "base/buf.h"

#define PREVIEW_ENTRIES    65536    /* of viewers; as many of addresses, and of sites */
#define PREVIEW_ADDRESS_MS 86400000 /* after that an address, or site, may have another one */
#define PREVIEW_SITE_MAX   16       /* addresses of one site in that time: a site may have 65536 */
#define PREVIEW_BYTES_MAX  (3 * PREVIEW_ENTRIES * 25) /* as preview_write writes them */

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

/* Another number than before when something that is written has changed. */
uint64_t preview_version(const struct preview *p);

/* Appends all that counts still, 25 bytes an entry: a letter for its kind, then hash, what is left,
 * and when it began by the other clock (ms since 1970), as 64 bits each. wall_ms: what that clock
 * says now. ERR_LIMIT, ERR_NOMEM. */
enum err preview_write(const struct preview *p, int64_t now_ms, int64_t wall_ms,
                       struct buf *out) CHECKED;

/* Takes in what was written, for as much as it has of these bytes; what is known already stays.
 * ERR_PROTO: there is something else between them. */
enum err preview_read(struct preview *p, struct span bytes, int64_t now_ms,
                      int64_t wall_ms) CHECKED;

#endif
