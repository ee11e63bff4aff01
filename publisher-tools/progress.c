#include "publisher-tools/progress.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "run/json.h"

#define INTERVAL_US 1000000

struct rates {
    double elapsed_s, fps, kbps;
};

void progress_init(struct progress *p, enum progress_form form, int64_t now_us)
{
    *p = (struct progress){.form = form, .started_us = now_us, .told_us = now_us};
}

int64_t progress_due_us(const struct progress *p)
{
    return p->form == PROGRESS_NONE ? INT64_MAX : p->told_us + INTERVAL_US;
}

/* Sent over all outputs, so that N copies show N times the rate. */
static uint64_t bytes_sent(struct outputs *o)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < outputs_count(o); i++) {
        struct output_report r;
        outputs_report(o, i, &r);
        bytes += r.bytes;
    }
    return bytes;
}

/* Over the time since the last report. */
static struct rates measure(struct progress *p, struct outputs *o, uint64_t frames, int64_t now_us)
{
    uint64_t bytes = bytes_sent(o);
    double seconds = (double)(now_us - p->told_us) / 1e6;
    struct rates r = {.elapsed_s = (double)(now_us - p->started_us) / 1e6};
    if (seconds > 0) {
        r.fps = (double)(frames - p->told_frames) / seconds;
        r.kbps = (double)(bytes - p->told_bytes) * 8 / 1000 / seconds;
    }
    p->told_us = now_us;
    p->told_frames = frames;
    p->told_bytes = bytes;
    return r;
}

static struct json *json_of_output(const struct output_report *r)
{
    struct json *j = json_new_object();
    json_set_str(j, "url", r->url);
    json_set_str(j, "state", output_state_name(r->state));
    json_set_int(j, "frames", (int64_t)r->frames);
    json_set_int(j, "bytes", (int64_t)r->bytes);
    json_set_int(j, "dropped", (int64_t)r->dropped);
    json_set_int(j, "connects", r->connects);
    json_set_str(j, "why", r->why[0] != '\0' ? r->why : NULL);
    return j;
}

static struct json *json_of_all(struct outputs *o, uint64_t frames, const struct rates *rates)
{
    struct json *j = json_new_object();
    json_set_real(j, "elapsed_s", rates->elapsed_s);
    json_set_int(j, "frames", (int64_t)frames);
    json_set_real(j, "fps", rates->fps);
    json_set_real(j, "kbps", rates->kbps);
    struct json *list = json_new_array();
    for (size_t i = 0; i < outputs_count(o); i++) {
        struct output_report r;
        outputs_report(o, i, &r);
        json_append(list, json_of_output(&r));
    }
    json_set(j, "outputs", list);
    return j;
}

static void print_json(struct json *j)
{
    char *text = json_line(j);
    fputs(text, stdout);
    fflush(stdout);
    mem_free(text);
    json_destroy(j);
}

static void print_line(struct progress *p, struct outputs *o, uint64_t frames,
                       const struct rates *rates)
{
    uint64_t dropped = 0;
    size_t live = 0;
    for (size_t i = 0; i < outputs_count(o); i++) {
        struct output_report r;
        outputs_report(o, i, &r);
        dropped += r.dropped;
        live += r.state == OUTPUT_LIVE;
    }
    long s = (long)rates->elapsed_s;
    /* The trailing blanks wipe what a longer line before left. */
    fprintf(stderr, "\r%02ld:%02ld:%02ld  %" PRIu64 " frames  %.1f fps  %.0f kb/s  %zu of %zu live",
            s / 3600, s / 60 % 60, s % 60, frames, rates->fps, rates->kbps, live, outputs_count(o));
    if (dropped > 0) {
        fprintf(stderr, "  %" PRIu64 " frames dropped", dropped);
    }
    fprintf(stderr, "    ");
    p->line_open = true;
}

void progress_tell(struct progress *p, struct outputs *o, uint64_t frames, int64_t now_us)
{
    struct rates rates = measure(p, o, frames, now_us);
    if (p->form == PROGRESS_JSON) {
        print_json(json_of_all(o, frames, &rates));
    } else if (p->form == PROGRESS_LINE) {
        print_line(p, o, frames, &rates);
    }
}

void progress_end(struct progress *p, struct outputs *o, uint64_t frames, int64_t now_us,
                  int status)
{
    /* The last report's rates are those of the whole time. */
    p->told_us = p->started_us;
    p->told_frames = p->told_bytes = 0;
    struct rates rates = measure(p, o, frames, now_us);
    if (p->form == PROGRESS_JSON) {
        struct json *j = json_of_all(o, frames, &rates);
        json_set_bool(j, "end", true);
        json_set_int(j, "status", status);
        print_json(j);
    } else if (p->form == PROGRESS_LINE) {
        print_line(p, o, frames, &rates);
        fputc('\n', stderr);
    }
}
