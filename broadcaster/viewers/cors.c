#include "broadcaster/viewers/cors.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

#define SPACE     " \t"
#define AUTHORITY "://"
#define PORT_MAX  65535
#define DIGITS    "0123456789"
#define LETTERS   "abcdefghijklmnopqrstuvwxyz"
#define IN_SCHEME LETTERS DIGITS "+-."
#define IN_HOST   LETTERS DIGITS "-._"
#define IN_V6     "abcdef" DIGITS ":."

struct cors {
    bool any;
    size_t n;
    char origins[CORS_ORIGINS_MAX][CORS_ORIGIN_MAX];
};

static const struct {
    const char *scheme;
    const char *port;
} own_ports[] = {{"http://", ":80"}, {"https://", ":443"}};

/* Browsers leave a scheme's own port away. */
static void cut_own_port(char *origin)
{
    for (size_t i = 0; i < sizeof own_ports / sizeof own_ports[0]; i++) {
        size_t n = strlen(own_ports[i].port);
        size_t len = strlen(origin);
        if (strncmp(origin, own_ports[i].scheme, strlen(own_ports[i].scheme)) == 0 && len > n &&
            strcmp(origin + len - n, own_ports[i].port) == 0) {
            origin[len - n] = '\0';
        }
    }
}

static bool is_port(const char *at)
{
    size_t n = strspn(at, DIGITS);
    return n > 0 && n <= 5 && at[n] == '\0' && at[0] != '0' && atoi(at) <= PORT_MAX;
}

/* NULL: it is an origin, in small letters. */
static const char *why_not(const char *origin)
{
    const char *authority = strstr(origin, AUTHORITY);
    if (authority == NULL || authority == origin || strchr(LETTERS, origin[0]) == NULL ||
        strspn(origin, IN_SCHEME) != (size_t)(authority - origin)) {
        return "it does not begin with a scheme such as https://";
    }
    const char *host = authority + strlen(AUTHORITY);
    if (strchr(host, '/') != NULL || strchr(host, '?') != NULL || strchr(host, '#') != NULL) {
        return "an origin ends behind the host or its port, with no slash or path";
    }
    if (strchr(host, '*') != NULL) {
        return "there are no wildcards in an origin";
    }
    bool v6 = host[0] == '[';
    size_t n = strspn(host + v6, v6 ? IN_V6 : IN_HOST);
    const char *end = host + v6 + n;
    if (n == 0 || (v6 && *end++ != ']') || (*end != '\0' && *end != ':')) {
        return "its host is not a name or an address (names of other scripts go as xn--...)";
    }
    return *end == ':' && !is_port(end + 1) ? "its port is not a number from 1 to 65535" : NULL;
}

static enum err add(struct cors *c, const char *at, size_t len, char why[CORS_WHY_MAX])
{
    char *origin = c->origins[c->n];
    if (len >= CORS_ORIGIN_MAX) {
        snprintf(why, CORS_WHY_MAX, "an origin is longer than %d bytes", CORS_ORIGIN_MAX - 1);
        return ERR_LIMIT;
    }
    for (size_t i = 0; i < len; i++) {
        origin[i] = (char)tolower((unsigned char)at[i]);
    }
    origin[len] = '\0';
    const char *reason = strcmp(origin, CORS_ANY) == 0 ? "\"*\" stands alone or not at all"
                         : len == 0                    ? "it is empty"
                                                       : why_not(origin);
    if (reason != NULL) {
        snprintf(why, CORS_WHY_MAX, "\"%s\" is no origin such as https://www.example.org: %s",
                 origin, reason);
        return ERR_PROTO;
    }
    cut_own_port(origin);
    c->n++;
    return ERR_OK;
}

static enum err add_all(struct cors *c, const char *text, char why[CORS_WHY_MAX])
{
    enum err e = ERR_OK;
    const char *at = text;
    for (bool more = true; more && e == ERR_OK;) {
        size_t n = strcspn(at, ",");
        more = at[n] == ',';
        if (c->n == CORS_ORIGINS_MAX) {
            snprintf(why, CORS_WHY_MAX, "there are more than %d origins", CORS_ORIGINS_MAX);
            return ERR_LIMIT;
        }
        size_t skip = strspn(at, SPACE);
        size_t from = skip < n ? skip : n;
        size_t len = n - from;
        while (len > 0 && strchr(SPACE, at[from + len - 1]) != NULL) {
            len--;
        }
        e = add(c, at + from, len, why);
        at += n + more;
    }
    return e;
}

enum err cors_create(const char *text, struct cors **ret_cors, char ret_why[CORS_WHY_MAX])
{
    struct cors *c = mem_alloc(sizeof *c);
    c->any = strcmp(text, CORS_ANY) == 0;
    enum err e = c->any ? ERR_OK : add_all(c, text, ret_why);
    if (e != ERR_OK) {
        cors_destroy(c);
        return e;
    }
    *ret_cors = c;
    return ERR_OK;
}

void cors_destroy(struct cors *c)
{
    mem_free(c);
}

bool cors_is_any(const struct cors *c)
{
    return c->any;
}

bool cors_lists(const struct cors *c, const char *origin)
{
    for (size_t i = 0; i < c->n && origin != NULL; i++) {
        if (strcasecmp(c->origins[i], origin) == 0) {
            return true;
        }
    }
    return false;
}
