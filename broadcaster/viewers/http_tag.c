#include "broadcaster/viewers/http_tag.h"

#include <string.h>

#define SEED  0x9e3779b97f4a7c15u
#define MULT  0xff51afd7ed558ccdu
#define FINAL 0xc4ceb9fe1a85ec53u
#define SHIFT 32
#define SPACE " \t"
#define LIST  SPACE ","
#define WEAK  "W/"

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * MULT;
    return h ^ h >> SHIFT;
}

static uint64_t finish(uint64_t h)
{
    h = (h ^ h >> SHIFT) * FINAL;
    h ^= h >> SHIFT;
    return h != 0 ? h : 1;
}

/* Eight bytes at a time: it is made for each answer that is not kept. */
uint64_t http_tag_of(struct span bytes)
{
    uint64_t h = mix(SEED, bytes.len);
    uint64_t v;
    while (bytes.len >= sizeof v) {
        memcpy(&v, bytes.data, sizeof v);
        h = mix(h, v);
        bytes.data += sizeof v;
        bytes.len -= sizeof v;
    }
    if (bytes.len > 0) {
        v = 0;
        memcpy(&v, bytes.data, bytes.len);
        h = mix(h, v);
    }
    return finish(h);
}

uint64_t http_tag_of_numbers(const uint64_t *numbers, size_t n)
{
    uint64_t h = mix(SEED, n);
    for (size_t i = 0; i < n; i++) {
        h = mix(h, numbers[i]);
    }
    return finish(h);
}

void http_tag_write(uint64_t tag, bool gzip, char ret_text[HTTP_TAG_MAX])
{
    static const char digits[] = "0123456789abcdef"; /* each answer has one: snprintf takes long */
    char *at = ret_text;
    *at++ = '"';
    for (int shift = 60; shift >= 0; shift -= 4) {
        *at++ = digits[tag >> shift & 15];
    }
    strcpy(at, gzip ? "-gz\"" : "\"");
}

static bool listed(const char *at, const char *tag, bool weak_too)
{
    size_t n = strlen(tag);
    if (at == NULL) {
        return false;
    }
    at += strspn(at, LIST);
    if (*at == '*') {
        return at[1 + strspn(at + 1, SPACE)] == '\0';
    }
    while (*at != '\0') {
        bool weak = strncmp(at, WEAK, strlen(WEAK)) == 0;
        at += weak ? strlen(WEAK) : 0;
        const char *end = *at == '"' ? strchr(at + 1, '"') : NULL;
        if (end == NULL) {
            return false;
        }
        size_t len = (size_t)(end + 1 - at);
        if (len == n && memcmp(at, tag, n) == 0 && (weak_too || !weak)) {
            return true;
        }
        at = end + 1;
        at += strspn(at, LIST);
    }
    return false;
}

bool http_tag_listed(const char *list, const char *tag)
{
    return listed(list, tag, true);
}

bool http_tag_listed_strong(const char *list, const char *tag)
{
    return listed(list, tag, false);
}

bool http_tag_allows_range(const char *if_range, const char *tag)
{
    size_t n = strlen(tag);
    return if_range == NULL ||
           (strncmp(if_range, tag, n) == 0 && if_range[n + strspn(if_range + n, SPACE)] == '\0');
}
