/* How often an address does something, against a limit: each has a bucket that fills steadily. A
 * bounded table; when it is full the one that was silent longest gives way. Addresses are hashes of
 * 64 evenly spread bits. Pure; one thread, or its owner's lock. */
#ifndef BROADCASTER_PAYWALL_RATES_H
#define BROADCASTER_PAYWALL_RATES_H

#include <stdbool.h>
#include <stdint.h>

#define RATES_ENTRIES 4096

struct rates;

/* So many a minute, at most all of them at once; 0: no limit. Gives. */
struct rates *rates_create(uint32_t per_minute);
void rates_destroy(struct rates *r); /* takes NULL */

/* One more, or false: there were too many. */
bool rates_take(struct rates *r, uint64_t address, int64_t now_ms);

#endif
