#include "broadcaster/auth/cidr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define BITS_ALL    128
#define BITS_MAPPED 96 /* of ::ffff:0:0, where IPv4 lies */
#define BLANKS      " \t"

static const uint8_t mapped[BITS_MAPPED / 8] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_ipv4(const uint8_t *address)
{
    return memcmp(address, mapped, sizeof mapped) == 0;
}

enum err cidr_address_parse(const char *text, uint8_t *ret_address)
{
    uint8_t a[CIDR_ADDRESS_BYTES];
    memcpy(a, mapped, sizeof mapped);
    bool ok = inet_pton(AF_INET, text, a + sizeof mapped) == 1 || inet_pton(AF_INET6, text, a) == 1;
    if (!ok) {
        return ERR_PROTO;
    }
    memcpy(ret_address, a, sizeof a);
    return ERR_OK;
}

void cidr_address_format(const uint8_t *address, char *out)
{
    const char *text = is_ipv4(address)
                           ? inet_ntop(AF_INET, address + sizeof mapped, out, CIDR_TEXT_MAX)
                           : inet_ntop(AF_INET6, address, out, CIDR_TEXT_MAX);
    if (text == NULL) {
        *out = '\0';
    }
}

/* Clears what lies behind the prefix. */
static void mask(struct cidr *c)
{
    for (int i = 0; i < CIDR_ADDRESS_BYTES; i++) {
        int keep = c->bits - 8 * i;
        if (keep < 8) {
            c->address[i] &= (uint8_t)(keep <= 0 ? 0 : 0xff << (8 - keep));
        }
    }
}

/* Decimal digits only. */
static enum err read_bits(const char *text, int *ret_bits)
{
    int n = 0;
    if (*text == '\0' || strlen(text) > 3) {
        return ERR_PROTO;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return ERR_PROTO;
        }
        n = n * 10 + (*text - '0');
    }
    *ret_bits = n;
    return ERR_OK;
}

enum err cidr_parse(const char *text, struct cidr *ret_cidr)
{
    struct cidr c = {.bits = BITS_ALL};
    char address[CIDR_TEXT_MAX];
    size_t n = strcspn(text, "/");
    if (n >= sizeof address) {
        return ERR_PROTO;
    }
    memcpy(address, text, n);
    address[n] = '\0';
    enum err e = cidr_address_parse(address, c.address);
    if (e == ERR_OK && text[n] == '/') {
        /* Dotted means IPv4's own count, the mapped form is written with IPv6's. */
        int before = strchr(address, ':') == NULL ? BITS_MAPPED : 0;
        e = read_bits(text + n + 1, &c.bits);
        if (e == ERR_OK && c.bits > BITS_ALL - before) {
            e = ERR_PROTO;
        }
        c.bits += before;
    }
    if (e == ERR_OK) {
        mask(&c);
        *ret_cidr = c;
    }
    return e;
}

void cidr_format(const struct cidr *c, char *out)
{
    cidr_address_format(c->address, out);
    int before = is_ipv4(c->address) && c->bits >= BITS_MAPPED ? BITS_MAPPED : 0;
    size_t n = strlen(out);
    snprintf(out + n, CIDR_TEXT_MAX - n, "/%d", c->bits - before);
}

bool cidr_contains(const struct cidr *c, const uint8_t *address)
{
    if (c->bits < BITS_MAPPED && is_ipv4(address)) {
        return false;
    }
    int whole = c->bits / 8, rest = c->bits % 8;
    if (memcmp(c->address, address, (size_t)whole) != 0) {
        return false;
    }
    return rest == 0 || ((c->address[whole] ^ address[whole]) & (0xff << (8 - rest)) & 0xff) == 0;
}

/* One item, n bytes of text, blanks cut away. */
static enum err parse_item(const char *text, size_t n, struct cidr *ret_cidr, char *why)
{
    char item[CIDR_TEXT_MAX];
    size_t skip = strspn(text, BLANKS);
    skip = skip < n ? skip : n;
    text += skip;
    n -= skip;
    while (n > 0 && strchr(BLANKS, text[n - 1]) != NULL) {
        n--;
    }
    enum err e = n < sizeof item ? ERR_OK : ERR_PROTO;
    if (e == ERR_OK) {
        memcpy(item, text, n);
        item[n] = '\0';
        e = cidr_parse(item, ret_cidr);
    }
    if (e != ERR_OK) {
        int shown = n < sizeof item ? (int)n : (int)sizeof item;
        snprintf(why, CIDR_WHY_MAX,
                 "\"%.*s\" is no network: write 10.0.0.0/8, 2001:db8::/32 or one address", shown,
                 text);
    }
    return e;
}

static size_t count_items(const char *text)
{
    size_t n = 1;
    for (; *text != '\0'; text++) {
        n += *text == ',';
    }
    return n;
}

enum err cidr_list_parse(const char *text, struct cidr_list *ret_list, char *why)
{
    struct cidr_list l = {0};
    size_t count = count_items(text);
    if (text[strspn(text, BLANKS)] == '\0') {
        *ret_list = l;
        return ERR_OK;
    }
    if (count > CIDR_LIST_MAX) {
        snprintf(why, CIDR_WHY_MAX, "it has %zu networks, %d are the most", count, CIDR_LIST_MAX);
        return ERR_LIMIT;
    }
    l.items = mem_try_alloc(count * sizeof *l.items);
    if (l.items == NULL) {
        snprintf(why, CIDR_WHY_MAX, "out of memory");
        return ERR_NOMEM;
    }
    enum err e = ERR_OK;
    while (e == ERR_OK && l.count < count) {
        size_t n = strcspn(text, ",");
        e = parse_item(text, n, &l.items[l.count], why);
        l.count++;
        text += n + (text[n] == ',');
    }
    if (e != ERR_OK) {
        cidr_list_fini(&l);
        return e;
    }
    *ret_list = l;
    return ERR_OK;
}

void cidr_list_fini(struct cidr_list *l)
{
    mem_free(l->items);
    *l = (struct cidr_list){0};
}

bool cidr_list_contains(const struct cidr_list *l, const uint8_t *address)
{
    for (size_t i = 0; i < l->count; i++) {
        if (cidr_contains(&l->items[i], address)) {
            return true;
        }
    }
    return false;
}
