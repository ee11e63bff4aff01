#include "broadcaster/viewers/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "tests/support/unit.h"

static const char *text_of(const uint8_t *address)
{
    static char text[CIDR_TEXT_MAX];
    cidr_address_format(address, text);
    return text;
}

static struct client peer(const char *address, uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (inet_pton(AF_INET, address, &v4.sin_addr) == 1) {
        return client_of_peer((const struct sockaddr *)&v4);
    }
    ck_assert_int_eq(inet_pton(AF_INET6, address, &v6.sin6_addr), 1);
    return client_of_peer((const struct sockaddr *)&v6);
}

START_TEST(peers)
{
    static const char *const addresses[][2] = {{"192.0.2.7", "192.0.2.7:4711"},
                                               {"::ffff:192.0.2.7", "192.0.2.7:4711"},
                                               {"2001:db8::7", "[2001:db8::7]:4711"}};
    char text[CIDR_TEXT_MAX];
    for (size_t i = 0; i < 3; i++) {
        struct client c = peer(addresses[i][0], 4711);
        client_format(&c, text);
        ck_assert_str_eq(text, addresses[i][1]);
        ck_assert(!c.https && !c.proxied);
    }
    struct client c = peer("2001:db8::7", 0);
    client_format(&c, text);
    ck_assert_str_eq(text, "2001:db8::7");
    struct sockaddr other = {.sa_family = AF_UNIX};
    ck_assert_str_eq(text_of(client_of_peer(&other).address), "::");
    ck_assert_str_eq(text_of(client_of_peer(NULL).address), "::");
}
END_TEST

START_TEST(networks)
{
    uint8_t network[CIDR_ADDRESS_BYTES];
    struct client c = peer("192.0.2.7", 1);
    client_subscriber(c.address, network);
    ck_assert_str_eq(text_of(network), "192.0.2.7");
    ck_assert(!client_site(c.address, network));
    c = peer("2001:db8:1:2:3:4:5:6", 1);
    client_subscriber(c.address, network);
    ck_assert_str_eq(text_of(network), "2001:db8:1:2::");
    ck_assert(client_site(c.address, network));
    ck_assert_str_eq(text_of(network), "2001:db8:1::");
}
END_TEST

UNIT_MAIN("client", peers, networks)
