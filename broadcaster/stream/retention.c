#include "broadcaster/stream/retention.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/stream/rendition.h"

struct retention {
    struct segment *kept[RENDITION_KEPT_MAX];
    int64_t stays[RENDITION_KEPT_MAX];      /* of each, at what ticks_added it may go */
    int64_t parts_stay[RENDITION_KEPT_MAX]; /* and its parts; 0: they are listed */
    size_t n;
    int64_t ticks_added, ticks_before; /* the newest one: with it and without */
    int64_t now_ms, added_ms; /* the time, as far as it was told; when the newest content came */
};

struct retention *retention_create(void)
{
    return mem_alloc(sizeof(struct retention));
}

void retention_destroy(struct retention *k)
{
    if (k == NULL) {
        return;
    }
    for (size_t i = 0; i < k->n; i++) {
        segment_unref(k->kept[i]);
    }
    mem_free(k);
}

void retention_tick(struct retention *k, int64_t now_ms)
{
    k->now_ms = now_ms;
}

void retention_drop_oldest(struct retention *k)
{
    segment_unref(k->kept[0]);
    k->n--;
    memmove(k->kept, k->kept + 1, k->n * sizeof k->kept[0]);
    memmove(k->stays, k->stays + 1, k->n * sizeof k->stays[0]);
    memmove(k->parts_stay, k->parts_stay + 1, k->n * sizeof k->parts_stay[0]);
}

/* How much time has gone by with it: what was held up, such as the gaps of a lost rung, may come
 * all at once. */
static int64_t time_of(struct retention *k, const struct segment *s)
{
    int64_t duration = segment_info(s)->duration, gone = (k->now_ms - k->added_ms) * TICKS_PER_MS;
    if (segment_info(s)->gap) {
        return 0;
    }
    k->added_ms = k->now_ms;
    return k->now_ms > 0 && gone < duration ? gone : duration;
}

/* Until a segment leaves the longer playlist, `stays` is the longest playlist that had it. */
static void plan_stays(struct retention *k)
{
    size_t from = k->n - retention_listed_live(k);
    int64_t playlist = 0;
    for (size_t i = from; i < k->n; i++) {
        playlist += segment_info(k->kept[i])->duration;
    }
    if (from > 0) {
        k->stays[from - 1] += k->ticks_added + segment_info(k->kept[from - 1])->duration;
    }
    for (size_t i = from; i < k->n; i++) {
        k->stays[i] = k->stays[i] > playlist ? k->stays[i] : playlist;
    }
    /* Not with the one that comes when the time is up, but with the next: some come early. */
    while (k->n > RENDITION_LISTED_LIVE && k->stays[0] <= k->ticks_before) {
        retention_drop_oldest(k);
    }
}

void retention_add(struct retention *k, struct segment *s)
{
    if (k->n == RENDITION_KEPT_MAX) {
        retention_drop_oldest(k);
    }
    k->stays[k->n] = k->parts_stay[k->n] = 0;
    k->kept[k->n++] = s;
    k->ticks_before = k->ticks_added;
    k->ticks_added += time_of(k, s);
    plan_stays(k);
}

struct segment *const *retention_segments(const struct retention *k)
{
    return k->kept;
}

size_t retention_count(const struct retention *k)
{
    return k->n;
}

size_t retention_listed(const struct retention *k)
{
    return k->n < RENDITION_LISTED ? k->n : RENDITION_LISTED;
}

size_t retention_listed_live(const struct retention *k)
{
    return k->n < RENDITION_LISTED_LIVE ? k->n : RENDITION_LISTED_LIVE;
}

uint64_t retention_within(const struct retention *k, int64_t ticks)
{
    int64_t since = 0;
    size_t i = k->n;
    while (i > 0 && since < ticks) {
        since += segment_info(k->kept[--i])->duration;
    }
    return i < k->n ? segment_info(k->kept[i])->msn : 0;
}

/* Notes whose parts are not listed any more. What has gone by since the newest content is not in
 * ticks_added yet, where gaps came behind it. */
static void plan_parts(struct retention *k, int64_t target)
{
    uint64_t listed = retention_within(k, RENDITION_PARTS_LISTED * target);
    int64_t gone = (k->now_ms - k->added_ms) * TICKS_PER_MS;
    int64_t stay = RENDITION_PARTS_STAY * target + (gone < target ? gone : target);
    for (size_t i = 0; i < k->n; i++) {
        bool left = segment_info(k->kept[i])->msn < listed || k->n - i > RENDITION_LISTED_LIVE;
        if (left && k->parts_stay[i] == 0) {
            k->parts_stay[i] = k->ticks_added + stay;
        }
    }
}

uint64_t retention_parts_from(struct retention *k, int64_t target)
{
    plan_parts(k, target);
    size_t i = 0;
    while (i < k->n && k->parts_stay[i] > 0 && k->parts_stay[i] <= k->ticks_before) {
        i++;
    }
    return i < k->n ? segment_info(k->kept[i])->msn : 0;
}

size_t retention_bytes(const struct retention *k)
{
    size_t sum = 0;
    for (size_t i = 0; i < k->n; i++) {
        sum += segment_bytes(k->kept[i]);
    }
    return sum;
}

int64_t retention_stays_ms(const struct retention *k)
{
    int64_t ticks = 0, longest = 0;
    for (size_t i = k->n - retention_listed_live(k); i < k->n; i++) {
        int64_t duration = segment_info(k->kept[i])->duration;
        ticks = k->stays[i] > ticks ? k->stays[i] : ticks;
        longest = duration > longest ? duration : longest;
    }
    return (ticks + longest) / TICKS_PER_MS;
}
