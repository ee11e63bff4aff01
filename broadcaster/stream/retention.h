/* The segments that a rendition keeps, and for how long: those in its playlists, and what has left
 * them for as long as players may still ask (RFC 8216, 6.2.2; of parts:
 * draft-pantos-hls-rfc8216bis, 6.2.2). The bounds are those of rendition.h. Pure; one thread. */
#ifndef BROADCASTER_STREAM_RETENTION_H
#define BROADCASTER_STREAM_RETENTION_H

#include <stddef.h>
#include <stdint.h>

#include "broadcaster/stream/segment.h"

struct retention;

struct retention *retention_create(void);
void retention_destroy(struct retention *k); /* takes NULL */

/* It is that late, on a monotonic clock; never called: as if everything came in its time. */
void retention_tick(struct retention *k, int64_t now_ms);

/* Takes the newest segment; gives up those whose time is over. */
void retention_add(struct retention *k, struct segment *s);

/* Gives up the oldest of all, early; there is one. */
void retention_drop_oldest(struct retention *k);

/* Oldest first; borrowed. */
struct segment *const *retention_segments(const struct retention *k);
size_t retention_count(const struct retention *k);

/* How many of the newest stand in the classic playlist, and in that of fMP4. */
size_t retention_listed(const struct retention *k);
size_t retention_listed_live(const struct retention *k);

/* The first number of those that are within so much of the newest content; 0: there is none. */
uint64_t retention_within(const struct retention *k, int64_t ticks);

/* The first number whose parts can still be fetched; 0: there is none. target: the target duration,
 * in ticks. After each addition. */
uint64_t retention_parts_from(struct retention *k, int64_t target);

size_t retention_bytes(const struct retention *k);

/* See rendition_stays_ms. */
int64_t retention_stays_ms(const struct retention *k);

#endif
