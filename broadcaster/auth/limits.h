/* What one publisher may send. Pure. */
#ifndef BROADCASTER_AUTH_LIMITS_H
#define BROADCASTER_AUTH_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIMITS_TEXT_MAX         200
#define LIMITS_BITRATE_MAX_KBPS 1000000
#define LIMITS_SIDE_MAX         16384

/* 0: no limit. */
struct limits {
    long bitrate_kbps;
    int width, height; /* a picture may lie on its side: 1080x1920 is within 1920x1080 */
};

/* The limits of b where it has any, else those of a. */
struct limits limits_join(const struct limits *a, const struct limits *b);

/* "1920x1080"; "" is no limit. False: neither. */
bool limits_parse_size(const char *text, struct limits *ret_limits);

/* False: too large; ret_text (LIMITS_TEXT_MAX bytes) is a sentence with both sizes. */
bool limits_size_fits(const struct limits *l, int width, int height, char *ret_text);

/* A leaky bucket of RATE_BURST_MS at the limit's rate: a publisher may catch up after a pause of
 * its network, one at twice the limit is found after RATE_BURST_MS, one at ten times after a ninth
 * of it. */
#define RATE_BURST_MS 10000
#define RATE_SLOTS    5 /* seconds over which the rate that is told is taken */

struct rate_meter {
    int64_t level_bits; /* in the bucket */
    int64_t last_ms;
    int64_t begun_ms;
    int64_t slot_s; /* the newest slot's second */
    int64_t slots[RATE_SLOTS];
};

void rate_meter_init(struct rate_meter *m, int64_t now_ms);

/* Counts bytes that have come. False: that is too much; ret_text (LIMITS_TEXT_MAX bytes) is a
 * sentence with the measured and the allowed rate. */
bool rate_meter_add(struct rate_meter *m, const struct limits *l, size_t bytes, int64_t now_ms,
                    char *ret_text);

#endif
