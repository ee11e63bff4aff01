#include "publisher-tools/judge_text.h"

#include <string.h>

#define MICROS INT64_C(1000000)

bool judge_text_is(struct span s, const char *text)
{
    return span_equal(s, span_cstr(text));
}

bool judge_text_starts(struct span s, const char *text)
{
    size_t n = strlen(text);
    return s.len >= n && (n == 0 || memcmp(s.data, text, n) == 0);
}

static struct span before(struct span s, uint8_t c, struct span *ret_rest)
{
    const uint8_t *at = s.len > 0 ? memchr(s.data, c, s.len) : NULL;
    size_t n = at != NULL ? (size_t)(at - s.data) : s.len;
    *ret_rest = at != NULL ? span_of(at + 1, s.len - n - 1) : span_of(NULL, 0);
    return span_of(s.data, n);
}

bool judge_text_micros(struct span s, int64_t *ret_v)
{
    struct span places;
    struct span whole = before(s, '.', &places);
    uint64_t units;
    if (!span_decimal(whole, 1000000000, &units)) {
        return false;
    }
    int64_t v = 0;
    int64_t unit = MICROS / 10;
    for (size_t i = 0; i < places.len; i++) {
        if (places.data[i] < '0' || places.data[i] > '9') {
            return false;
        }
        v += (places.data[i] - '0') * unit;
        unit /= 10;
    }
    *ret_v = (int64_t)units * MICROS + v;
    return true;
}

bool judge_text_range(struct span s, uint64_t default_offset, struct judge_range *ret_range)
{
    struct judge_range r = {.offset = default_offset};
    struct span offset;
    struct span length = before(s, '@', &offset);
    if (!span_decimal(length, INT64_MAX / 2, &r.length) || r.length == 0) {
        return false;
    }
    if (length.len < s.len && !span_decimal(offset, INT64_MAX / 2, &r.offset)) {
        return false;
    }
    *ret_range = r;
    return true;
}

bool judge_text_size(struct span s, int *ret_width, int *ret_height)
{
    uint64_t w, h;
    struct span height;
    struct span width = before(s, 'x', &height);
    if (!span_decimal(width, 65535, &w) || !span_decimal(height, 65535, &h)) {
        return false;
    }
    *ret_width = (int)w;
    *ret_height = (int)h;
    return true;
}

/* Takes n digits and, unless it is 0, the mark behind them. */
static bool take_digits(struct span *s, size_t n, uint8_t mark, int64_t *ret_v)
{
    uint64_t v;
    size_t all = n + (mark != 0);
    if (s->len < all || !span_decimal(span_of(s->data, n), 9999, &v) ||
        (mark != 0 && s->data[n] != mark)) {
        return false;
    }
    *s = span_of(s->data + all, s->len - all);
    *ret_v = (int64_t)v;
    return true;
}

/* Days since 1970-01-01 in the Gregorian calendar: years begin in March, so that the leap day is
 * the last of its year. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t m = month > 2 ? month - 3 : month + 9;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static bool take_zone(struct span s, int64_t *ret_minutes)
{
    int64_t h, m;
    if (judge_text_is(s, "Z")) {
        *ret_minutes = 0;
        return true;
    }
    if (s.len == 0 || (s.data[0] != '+' && s.data[0] != '-')) {
        return false;
    }
    int64_t sign = s.data[0] == '-' ? -1 : 1;
    s = span_of(s.data + 1, s.len - 1);
    if (!take_digits(&s, 2, s.len == 5 ? ':' : 0, &h) || !take_digits(&s, 2, 0, &m) || s.len > 0) {
        return false;
    }
    *ret_minutes = sign * (h * 60 + m);
    return true;
}

bool judge_text_date(struct span s, int64_t *ret_us)
{
    int64_t year, month, day, hour, minute, second, zone;
    if (!take_digits(&s, 4, '-', &year) || !take_digits(&s, 2, '-', &month) ||
        !take_digits(&s, 2, 'T', &day) || !take_digits(&s, 2, ':', &hour) ||
        !take_digits(&s, 2, ':', &minute) || !take_digits(&s, 2, 0, &second) || month < 1 ||
        month > 12 || day < 1 || day > 31 || hour > 24 || minute > 59 || second > 60) {
        return false;
    }
    int64_t us = 0;
    if (s.len > 1 && s.data[0] == '.') {
        int64_t unit = MICROS / 10;
        size_t i = 1;
        for (; i < s.len && s.data[i] >= '0' && s.data[i] <= '9'; i++, unit /= 10) {
            us += (s.data[i] - '0') * unit;
        }
        s = span_of(s.data + i, s.len - i);
    }
    if (!take_zone(s, &zone)) {
        return false;
    }
    int64_t minutes = (days_of(year, month, day) * 24 + hour) * 60 + minute - zone;
    *ret_us = (minutes * 60 + second) * MICROS + us;
    return true;
}

bool judge_text_attribute(struct span *list, struct judge_attribute *ret_attribute)
{
    struct judge_attribute a = {0};
    struct span rest;
    a.name = before(*list, '=', &rest);
    if (a.name.len == 0 || a.name.len == list->len) {
        return false;
    }
    for (size_t i = 0; i < a.name.len; i++) {
        uint8_t c = a.name.data[i];
        if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '-') {
            return false;
        }
    }
    a.quoted = rest.len > 0 && rest.data[0] == '"';
    if (a.quoted) {
        struct span inside = span_of(rest.data + 1, rest.len - 1);
        a.value = before(inside, '"', &rest);
        if (a.value.len == inside.len || (rest.len > 0 && rest.data[0] != ',')) {
            return false;
        }
        rest = rest.len > 0 ? span_of(rest.data + 1, rest.len - 1) : rest;
    } else {
        a.value = before(rest, ',', &rest);
    }
    *list = rest;
    *ret_attribute = a;
    return true;
}

bool judge_text_item(struct span *list, struct span *ret_item)
{
    if (list->len == 0) {
        return false;
    }
    struct span item = before(*list, ',', list);
    while (item.len > 0 && item.data[0] == ' ') {
        item = span_of(item.data + 1, item.len - 1);
    }
    while (item.len > 0 && item.data[item.len - 1] == ' ') {
        item.len--;
    }
    *ret_item = item;
    return true;
}
