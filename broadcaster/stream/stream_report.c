#include <stdio.h>
#include <string.h>

#include "broadcaster/hls/hls.h"
#include "broadcaster/stream/stream_internal.h"
#include "run/metrics.h"

static const char *state_name(enum stream_state s)
{
    static const char *const names[] = {"live", "waiting", "ended"};
    return names[s];
}

static int64_t lag_segments(const struct stream *st, const struct rendition *r)
{
    uint64_t source = rendition_last(st->source);
    uint64_t rung = rendition_last(r);
    return rung == 0 ? -1 : (int64_t)(source - rung);
}

static struct json *describe_rendition(const struct stream *st, const struct rendition *r)
{
    struct json *j = json_new_object();
    json_set_str(j, "name", rendition_name(r));
    json_set_int(j, "last", (int64_t)rendition_last(r));
    json_set_int(j, "lag_segments", lag_segments(st, r));
    json_set_int(j, "segments", (int64_t)rendition_count(r));
    json_set_int(j, "gaps", (int64_t)rendition_gaps(r));
    json_set_int(j, "parts", (int64_t)rendition_parts(r));
    json_set_int(j, "bytes", (int64_t)rendition_bytes(r));
    return j;
}

/* A rung that is made when the first segment tells what the publisher brings by itself. */
static struct json *describe_wanted(const struct profile *p)
{
    static const char *const counts[] = {"last", "segments", "gaps", "parts", "bytes"};
    struct json *j = json_new_object();
    json_set_str(j, "name", p->name);
    json_set_int(j, "lag_segments", -1);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        json_set_int(j, counts[i], 0);
    }
    return j;
}

static struct json *describe_repairs(const struct repair *r)
{
    struct json *j = json_new_object();
    for (int i = 0; i < REPAIRS_; i++) {
        json_set_int(j, repair_name(i), (int64_t)r->counters.n[i]);
    }
    return j;
}

static struct json *describe_warnings(const struct advice *a)
{
    struct json *list = json_new_array();
    for (int i = 0; i < ADVICES_; i++) {
        const struct advice_warning *w = &a->warnings[i];
        if (w->active) {
            struct json *j = json_new_object();
            json_set_str(j, "kind", advice_name(i));
            json_set_str(j, "text", w->text);
            json_set_int(j, "since", w->since_ms / 1000);
            json_set_int(j, "count", (int64_t)w->count);
            json_append(list, j);
        }
    }
    return list;
}

static void describe_tracks(const struct stream *st, struct json *j)
{
    if (st->video != NULL) {
        json_set_int(j, "width", track_params(st->video)->width);
        json_set_int(j, "height", track_params(st->video)->height);
    }
    if (st->audio != NULL) {
        json_set_int(j, "sample_rate", track_params(st->audio)->sample_rate);
        json_set_int(j, "channels", track_params(st->audio)->channels);
    }
}

static struct json *describe_track(const struct track_params *t)
{
    struct json *j = json_new_object();
    json_set_str(j, "kind", t->kind == TRACK_VIDEO ? "video" : "audio");
    json_set_int(j, "index", t->index);
    json_set_str(j, "codec", track_codec_name(t->codec));
    if (t->kind == TRACK_VIDEO) {
        json_set_int(j, "width", t->width);
        json_set_int(j, "height", t->height);
    } else {
        json_set_int(j, "sample_rate", t->sample_rate);
        json_set_int(j, "channels", t->channels);
    }
    return j;
}

/* All that the publisher sends, also what is not played. */
static struct json *describe_all_tracks(const struct stream *st)
{
    struct json *list = json_new_array();
    for (int kind = 0; kind < 2; kind++) {
        for (int i = 0; i < TRACKS_PER_KIND_MAX; i++) {
            if (st->tracks[kind][i] != NULL) {
                json_append(list, describe_track(track_params(st->tracks[kind][i])));
            }
        }
    }
    return list;
}

static struct json *describe(const struct stream *st, int64_t now_ms)
{
    struct json *j = json_new_object();
    json_set_str(j, "id", st->id);
    json_set_str(j, "state", state_name(st->state));
    json_set_int(j, "publishing_s", st->state == STREAM_LIVE ? (now_ms - st->since_ms) / 1000 : 0);
    describe_tracks(st, j);
    json_set_int(j, "video_packets", (int64_t)st->video_count);
    json_set_int(j, "audio_packets", (int64_t)st->audio_count);
    json_set_int(j, "received_bytes", (int64_t)st->received_bytes);
    json_set_int(j, "undecodable_dropped", (int64_t)st->undecodable_dropped);
    json_set_int(j, "sound_dropped", (int64_t)st->sound_dropped);
    json_set_int(j, "further_tracks_dropped",
                 (int64_t)(side_sounds_dropped(st->side_sounds) + sides_dropped(st->sides)));
    json_set(j, "tracks", describe_all_tracks(st));
    json_set(j, "repairs", describe_repairs(&st->repair));
    json_set(j, "warnings", describe_warnings(&st->advice));
    struct json *rungs = json_new_array();
    json_append(rungs, describe_rendition(st, st->source));
    for (size_t i = 0; sides_rendition(st->sides, i) != NULL; i++) {
        json_append(rungs, describe_rendition(st, sides_rendition(st->sides, i)));
    }
    for (size_t i = 0; side_sounds_rendition(st->side_sounds, i) != NULL; i++) {
        json_append(rungs, describe_rendition(st, side_sounds_rendition(st->side_sounds, i)));
    }
    for (size_t i = 0; i < st->ladder.n; i++) {
        struct json *rung = describe_rendition(st, st->rungs[i]);
        json_set_int(rung, "viewers", jobs_stream_viewers(st->jobs, i));
        json_append(rungs, rung);
    }
    for (size_t i = 0; st->jobs == NULL && i < st->wanted.n; i++) {
        json_append(rungs, describe_wanted(&st->wanted.rungs[i]));
    }
    json_set(j, "rungs", rungs);
    return j;
}

void streams_status(const struct streams *s, int64_t now_ms, struct json *object)
{
    struct json *list = json_new_array();
    LIST_EACH (&s->list, n, next) {
        json_append(list, describe(LIST_ITEM(n, struct stream, node), now_ms));
    }
    json_set(object, "streams", list);
}

/* --- in the known system's words --- */

struct json *streams_ids(const struct streams *s)
{
    struct json *list = json_new_array();
    LIST_EACH (&s->list, n, next) {
        json_append_str(list, LIST_ITEM(n, const struct stream, node)->id);
    }
    return list;
}

static struct json *describe_variant(const struct stream *st, const struct variant *v)
{
    char text[ID_MAX + RENDITION_NAME_MAX + 64];
    struct json *j = json_new_object();
    snprintf(text, sizeof text, "%.*s/%.*s.m3u8", ID_MAX, st->id, RENDITION_NAME_MAX, v->name);
    json_set_str(j, "URI", text);
    json_set_int(j, "Bandwidth", v->bandwidth_bps);
    snprintf(text, sizeof text, "%dx%d", v->width, v->height);
    json_set_str(j, "Resolution", v->width > 0 && v->height > 0 ? text : "");
    return j;
}

struct json *streams_manifests(const struct streams *s)
{
    struct json *all = json_new_object();
    LIST_EACH (&s->list, n, next) {
        const struct stream *st = LIST_ITEM(n, const struct stream, node);
        struct variant variants[BOARD_RENDITIONS_MAX];
        size_t count = board_variants(s->config.board, st->id, variants, BOARD_RENDITIONS_MAX);
        struct json *list = json_new_array();
        for (size_t i = 0; i < count; i++) {
            if (!hls_is_audio(variants[i].name) && !variants[i].parts_only) { /* in fMP4 only */
                json_append(list, describe_variant(st, &variants[i]));
            }
        }
        struct json *manifest = json_new_object();
        json_set(manifest, "Variants", list);
        json_set(all, st->id, manifest);
    }
    return all;
}

/* --- metrics --- */

struct rendition_metric {
    const char *name, *help;
    enum metric_type type;
    double (*read)(const struct stream *st, const struct rendition *r);
};

static double read_last(const struct stream *st, const struct rendition *r)
{
    return (double)rendition_last(r);
}

static double read_lag(const struct stream *st, const struct rendition *r)
{
    return (double)lag_segments(st, r);
}

static double read_gaps(const struct stream *st, const struct rendition *r)
{
    return (double)rendition_gaps(r);
}

static double read_bytes(const struct stream *st, const struct rendition *r)
{
    return (double)rendition_bytes(r);
}

static const struct rendition_metric rendition_metrics[] = {
    {"sbe_stream_rung_last_segment", "Number of the newest segment.", METRIC_GAUGE, read_last},
    {"sbe_stream_rung_lag_segments", "Segments behind the source; -1 when there is none yet.",
     METRIC_GAUGE, read_lag},
    {"sbe_stream_rung_gaps_total", "Segments that were lost.", METRIC_COUNTER, read_gaps},
    {"sbe_stream_rung_bytes", "Media bytes kept.", METRIC_GAUGE, read_bytes},
};

/* A series for each stream, which goes with the stream. */
static void per_stream_metrics(const struct streams *s, struct metrics *m)
{
    for (size_t k = 0; k < sizeof rendition_metrics / sizeof rendition_metrics[0]; k++) {
        const struct rendition_metric *rm = &rendition_metrics[k];
        metrics_family(m, rm->name, rm->type, rm->help);
        LIST_EACH (&s->list, n, next) {
            const struct stream *st = LIST_ITEM(n, struct stream, node);
            for (size_t i = 0; i <= st->ladder.n; i++) {
                const struct rendition *r = i == 0 ? st->source : st->rungs[i - 1];
                const char *labels[] = {"stream", st->id, "profile", rendition_name(r), NULL};
                metrics_sample(m, rm->name, labels, rm->read(st, r));
            }
        }
    }
}

static void per_stream_repairs(const struct streams *s, struct metrics *m)
{
    const char *name = "sbe_stream_repairs_total";
    metrics_family(m, name, METRIC_COUNTER, "What was mended in the stream.");
    LIST_EACH (&s->list, n, next) {
        const struct stream *st = LIST_ITEM(n, struct stream, node);
        for (int i = 0; i < REPAIRS_; i++) {
            const char *labels[] = {"stream", st->id, "kind", repair_name(i), NULL};
            metrics_sample(m, name, labels, (double)st->repair.counters.n[i]);
        }
    }
}

static void write_repairs(const struct repair_counters *c, struct metrics *m)
{
    const char *name = "sbe_repairs_total";
    metrics_family(m, name, METRIC_COUNTER, "What was mended in publishers' streams.");
    for (int i = 0; i < REPAIRS_; i++) {
        metrics_sample(m, name, (const char *const[]){"kind", repair_name(i), NULL},
                       (double)c->n[i]);
    }
}

static void write_warnings(const struct streams *s, struct metrics *m)
{
    size_t active[ADVICES_] = {0};
    LIST_EACH (&s->list, n, next) {
        const struct stream *st = LIST_ITEM(n, struct stream, node);
        for (int i = 0; i < ADVICES_; i++) {
            active[i] += st->state == STREAM_LIVE && st->advice.warnings[i].active;
        }
    }
    const char *name = "sbe_publisher_warnings";
    metrics_family(m, name, METRIC_GAUGE, "Live streams whose publisher could do better.");
    for (int i = 0; i < ADVICES_; i++) {
        metrics_sample(m, name, (const char *const[]){"kind", advice_name(i), NULL},
                       (double)active[i]);
    }
}

void streams_metrics(const struct streams *s, struct metrics *m)
{
    struct repair_counters repairs = s->figures.repairs;
    int64_t largest_lag = 0;
    size_t bytes = 0;
    LIST_EACH (&s->list, n, next) {
        const struct stream *st = LIST_ITEM(n, struct stream, node);
        repair_counters_add(&repairs, &st->repair.counters);
        bytes += rendition_bytes(st->source);
        for (size_t i = 0; sides_rendition(st->sides, i) != NULL; i++) {
            bytes += rendition_bytes(sides_rendition(st->sides, i));
        }
        for (size_t i = 0; side_sounds_rendition(st->side_sounds, i) != NULL; i++) {
            bytes += rendition_bytes(side_sounds_rendition(st->side_sounds, i));
        }
        for (size_t i = 0; i < st->ladder.n; i++) {
            int64_t lag = lag_segments(st, st->rungs[i]);
            largest_lag = lag > largest_lag ? lag : largest_lag;
            bytes += rendition_bytes(st->rungs[i]);
        }
    }
    metrics_one(m, METRIC_GAUGE, "livepeer_current_sessions_total", "Streams being published.",
                (double)streams_live(s));
    metrics_one(m, METRIC_GAUGE, "livepeer_max_sessions_total",
                "Streams that may be published at once.", (double)s->config.max_live);
    metrics_one(m, METRIC_GAUGE, "sbe_streams", "Streams, those without a publisher included.",
                (double)s->count);
    metrics_one(m, METRIC_GAUGE, "sbe_rung_lag_segments",
                "Segments that the slowest rung is behind its source.", (double)largest_lag);
    metrics_one(m, METRIC_GAUGE, "sbe_kept_bytes", "Media bytes kept for viewers.", (double)bytes);
    write_repairs(&repairs, m);
    write_warnings(s, m);
    figures_metrics(&s->figures, s->ladder.rungs, s->ladder.n, m);
    if (m->per_stream) {
        per_stream_metrics(s, m);
        per_stream_repairs(s, m);
    }
}
