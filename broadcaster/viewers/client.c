#include "broadcaster/viewers/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define SUBSCRIBER_BYTES 8
#define SITE_BYTES       6

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_ipv4(const uint8_t *address)
{
    return memcmp(address, mapped, sizeof mapped) == 0;
}

struct client client_of_peer(const struct sockaddr *peer)
{
    struct client c = {.port = 0};
    if (peer != NULL && peer->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)peer;
        memcpy(c.address, mapped, sizeof mapped);
        memcpy(c.address + sizeof mapped, &in->sin_addr, sizeof in->sin_addr);
        c.port = ntohs(in->sin_port);
    } else if (peer != NULL && peer->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)peer;
        memcpy(c.address, &in6->sin6_addr, sizeof c.address);
        c.port = ntohs(in6->sin6_port);
    }
    return c;
}

static void cut(const uint8_t *address, size_t bytes, uint8_t *ret_network)
{
    memset(ret_network, 0, CIDR_ADDRESS_BYTES);
    memcpy(ret_network, address, bytes);
}

void client_subscriber(const uint8_t *address, uint8_t ret_subscriber[CIDR_ADDRESS_BYTES])
{
    cut(address, is_ipv4(address) ? CIDR_ADDRESS_BYTES : SUBSCRIBER_BYTES, ret_subscriber);
}

bool client_site(const uint8_t *address, uint8_t ret_site[CIDR_ADDRESS_BYTES])
{
    cut(address, SITE_BYTES, ret_site);
    return !is_ipv4(address);
}

void client_format(const struct client *c, char *out)
{
    char text[CIDR_TEXT_MAX];
    cidr_address_format(c->address, text);
    const char *format = c->port == 0 ? "%s" : is_ipv4(c->address) ? "%s:%u" : "[%s]:%u";
    snprintf(out, CIDR_TEXT_MAX, format, text, (unsigned)c->port);
}
