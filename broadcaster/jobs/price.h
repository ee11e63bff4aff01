/* What orchestrators ask for their work: so much for so many pixels of rungs. Pure, in whole
 * numbers. */
#ifndef BROADCASTER_JOBS_PRICE_H
#define BROADCASTER_JOBS_PRICE_H

#include <stdbool.h>
#include <stdint.h>

/* Either 0: nothing; as a maximum: no limit. */
struct price {
    uint64_t amount; /* in the ledger's units */
    uint64_t pixels;
};

bool price_is_set(const struct price *p);

/* Whether p is dearer than the maximum. */
bool price_over(const struct price *p, const struct price *max);

/* "5 for 1000 pixels", "nothing". */
#define PRICE_TEXT_MAX 64
void price_format(const struct price *p, char ret_text[PRICE_TEXT_MAX]);

#endif
