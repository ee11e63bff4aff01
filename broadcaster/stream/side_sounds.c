#include "broadcaster/stream/side_sounds.h"

#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "broadcaster/hls/hls.h"
#include "broadcaster/stream/part_lane.h"

#define RUNS_MAX    4
#define RANK_SOUNDS 1000 /* behind all pictures */

/* A segment to be; what came before the first one belongs to none. */
struct run {
    uint64_t msn; /* 0: of what belongs to none */
    int64_t start;
    struct segment *source; /* NULL until it is complete */
    struct part_run parts;
};

struct side {
    struct rendition *rendition; /* NULL: there has never been such a track */
    struct part_lane lane;
    struct track *track;
    struct track *next; /* takes over with the next segment */
    struct repair repair;
    struct packets packets;
    struct run runs[RUNS_MAX];
    size_t n_runs;
    bool has_last;
    int64_t last_dts;
};

struct side_sounds {
    struct board *board;
    char id[ID_MAX + 1];
    uint64_t first_discontinuity;
    size_t used; /* of all, the first ones: the others never had a track */
    struct side all[SIDE_SOUNDS_MAX];
    uint64_t dropped;
};

struct side_sounds *side_sounds_create(struct board *board, const char *stream_id,
                                       uint64_t first_discontinuity)
{
    struct side_sounds *s = mem_alloc(sizeof *s);
    s->board = board;
    snprintf(s->id, sizeof s->id, "%s", stream_id);
    s->first_discontinuity = first_discontinuity;
    for (size_t i = 0; i < SIDE_SOUNDS_MAX; i++) {
        packets_init(&s->all[i].packets);
        repair_init(&s->all[i].repair);
    }
    return s;
}

static void forget_track(struct side *d)
{
    track_unref(d->track);
    track_unref(d->next);
    d->track = NULL;
    d->next = NULL;
}

void side_sounds_destroy(struct side_sounds *s)
{
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < SIDE_SOUNDS_MAX; i++) {
        struct side *d = &s->all[i];
        for (size_t k = 0; k < d->n_runs; k++) {
            segment_unref(d->runs[k].source);
        }
        forget_track(d);
        packets_fini(&d->packets);
        rendition_destroy(d->rendition);
    }
    mem_free(s);
}

static void replace_track(struct side *d, struct track *track)
{
    track_unref(d->track);
    d->track = track;
    repair_sound_changed(&d->repair);
}

/* --- segments --- */

static void make_parts(struct side *d, struct run *run, const struct packets *ps, size_t n,
                       bool all)
{
    if (n > 0 && d->track != NULL && run->msn != 0) {
        const struct packet *last = &ps->items[n - 1];
        int64_t next = n < ps->count ? ps->items[n].dts : last->dts + 1;
        int64_t end = last->duration > 0 ? last->dts + last->duration : next;
        part_lane_cut(&d->lane, &run->parts, d->track, ps->items, n, end, all);
    }
}

static void publish(struct side *d, struct run *run, struct packets *taken)
{
    rendition_begin(d->rendition);
    make_parts(d, run, taken, taken->count, true);
    struct segment_info info = *segment_info(run->source);
    info.independent = true;
    info.gap = d->track == NULL || taken->count == 0;
    struct sound *sound = info.gap ? NULL : sound_create(d->track, taken);
    struct segment *seg = segment_create(&info, NULL, NULL, sound);
    rendition_settle(d->rendition, seg);
    rendition_commit(d->rendition);
    segment_unref(seg);
    sound_unref(sound);
}

/* The first run has come to its end: it gets the first n packets. */
static void settle(struct side_sounds *s, struct side *d, size_t n)
{
    struct run run = d->runs[0];
    struct packets taken;
    packets_init(&taken);
    if (packets_move(&d->packets, n, &taken) != ERR_OK) {
        s->dropped += n - taken.count;
        packets_drop(&d->packets, n - taken.count);
    }
    memmove(d->runs, d->runs + 1, --d->n_runs * sizeof d->runs[0]);
    if (run.source != NULL) {
        publish(d, &run, &taken);
        segment_unref(run.source);
    }
    packets_fini(&taken);
    if (d->next != NULL) {
        replace_track(d, d->next);
        d->next = NULL;
    }
}

/* No sound before this time is still to come. */
static void advance(struct side_sounds *s, struct side *d, int64_t time)
{
    while (d->n_runs >= 2 && time >= d->runs[1].start) {
        size_t n = 0;
        while (n < d->packets.count && d->packets.items[n].dts < d->runs[1].start) {
            n++;
        }
        settle(s, d, n);
    }
}

void side_sounds_open(struct side_sounds *s, const struct segment_info *source)
{
    struct segment_info info = *source;
    info.independent = true;
    for (size_t i = 0; i < SIDE_SOUNDS_MAX; i++) {
        struct side *d = &s->all[i];
        if (d->rendition == NULL) {
            continue;
        }
        advance(s, d, INT64_MAX);
        if (d->n_runs == 0) {
            d->runs[d->n_runs++] = (struct run){0};
        }
        rendition_expect(d->rendition, info.msn);
        rendition_open(d->rendition, &info);
        struct run *run = &d->runs[d->n_runs++];
        *run = (struct run){.msn = info.msn, .start = info.start};
        part_run_init(&run->parts, info.msn);
        advance(s, d, d->has_last ? d->last_dts : INT64_MIN);
    }
}

void side_sounds_close(struct side_sounds *s, struct segment *source)
{
    for (size_t i = 0; i < SIDE_SOUNDS_MAX; i++) {
        struct side *d = &s->all[i];
        for (size_t k = 0; k < d->n_runs; k++) {
            if (d->runs[k].msn == segment_info(source)->msn) {
                d->runs[k].source = segment_ref(source);
            }
        }
    }
}

void side_sounds_end(struct side_sounds *s)
{
    for (size_t i = 0; i < SIDE_SOUNDS_MAX; i++) {
        struct side *d = &s->all[i];
        advance(s, d, INT64_MAX);
        if (d->n_runs == 1) {
            settle(s, d, d->packets.count);
        }
        packets_fini(&d->packets);
        forget_track(d);
        repair_init(&d->repair);
    }
}

void side_sounds_reach(struct side_sounds *s, int64_t newest)
{
    for (size_t i = 0; i < s->used; i++) {
        advance(s, &s->all[i], newest - SIDE_SOUNDS_LATE_TICKS);
    }
}

/* Whether more of the first run follows this packet: what is in a part without the segment's last
 * packet is not its last part, and the one behind it may be promised. */
static bool is_followed(const struct side *d, const struct packet *p, int64_t until)
{
    bool closed = d->n_runs >= 2 && d->runs[1].start <= until;
    int64_t end = closed ? d->runs[1].start - p->duration / 2 : until;
    return p->dts < end && p->dts + p->duration <= end;
}

void side_sounds_parts(struct side_sounds *s, int64_t until)
{
    for (size_t i = 0; i < s->used; i++) {
        struct side *d = &s->all[i];
        size_t n = 0;
        while (d->n_runs > 0 && n < d->packets.count &&
               is_followed(d, &d->packets.items[n], until)) {
            n++;
        }
        make_parts(d, &d->runs[0], &d->packets, n, false);
    }
}

/* --- in --- */

void side_sounds_track(struct side_sounds *s, struct track *track)
{
    unsigned index = track_params(track)->index;
    if (index < 1 || index > SIDE_SOUNDS_MAX) {
        return;
    }
    struct side *d = &s->all[index - 1];
    if (d->rendition == NULL) {
        char name[RENDITION_NAME_MAX + 1];
        snprintf(name, sizeof name, HLS_AUDIO "%u", index);
        d->rendition = rendition_create(s->board, s->id, name);
        rendition_set_first_discontinuity(d->rendition, s->first_discontinuity);
        rendition_set_rank(d->rendition, RANK_SOUNDS + (int)index);
        s->used = s->used > index ? s->used : index;
        part_lane_init(&d->lane, d->rendition, TRACK_AUDIO);
    }
    track_unref(d->next);
    d->next = NULL;
    if (track_equal(d->track, track)) {
        return;
    }
    if (d->n_runs == 0) {
        packets_fini(&d->packets); /* nobody will hear it */
    }
    if (d->packets.count == 0) {
        replace_track(d, track_ref(track));
    } else {
        d->next = track_ref(track);
    }
}

/* False: it has no place. */
static bool mend(struct side *d, struct packet *p, struct repair *first, int64_t now_ms)
{
    const struct track *t = d->next != NULL ? d->next : d->track;
    struct sound_frame frame = sound_frame_of(track_params(t), p->data);
    struct repair_verdict v = repair_packet(&d->repair, p, frame, now_ms);
    repair_counters_add(&first->counters, &d->repair.counters);
    d->repair.counters = (struct repair_counters){0};
    p->duration = frame.rate > 0 ? sound_frame_ticks(frame) : p->duration;
    int64_t apart = p->dts - first->newest;
    if (apart > SIDE_SOUNDS_APART_TICKS || apart < -SIDE_SOUNDS_APART_TICKS) {
        d->repair.lanes[TRACK_AUDIO].started = false;
        return false;
    }
    if (v.drop || (d->has_last && p->dts <= d->last_dts)) {
        return false;
    }
    d->has_last = true;
    d->last_dts = p->dts;
    return true;
}

static bool has_room(struct side *d, size_t bytes, size_t room)
{
    struct packets *ps = &d->packets;
    if (d->n_runs == 0 &&
        (ps->count >= SIDE_SOUNDS_PACKETS_MAX || ps->bytes + bytes > SIDE_SOUNDS_BYTES_MAX)) {
        packets_drop(ps, (ps->count + 1) / 2);
    }
    return ps->count < SIDE_SOUNDS_PACKETS_MAX && bytes <= room;
}

void side_sounds_packet(struct side_sounds *s, const struct packet *p, struct repair *first,
                        size_t room, int64_t now_ms)
{
    if (p->index < 1 || p->index > SIDE_SOUNDS_MAX || s->all[p->index - 1].track == NULL) {
        s->dropped++;
        return;
    }
    struct side *d = &s->all[p->index - 1];
    if (!repair_follow(&d->repair, first, p->dts)) {
        return;
    }
    struct packet mine = *p;
    if (!mend(d, &mine, first, now_ms)) {
        s->dropped++;
        return;
    }
    advance(s, d, mine.dts);
    struct packet copy = packet_ref(&mine);
    if (d->next != NULL || !has_room(d, p->data.len, room) ||
        packets_push(&d->packets, copy) != ERR_OK) {
        packet_unref(&copy);
        s->dropped++;
    }
}

/* --- out --- */

size_t side_sounds_bytes(const struct side_sounds *s)
{
    size_t sum = 0;
    for (size_t i = 0; i < SIDE_SOUNDS_MAX; i++) {
        sum += s->all[i].packets.bytes;
    }
    return sum;
}

uint64_t side_sounds_dropped(const struct side_sounds *s)
{
    return s->dropped;
}

struct rendition *side_sounds_rendition(const struct side_sounds *s, size_t i)
{
    for (size_t k = 0; k < SIDE_SOUNDS_MAX; k++) {
        if (s->all[k].rendition != NULL && i-- == 0) {
            return s->all[k].rendition;
        }
    }
    return NULL;
}

void side_sounds_set_ended(struct side_sounds *s, bool ended)
{
    for (size_t i = 0; i < SIDE_SOUNDS_MAX; i++) {
        if (s->all[i].rendition != NULL) {
            rendition_set_ended(s->all[i].rendition, ended);
        }
    }
}
