#include "run/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

static const char *skip_scheme(const char *text)
{
    static const char *const schemes[] = {"http://", "https://", "tcp://"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (strncmp(text, schemes[i], strlen(schemes[i])) == 0) {
            return text + strlen(schemes[i]);
        }
    }
    return text;
}

static enum err parse_port(const char *digits, int *ret_port)
{
    size_t n = strlen(digits);
    if (n == 0 || n > 5 || strspn(digits, "0123456789") != n || atoi(digits) > 65535) {
        return ERR_PROTO;
    }
    *ret_port = atoi(digits);
    return ERR_OK;
}

static enum err set_host(struct addr *a, const char *host, size_t len)
{
    if (len == 0 || len >= sizeof a->host) {
        return ERR_PROTO;
    }
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)host[i] <= ' ' || strchr("/[]?#@,", host[i]) != NULL) {
            return ERR_PROTO;
        }
    }
    memcpy(a->host, host, len);
    a->host[len] = '\0';
    return ERR_OK;
}

/* "[v6]" or "[v6]:port"; text points at the bracket. */
static enum err parse_bracketed(const char *text, struct addr *a)
{
    const char *end = strchr(text, ']');
    if (end == NULL || set_host(a, text + 1, (size_t)(end - text - 1)) != ERR_OK) {
        return ERR_PROTO;
    }
    if (end[1] == '\0') {
        return ERR_OK;
    }
    return end[1] == ':' ? parse_port(end + 2, &a->port) : ERR_PROTO;
}

enum err addr_parse(const char *text, const char *default_host, int default_port,
                    struct addr *ret_addr)
{
    struct addr a = {.port = default_port};
    if (set_host(&a, default_host, strlen(default_host)) != ERR_OK) {
        return ERR_PROTO;
    }
    text = skip_scheme(text);
    const char *colon = strchr(text, ':');
    enum err e = ERR_OK;
    if (text[0] == '[') {
        e = parse_bracketed(text, &a);
    } else if (text[0] == '\0') {
        e = ERR_OK;
    } else if (colon != NULL && strchr(colon + 1, ':') != NULL) {
        e = set_host(&a, text, strlen(text)); /* a bare IPv6 address */
    } else {
        size_t host_len = colon != NULL ? (size_t)(colon - text) : strlen(text);
        if (host_len > 0) {
            e = set_host(&a, text, host_len);
        }
        if (e == ERR_OK && colon != NULL) {
            e = parse_port(colon + 1, &a.port);
        }
    }
    if (e == ERR_OK) {
        *ret_addr = a;
    }
    return e;
}

void addr_format(const struct addr *a, char *out)
{
    const char *format = strchr(a->host, ':') != NULL ? "[%s]:%d" : "%s:%d";
    snprintf(out, ADDR_MAX, format, a->host, a->port);
}

_Bool addr_is_loopback(const struct addr *a)
{
    struct in_addr v4;
    if (inet_pton(AF_INET, a->host, &v4) == 1) {
        return ntohl(v4.s_addr) >> 24 == 127;
    }
    return strcmp(a->host, "::1") == 0 || strcasecmp(a->host, "localhost") == 0;
}

static _Bool is_public_v4(uint32_t a)
{
    static const struct {
        uint32_t prefix;
        int bits;
    } special[] = {
        {0x00000000, 8},  /* this network */
        {0x0a000000, 8},  /* private */
        {0x64400000, 10}, /* shared */
        {0x7f000000, 8},  /* loopback */
        {0xa9fe0000, 16}, /* link-local */
        {0xac100000, 12}, /* private */
        {0xc0000000, 24}, /* protocol assignments */
        {0xc0000200, 24}, /* documentation */
        {0xc0586300, 24}, /* 6to4 relays */
        {0xc0a80000, 16}, /* private */
        {0xc6120000, 15}, /* benchmarking */
        {0xc6336400, 24}, /* documentation */
        {0xcb007100, 24}, /* documentation */
        {0xe0000000, 3},  /* multicast, reserved, broadcast */
    };
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++) {
        if ((a ^ special[i].prefix) >> (32 - special[i].bits) == 0) {
            return 0;
        }
    }
    return 1;
}

/* Global unicast (2000::/3) without what stands for something else: 2001::/23 (Teredo and other
 * protocols), 2001:db8::/32 (documentation), 2002::/16 (6to4). Mapped and translated IPv4 addresses
 * are outside of 2000::/3. */
static _Bool is_public_v6(const uint8_t *a)
{
    _Bool protocol = a[0] == 0x20 && a[1] == 0x01 && a[2] < 2;
    _Bool documentation = a[0] == 0x20 && a[1] == 0x01 && a[2] == 0x0d && a[3] == 0xb8;
    _Bool six_to_four = a[0] == 0x20 && a[1] == 0x02;
    return a[0] >> 5 == 1 && !protocol && !documentation && !six_to_four;
}

_Bool addr_is_public(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, a, sizeof v4);
        return is_public_v4(ntohl(v4.sin_addr.s_addr));
    }
    if (a->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, a, sizeof v6);
        return is_public_v6(v6.sin6_addr.s6_addr);
    }
    return 0;
}
