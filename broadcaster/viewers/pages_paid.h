/* The watch pages as they are where streams cost something: with <meta name="payment">, which has
 * them load paywall.js, and, where that tells of payments, <link rel="monetization"> (Web
 * Monetization, 4.1), from which browsers' wallets pay. Constant once they are made: any thread. */
#ifndef BROADCASTER_VIEWERS_PAGES_PAID_H
#define BROADCASTER_VIEWERS_PAGES_PAID_H

#include "broadcaster/viewers/pages_assets.h"

struct pages_paid;

#define PAGES_PAID_POINTER_MAX 600 /* bytes of the URL below, with the NUL */

/* pointer: where wallets pay to, an https URL; "": nowhere. Gives. */
struct pages_paid *pages_paid_create(const char *pointer);
void pages_paid_destroy(struct pages_paid *p); /* takes NULL */

/* NULL: no page of that name, or p is NULL. */
const struct pages_asset *pages_paid_find(const struct pages_paid *p, const char *name);

#endif
