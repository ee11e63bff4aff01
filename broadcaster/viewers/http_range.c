#include "broadcaster/viewers/http_range.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define UNIT  "bytes="
#define SPACE " \t"

/* Digits, at least one; what is too large for 64 bits is as large as can be. */
static bool take_number(const char **at, uint64_t *ret_v)
{
    const char *p = *at;
    uint64_t v = 0;
    while (*p >= '0' && *p <= '9') {
        uint64_t digit = (uint64_t)(*p++ - '0');
        v = v > (UINT64_MAX - digit) / 10 ? UINT64_MAX : v * 10 + digit;
    }
    if (p == *at) {
        return false;
    }
    *at = p;
    *ret_v = v;
    return true;
}

/* Empty members of a list do not count (RFC 9110, 5.6.1). */
static const char *skip_empty(const char *at)
{
    return at + strspn(at, SPACE ",");
}

enum http_range http_range_pick(const char *range, uint64_t len, uint64_t *ret_first,
                                uint64_t *ret_n)
{
    if (range == NULL || strncasecmp(range, UNIT, strlen(UNIT)) != 0) {
        return HTTP_RANGE_WHOLE;
    }
    const char *at = skip_empty(range + strlen(UNIT));
    uint64_t first = 0;
    uint64_t last = UINT64_MAX;
    bool has_first = take_number(&at, &first);
    if (*at++ != '-') {
        return HTTP_RANGE_WHOLE;
    }
    bool has_last = take_number(&at, &last);
    if (*skip_empty(at) != '\0' || (!has_first && !has_last) || (has_first && last < first)) {
        return HTTP_RANGE_WHOLE;
    }
    if (!has_first) {
        first = last < len ? len - last : 0;
        last = UINT64_MAX;
    }
    if (first >= len) {
        return HTTP_RANGE_NONE;
    }
    *ret_first = first;
    *ret_n = (last < len ? last + 1 : len) - first;
    return HTTP_RANGE_PART;
}

bool http_range_is_open(const char *range)
{
    size_t n = strlen(range);
    while (n > 0 && strchr(SPACE ",", range[n - 1]) != NULL) {
        n--;
    }
    return n > 0 && range[n - 1] == '-';
}
