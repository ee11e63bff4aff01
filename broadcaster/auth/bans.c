#include "broadcaster/auth/bans.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define V4_MAPPED_BYTES 12
#define SUBNET_BYTES    8
#define SUBNET_BITS     64

struct entry {
    uint8_t address[CIDR_ADDRESS_BYTES]; /* all zero: free. IPv6 without its last 64 bits */
    int failures;                        /* since first_ms */
    int times;                           /* banned so often */
    int64_t first_ms;
    int64_t until_ms;  /* of the newest ban */
    int64_t forget_ms; /* then nothing is held against it */
};

struct bans {
    struct bans_config config;
    uint64_t total;
    size_t used; /* entries from the front that may be in use */
    struct entry entries[BANS_MAX];
};

static const uint8_t v4_mapped[V4_MAPPED_BYTES] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
static const uint8_t v6_loopback[CIDR_ADDRESS_BYTES] = {0, 0, 0, 0, 0, 0, 0, 0,
                                                        0, 0, 0, 0, 0, 0, 0, 1};

struct bans *bans_create(const struct bans_config *config)
{
    struct bans *b = mem_alloc(sizeof *b);
    b->config = *config;
    return b;
}

void bans_destroy(struct bans *b)
{
    mem_free(b);
}

static bool is_v4(const uint8_t *a)
{
    return memcmp(a, v4_mapped, sizeof v4_mapped) == 0;
}

static bool is_loopback(const uint8_t *a)
{
    return (is_v4(a) && a[V4_MAPPED_BYTES] == 127) ||
           memcmp(a, v6_loopback, sizeof v6_loopback) == 0;
}

bool bans_same_address(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, is_v4(a) || is_v4(b) ? CIDR_ADDRESS_BYTES : SUBNET_BYTES) == 0;
}

static size_t find(const struct bans *b, const uint8_t *address)
{
    for (size_t i = 0; i < b->used; i++) {
        if (b->entries[i].forget_ms != 0 && bans_same_address(b->entries[i].address, address)) {
            return i;
        }
    }
    return BANS_MAX;
}

int64_t bans_left_ms(const struct bans *b, const uint8_t *address, int64_t now_ms)
{
    size_t i = find(b, address);
    return i < BANS_MAX && b->entries[i].until_ms > now_ms ? b->entries[i].until_ms - now_ms : 0;
}

/* A free or forgotten place, else the one whose ban ends first (not banned ones have ended), and
 * among those the one that is forgotten first. */
static struct entry *make_room(struct bans *b, int64_t now_ms)
{
    struct entry *worst = &b->entries[0];
    for (size_t i = 0; i < b->used; i++) {
        struct entry *e = &b->entries[i];
        if (e->forget_ms <= now_ms) {
            return e;
        }
        int64_t e_until = e->until_ms > now_ms ? e->until_ms : 0;
        int64_t w_until = worst->until_ms > now_ms ? worst->until_ms : 0;
        if (e_until < w_until || (e_until == w_until && e->forget_ms < worst->forget_ms)) {
            worst = e;
        }
    }
    return b->used < BANS_MAX ? &b->entries[b->used++] : worst;
}

static struct entry *get(struct bans *b, const uint8_t *address, int64_t now_ms)
{
    size_t i = find(b, address);
    struct entry *e = i < BANS_MAX ? &b->entries[i] : make_room(b, now_ms);
    if (i == BANS_MAX || e->forget_ms <= now_ms) {
        *e = (struct entry){.first_ms = now_ms};
        memcpy(e->address, address, is_v4(address) ? sizeof e->address : SUBNET_BYTES);
    }
    return e;
}

bool bans_failure(struct bans *b, const uint8_t *address, int64_t now_ms)
{
    const struct bans_config *c = &b->config;
    if (c->after == 0 || (!c->loopback && is_loopback(address))) {
        return false;
    }
    struct entry *e = get(b, address, now_ms);
    if (now_ms - e->first_ms >= c->window_ms) {
        e->failures = 0;
        e->first_ms = now_ms;
    }
    e->failures++;
    if (e->forget_ms < now_ms + c->window_ms) {
        e->forget_ms = now_ms + c->window_ms;
    }
    if (e->until_ms > now_ms || e->failures < c->after) {
        return false;
    }
    int64_t ms = c->first_ms;
    for (int i = 0; i < e->times && ms < BANS_LONGEST_MS; i++) {
        ms *= 2;
    }
    ms = ms < BANS_LONGEST_MS ? ms : BANS_LONGEST_MS;
    e->times++;
    e->failures = 0;
    e->until_ms = now_ms + ms;
    e->forget_ms = e->until_ms + (ms > c->window_ms ? ms : c->window_ms);
    b->total++;
    return true;
}

static void describe(const struct entry *e, int64_t now_ms, struct ban *ret_ban)
{
    if (is_v4(e->address)) {
        cidr_address_format(e->address, ret_ban->address);
    } else {
        struct cidr c = {.bits = SUBNET_BITS};
        memcpy(c.address, e->address, sizeof c.address);
        cidr_format(&c, ret_ban->address);
    }
    ret_ban->left_ms = e->until_ms - now_ms;
    ret_ban->times = e->times;
}

size_t bans_list(const struct bans *b, int64_t now_ms, struct ban *ret_bans, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < b->used; i++) {
        if (b->entries[i].until_ms > now_ms) {
            if (n < max) {
                describe(&b->entries[i], now_ms, &ret_bans[n]);
            }
            n++;
        }
    }
    return n;
}

size_t bans_clear(struct bans *b, const uint8_t *address, int64_t now_ms)
{
    size_t ended = 0;
    for (size_t i = 0; i < b->used; i++) {
        struct entry *e = &b->entries[i];
        if (e->forget_ms != 0 && (address == NULL || bans_same_address(e->address, address))) {
            ended += e->until_ms > now_ms;
            *e = (struct entry){0};
        }
    }
    return ended;
}

uint64_t bans_total(const struct bans *b)
{
    return b->total;
}
