/* Addresses that failed too often: they are refused for a while, each time twice as long. Bounded:
 * BANS_MAX addresses are remembered, and the least interesting is forgotten for a new one. An IPv6
 * subscriber has a /64, which counts as one address. Pure; times are monotonic ms. */
#ifndef BROADCASTER_AUTH_BANS_H
#define BROADCASTER_AUTH_BANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broadcaster/auth/cidr.h"

#define BANS_MAX         4096
#define BANS_LONGEST_MS  (24 * 60 * 60 * 1000)
#define BANS_ADDRESS_MAX CIDR_TEXT_MAX

struct bans_config {
    int after;         /* failures within the window that ban; 0: never */
    int64_t window_ms; /* in which they count */
    int64_t first_ms;  /* of an address's first ban; up to BANS_LONGEST_MS later */
    bool loopback;     /* 127.0.0.0/8 and ::1 too: everybody who comes through a local proxy */
};

struct bans;

struct bans *bans_create(const struct bans_config *config);
void bans_destroy(struct bans *b); /* takes NULL */

/* How long the address (16 bytes, IPv4 in mapped form) is still refused; 0: it is not. */
int64_t bans_left_ms(const struct bans *b, const uint8_t *address, int64_t now_ms);

/* The address has failed. True: it is banned now, and was not before. */
bool bans_failure(struct bans *b, const uint8_t *address, int64_t now_ms);

struct ban {
    char address[BANS_ADDRESS_MAX]; /* "192.0.2.7", "2001:db8::/64" */
    int64_t left_ms;
    int times; /* how often it was banned */
};

/* Those that are banned, at most max; returns how many there are. */
size_t bans_list(const struct bans *b, int64_t now_ms, struct ban *ret_bans, size_t max);

/* Forgets an address and its failures, or (NULL) all. Returns how many bans that ended. */
size_t bans_clear(struct bans *b, const uint8_t *address, int64_t now_ms);

/* Bans so far. */
uint64_t bans_total(const struct bans *b);

/* Whether two addresses are one to us: equal, or of the same IPv6 /64. */
bool bans_same_address(const uint8_t *a, const uint8_t *b);

#endif
