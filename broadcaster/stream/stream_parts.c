/* The parts of the open segment. What stands in one can be fetched by viewers, so that only what
 * stays in the segment, and stays as it is, goes into one. */
#include "broadcaster/stream/stream_internal.h"

int64_t parts_until(const struct stream *st)
{
    const struct packets *video = &st->video_packets;
    size_t heard = st->runs[TRACK_AUDIO].done;
    if (video->count > 0) {
        return video->items[video->count - 1].dts;
    }
    return heard > 0 ? st->audio_packets.items[heard - 1].dts + 1 : st->info.start;
}

void parts_open(struct stream *st)
{
    rendition_open(st->source, &st->info);
    part_run_init(&st->runs[TRACK_VIDEO], st->info.msn);
    part_run_init(&st->runs[TRACK_AUDIO], st->info.msn);
}

/* The newest picture lasts until the next one comes. */
static void make_of_picture(struct stream *st)
{
    const struct packets *ps = &st->video_packets;
    if (st->video != NULL && ps->count > 1) {
        part_lane_cut(&st->lanes[TRACK_VIDEO], &st->runs[TRACK_VIDEO], st->video, ps->items,
                      ps->count - 1, ps->items[ps->count - 1].dts, false);
    }
}

/* Where there are pictures, the segment may end at the next one, and what is heard from then on
 * belongs to another. */
static void make_of_sound(struct stream *st)
{
    const struct packets *ps = &st->audio_packets;
    size_t n = st->video != NULL ? st->unbroken : ps->count;
    if (st->audio == NULL || n == 0) {
        return;
    }
    const struct packet *last = &ps->items[n - 1];
    if (last->duration == 0 && --n == 0) {
        return;
    }
    part_lane_cut(&st->lanes[TRACK_AUDIO], &st->runs[TRACK_AUDIO], st->audio, ps->items, n,
                  last->dts + last->duration, false);
}

/* A master playlist without the sound, or without the picture, would be taken for the whole. */
static void show(struct stream *st)
{
    bool seen = st->runs[TRACK_VIDEO].count > 0, heard = st->runs[TRACK_AUDIO].count > 0;
    if ((seen || st->video == NULL) && (heard || st->audio == NULL) && (seen || heard)) {
        rendition_hold(st->source, false);
    }
}

void parts_date(struct stream *st, int64_t dts, int64_t now_ms)
{
    if (!rendition_is_held(st->source) || !st->open) {
        return;
    }
    int64_t program_ms = program_clock_came(&st->program, dts, now_ms);
    if (program_ms != st->info.program_ms) {
        st->info.program_ms = program_ms;
        rendition_open(st->source, &st->info);
        light_sounds_told(st->light, &st->info);
        jobs_segment_date(st->jobs, &st->info);
    }
}

void parts_make(struct stream *st)
{
    if (st->open) {
        rendition_begin(st->source);
        make_of_picture(st);
        make_of_sound(st);
        rendition_commit(st->source);
        sides_parts(st->sides, parts_until(st));
        side_sounds_parts(st->side_sounds, parts_until(st));
        light_sounds_parts(st->light, parts_until(st));
        show(st);
    }
}

void parts_close(struct stream *st, int64_t duration)
{
    const struct packets *video = &st->video_packets, *audio = &st->audio_packets;
    int64_t end = st->info.start + duration;
    if (st->video != NULL && video->count > 0) {
        int64_t last = video->items[video->count - 1].dts;
        part_lane_cut(&st->lanes[TRACK_VIDEO], &st->runs[TRACK_VIDEO], st->video, video->items,
                      video->count, end > last ? end : last + 1, true);
    }
    if (st->audio != NULL && audio->count > 0) {
        const struct packet *last = &audio->items[audio->count - 1];
        int64_t length = last->duration > 0 ? last->duration : end - last->dts;
        part_lane_cut(&st->lanes[TRACK_AUDIO], &st->runs[TRACK_AUDIO], st->audio, audio->items,
                      audio->count, last->dts + (length > 0 ? length : 1), true);
    }
}
