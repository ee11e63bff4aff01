#include "orchestrator/receipts/pointer.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define WELL_KNOWN "/.well-known/pay"
#define HTTPS      "https://"
#define HTTP       "http://"

static enum err wrong(char *ret_why, const char *why)
{
    (void)snprintf(ret_why, POINTER_WHY_SIZE, "%s", why);
    return ERR_PROTO;
}

static bool begins(struct span text, const char *with)
{
    size_t n = strlen(with);
    return text.len >= n && strncasecmp((const char *)text.data, with, n) == 0;
}

static struct span after(struct span text, size_t n)
{
    return span_of(text.data + n, text.len - n);
}

static size_t host_len(struct span text)
{
    size_t n = 0;
    while (n < text.len && text.data[n] != '/') {
        n++;
    }
    return n;
}

/* Letters, digits, "-" and "." with a port behind, or an IPv6 address in brackets: nothing that a
 * URL's reader could take for a user, a query or another host. */
static bool is_host(struct span host)
{
    const char *more = host.len > 0 && host.data[0] == '[' ? "-.:[]" : "-.:";
    for (size_t i = 0; i < host.len; i++) {
        uint8_t c = host.data[i];
        if (isalnum(c) == 0 && (c == '\0' || strchr(more, c) == NULL)) {
            return false;
        }
    }
    return host.len > 0 && host.data[0] != ':' && host.data[host.len - 1] != ':';
}

/* No query, no fragment, no way upwards. */
static bool is_path(struct span path)
{
    for (size_t i = 0; i < path.len; i++) {
        uint8_t c = path.data[i];
        if (isalnum(c) == 0 && (c == '\0' || strchr("/-._~!&'()*+;=:@$%", c) == NULL)) {
            return false;
        }
    }
    char text[POINTER_SIZE + 1];
    (void)snprintf(text, sizeof text, "%.*s/", (int)path.len, (const char *)path.data);
    return strstr(text, "/../") == NULL && strstr(text, "/./") == NULL;
}

/* Hosts in lower case: two ways to write one endpoint are one. */
static void put_url(struct pointer *p, const char *scheme, struct span host, struct span path)
{
    bool bare = path.len == 0 || (path.len == 1 && path.data[0] == '/');
    int n =
        snprintf(p->url, sizeof p->url, "%s%.*s", scheme, (int)host.len, (const char *)host.data);
    for (int i = 0; i < n; i++) {
        p->url[i] = (char)tolower((unsigned char)p->url[i]);
    }
    (void)snprintf(p->url + n, sizeof p->url - (size_t)n, "%.*s",
                   bare ? (int)strlen(WELL_KNOWN) : (int)path.len,
                   bare ? WELL_KNOWN : (const char *)path.data);
}

enum err pointer_parse(struct span text, bool allow_http, struct pointer *ret_pointer,
                       char *ret_why)
{
    if (text.len > POINTER_SIZE - 1 - strlen(HTTPS) - strlen(WELL_KNOWN)) {
        (void)wrong(ret_why, "is too long");
        return ERR_LIMIT;
    }
    bool http = begins(text, HTTP);
    size_t prefix = begins(text, "$") ? 1 : begins(text, HTTPS) ? strlen(HTTPS) : 0;
    prefix = http ? strlen(HTTP) : prefix;
    if (prefix == 0) {
        return wrong(ret_why, "is no payment pointer such as $wallet.example/alice");
    }
    if (http && !allow_http) {
        return wrong(ret_why, "is a plain http address: for tests alone, with -allowHttpPayments");
    }
    struct span rest = after(text, prefix);
    size_t n = host_len(rest);
    struct span host = span_of(rest.data, n), path = after(rest, n);
    if (!is_host(host) || !is_path(path)) {
        return wrong(ret_why, "has a host or path that no payment pointer can have");
    }
    struct pointer p;
    (void)snprintf(p.text, sizeof p.text, "%.*s", (int)text.len, (const char *)text.data);
    put_url(&p, http ? HTTP : HTTPS, host, path);
    *ret_pointer = p;
    return ERR_OK;
}

static struct span take_item(struct span *rest)
{
    size_t n = 0;
    while (n < rest->len && rest->data[n] != ',') {
        n++;
    }
    struct span item = span_of(rest->data, n);
    *rest = after(*rest, n < rest->len ? n + 1 : n);
    while (item.len > 0 && item.data[0] == ' ') {
        item = after(item, 1);
    }
    while (item.len > 0 && item.data[item.len - 1] == ' ') {
        item.len--;
    }
    return item;
}

enum err pointers_parse(const char *list, bool allow_http, struct pointers *ret_list, char *ret_why)
{
    struct span rest = span_cstr(list);
    ret_list->n = 0;
    do {
        char why[POINTER_WHY_SIZE];
        struct span item = take_item(&rest);
        if (ret_list->n == POINTERS_MAX) {
            return wrong(ret_why, "too many payment pointers");
        }
        enum err e = pointer_parse(item, allow_http, &ret_list->items[ret_list->n], why);
        if (e != ERR_OK) {
            (void)snprintf(ret_why, POINTER_WHY_SIZE, "\"%.*s\" %.80s",
                           item.len < 60 ? (int)item.len : 60, (const char *)item.data, why);
            return e;
        }
        ret_list->n++;
    } while (rest.len > 0);
    return ERR_OK;
}

const struct pointer *pointers_find(const struct pointers *list, struct span text)
{
    struct pointer p;
    char why[POINTER_WHY_SIZE];
    if (pointer_parse(text, true, &p, why) != ERR_OK) {
        return NULL;
    }
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->items[i].url, p.url) == 0) {
            return &list->items[i];
        }
    }
    return NULL;
}

const struct pointer *pointers_find_claimed(const struct pointers *list, struct span text)
{
    char last[POINTER_SIZE];
    const struct pointer *found = pointers_find(list, text);
    size_t at = text.len;
    while (at > 0 && text.data[at - 1] != '/') {
        at--;
    }
    if (found != NULL || at == 0 || pointer_decode(after(text, at), last, sizeof last) != ERR_OK) {
        return found;
    }
    return pointers_find(list, span_cstr(last));
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum err pointer_decode(struct span text, char *ret_text, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        int c = text.data[i];
        if (c == '%') {
            int high = text.len - i > 2 ? hex_value(text.data[i + 1]) : -1;
            int low = text.len - i > 2 ? hex_value(text.data[i + 2]) : -1;
            c = high < 0 || low < 0 ? -1 : high << 4 | low;
            i += 2;
        }
        if (c < 0x20 || c == 0x7f) {
            return ERR_PROTO;
        }
        if (n + 1 >= size) {
            return ERR_LIMIT;
        }
        ret_text[n++] = (char)c;
    }
    ret_text[n] = '\0';
    return ERR_OK;
}
