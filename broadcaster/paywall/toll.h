/* What media costs: so much for a minute of it, or for a megabyte of what is sent (10^6 bytes).
 * Whole numbers only: what is below the smallest unit is carried on, never rounded away. Pure. */
#ifndef BROADCASTER_PAYWALL_TOLL_H
#define BROADCASTER_PAYWALL_TOLL_H

#include <stdint.h>

enum toll_per { TOLL_FREE, TOLL_PER_MINUTE, TOLL_PER_MB };

struct toll {
    enum toll_per per;
    uint64_t amount; /* money (money.h) for a minute or a megabyte */
};

/* Parts of the smallest unit that amounts are carried on in: both prices come out even in them. */
#define TOLL_PARTS 27000000

/* The price of so many ticks of media time (90 kHz) or of bytes sent, whichever the toll counts,
 * together with `carried` parts of before (below TOLL_PARTS). ret_carried: what is left of it
 * below a whole unit. At most MONEY_MAX. */
uint64_t toll_cost(const struct toll *t, int64_t ticks, uint64_t bytes, uint32_t carried,
                   uint32_t *ret_carried);

/* What a file's bytes before `offset` cost, rounded down: those from a to b cost the difference, so
 * that a file in whatever pieces costs what it costs whole. A price per minute is spread evenly
 * over the file's bytes. */
struct toll_file {
    uint64_t size;        /* bytes */
    uint64_t duration_ms; /* not above TOLL_DURATION_MAX_MS */
};
#define TOLL_DURATION_MAX_MS ((uint64_t)1 << 33)
#define TOLL_SIZE_MAX        ((uint64_t)1 << 46) /* bytes; larger files cost as if they had these */

uint64_t toll_file_cost(const struct toll *t, const struct toll_file *f, uint64_t offset);

/* "0.001 USD a minute", "free". */
#define TOLL_TEXT_MAX 96
void toll_format(const struct toll *t, int scale, const char *asset, char ret_text[TOLL_TEXT_MAX]);

#endif
