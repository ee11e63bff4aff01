#include "publisher-tools/watch_report.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>

#include "base/mem.h"
#include "run/json.h"

struct watch_report {
    pthread_mutex_t lock;
    bool json;
    bool named;
};

struct watch_report *watch_report_create(bool json, bool named)
{
    struct watch_report *r = mem_alloc(sizeof *r);
    pthread_mutex_init(&r->lock, NULL);
    r->json = json;
    r->named = named;
    return r;
}

void watch_report_destroy(struct watch_report *r)
{
    if (r != NULL) {
        pthread_mutex_destroy(&r->lock);
        mem_free(r);
    }
}

static struct json *new_object(const char *kind, const char *playlist)
{
    struct json *j = json_new_object();
    json_set_str(j, "kind", kind);
    json_set_str(j, "playlist", playlist);
    return j;
}

/* Takes j. */
static void print_json(struct watch_report *r, struct json *j)
{
    char *text = json_line(j);
    json_destroy(j);
    pthread_mutex_lock(&r->lock);
    fputs(text, stdout);
    fflush(stdout);
    pthread_mutex_unlock(&r->lock);
    mem_free(text);
}

static void begin_line(struct watch_report *r, const char *playlist)
{
    pthread_mutex_lock(&r->lock);
    if (r->named) {
        printf("%s  ", playlist);
    }
}

static void end_line(struct watch_report *r)
{
    putchar('\n');
    fflush(stdout);
    pthread_mutex_unlock(&r->lock);
}

void watch_report_segment(struct watch_report *r, const char *playlist, const struct hls_segment *s,
                          const struct segment_facts *f, size_t bytes, int64_t fetch_ms)
{
    double fps = hls_check_fps(&f->video);
    double seconds = (double)s->duration_us / 1e6;
    if (r->json) {
        struct json *j = new_object("segment", playlist);
        json_set_int(j, "number", (int64_t)s->number);
        json_set_real(j, "duration_s", seconds);
        json_set_int(j, "bytes", (int64_t)bytes);
        json_set_int(j, "frames", f->video.decoded);
        json_set_int(j, "audio_frames", f->audio.decoded);
        json_set_int(j, "width", f->width);
        json_set_int(j, "height", f->height);
        json_set_real(j, "fps", fps);
        json_set_int(j, "fetch_ms", fetch_ms);
        json_set_bool(j, "independent", f->starts_with_key);
        json_set_bool(j, "discontinuity", s->discontinuity);
        print_json(r, j);
        return;
    }
    begin_line(r, playlist);
    printf("%" PRIu64 "  %.3f s  %zu bytes  %u frames  %dx%d  %.2f fps  fetched in %" PRId64
           " ms%s",
           s->number, seconds, bytes, f->video.decoded, f->width, f->height, fps, fetch_ms,
           s->discontinuity ? "  discontinuity" : "");
    end_line(r);
}

void watch_report_gap(struct watch_report *r, const char *playlist, const struct hls_segment *s)
{
    if (r->json) {
        struct json *j = new_object("gap", playlist);
        json_set_int(j, "number", (int64_t)s->number);
        json_set_real(j, "duration_s", (double)s->duration_us / 1e6);
        print_json(r, j);
        return;
    }
    begin_line(r, playlist);
    printf("%" PRIu64 "  %.3f s  gap", s->number, (double)s->duration_us / 1e6);
    end_line(r);
}

void watch_report_fault(struct watch_report *r, const char *playlist, const char *rule,
                        const char *words)
{
    if (r->json) {
        struct json *j = new_object("fault", playlist);
        json_set_str(j, "rule", rule);
        json_set_str(j, "words", words);
        print_json(r, j);
        return;
    }
    begin_line(r, playlist);
    printf("FAULT %s: %s", rule, words);
    end_line(r);
}

void watch_report_summary(struct watch_report *r, const char *playlist,
                          const struct watch_totals *t)
{
    double seconds = (double)t->duration_us / 1e6;
    if (r->json) {
        struct json *j = new_object("summary", playlist);
        json_set_int(j, "segments", (int64_t)t->segments);
        json_set_real(j, "duration_s", seconds);
        json_set_int(j, "frames", (int64_t)t->frames);
        json_set_int(j, "bytes", (int64_t)t->bytes);
        json_set_int(j, "gaps", (int64_t)t->gaps);
        json_set_int(j, "jumps", (int64_t)t->jumps);
        json_set_int(j, "missed", (int64_t)t->missed);
        json_set_int(j, "faults", (int64_t)t->faults);
        print_json(r, j);
        return;
    }
    begin_line(r, playlist);
    printf("%zu segments, %.3f s, %zu frames, %zu bytes, %zu gaps: %zu faults", t->segments,
           seconds, t->frames, t->bytes, t->gaps, t->faults);
    end_line(r);
}
