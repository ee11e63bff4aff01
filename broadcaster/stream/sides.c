#include "broadcaster/stream/sides.h"

#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "broadcaster/stream/part_lane.h"

#define RUNS_MAX 4
#define NOT_YET  SIZE_MAX

/* A segment to be; what came before the first one belongs to none. */
struct run {
    uint64_t msn; /* 0: of what belongs to none */
    int64_t dts, pts;
    struct segment *source; /* NULL until it is complete */
    struct part_run parts;
};

struct side {
    struct rendition *rendition; /* NULL: there has never been such a track */
    struct part_lane lane;
    struct track *track;
    struct track *next; /* takes over with the next segment */
    struct packets packets;
    struct run runs[RUNS_MAX];
    size_t n_runs;
    bool decodable; /* the last segment was, up to its end */
    bool broken;    /* something was left out of the first run */
    bool has_last;
    int64_t last_dts;
};

struct sides {
    struct board *board;
    char id[ID_MAX + 1];
    uint64_t first_discontinuity;
    size_t used; /* of all, the first ones: the others never had a track */
    struct side all[SIDES_MAX];
    bool follows; /* the shifts are known */
    int64_t dts_shift, pts_shift;
    int64_t source_dts, source_pts; /* of the source's newest picture */
    uint64_t dropped;
};

struct sides *sides_create(struct board *board, const char *stream_id, uint64_t first_discontinuity)
{
    struct sides *s = mem_alloc(sizeof *s);
    s->board = board;
    snprintf(s->id, sizeof s->id, "%s", stream_id);
    s->first_discontinuity = first_discontinuity;
    for (size_t i = 0; i < SIDES_MAX; i++) {
        packets_init(&s->all[i].packets);
    }
    return s;
}

static void forget_track(struct side *d)
{
    track_unref(d->track);
    track_unref(d->next);
    d->track = NULL;
    d->next = NULL;
    d->decodable = false;
}

void sides_destroy(struct sides *s)
{
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < SIDES_MAX; i++) {
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

/* --- segments --- */

/* Moves the first n packets to ret_taken, which is empty. False: there is no memory, some are
 * dropped. */
static bool take_packets(struct side *d, size_t n, struct packets *ret_taken)
{
    struct packets *from = &d->packets;
    for (size_t i = 0; i < n; i++) {
        int64_t dts = from->items[i].dts;
        from->items[i].duration = i + 1 < from->count ? from->items[i + 1].dts - dts : 0;
    }
    if (packets_move(from, n, ret_taken) == ERR_OK) {
        return true;
    }
    packets_drop(from, n - ret_taken->count);
    return false;
}

/* Whether a segment of these packets can be shown: it goes on with what was decoded, or begins with
 * a keyframe in time. */
static bool can_show(const struct side *d, const struct run *run, const struct packets *ps)
{
    if (d->broken || d->track == NULL || ps->count == 0) {
        return false;
    }
    bool late = ps->items[0].pts > run->pts + SIDES_LATE_TICKS;
    return d->decodable || (!late && (ps->items[0].flags & PACKET_KEY) != 0);
}

/* Of the last packet in a track nobody knows how long it lasts: as long as the one before. */
static void make_last_parts(struct side *d, struct run *run, const struct packets *ps)
{
    const struct packet *last = &ps->items[ps->count - 1];
    int64_t length = last->duration;
    if (length == 0) {
        length = ps->count > 1 ? last[-1].duration : 1;
    }
    part_lane_cut(&d->lane, &run->parts, d->track, ps->items, ps->count, last->dts + length, true);
}

/* The first run has come to its end: it gets the first n packets. */
static void settle(struct sides *s, struct side *d, size_t n)
{
    struct run run = d->runs[0];
    struct packets taken;
    packets_init(&taken);
    bool good = take_packets(d, n, &taken);
    memmove(d->runs, d->runs + 1, --d->n_runs * sizeof d->runs[0]);
    if (run.source != NULL) {
        struct segment_info info = *segment_info(run.source);
        unsigned flags = taken.count > 0 ? taken.items[0].flags : 0;
        bool key = (flags & PACKET_KEY) != 0;
        info.independent = key && (flags & PACKET_OPEN) == 0;
        info.gap = !good || !can_show(d, &run, &taken);
        d->decodable = !info.gap;
        d->broken = false;
        rendition_begin(d->rendition);
        if (info.gap) {
            s->dropped += taken.count;
            packets_fini(&taken);
        } else {
            make_last_parts(d, &run, &taken);
        }
        struct segment *seg = segment_create(&info, info.gap ? NULL : d->track, &taken,
                                             info.gap ? NULL : segment_sound(run.source));
        rendition_settle(d->rendition, seg);
        rendition_commit(d->rendition);
        segment_unref(seg);
        segment_unref(run.source);
    } else {
        s->dropped += taken.count;
    }
    packets_fini(&taken);
    if (d->next != NULL) {
        track_unref(d->track);
        d->track = d->next;
        d->next = NULL;
        d->decodable = false;
    }
}

/* The index of the packet that begins the second run: its keyframe, or without one what comes at
 * its time. */
static size_t find_cut(const struct side *d, int64_t seen_dts, bool force)
{
    const struct run *run = &d->runs[1];
    for (size_t i = 0; i < d->packets.count; i++) {
        const struct packet *p = &d->packets.items[i];
        if ((p->flags & PACKET_KEY) != 0 && p->pts >= run->pts - SIDES_TOLERANCE_TICKS &&
            p->pts <= run->pts + SIDES_TOLERANCE_TICKS) {
            return i;
        }
    }
    if (!force && seen_dts < run->dts + SIDES_LATE_TICKS) {
        return NOT_YET;
    }
    size_t i = 0;
    while (i < d->packets.count && d->packets.items[i].dts < run->dts) {
        i++;
    }
    return i;
}

static void advance(struct sides *s, struct side *d, int64_t seen_dts, bool force)
{
    while (d->n_runs >= 2) {
        size_t cut = find_cut(d, seen_dts, force);
        if (cut == NOT_YET) {
            break;
        }
        settle(s, d, cut);
    }
}

static void open_run(struct sides *s, struct side *d, const struct run *run,
                     const struct segment_info *info)
{
    if (d->n_runs == 0) {
        d->runs[d->n_runs++] = (struct run){0};
    }
    rendition_expect(d->rendition, run->msn);
    rendition_open(d->rendition, info);
    advance(s, d, INT64_MIN, true); /* its last cut has had time enough */
    d->runs[d->n_runs++] = *run;
    advance(s, d, INT64_MIN, false);
}

void sides_open(struct sides *s, const struct segment_info *info)
{
    struct run run = {.msn = info->msn, .dts = info->start, .pts = info->start};
    part_run_init(&run.parts, info->msn);
    if (s->follows && s->source_dts == info->start) {
        run.pts = s->source_pts;
    }
    for (size_t i = 0; i < SIDES_MAX; i++) {
        if (s->all[i].rendition != NULL) {
            open_run(s, &s->all[i], &run, info);
        }
    }
}

void sides_close(struct sides *s, struct segment *source)
{
    for (size_t i = 0; i < SIDES_MAX; i++) {
        struct side *d = &s->all[i];
        for (size_t k = 0; k < d->n_runs; k++) {
            if (d->runs[k].msn == segment_info(source)->msn) {
                d->runs[k].source = segment_ref(source);
            }
        }
    }
}

void sides_end(struct sides *s)
{
    for (size_t i = 0; i < SIDES_MAX; i++) {
        struct side *d = &s->all[i];
        advance(s, d, INT64_MIN, true);
        if (d->n_runs == 1) {
            settle(s, d, d->packets.count);
        }
        packets_fini(&d->packets);
        forget_track(d);
    }
    s->follows = false;
}

/* How many packets are before every place where the first run may end: the keyframe that fits the
 * next segment's beginning, or what comes at its time. */
static size_t count_settled(const struct side *d, int64_t until)
{
    bool next = d->n_runs >= 2 && d->runs[1].dts <= until;
    int64_t dts = next ? d->runs[1].dts : until;
    int64_t pts = (next ? d->runs[1].pts : until) - SIDES_TOLERANCE_TICKS;
    size_t n = 0;
    while (n < d->packets.count && d->packets.items[n].dts < dts &&
           ((d->packets.items[n].flags & PACKET_KEY) == 0 || d->packets.items[n].pts < pts)) {
        n++;
    }
    return n;
}

void sides_parts(struct sides *s, int64_t until)
{
    for (size_t i = 0; i < s->used && s->follows; i++) {
        struct side *d = &s->all[i];
        struct packets *ps = &d->packets;
        size_t n = d->n_runs > 0 && d->runs[0].msn != 0 && can_show(d, &d->runs[0], ps)
                       ? count_settled(d, until)
                       : 0;
        n = n < ps->count ? n : ps->count - (n > 0); /* the last one's duration is not known */
        for (size_t k = d->n_runs > 0 ? d->runs[0].parts.done : 0; k < n; k++) {
            ps->items[k].duration = ps->items[k + 1].dts - ps->items[k].dts;
        }
        if (n > 0) {
            part_lane_cut(&d->lane, &d->runs[0].parts, d->track, ps->items, n, ps->items[n].dts,
                          false);
        }
    }
}

/* --- in --- */

void sides_track(struct sides *s, struct track *track)
{
    unsigned index = track_params(track)->index;
    if (index < 1 || index > SIDES_MAX) {
        return;
    }
    struct side *d = &s->all[index - 1];
    if (d->rendition == NULL) {
        char name[RENDITION_NAME_MAX + 1];
        snprintf(name, sizeof name, "source%u", index);
        d->rendition = rendition_create(s->board, s->id, name);
        rendition_set_first_discontinuity(d->rendition, s->first_discontinuity);
        rendition_set_rank(d->rendition, (int)index);
        s->used = s->used > index ? s->used : index;
        part_lane_init(&d->lane, d->rendition, TRACK_VIDEO);
    }
    if (d->track == NULL) {
        d->track = track_ref(track);
        return;
    }
    track_unref(d->next);
    d->next = track_equal(d->track, track) ? NULL : track_ref(track);
}

/* False: it has no place on the source's timeline. */
static bool shift(const struct sides *s, struct side *d, struct packet *p)
{
    p->dts += s->dts_shift;
    p->pts += s->pts_shift;
    int64_t apart = p->dts - s->source_dts;
    if (apart > SIDES_APART_TICKS || apart < -SIDES_APART_TICKS || p->dts < 0) {
        return false;
    }
    if (d->has_last && p->dts <= d->last_dts) {
        p->dts = d->last_dts + 1;
    }
    bool sane = p->pts > p->dts && p->pts - p->dts <= SIDES_APART_TICKS;
    p->pts = sane ? p->pts : p->dts;
    d->has_last = true;
    d->last_dts = p->dts;
    return true;
}

static void leave_out(struct sides *s, struct side *d)
{
    s->dropped++;
    d->broken = d->broken || d->next == NULL;
}

/* What came before the source's clock was known. */
static void shift_waiting(struct sides *s, struct side *d)
{
    struct packets *ps = &d->packets;
    size_t n = 0;
    for (size_t i = 0; i < ps->count; i++) {
        if (shift(s, d, &ps->items[i])) {
            ps->items[n++] = ps->items[i];
        } else {
            ps->bytes -= ps->items[i].data.len;
            packet_unref(&ps->items[i]);
            leave_out(s, d);
        }
    }
    ps->count = n;
}

void sides_follow(struct sides *s, const struct packet *sent, const struct packet *mended)
{
    s->dts_shift = mended->dts - sent->dts;
    s->pts_shift = mended->pts - sent->pts;
    s->source_dts = mended->dts;
    s->source_pts = mended->pts;
    if (s->follows) {
        return;
    }
    s->follows = true;
    for (size_t i = 0; i < SIDES_MAX; i++) {
        shift_waiting(s, &s->all[i]);
    }
}

void sides_packet(struct sides *s, const struct packet *p, size_t room)
{
    if (p->index < 1 || p->index > SIDES_MAX || s->all[p->index - 1].track == NULL) {
        s->dropped++;
        return;
    }
    struct side *d = &s->all[p->index - 1];
    struct packet mine = *p;
    if (s->follows && !shift(s, d, &mine)) {
        leave_out(s, d);
        return;
    }
    bool fits = d->next == NULL && d->packets.count < SIDES_PACKETS_MAX && p->data.len <= room;
    struct packet copy = packet_ref(&mine);
    if (!fits || packets_push(&d->packets, copy) != ERR_OK) {
        packet_unref(&copy);
        leave_out(s, d);
    }
    if (s->follows) {
        advance(s, d, mine.dts, false);
    }
}

/* --- out --- */

size_t sides_bytes(const struct sides *s)
{
    size_t sum = 0;
    for (size_t i = 0; i < s->used; i++) {
        sum += s->all[i].packets.bytes;
    }
    return sum;
}

uint64_t sides_dropped(const struct sides *s)
{
    return s->dropped;
}

struct rendition *sides_rendition(const struct sides *s, size_t i)
{
    for (size_t k = 0; k < SIDES_MAX; k++) {
        if (s->all[k].rendition != NULL && i-- == 0) {
            return s->all[k].rendition;
        }
    }
    return NULL;
}

struct rendition *sides_of_track(const struct sides *s, unsigned index)
{
    return s->all[index - 1].rendition;
}

void sides_set_ended(struct sides *s, bool ended)
{
    for (size_t i = 0; i < SIDES_MAX; i++) {
        if (s->all[i].rendition != NULL) {
            rendition_set_ended(s->all[i].rendition, ended);
        }
    }
}

bool sides_has_height(const struct sides *s, int height)
{
    for (size_t i = 0; i < SIDES_MAX; i++) {
        const struct track *t = s->all[i].track;
        int off = t != NULL ? track_params(t)->height - height : height;
        if (t != NULL && (off < 0 ? -off : off) * 10 <= height) {
            return true;
        }
    }
    return false;
}
