#include "broadcaster/paywall/preview.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

#define WAYS 8 /* entries that a hash may stand in */
#define SETS (PREVIEW_ENTRIES / WAYS)

struct entry {
    uint64_t hash; /* 0: free */
    uint64_t left; /* of a viewer's; of a site: how many more may have one */
    int64_t since_ms;
};

struct preview {
    uint64_t amount, version;
    struct entry *viewers, *addresses, *sites;
};

struct preview *preview_create(uint64_t amount)
{
    struct preview *p = mem_alloc(sizeof *p);
    p->amount = amount;
    if (amount > 0) {
        p->viewers = mem_alloc(PREVIEW_ENTRIES * sizeof p->viewers[0]);
        p->addresses = mem_alloc(PREVIEW_ENTRIES * sizeof p->addresses[0]);
        p->sites = mem_alloc(PREVIEW_ENTRIES * sizeof p->sites[0]);
    }
    return p;
}

void preview_destroy(struct preview *p)
{
    if (p != NULL) {
        mem_free(p->viewers);
        mem_free(p->addresses);
        mem_free(p->sites);
        mem_free(p);
    }
}

static uint64_t not_free(uint64_t hash)
{
    return hash != 0 ? hash : 1;
}

static struct entry *set_of(struct entry *all, uint64_t hash)
{
    return &all[hash % SETS * WAYS];
}

static struct entry *find(struct entry *all, uint64_t hash)
{
    struct entry *set = set_of(all, hash);
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].hash == hash) {
            return &set[i];
        }
    }
    return NULL;
}

static void insert(struct entry *all, uint64_t hash, uint64_t left, int64_t now_ms)
{
    struct entry *set = set_of(all, hash), *oldest = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        bool free_now = set[i].hash == 0;
        if (free_now || (oldest->hash != 0 && set[i].since_ms < oldest->since_ms)) {
            oldest = &set[i];
        }
        if (free_now) {
            break;
        }
    }
    *oldest = (struct entry){hash, left, now_ms};
}

/* One more of this site's addresses begins one; false: there were enough. */
static bool site_begins(struct preview *p, uint64_t site, int64_t now_ms)
{
    struct entry *used = find(p->sites, site);
    if (used == NULL) {
        insert(p->sites, site, PREVIEW_SITE_MAX - 1, now_ms);
        return true;
    }
    if (now_ms - used->since_ms >= PREVIEW_ADDRESS_MS) {
        *used = (struct entry){site, PREVIEW_SITE_MAX, now_ms};
    }
    if (used->left == 0) {
        return false;
    }
    used->left--;
    return true;
}

uint64_t preview_open(struct preview *p, uint64_t viewer, uint64_t address, uint64_t site,
                      int64_t now_ms)
{
    if (p->amount == 0) {
        return 0;
    }
    viewer = not_free(viewer);
    address = not_free(address);
    const struct entry *known = find(p->viewers, viewer);
    if (known != NULL) {
        return known->left;
    }
    struct entry *used = find(p->addresses, address);
    if (used != NULL && now_ms - used->since_ms < PREVIEW_ADDRESS_MS) {
        return 0;
    }
    if (site != 0 && !site_begins(p, site, now_ms)) {
        return 0;
    }
    if (used != NULL) {
        used->since_ms = now_ms;
    } else {
        insert(p->addresses, address, 0, now_ms);
    }
    insert(p->viewers, viewer, p->amount, now_ms);
    p->version++;
    return p->amount;
}

void preview_close(struct preview *p, uint64_t viewer, uint64_t left)
{
    struct entry *known = p->amount > 0 ? find(p->viewers, not_free(viewer)) : NULL;
    if (known != NULL && known->left != left) {
        known->left = left;
        p->version++;
    }
}

uint64_t preview_version(const struct preview *p)
{
    return p->version;
}

/* --- to keep it --- */

enum kind { VIEWER = 'v', ADDRESS = 'a', SITE = 's' };

static const uint8_t kinds[] = {VIEWER, ADDRESS, SITE};

static struct entry *table_of(const struct preview *p, uint8_t kind)
{
    return kind == VIEWER    ? p->viewers
           : kind == ADDRESS ? p->addresses
           : kind == SITE    ? p->sites
                             : NULL;
}

/* Viewers are known for as long as there is room. */
static bool counts(uint8_t kind, int64_t age_ms)
{
    return kind == VIEWER || age_ms < PREVIEW_ADDRESS_MS;
}

static enum err write_entry(uint8_t kind, const struct entry *e, int64_t since_wall_ms,
                            struct buf *out)
{
    enum err r = buf_put_u8(out, kind);
    r = r == ERR_OK ? buf_put_be64(out, e->hash) : r;
    r = r == ERR_OK ? buf_put_be64(out, e->left) : r;
    return r == ERR_OK ? buf_put_be64(out, (uint64_t)since_wall_ms) : r;
}

enum err preview_write(const struct preview *p, int64_t now_ms, int64_t wall_ms, struct buf *out)
{
    enum err r = ERR_OK;
    for (size_t k = 0; k < sizeof kinds && p->amount > 0; k++) {
        const struct entry *all = table_of(p, kinds[k]);
        for (size_t i = 0; i < PREVIEW_ENTRIES && r == ERR_OK; i++) {
            int64_t age_ms = now_ms - all[i].since_ms;
            if (all[i].hash != 0 && counts(kinds[k], age_ms)) {
                r = write_entry(kinds[k], &all[i], wall_ms - age_ms, out);
            }
        }
    }
    return r;
}

/* A clock that was set back makes nobody young. */
static int64_t age_of(uint64_t since_wall_ms, int64_t wall_ms)
{
    int64_t age_ms;
    if (since_wall_ms > INT64_MAX ||
        __builtin_sub_overflow(wall_ms, (int64_t)since_wall_ms, &age_ms)) {
        return 0;
    }
    return age_ms > 0 ? age_ms : 0;
}

static enum err read_entry(struct preview *p, struct span *bytes, int64_t now_ms, int64_t wall_ms)
{
    uint8_t kind;
    uint64_t hash, left, since;
    enum err r = span_read_u8(bytes, &kind);
    r = r == ERR_OK ? span_read_be64(bytes, &hash) : r;
    r = r == ERR_OK ? span_read_be64(bytes, &left) : r;
    r = r == ERR_OK ? span_read_be64(bytes, &since) : r;
    if (r != ERR_OK) {
        return ERR_NOENT; /* a piece of one */
    }
    struct entry *all = table_of(p, kind);
    if (all == NULL) {
        return ERR_PROTO;
    }
    uint64_t most = kind == VIEWER ? p->amount : kind == SITE ? PREVIEW_SITE_MAX : 0;
    int64_t age_ms = age_of(since, wall_ms);
    if (counts(kind, age_ms) && find(all, not_free(hash)) == NULL) {
        insert(all, not_free(hash), left < most ? left : most, now_ms - age_ms);
    }
    return ERR_OK;
}

enum err preview_read(struct preview *p, struct span bytes, int64_t now_ms, int64_t wall_ms)
{
    enum err r = p->amount > 0 ? ERR_OK : ERR_NOENT;
    while (r == ERR_OK && bytes.len > 0) {
        r = read_entry(p, &bytes, now_ms, wall_ms);
    }
    return r == ERR_PROTO ? r : ERR_OK;
}
