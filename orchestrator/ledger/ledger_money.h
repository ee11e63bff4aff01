/* Amounts as people write them, and as ledgers count them: whole numbers of the smallest unit, with
 * `scale` digits behind the point of the asset. Exact. Pure. */
#ifndef ORCHESTRATOR_LEDGER_LEDGER_MONEY_H
#define ORCHESTRATOR_LEDGER_LEDGER_MONEY_H

#include <stdbool.h>
#include <stdint.h>

#define LEDGER_MONEY_SIZE 48 /* of a text, with the NUL */

/* "12.5" with a scale of 9 is 12500000000. False: no plain amount, more digits than the scale has,
 * or above INT64_MAX. */
bool ledger_money_read(const char *text, int scale, uint64_t *ret_units);

/* "-12500000000" with a scale of 9 is "-12.50": at least two digits where there are as many. What
 * is no whole number of up to 20 digits is given back as "?". */
void ledger_money_write(const char *units, int scale, char *ret_text);

#endif
