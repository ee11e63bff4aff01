#include "broadcaster/viewers/audience.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"

#define BITS     8192 /* enough for AUDIENCE_MAX: about 60 are still unset then */
#define WORDS    (BITS / 64)
#define SLICE_MS 2000
#define SLICES   (AUDIENCE_WINDOW_MS / SLICE_MS + 1) /* the last one is not over yet */

struct slice {
    int64_t number; /* of its time, from 1; 0: never used */
    uint64_t bits[WORDS];
};

struct crowd {
    int64_t newest; /* slice */
    struct slice slices[SLICES];
};

struct audience {
    size_t count;
    uint64_t streams[AUDIENCE_STREAMS_MAX]; /* apart from the rest: they are searched */
    struct crowd *crowds[AUDIENCE_STREAMS_MAX];
};

/* FNV-1a. */
static uint64_t hash(uint64_t h, struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        h = (h ^ s.data[i]) * UINT64_C(0x100000001b3);
    }
    return (h ^ 0xff) * UINT64_C(0x100000001b3); /* "a", "bc" is not "ab", "c" */
}

/* FNV's low bits alone are not spread evenly: the last step of MurmurHash3. */
static uint64_t spread(uint64_t h)
{
    h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ h >> 33;
}

void audience_salt_set(struct audience_salt *s, const char text[AUDIENCE_SALT_LEN])
{
    memcpy(s->text, text, AUDIENCE_SALT_LEN);
    s->text[AUDIENCE_SALT_LEN] = '\0';
    s->state = hash(UINT64_C(0xcbf29ce484222325), span_of(s->text, AUDIENCE_SALT_LEN));
}

void audience_salt_init(struct audience_salt *s)
{
    char text[AUDIENCE_SALT_LEN + 1];
    id_random_hex(text, AUDIENCE_SALT_BYTES);
    audience_salt_set(s, text);
}

uint64_t audience_hash(const struct audience_salt *salt, struct span one, struct span two)
{
    return spread(hash(hash(salt->state, one), two));
}

struct audience *audience_create(void)
{
    return mem_alloc(sizeof(struct audience));
}

void audience_destroy(struct audience *a)
{
    for (size_t i = 0; a != NULL && i < a->count; i++) {
        mem_free(a->crowds[i]);
    }
    mem_free(a);
}

static struct crowd *find(const struct audience *a, uint64_t stream)
{
    for (size_t i = 0; i < a->count; i++) {
        if (a->streams[i] == stream) {
            return a->crowds[i];
        }
    }
    return NULL;
}

static struct crowd *add(struct audience *a, uint64_t stream)
{
    size_t at = a->count;
    if (at < AUDIENCE_STREAMS_MAX) {
        a->crowds[a->count++] = mem_alloc(sizeof(struct crowd));
    } else {
        at = 0;
        for (size_t i = 1; i < a->count; i++) {
            at = a->crowds[i]->newest < a->crowds[at]->newest ? i : at;
        }
        memset(a->crowds[at], 0, sizeof *a->crowds[at]);
    }
    a->streams[at] = stream;
    return a->crowds[at];
}

static int64_t slice_number(int64_t now_ms)
{
    return now_ms / SLICE_MS + 1;
}

void audience_note(struct audience *a, uint64_t stream, uint64_t viewer, int64_t now_ms)
{
    struct crowd *c = find(a, stream);
    if (c == NULL) {
        c = add(a, stream);
    }
    int64_t number = slice_number(now_ms);
    struct slice *s = &c->slices[number % SLICES];
    if (s->number != number) {
        memset(s, 0, sizeof *s);
        s->number = number;
    }
    c->newest = number;
    s->bits[viewer / 64 % WORDS] |= UINT64_C(1) << viewer % 64;
}

static int unset_bits(const struct crowd *c, int64_t now)
{
    int set = 0;
    for (size_t w = 0; w < WORDS; w++) {
        uint64_t bits = 0;
        for (size_t i = 0; i < SLICES; i++) {
            bool recent = c->slices[i].number > now - (int64_t)SLICES;
            bits |= recent ? c->slices[i].bits[w] : 0;
        }
        set += __builtin_popcountll(bits);
    }
    return BITS - set;
}

unsigned audience_count(const struct audience *a, uint64_t stream, int64_t now_ms)
{
    const struct crowd *c = find(a, stream);
    if (c == NULL) {
        return 0;
    }
    int unset = unset_bits(c, slice_number(now_ms));
    double count = unset > 0 ? BITS * log((double)BITS / unset) : AUDIENCE_MAX;
    return count < AUDIENCE_MAX ? (unsigned)(count + 0.5) : AUDIENCE_MAX;
}
