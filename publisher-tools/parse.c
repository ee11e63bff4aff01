#include "publisher-tools/parse.h"

#include <stdbool.h>
#include <stddef.h>

/* Digits at *text (at least one, at most max_digits), moving on; -1: there are none, or more. */
static int64_t take_digits(const char **text, int max_digits)
{
    int64_t v = 0;
    int n = 0;
    for (; **text >= '0' && **text <= '9'; (*text)++, n++) {
        if (n == max_digits) {
            return -1;
        }
        v = v * 10 + (**text - '0');
    }
    return n > 0 ? v : -1;
}

static bool take_char(const char **text, char c)
{
    if (**text != c) {
        return false;
    }
    (*text)++;
    return true;
}

enum err parse_size(const char *text, int *ret_width, int *ret_height)
{
    int64_t w = take_digits(&text, 5);
    bool x = take_char(&text, 'x');
    int64_t h = take_digits(&text, 5);
    if (w < 1 || !x || h < 1 || *text != '\0') {
        return ERR_PROTO;
    }
    *ret_width = (int)w;
    *ret_height = (int)h;
    return ERR_OK;
}

/* "12", "12.5", "12.345" as thousandths; -1: not that. */
static int64_t take_thousandths(const char **text, int max_digits)
{
    int64_t whole = take_digits(text, max_digits);
    if (whole < 0) {
        return -1;
    }
    int64_t part = 0;
    if (take_char(text, '.')) {
        const char *start = *text;
        part = take_digits(text, 3);
        if (part < 0) {
            return -1;
        }
        for (ptrdiff_t n = *text - start; n < 3; n++) {
            part *= 10;
        }
    }
    return whole * 1000 + part;
}

enum err parse_ratio(const char *text, int *ret_num, int *ret_den)
{
    const char *at = text;
    int64_t num = take_digits(&at, 6);
    int64_t den = 1;
    if (*at == '/') {
        at++;
        den = take_digits(&at, 6);
    } else if (*at == '.') {
        at = text;
        num = take_thousandths(&at, 3);
        den = 1000;
    }
    if (num < 1 || den < 1 || *at != '\0') {
        return ERR_PROTO;
    }
    *ret_num = (int)num;
    *ret_den = (int)den;
    return ERR_OK;
}

enum err parse_bitrate(const char *text, int64_t *ret_bps)
{
    int64_t thousandths = take_thousandths(&text, 12);
    int64_t unit = take_char(&text, 'k') ? 1000 : take_char(&text, 'M') ? 1000000 : 1;
    if (thousandths < 0 || *text != '\0' || thousandths > INT64_C(1000000000000000) / unit) {
        return ERR_PROTO;
    }
    *ret_bps = thousandths * unit / 1000;
    return ERR_OK;
}
