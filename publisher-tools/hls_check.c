#include "publisher-tools/hls_check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "publisher-tools/hls_url.h"

#define TICKS_PER_SECOND 90000
#define STALL_TARGETS    3 /* target durations without a new segment */
#define EXTINF_FRAMES    2 /* by which EXTINF may differ from the content */
#define LATE_SOUND_TICKS (TICKS_PER_SECOND / 2)
#define JOIN_FRAMES      3 /* between the last frame of a segment and the first of the next */
#define JOIN_MIN_TICKS   (TICKS_PER_SECOND / 10)
#define TIMESTAMP_BITS   33 /* of MPEG-TS */

void hls_check_init(struct hls_check *c, hls_fault_fn *on_fault, void *arg, bool allow_gaps)
{
    *c = (struct hls_check){.on_fault = on_fault, .arg = arg, .allow_gaps = allow_gaps};
}

void hls_check_fault(struct hls_check *c, const char *rule, const char *format, ...)
{
    char words[HLS_FAULT_WORDS_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    c->faults++;
    c->on_fault(c->arg, rule, words);
}

/* --- playlists --- */

static void check_targets(struct hls_check *c, const struct hls_playlist *p)
{
    if (c->has_playlist && p->target_duration_s != c->target_duration_s) {
        hls_check_fault(c, "target-duration",
                        "EXT-X-TARGETDURATION went from %" PRId64 " to %" PRId64
                        "; it must not change",
                        c->target_duration_s, p->target_duration_s);
    }
    for (size_t i = 0; i < p->n_segments; i++) {
        const struct hls_segment *s = &p->segments[i];
        bool seen = c->has_next && s->number < c->next_number;
        if (!seen && (s->duration_us + 500000) / 1000000 > p->target_duration_s) {
            hls_check_fault(c, "extinf-over-target",
                            "segment %" PRIu64 ": EXTINF %.3f rounds to more than "
                            "EXT-X-TARGETDURATION %" PRId64,
                            s->number, (double)s->duration_us / 1e6, p->target_duration_s);
        }
    }
}

static void check_sequence(struct hls_check *c, const struct hls_playlist *p)
{
    if (!c->has_playlist) {
        return;
    }
    if (p->media_sequence < c->media_sequence) {
        hls_check_fault(c, "sequence-falls",
                        "EXT-X-MEDIA-SEQUENCE fell from %" PRIu64 " to %" PRIu64, c->media_sequence,
                        p->media_sequence);
    }
    if (p->discontinuity_sequence < c->discontinuity_sequence) {
        hls_check_fault(c, "discontinuity-sequence-falls",
                        "EXT-X-DISCONTINUITY-SEQUENCE fell from %" PRIu64 " to %" PRIu64,
                        c->discontinuity_sequence, p->discontinuity_sequence);
    }
    if (c->ended && !p->ended) {
        hls_check_fault(c, "endlist", "EXT-X-ENDLIST was there and has gone again");
    }
}

void hls_check_time(struct hls_check *c, int64_t now_ms)
{
    int64_t limit_ms = STALL_TARGETS * c->target_duration_s * 1000 + c->away_ms;
    if (!c->has_playlist || c->ended || c->stalled || now_ms - c->advanced_ms <= limit_ms) {
        return;
    }
    c->stalled = true;
    hls_check_fault(c, "advance", "no new segment for %.1f s (target duration %" PRId64 " s)",
                    (double)(now_ms - c->advanced_ms) / 1000, c->target_duration_s);
}

static uint64_t end_number(const struct hls_playlist *p)
{
    return p->media_sequence + p->n_segments;
}

void hls_check_playlist(struct hls_check *c, const struct hls_playlist *p, int64_t now_ms)
{
    check_sequence(c, p);
    check_targets(c, p);
    if (!c->has_playlist || (p->n_segments > 0 && end_number(p) > c->next_number)) {
        c->advanced_ms = now_ms;
        c->stalled = false;
    }
    c->has_playlist = true;
    c->target_duration_s = p->target_duration_s;
    c->media_sequence = p->media_sequence;
    c->discontinuity_sequence = p->discontinuity_sequence;
    c->ended = p->ended;
    hls_check_time(c, now_ms);
}

/* --- segments --- */

bool hls_check_takes(struct hls_check *c, const struct hls_segment *s)
{
    if (c->has_next && s->number < c->next_number) {
        return false;
    }
    bool jump = c->has_next && s->number > c->next_number;
    if (jump && c->away_ms > 0 && (s->discontinuity || s->timeline > c->timeline)) {
        c->jumps++;
        c->has_last = false;
    } else if (jump) {
        hls_check_fault(c, "number-gap",
                        "from %" PRIu64 " to %" PRIu64 ": what lies between was never listed",
                        c->next_number - 1, s->number);
        c->has_last = false;
    }
    c->has_next = true;
    c->next_number = s->number + 1;
    c->timeline = s->timeline;
    if (s->gap) {
        c->gaps++;
        c->has_last = false;
        if (!c->allow_gaps) {
            hls_check_fault(c, "gap", "segment %" PRIu64 " is marked EXT-X-GAP", s->number);
        }
    }
    return true;
}

void hls_check_url(struct hls_check *c, const struct hls_segment *s, const char *url)
{
    uint64_t number;
    if (hls_url_number(url, &number) && number != s->number) {
        hls_check_fault(c, "url-number",
                        "segment %" PRIu64 " (by EXT-X-MEDIA-SEQUENCE) has number %" PRIu64
                        " in its URL",
                        s->number, number);
    }
}

void hls_check_lost(struct hls_check *c)
{
    c->has_last = false;
}

double hls_check_fps(const struct stream_facts *s)
{
    int64_t between = s->last_pts - s->first_pts;
    return s->packets < 2 || between <= 0
               ? 0
               : (double)(s->packets - 1) * TICKS_PER_SECOND / (double)between;
}

/* b - a on a clock that wraps at 33 bits. */
static int64_t ticks_between(int64_t a, int64_t b)
{
    uint64_t d = ((uint64_t)b - (uint64_t)a) & ((UINT64_C(1) << TIMESTAMP_BITS) - 1);
    return (int64_t)(d << (64 - TIMESTAMP_BITS)) >> (64 - TIMESTAMP_BITS);
}

static int64_t frame_ticks(const struct stream_facts *s)
{
    return s->packets < 2 ? 0 : (s->last_dts - s->first_dts) / (s->packets - 1);
}

static void check_decoding(struct hls_check *c, uint64_t number, const char *kind,
                           const struct stream_facts *s)
{
    if (s->errors > 0) {
        hls_check_fault(c, "decode", "segment %" PRIu64 ": %u errors when decoding %s", number,
                        s->errors, kind);
    }
    if (s->decoded < s->packets) {
        hls_check_fault(c, "decode", "segment %" PRIu64 ": %u of %u %s frames came out", number,
                        s->decoded, s->packets, kind);
    }
    if (s->dts_faults > 0) {
        hls_check_fault(c, "dts", "segment %" PRIu64 ": the %s DTS does not rise in %u places",
                        number, kind, s->dts_faults);
    }
    if (s->no_dts > 0) {
        hls_check_fault(c, "dts", "segment %" PRIu64 ": %u %s packets have no time", number,
                        s->no_dts, kind);
    }
}

static void check_join(struct hls_check *c, uint64_t number, const char *kind,
                       const struct stream_facts *last, const struct stream_facts *s)
{
    if (!last->present || !s->present) {
        if (last->present != s->present) {
            hls_check_fault(c, "streams", "segment %" PRIu64 ": %s %s without a discontinuity",
                            number, kind, s->present ? "begins" : "ends");
        }
        return;
    }
    int64_t step = ticks_between(last->last_dts, s->first_dts);
    int64_t frame = frame_ticks(last) > frame_ticks(s) ? frame_ticks(last) : frame_ticks(s);
    int64_t limit = frame * JOIN_FRAMES > JOIN_MIN_TICKS ? frame * JOIN_FRAMES : JOIN_MIN_TICKS;
    double ms = (double)step * 1000 / TICKS_PER_SECOND;
    if (step <= 0) {
        hls_check_fault(c, "join-dts",
                        "segment %" PRIu64 ": its first %s DTS lies %.1f ms before or at the last "
                        "one of the segment before",
                        number, kind, -ms);
    } else if (step > limit) {
        hls_check_fault(c, "join-gap",
                        "segment %" PRIu64 ": %.1f ms of %s are missing in front of it (no "
                        "EXT-X-DISCONTINUITY)",
                        number, ms, kind);
    }
}

/* How much less than EXTINF may be inside. Where a timeline begins, its segments do so with the
 * picture: sound alone may come in later. */
static int64_t may_lack(const struct hls_check *c, const struct hls_segment *s,
                        const struct segment_facts *f)
{
    bool begins = !c->has_last || s->discontinuity;
    return begins && !f->video.present ? LATE_SOUND_TICKS : 0;
}

static void check_extinf(struct hls_check *c, const struct hls_segment *s,
                         const struct segment_facts *f)
{
    const struct stream_facts *main = f->video.present ? &f->video : &f->audio;
    int64_t ticks = stream_facts_ticks(main);
    if (ticks <= 0) {
        return; /* one frame has no measurable duration */
    }
    int64_t told = s->duration_us * TICKS_PER_SECOND / 1000000;
    int64_t off = told > ticks ? told - ticks - may_lack(c, s, f) : ticks - told;
    /* EXTINF has milliseconds. */
    if (off > EXTINF_FRAMES * (ticks / main->packets) + TICKS_PER_SECOND / 1000) {
        hls_check_fault(c, "extinf-content",
                        "segment %" PRIu64 ": EXTINF says %.3f s, its %s lasts %.3f s", s->number,
                        (double)s->duration_us / 1e6, f->video.present ? "video" : "audio",
                        (double)ticks / TICKS_PER_SECOND);
    }
}

void hls_check_media(struct hls_check *c, const struct hls_segment *s,
                     const struct segment_facts *f)
{
    check_decoding(c, s->number, "video", &f->video);
    check_decoding(c, s->number, "audio", &f->audio);
    if (!f->video.present && !f->audio.present) {
        hls_check_fault(c, "empty", "segment %" PRIu64 " holds no media", s->number);
        c->has_last = false;
        return;
    }
    if (c->has_last && !s->discontinuity) {
        check_join(c, s->number, "video", &c->last.video, &f->video);
        check_join(c, s->number, "audio", &c->last.audio, &f->audio);
        if (f->video.present && c->last.video.present &&
            (f->width != c->last.width || f->height != c->last.height)) {
            hls_check_fault(c, "size",
                            "segment %" PRIu64 ": %dx%d after %dx%d without a discontinuity",
                            s->number, f->width, f->height, c->last.width, c->last.height);
        }
    }
    check_extinf(c, s, f);
    c->has_last = true;
    c->last = *f;
}
