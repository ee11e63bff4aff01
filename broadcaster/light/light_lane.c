#include "broadcaster/light/light_lane.h"

#include "base/mem.h"
#include "broadcaster/light/light_workers.h"

#define ITEMS_FIRST_CAP 16

enum item_kind { ITEM_PACKET, ITEM_REACH, ITEM_MARK, ITEM_END };

struct item {
    enum item_kind kind;
    struct packet packet;
    int64_t until;
    uint64_t mark;
};

struct items {
    struct item *all;
    size_t count, cap, bytes;
};

struct light_lane {
    struct light_work work; /* first, for done */
    struct light_workers *workers;
    light_lane_fn *fn;
    void *arg;
    struct items waiting;
    int64_t told; /* of the time that waits or has been worked off, its end */
    bool busy;    /* what follows belongs to the workers: */
    struct light_codec *codec;
    struct items batch;
    struct packets made;
    uint64_t made_mark;
    bool made_end, made_failure;
    /* The loop's again: */
    bool orphan; /* destroyed while it was busy */
    struct packets frames;
    uint64_t marked;
    bool ended, failed;
};

static void items_fini(struct items *items)
{
    for (size_t i = 0; i < items->count; i++) {
        packet_unref(&items->all[i].packet);
    }
    mem_free(items->all);
    *items = (struct items){0};
}

static void free_lane(struct light_lane *lane)
{
    items_fini(&lane->waiting);
    items_fini(&lane->batch);
    packets_fini(&lane->made);
    packets_fini(&lane->frames);
    light_codec_destroy(lane->codec);
    mem_free(lane);
}

/* --- on the workers' threads --- */

static enum err work_off(struct light_lane *lane, const struct item *item)
{
    enum err e = ERR_OK;
    switch (item->kind) {
    case ITEM_PACKET:
        e = light_codec_feed(lane->codec, &item->packet, &lane->made);
        break;
    case ITEM_REACH:
        e = light_codec_reach(lane->codec, item->until, &lane->made);
        break;
    case ITEM_MARK:
        lane->made_mark = item->mark;
        break;
    case ITEM_END:
        e = item->until != INT64_MIN ? light_codec_reach(lane->codec, item->until, &lane->made)
                                     : ERR_OK;
        e = e == ERR_OK ? light_codec_end(lane->codec, &lane->made) : e;
        lane->made_end = true;
        break;
    }
    return e;
}

static void work(struct light_work *w)
{
    struct light_lane *lane = (struct light_lane *)w;
    for (size_t i = 0; i < lane->batch.count && !lane->made_failure; i++) {
        lane->made_failure = work_off(lane, &lane->batch.all[i]) != ERR_OK;
    }
}

/* --- on the loop's --- */

static void done(struct light_work *w);

static void take_back(struct light_lane *lane)
{
    items_fini(&lane->batch);
    lane->failed = lane->made_failure ||
                   packets_move(&lane->made, lane->made.count, &lane->frames) != ERR_OK ||
                   lane->failed;
    packets_fini(&lane->made);
    lane->marked = lane->made_mark;
    lane->ended = lane->made_end || lane->failed;
}

static void submit(struct light_lane *lane)
{
    if (lane->busy || lane->waiting.count == 0 || lane->ended) {
        return;
    }
    lane->batch = lane->waiting;
    lane->waiting = (struct items){0};
    lane->busy = true;
    if (lane->workers == NULL || !light_workers_add(lane->workers, &lane->work)) {
        work(&lane->work);
        done(&lane->work);
    }
}

static void done(struct light_work *w)
{
    struct light_lane *lane = (struct light_lane *)w;
    lane->busy = false;
    if (lane->orphan) {
        free_lane(lane);
        return;
    }
    take_back(lane);
    if (lane->waiting.count > 0 && lane->workers != NULL) {
        submit(lane);
    }
    lane->fn(lane->arg, lane);
}

enum err light_lane_create(struct light_workers *workers, const struct track_params *source,
                           const struct light_form *form, int64_t anchor, light_lane_fn *fn,
                           void *arg, struct light_lane **ret_lane)
{
    struct light_codec *codec = NULL;
    enum err e = light_codec_create(source, form, anchor, &codec);
    if (e != ERR_OK) {
        return e;
    }
    struct light_lane *lane = mem_alloc(sizeof *lane);
    lane->work = (struct light_work){.fn = work, .done = done};
    list_init(&lane->work.node);
    lane->workers = workers;
    lane->fn = fn;
    lane->arg = arg;
    lane->codec = codec;
    lane->told = anchor;
    packets_init(&lane->made);
    packets_init(&lane->frames);
    *ret_lane = lane;
    return ERR_OK;
}

void light_lane_destroy(struct light_lane *lane)
{
    if (lane != NULL && lane->busy) {
        lane->orphan = true;
    } else if (lane != NULL) {
        free_lane(lane);
    }
}

int light_lane_rate(const struct light_lane *lane)
{
    return light_codec_rate(lane->codec);
}

struct track *light_lane_track(const struct light_lane *lane)
{
    return light_codec_track(lane->codec);
}

static bool grow(struct items *items)
{
    size_t cap = items->cap > 0 ? items->cap * 2 : ITEMS_FIRST_CAP;
    struct item *all = mem_try_realloc(items->all, cap * sizeof *all);
    if (all != NULL) {
        items->all = all;
        items->cap = cap;
    }
    return all != NULL;
}

/* The end and the marks are few, and have a place where packets have none any more. */
static void add(struct light_lane *lane, const struct item *item)
{
    struct items *items = &lane->waiting;
    bool media = item->kind == ITEM_PACKET || item->kind == ITEM_REACH;
    bool full = items->count >= LIGHT_LANE_ITEMS_MAX ||
                items->bytes + item->packet.data.len > LIGHT_LANE_BYTES_MAX;
    if ((media && full) || lane->ended) {
        return;
    }
    if (items->count == items->cap && !grow(items)) {
        lane->failed = lane->failed || !media;
        return;
    }
    struct item *last = &items->all[items->count++];
    *last = *item;
    if (item->kind == ITEM_PACKET) {
        last->packet = packet_ref(&item->packet);
        items->bytes += item->packet.data.len;
    }
    submit(lane);
}

void light_lane_packet(struct light_lane *lane, const struct packet *p)
{
    int64_t end = p->dts + p->duration;
    lane->told = end > lane->told ? end : lane->told;
    add(lane, &(struct item){.kind = ITEM_PACKET, .packet = *p});
}

void light_lane_reach(struct light_lane *lane, int64_t until)
{
    if (until >= lane->told + LIGHT_HOLE_MS * TICKS_PER_MS) {
        lane->told = until;
        add(lane, &(struct item){.kind = ITEM_REACH, .until = until});
    }
}

void light_lane_mark(struct light_lane *lane, uint64_t mark)
{
    add(lane, &(struct item){.kind = ITEM_MARK, .mark = mark});
}

void light_lane_end(struct light_lane *lane, int64_t until)
{
    add(lane, &(struct item){.kind = ITEM_END, .until = until});
}

struct packets *light_lane_frames(struct light_lane *lane)
{
    return &lane->frames;
}

uint64_t light_lane_marked(const struct light_lane *lane)
{
    return lane->marked;
}

bool light_lane_ended(const struct light_lane *lane)
{
    return lane->ended;
}

bool light_lane_failed(const struct light_lane *lane)
{
    return lane->failed;
}
