#include "broadcaster/viewers/http_accept.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define SPACE     " \t"
#define WEIGHT_1  1000
#define DIGITS    3 /* behind the point of a weight */
#define NOT_GIVEN (-1)

struct piece {
    const char *at;
    size_t len;
};

static struct piece trim(const char *at, size_t len)
{
    while (len > 0 && strchr(SPACE, *at) != NULL) {
        at++;
        len--;
    }
    while (len > 0 && strchr(SPACE, at[len - 1]) != NULL) {
        len--;
    }
    return (struct piece){at, len};
}

static bool is(struct piece p, const char *word)
{
    return p.len == strlen(word) && strncasecmp(p.at, word, p.len) == 0;
}

/* "q=0.75" in thousandths; NOT_GIVEN when it is something else. */
static int weight_of(struct piece p)
{
    if (p.len < 3 || (p.at[0] != 'q' && p.at[0] != 'Q') || p.at[1] != '=' ||
        (p.at[2] != '0' && p.at[2] != '1') || (p.len > 3 && p.at[3] != '.') || p.len > 4 + DIGITS) {
        return NOT_GIVEN;
    }
    int weight = (p.at[2] - '0') * WEIGHT_1;
    int worth = WEIGHT_1;
    for (size_t i = 4; i < p.len; i++) {
        if (p.at[i] < '0' || p.at[i] > '9') {
            return NOT_GIVEN;
        }
        worth /= 10;
        weight += (p.at[i] - '0') * worth;
    }
    return weight <= WEIGHT_1 ? weight : NOT_GIVEN;
}

/* Cuts "gzip;q=0.5" into a name and a weight. */
static int cut(struct piece member, struct piece *ret_name)
{
    const char *semicolon = memchr(member.at, ';', member.len);
    if (semicolon == NULL) {
        *ret_name = member;
        return WEIGHT_1;
    }
    size_t n = (size_t)(semicolon - member.at);
    *ret_name = trim(member.at, n);
    return weight_of(trim(semicolon + 1, member.len - n - 1));
}

bool http_accepts_gzip(const char *text)
{
    int gzip = NOT_GIVEN;
    int plain = NOT_GIVEN;
    int any = NOT_GIVEN;
    while (text != NULL && *text != '\0') {
        size_t n = strcspn(text, ",");
        struct piece name;
        int weight = cut(trim(text, n), &name);
        if (is(name, "gzip") || is(name, "x-gzip")) {
            gzip = weight;
        } else if (is(name, "identity")) {
            plain = weight;
        } else if (is(name, "*")) {
            any = weight;
        }
        text += n + (text[n] == ',');
    }
    gzip = gzip != NOT_GIVEN ? gzip : any;
    return gzip > 0 && gzip >= plain;
}

/* A media type may have parameters of its own in front of its weight. */
static int weight_behind(const char *at, size_t len)
{
    while (len > 0) {
        const char *end = memchr(at, ';', len);
        size_t n = end != NULL ? (size_t)(end - at) : len;
        struct piece p = trim(at, n);
        if (p.len > 1 && (p.at[0] == 'q' || p.at[0] == 'Q') && p.at[1] == '=') {
            return weight_of(p);
        }
        n += end != NULL;
        at += n;
        len -= n;
    }
    return WEIGHT_1;
}

bool http_accepts_html(const char *text)
{
    while (text != NULL && *text != '\0') {
        size_t n = strcspn(text, ",");
        size_t name = strcspn(text, ";,");
        if (is(trim(text, name), "text/html")) {
            return weight_behind(text + name, n - name) > 0;
        }
        text += n + (text[n] == ',');
    }
    return false;
}
