#include "broadcaster/paywall/money.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool push(uint64_t *v, unsigned digit)
{
    return !__builtin_mul_overflow(*v, 10, v) && !__builtin_add_overflow(*v, digit, v) &&
           *v <= MONEY_MAX;
}

/* Digits before the point and behind it. */
struct digits {
    struct span whole, rest;
};

static enum err split(struct span text, struct digits *ret_digits)
{
    const uint8_t *point = text.len > 0 ? memchr(text.data, '.', text.len) : NULL;
    size_t n = point != NULL ? (size_t)(point - text.data) : text.len;
    struct digits d = {span_of(text.data, n), span_of(NULL, 0)};
    if (point != NULL) {
        d.rest = span_of(point + 1, text.len - n - 1);
    }
    if (d.whole.len + d.rest.len == 0) {
        return ERR_PROTO;
    }
    for (size_t i = 0; i < text.len; i++) {
        bool digit = text.data[i] >= '0' && text.data[i] <= '9';
        if (!digit && text.data + i != point) {
            return ERR_PROTO;
        }
    }
    while (d.rest.len > 0 && d.rest.data[d.rest.len - 1] == '0') {
        d.rest.len--;
    }
    *ret_digits = d;
    return ERR_OK;
}

enum err money_parse(struct span text, int scale, uint64_t *ret_amount)
{
    struct digits d;
    enum err e = split(text, &d);
    if (e != ERR_OK) {
        return e;
    }
    uint64_t v = 0;
    bool fits = d.rest.len <= (size_t)scale;
    for (size_t i = 0; i < d.whole.len && fits; i++) {
        fits = push(&v, (unsigned)(d.whole.data[i] - '0'));
    }
    for (size_t i = 0; i < (size_t)scale && fits; i++) {
        fits = push(&v, i < d.rest.len ? (unsigned)(d.rest.data[i] - '0') : 0);
    }
    if (!fits) {
        return ERR_LIMIT;
    }
    *ret_amount = v;
    return ERR_OK;
}

void money_format(uint64_t amount, int scale, char ret_text[MONEY_TEXT_MAX])
{
    uint64_t unit = 1;
    for (int i = 0; i < scale; i++) {
        unit *= 10;
    }
    int n = snprintf(ret_text, MONEY_TEXT_MAX, "%" PRIu64, amount / unit);
    if (scale == 0 || amount % unit == 0) {
        return;
    }
    n += snprintf(ret_text + n, (size_t)(MONEY_TEXT_MAX - n), ".%0*" PRIu64, scale, amount % unit);
    while (ret_text[n - 1] == '0') {
        ret_text[--n] = '\0';
    }
}

uint64_t money_add(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) || sum > MONEY_MAX ? MONEY_MAX : sum;
}
