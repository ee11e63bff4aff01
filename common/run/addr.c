#include "run/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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
