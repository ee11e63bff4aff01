/* Whose request it is: the address that counts in all limits of one address. */
#ifndef BROADCASTER_VIEWERS_CLIENT_H
#define BROADCASTER_VIEWERS_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "broadcaster/auth/cidr.h"

struct client {
    uint8_t address[CIDR_ADDRESS_BYTES]; /* IPv4 in its mapped form; zeroed: not known */
    uint16_t port;                       /* 0: not known, as behind a proxy */
    bool https;                          /* it asked by HTTPS */
    bool proxied; /* the connection is a trusted proxy's: requests of many come by it */
    bool counted; /* the request counts as a connection of the address */
    bool refused; /* the address has too many */
};

/* The other end of a connection; NULL, or of another family: not known. */
struct client client_of_peer(const struct sockaddr *peer);

/* What of an address is one subscriber's: of IPv4 all, of IPv6 the network of 64 bits, since one
 * host may have all of its addresses. Zeroes the rest. */
void client_subscriber(const uint8_t *address, uint8_t ret_subscriber[CIDR_ADDRESS_BYTES]);

/* The network of 48 bits, as one site may have; false: it is IPv4. */
bool client_site(const uint8_t *address, uint8_t ret_site[CIDR_ADDRESS_BYTES]);

/* "192.0.2.7:4711", "[2001:db8::7]:4711"; without a port when it is not known. out holds
 * CIDR_TEXT_MAX. */
void client_format(const struct client *c, char *out);

#endif
