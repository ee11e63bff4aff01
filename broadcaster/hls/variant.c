#include "broadcaster/hls/variant.h"

#include <string.h>

#include "broadcaster/hls/hls.h"
#include "broadcaster/pack/fmp4.h"
#include "broadcaster/pack/packager.h"
#include "broadcaster/stream/captions.h"
#include "broadcaster/stream/cutter.h"

#define FPS_TOLERANCE 1500 /* a rate is a usual one when it is off by less than its 1500th part */

/* The highest rate is that of any run of pictures that lasts so long; it is off by more of its part
 * than the mean. */
#define FPS_RUN_TICKS      (TICKS_PER_S / 2)
#define FPS_RUN_TOLERANCE  100
#define FPS_VARIES_PERCENT 105 /* of the mean: less is jitter */

static const struct packets *packets_of(const struct segment *s, enum track_kind kind)
{
    static const struct packets none;
    const struct sound *sound = segment_sound(s);
    return kind == TRACK_VIDEO ? segment_packets(s) : sound != NULL ? sound_packets(sound) : &none;
}

static const struct track *track_of(const struct segment *s, enum track_kind kind)
{
    const struct sound *sound = segment_sound(s);
    return kind == TRACK_VIDEO ? segment_video(s) : sound != NULL ? sound_track(sound) : NULL;
}

/* The newest track of a kind that has packets; NULL: there is none. */
static const struct track *newest(struct segment *const *kept, size_t n, enum track_kind kind)
{
    for (size_t i = n; i > 0; i--) {
        const struct track *t = track_of(kept[i - 1], kind);
        if (t != NULL && packets_of(kept[i - 1], kind)->count > 0) {
            return t;
        }
    }
    return NULL;
}

static int64_t rate(uint64_t bytes, int64_t ticks)
{
    return ticks > 0 ? (int64_t)(bytes * 8 * TICKS_PER_S / (uint64_t)ticks) : 0;
}

/* What fMP4 adds to the packets: each part is a fragment of its own. */
static uint64_t boxes_bytes(const struct segment *s, enum track_kind kind, size_t packets)
{
    size_t parts;
    segment_parts(s, kind, &parts);
    size_t more = parts > 1 ? parts - 1 : 0;
    return fmp4_overhead(kind, packets) + more * fmp4_overhead(kind, 0);
}

/* RFC 8216, 4.3.4.2: the peak is that of any run of segments between half and one and a half
 * target durations. */
static void measure_rates(struct variant_track *t, struct segment *const *kept, size_t n,
                          enum track_kind kind)
{
    uint64_t all_bytes = 0, run_bytes = 0;
    int64_t all_ticks = 0, run_ticks = 0;
    for (size_t i = 0; i < n; i++) {
        const struct packets *ps = packets_of(kept[i], kind);
        int64_t ticks = segment_info(kept[i])->duration;
        if (ps->count == 0 || ticks <= 0) {
            run_bytes = 0;
            run_ticks = 0;
            continue;
        }
        uint64_t bytes = ps->bytes + boxes_bytes(kept[i], kind, ps->count);
        all_bytes += bytes;
        all_ticks += ticks;
        run_bytes += bytes;
        run_ticks += ticks;
        if (run_ticks >= CUTTER_TARGET_TICKS / 2) {
            int64_t bps = rate(run_bytes, run_ticks);
            t->highest_bps = bps > t->highest_bps ? bps : t->highest_bps;
            run_bytes = 0;
            run_ticks = 0;
        }
    }
    t->mean_bps = rate(all_bytes, all_ticks);
    t->peak_bps = t->mean_bps > 0 && t->highest_bps > t->mean_bps ? t->highest_bps : t->mean_bps;
}

/* RTMP's times are whole milliseconds: what is that near to a usual rate is that. */
static int usual_rate(int64_t milli, int tolerance)
{
    static const int usual[] = {23976, 24000, 25000, 29970,  30000, 48000,
                                50000, 59940, 60000, 119880, 120000};
    int64_t nearest = milli;
    int64_t off_most = milli;
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        int64_t off = milli > usual[i] ? milli - usual[i] : usual[i] - milli;
        if (off * tolerance < usual[i] && off <= off_most) {
            nearest = usual[i];
            off_most = off;
        }
    }
    return nearest < INT32_MAX ? (int)nearest : 0;
}

/* Thousandths; 0: the segment is shorter than a run. */
static int64_t peak_rate(const struct segment *s)
{
    const struct packets *ps = segment_packets(s);
    int64_t best = 0;
    size_t first = 0;
    for (size_t i = 1; i < ps->count; i++) {
        int64_t until = ps->items[i].dts;
        while (first + 1 < i && until - ps->items[first + 1].dts >= FPS_RUN_TICKS) {
            first++;
        }
        int64_t ticks = until - ps->items[first].dts;
        if (ticks >= FPS_RUN_TICKS) {
            int64_t milli = ((int64_t)(i - first) * 1000 * TICKS_PER_S + ticks / 2) / ticks;
            best = milli > best ? milli : best;
        }
    }
    return best;
}

/* FRAME-RATE is the highest one (RFC 8216, 4.3.4.2); one that does not vary is best told by all of
 * its pictures. */
static void measure_pictures(struct variant *v, struct segment *const *kept, size_t n)
{
    int64_t frames = 0;
    int64_t ticks = 0;
    int64_t peak = 0;
    v->dependent = false;
    for (size_t i = 0; i < n; i++) {
        const struct segment_info *info = segment_info(kept[i]);
        size_t count = segment_packets(kept[i])->count;
        if (count > 0 && info->duration > 0) {
            int64_t here = peak_rate(kept[i]);
            peak = here > peak ? here : peak;
            frames += (int64_t)count;
            ticks += info->duration;
            v->dependent |= !info->independent;
        }
    }
    int64_t mean = ticks > 0 ? (frames * 1000 * TICKS_PER_S + ticks / 2) / ticks : 0;
    v->fps_milli = peak * 100 > mean * FPS_VARIES_PERCENT ? usual_rate(peak, FPS_RUN_TOLERANCE)
                                                          : usual_rate(mean, FPS_TOLERANCE);
}

/* Once seen they are told for good: there are pauses between them. */
static bool has_captions(const struct segment *s)
{
    const struct track *video = track_of(s, TRACK_VIDEO);
    const struct packets *ps = segment_packets(s);
    for (size_t i = 0; video != NULL && i < ps->count; i++) {
        if (captions_in(track_params(video), ps->items[i].data)) {
            return true;
        }
    }
    return false;
}

static enum variant_ts form_in_ts(const struct track *video, const struct track *audio)
{
    bool picture = video != NULL && packager_ts_carries(track_params(video));
    bool sound = audio != NULL && packager_ts_carries(track_params(audio));
    if (video == NULL && audio == NULL) {
        return VARIANT_TS_WHOLE;
    }
    return picture || (video == NULL && sound) ? VARIANT_TS_WHOLE
           : sound                             ? VARIANT_TS_SOUND
                                               : VARIANT_TS_NOTHING;
}

void variant_measure(struct variant *v, struct segment *const *kept, size_t n)
{
    const struct track *video = newest(kept, n, TRACK_VIDEO);
    const struct track *audio = newest(kept, n, TRACK_AUDIO);
    if (video == NULL && audio == NULL) {
        return;
    }
    v->width = v->height = 0;
    if (video != NULL) {
        track_shown_size(track_params(video), &v->width, &v->height);
    }
    v->channels = audio != NULL ? track_params(audio)->channels : 0;
    v->video_range = video != NULL ? codec_video_range(track_params(video)) : NULL;
    v->ts = hls_is_audio(v->name) ? VARIANT_TS_NOTHING : form_in_ts(video, audio);
    v->video.codec[0] = v->audio.codec[0] = '\0';
    if (video != NULL) {
        (void)codec_string(track_params(video), v->video.codec);
    }
    if (audio != NULL) {
        (void)codec_string(track_params(audio), v->audio.codec);
    }
    measure_rates(&v->video, kept, n, TRACK_VIDEO);
    measure_rates(&v->audio, kept, n, TRACK_AUDIO);
    measure_pictures(v, kept, n);
    v->captions = v->captions || has_captions(kept[n - 1]);
}

static bool is_same_track(const struct variant_track *one, const struct variant_track *other)
{
    return strcmp(one->codec, other->codec) == 0 && one->peak_bps == other->peak_bps &&
           one->mean_bps == other->mean_bps;
}

static bool is_same_picture(const struct variant *one, const struct variant *other)
{
    return one->width == other->width && one->height == other->height &&
           one->size_told == other->size_told && one->told_width == other->told_width &&
           one->told_height == other->told_height && one->fps_milli == other->fps_milli &&
           one->video_range == other->video_range && one->dependent == other->dependent &&
           one->captions == other->captions && is_same_track(&one->video, &other->video);
}

bool variant_is_same(const struct variant *one, const struct variant *other)
{
    return strcmp(one->name, other->name) == 0 && strcmp(one->sound, other->sound) == 0 &&
           one->rank == other->rank && one->bandwidth_bps == other->bandwidth_bps &&
           one->ts == other->ts && one->parts_only == other->parts_only &&
           one->channels == other->channels && is_same_track(&one->audio, &other->audio) &&
           is_same_picture(one, other);
}
