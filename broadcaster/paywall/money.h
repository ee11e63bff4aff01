/* Amounts of money as people write them. Whole numbers of the ledger's smallest unit, `scale`
 * digits behind the point (0 to 18). Pure. */
#ifndef BROADCASTER_PAYWALL_MONEY_H
#define BROADCASTER_PAYWALL_MONEY_H

#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

#define MONEY_SCALE_MAX 18
#define MONEY_MAX       INT64_MAX
#define MONEY_TEXT_MAX  24 /* bytes of an amount as text, with the NUL */

/* "0.001", "3", ".5": digits with at most one point, at least one digit, no sign. ERR_PROTO: no
 * such text; ERR_LIMIT: above MONEY_MAX, or more digits behind the point than the scale has (zeros
 * at the end do not count). */
enum err money_parse(struct span text, int scale, uint64_t *ret_amount) CHECKED;

/* "0.001": no zeros at the end, no point without digits behind it. amount: at most MONEY_MAX. */
void money_format(uint64_t amount, int scale, char ret_text[MONEY_TEXT_MAX]);

/* a + b, at most MONEY_MAX. */
uint64_t money_add(uint64_t a, uint64_t b);

#endif
