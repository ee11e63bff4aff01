#include "run/http_query.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_control(int c)
{
    return c < ' ' || c == 0x7f;
}

/* Decodes from into *at, which moves behind the NUL. */
static enum err decode(struct span from, char **at, const char **ret_why)
{
    char *to = *at;
    for (size_t i = 0; i < from.len; i++) {
        int c = from.data[i];
        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            int high = i + 2 < from.len ? hex_digit(from.data[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(from.data[i + 2]) : -1;
            if (low < 0) {
                *ret_why = "a percent sign is not followed by two hexadecimal digits";
                return ERR_PROTO;
            }
            c = high * 16 + low;
            i += 2;
        }
        if (is_control(c)) {
            *ret_why = "a parameter has a control character";
            return ERR_PROTO;
        }
        *to++ = (char)c;
    }
    *to++ = '\0';
    *at = to;
    return ERR_OK;
}

static struct span until(struct span s, char c)
{
    const uint8_t *end = s.len > 0 ? memchr(s.data, c, s.len) : NULL;
    return span_of(s.data, end != NULL ? (size_t)(end - s.data) : s.len);
}

/* s without its first n bytes and the separator behind them. */
static struct span behind(struct span s, size_t n)
{
    size_t skip = n < s.len ? n + 1 : n;
    return skip == 0 ? s : span_of(s.data + skip, s.len - skip);
}

static enum err add(struct http_pairs *p, struct span item, char **at, const char **ret_why)
{
    struct span name = until(item, '=');
    if (p->n == HTTP_PAIRS_MAX) {
        *ret_why = "there are too many parameters";
        return ERR_LIMIT;
    }
    struct http_pair pair = {.name = *at};
    enum err e = decode(name, at, ret_why);
    if (e == ERR_OK) {
        pair.value = *at;
        e = decode(behind(item, name.len), at, ret_why);
    }
    if (e == ERR_OK && pair.name[0] == '\0') {
        *ret_why = "a parameter has no name";
        e = ERR_PROTO;
    }
    if (e == ERR_OK && http_pairs_find(p, pair.name) != NULL) {
        *ret_why = "a parameter is there twice";
        e = ERR_PROTO;
    }
    if (e == ERR_OK) {
        p->items[p->n++] = pair;
    }
    return e;
}

static enum err add_all(struct http_pairs *p, struct span text, char **at, const char **ret_why)
{
    while (text.len > 0) {
        struct span item = until(text, '&');
        text = behind(text, item.len);
        if (item.len > 0) {
            enum err e = add(p, item, at, ret_why);
            if (e != ERR_OK) {
                return e;
            }
        }
    }
    return ERR_OK;
}

enum err http_pairs_parse(struct span query, struct span form, struct http_pairs *ret_pairs,
                          const char **ret_why)
{
    /* A decoded text is not longer than it was; each pair adds two NULs and had at most one "=" and
     * one "&". */
    struct http_pairs p = {.memory =
                               mem_try_alloc(query.len + form.len + 2 * (HTTP_PAIRS_MAX + 1))};
    if (p.memory == NULL) {
        *ret_why = "there is no memory for the parameters";
        return ERR_NOMEM;
    }
    char *at = p.memory;
    enum err e = add_all(&p, query, &at, ret_why);
    if (e == ERR_OK) {
        e = add_all(&p, form, &at, ret_why);
    }
    if (e != ERR_OK) {
        mem_free(p.memory);
        return e;
    }
    *ret_pairs = p;
    return ERR_OK;
}

void http_pairs_fini(struct http_pairs *p)
{
    mem_free(p->memory);
    *p = (struct http_pairs){0};
}

const char *http_pairs_find(const struct http_pairs *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++) {
        if (strcmp(p->items[i].name, name) == 0) {
            return p->items[i].value;
        }
    }
    return NULL;
}
