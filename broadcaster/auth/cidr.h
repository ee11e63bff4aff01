/* Networks of IPv4 and IPv6 in CIDR notation (RFC 4632, RFC 4291 2.3), and lists of them. Pure.
 * Addresses are 16 bytes, IPv4 in its mapped form (::ffff:a.b.c.d). */
#ifndef BROADCASTER_AUTH_CIDR_H
#define BROADCASTER_AUTH_CIDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CIDR_ADDRESS_BYTES 16
#define CIDR_TEXT_MAX      64   /* bytes with the NUL, of one network or address */
#define CIDR_LIST_MAX      4096 /* networks of one list */
#define CIDR_WHY_MAX       160  /* bytes with the NUL, of what was wrong with a list */

struct cidr {
    uint8_t address[CIDR_ADDRESS_BYTES]; /* the bits behind the prefix are 0 */
    int bits;                            /* of the prefix, in all 128: IPv4's /8 is 104 */
};

struct cidr_list {
    struct cidr *items;
    size_t count;
};

/* "192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7". ERR_PROTO: no address (names are none). */
enum err cidr_address_parse(const char *text, uint8_t *ret_address) CHECKED;

/* "192.0.2.7" or "2001:db8::7", without brackets; out holds CIDR_TEXT_MAX. */
void cidr_address_format(const uint8_t *address, char *out);

/* "10.0.0.0/8", "2001:db8::/32"; an address alone is a network of one. Bits behind the prefix are
 * ignored. ERR_PROTO: none of these, or a prefix that is too long. */
enum err cidr_parse(const char *text, struct cidr *ret_cidr) CHECKED;

/* "10.0.0.0/8", "2001:db8::/32", "192.0.2.7/32"; out holds CIDR_TEXT_MAX. */
void cidr_format(const struct cidr *c, char *out);

/* An IPv6 network with a prefix shorter than the mapped form's (::/0 say) holds no IPv4 address. */
bool cidr_contains(const struct cidr *c, const uint8_t *address);

/* Networks with commas between, blanks around them ignored; "" is the empty list. Gives;
 * cidr_list_fini frees it. ERR_PROTO, ERR_LIMIT, ERR_NOMEM; why (CIDR_WHY_MAX bytes) then has a
 * sentence that names the item. */
enum err cidr_list_parse(const char *text, struct cidr_list *ret_list, char *why) CHECKED;
void cidr_list_fini(struct cidr_list *l);

/* True when one of its networks has the address; the empty list has none. */
bool cidr_list_contains(const struct cidr_list *l, const uint8_t *address);

#endif
