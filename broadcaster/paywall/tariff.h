/* What media costs: so much for a minute of it, or for a megabyte of what is sent (10^6 bytes).
 * Whole numbers only: what is below the smallest unit is carried on, never rounded away. Pure. */
#ifndef BROADCASTER_PAYWALL_TARIFF_H
#define BROADCASTER_PAYWALL_TARIFF_H

#include <stdint.h>

enum tariff_per { TARIFF_FREE, TARIFF_PER_MINUTE, TARIFF_PER_MB };

struct tariff {
    enum tariff_per per;
    uint64_t amount; /* money (money.h) for a minute or a megabyte */
};

/* Parts of the smallest unit that amounts are carried on in: both prices come out even in them. */
#define TARIFF_PARTS 27000000

/* The price of so many ticks of media time (90 kHz) or of bytes sent, whichever the tariff counts,
 * together with `carried` parts of before (below TARIFF_PARTS). ret_carried: what is left of it
 * below a whole unit. At most MONEY_MAX. */
uint64_t tariff_cost(const struct tariff *t, int64_t ticks, uint64_t bytes, uint32_t carried,
                     uint32_t *ret_carried);

/* What a file's bytes before `offset` cost, rounded down: those from a to b cost the difference, so
 * that a file in whatever pieces costs what it costs whole. A price per minute is spread evenly
 * over the file's bytes. */
struct tariff_file {
    uint64_t size;        /* bytes */
    uint64_t duration_ms; /* not above TARIFF_DURATION_MAX_MS */
};
#define TARIFF_DURATION_MAX_MS ((uint64_t)1 << 33)
#define TARIFF_SIZE_MAX        ((uint64_t)1 << 46) /* bytes; larger files cost as if they had these */

uint64_t tariff_file_cost(const struct tariff *t, const struct tariff_file *f, uint64_t offset);

/* "0.001 USD a minute", "free". */
#define TARIFF_TEXT_MAX 96
void tariff_format(const struct tariff *t, int scale, const char *asset,
                   char ret_text[TARIFF_TEXT_MAX]);

#endif
