#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "broadcaster/jobs/ladder_json.h"
#include "publisher-tools/load/load.h"
#include "publisher-tools/load/sessions.h"
#include "run/avlog.h"
#include "run/json.h"
#include "run/log.h"
#include "transcoder/cores.h"

#define PROGRESS_MS    1000
#define TRIALS_MAX     24
#define LAG_BOUND_US   1000000 /* what falls further behind will not catch up */
#define AUTO           "auto"
#define GUESS_SEGMENTS 2

struct flags {
    const char *in, *options, *sessions, *csv, *latency;
    long segs, repeat, delay_ms;
    bool live, json, help;
};

#define FIELD(f) offsetof(struct flags, f)

static const struct option table[] = {
    {"in", OPTION_STRING, "", 0, 0, false, FIELD(in), "FILE",
     "The stream to transcode: any media file, or an HLS playlist; cut at key frames into segments "
     "of two seconds or more."},
    {"transcodingOptions", OPTION_LIST, "P240p30fps16x9,P360p30fps16x9", 0, 0, false,
     FIELD(options), "RUNG[,...]|FILE", "The rungs of each stream, as a broadcaster takes them."},
    {"latency", OPTION_STRING, "low", 0, 0, false, FIELD(latency), "low|quality",
     "As a broadcaster takes it."},
    {"concurrentSessions", OPTION_STRING, "1", 0, 0, false, FIELD(sessions), "N|auto",
     "Streams at once; auto: finds the most that stay in real time."},
    {"concurrentSessionDelay", OPTION_DURATION, "300ms", 0, 600000, false, FIELD(delay_ms),
     "DURATION", "From the start of one stream to that of the next."},
    {"live", OPTION_BOOL, "true", 0, 0, false, FIELD(live), NULL,
     "The streams come as fast as they are watched; -live=false: as fast as they can be "
     "transcoded."},
    {"segs", OPTION_INT, "0", 0, 1000000, false, FIELD(segs), "N",
     "Segments of the file to use; 0: all."},
    {"repeat", OPTION_INT, "1", 1, 100000, false, FIELD(repeat), "N",
     "How often each stream goes through them."},
    {"csv", OPTION_STRING, "", 0, 0, false, FIELD(csv), "FILE",
     "Writes a line for each segment: timestamp,session,segment,seg_dur,transcode_time,frames; -: "
     "to the standard output, and the table to the other one."},
    {"json", OPTION_BOOL, NULL, 0, 0, false, FIELD(json), NULL,
     "Prints the result as a JSON object rather than a table."},
    {"help", OPTION_BOOL, NULL, 0, 0, false, FIELD(help), NULL, "Prints this and ends."},
};
#define N_OPTIONS (sizeof table / sizeof table[0])

struct bench {
    const struct flags *f;
    struct ladder ladder;
    struct clip clip;
    FILE *csv;    /* NULL: none */
    bool csv_bad; /* a line could not be written */
    FILE *out;    /* for people */
    struct json *trials;
    uint64_t segments_all; /* of the run that goes on */
    uint64_t done;
    int64_t told_ms;
};

static double seconds(int64_t us)
{
    return (double)us / 1e6;
}

static double ratio(int64_t part, int64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : 0;
}

/* --- while it runs --- */

static void write_row(struct bench *b, const struct session_row *row)
{
    time_t s = (time_t)(row->wall_ms / 1000);
    struct tm tm;
    char text[32];
    gmtime_r(&s, &tm);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
    int r = fprintf(b->csv, "%s.%03d,%u,%u,%.4f,%.4f,%" PRIu64 "\n", text,
                    (int)(row->wall_ms % 1000), row->session, row->segment, seconds(row->source_us),
                    seconds(row->transcode_us), row->frames);
    b->csv_bad = b->csv_bad || r < 0;
}

static void on_row(void *arg, const struct session_row *row)
{
    struct bench *b = arg;
    b->done++;
    if (b->csv != NULL) {
        write_row(b, row);
    }
    if (row->wall_ms - b->told_ms >= PROGRESS_MS || b->done == b->segments_all) {
        b->told_ms = row->wall_ms;
        fprintf(stderr,
                "load: %" PRIu64 " of %" PRIu64 " segments; session %u, segment %u: %.2f s in "
                "%.2f s\n",
                b->done, b->segments_all, row->session, row->segment, seconds(row->source_us),
                seconds(row->transcode_us));
    }
}

static enum err run_trial(struct bench *b, unsigned sessions, bool live, int64_t delay_ms,
                          struct sessions_result *ret_result)
{
    struct sessions_config c = {.clip = &b->clip,
                                .ladder = &b->ladder,
                                .sessions = sessions,
                                .repeat = (unsigned)b->f->repeat,
                                .delay_ms = delay_ms,
                                .live = live,
                                .quality = strcmp(b->f->latency, "quality") == 0,
                                .stop = &load_stop,
                                .on_row = on_row,
                                .arg = b};
    b->segments_all = (uint64_t)sessions * b->clip.n * c.repeat;
    b->done = 0;
    enum err e = sessions_run(&c, ret_result);
    if (e == ERR_NOMEM) {
        fprintf(stderr, "load: this host has no threads or memory for %u streams at once\n",
                sessions);
    } else if (e != ERR_OK) {
        fprintf(stderr, "load: %s\n", ret_result->fault.text);
    }
    return e;
}

/* --- the result --- */

static bool in_real_time(const struct sessions_result *r)
{
    return r->segments > 0 && r->real_time == r->segments;
}

static struct json *result_json(const struct bench *b, const struct sessions_result *r)
{
    char names[LADDER_TEXT_MAX];
    struct json *j = json_new_object();
    ladder_format(&b->ladder, names);
    json_set_str(j, "kind", "transcode");
    json_set_str(j, "rungs", names);
    json_set_int(j, "sessions", r->sessions);
    json_set_int(j, "segments", (int64_t)r->segments);
    json_set_int(j, "real_time_segments", (int64_t)r->real_time);
    json_set_real(j, "source_s", seconds(r->source_us));
    json_set_real(j, "transcode_s", seconds(r->transcode_us));
    json_set_real(j, "ratio", ratio(r->transcode_us, r->source_us));
    json_set_int(j, "frames", (int64_t)r->frames);
    json_set_real(j, "wall_s", seconds(r->wall_us));
    json_set_real(j, "cpu_s", seconds(r->cpu_us));
    json_set_bool(j, "live", r->lag.n > 0);
    if (r->lag.n > 0) {
        json_set_real(j, "lag_p50_ms", (double)samples_permille(&r->lag, 500) / 1000);
        json_set_real(j, "lag_p95_ms", (double)samples_permille(&r->lag, 950) / 1000);
    }
    json_set_bool(j, "real_time", in_real_time(r));
    return j;
}

static void print_table(const struct bench *b, const struct sessions_result *r)
{
    char names[LADDER_TEXT_MAX];
    ladder_format(&b->ladder, names);
    fprintf(b->out,
            "| %-30s | %s\n"
            "| %-30s | %u\n"
            "| %-30s | %" PRIu64 "\n"
            "| %-30s | %" PRIu64 "\n"
            "| %-30s | %.4f\n"
            "| %-30s | %.3f s\n"
            "| %-30s | %.3f s\n"
            "| %-30s | %.4f\n"
            "| %-30s | %.2f of %.2f\n",
            "Rungs", names, "Concurrent Sessions", r->sessions, "Total Segments", r->segments,
            "Real-Time Segments", r->real_time, "* Real-Time Segs Ratio *",
            r->segments > 0 ? (double)r->real_time / (double)r->segments : 0,
            "Total Source Duration", seconds(r->source_us), "Total Transcoding Duration",
            seconds(r->transcode_us), "* Real-Time Duration Ratio *",
            ratio(r->transcode_us, r->source_us), "Processor Cores", ratio(r->cpu_us, r->wall_us),
            cores_permille() / 1000.0);
    if (r->lag.n > 0) {
        fprintf(b->out, "| %-30s | %.1f ms, %.1f ms\n", "Lag behind the source p50, p95",
                (double)samples_permille(&r->lag, 500) / 1000,
                (double)samples_permille(&r->lag, 950) / 1000);
    }
}

static void print_result(const struct bench *b, const struct sessions_result *r)
{
    if (!b->f->json) {
        print_table(b, r);
        fflush(b->out);
        return;
    }
    struct json *j = result_json(b, r);
    if (b->trials != NULL) {
        json_set(j, "trials", b->trials);
    }
    char *text = json_line(j);
    fputs(text, b->out);
    fflush(b->out);
    mem_free(text);
    json_destroy(j);
}

/* --- how many --- */

/* One stream on each core, as fast as they can: how many such streams the host makes a second. */
static enum err guess(struct bench *b, struct sessions_result *r, unsigned *ret_sessions)
{
    size_t all = b->clip.n;
    b->clip.n = all < GUESS_SEGMENTS ? all : GUESS_SEGMENTS;
    unsigned cores = (cores_permille() + 999) / 1000;
    enum err e = run_trial(b, cores, false, 0, r);
    b->clip.n = all;
    if (e != ERR_OK) {
        return e;
    }
    double n = ratio(r->source_us, r->wall_us) * 0.9;
    *ret_sessions = n < 1 ? 1 : n > SESSIONS_MAX ? SESSIONS_MAX : (unsigned)n;
    return ERR_OK;
}

/* Starts spread over one segment, so that not all of them begin one at once. */
static int64_t spread_ms(const struct bench *b, unsigned sessions)
{
    int64_t each = b->clip.segments[0].duration / TICKS_PER_MS / sessions;
    return each < b->f->delay_ms ? each : b->f->delay_ms;
}

static bool carries(const struct sessions_result *r)
{
    return in_real_time(r) && samples_permille(&r->lag, 950) <= LAG_BOUND_US;
}

static void tell_trial(struct bench *b, const struct sessions_result *r)
{
    fprintf(stderr,
            "load: %u streams: %" PRIu64 " of %" PRIu64 " segments in real time, lag p95 "
            "%.0f ms: %s\n",
            r->sessions, r->real_time, r->segments, (double)samples_permille(&r->lag, 950) / 1000,
            carries(r) ? "carried" : "too many");
    if (b->f->json) {
        json_append(b->trials, result_json(b, r));
    }
}

/* Between the most that was carried and the least that was not; without one of them, further. */
static unsigned next_number(unsigned carried, unsigned refused)
{
    if (refused == 0) {
        unsigned more = carried + (carried >= 4 ? carried / 4 : 1);
        return more < SESSIONS_MAX ? more : SESSIONS_MAX;
    }
    return carried + (refused - carried) / 2;
}

static bool is_found(unsigned carried, unsigned refused)
{
    return carried == SESSIONS_MAX || (refused > 0 && refused - carried <= 1 + carried / 32);
}

static enum err find_most(struct bench *b, struct sessions_result *best)
{
    struct sessions_result *r = mem_alloc(sizeof *r);
    unsigned n = 0, carried = 0, refused = 0;
    enum err e = guess(b, r, &n);
    for (int i = 0; i < TRIALS_MAX && e == ERR_OK && !is_found(carried, refused); i++) {
        e = run_trial(b, n, true, spread_ms(b, n), r);
        if (e != ERR_OK || atomic_load(&load_stop)) {
            break;
        }
        tell_trial(b, r);
        bool good = carries(r);
        carried = good ? n : carried;
        refused = good ? refused : n;
        if (good || carried == 0) {
            *best = *r;
        }
        n = next_number(carried, refused);
    }
    mem_free(r);
    return e;
}

/* --- from the flags to the run --- */

static int refuse(const char *why)
{
    fprintf(stderr, "load transcode: %s\nThe flags: load transcode -help\n", why);
    return 2;
}

static int check(const struct flags *f, struct bench *b, unsigned *ret_sessions)
{
    char why[LADDER_WHY_MAX];
    char *end = NULL;
    if (f->in[0] == '\0') {
        return refuse("which file is to be transcoded? Say it with -in FILE");
    }
    if (ladder_load(f->options, &b->ladder, why) != ERR_OK) {
        fprintf(stderr, "load transcode: -transcodingOptions: %s\n", why);
        return 2;
    }
    if (b->ladder.n == 0) {
        return refuse("-transcodingOptions names no rung");
    }
    if (strcmp(f->latency, "low") != 0 && strcmp(f->latency, "quality") != 0) {
        return refuse("-latency takes low or quality");
    }
    unsigned long n = strtoul(f->sessions, &end, 10);
    if (strcmp(f->sessions, AUTO) == 0) {
        *ret_sessions = 0;
    } else if (f->sessions[0] < '0' || f->sessions[0] > '9' || *end != '\0' || n < 1 ||
               n > SESSIONS_MAX) {
        return refuse("-concurrentSessions takes a number from 1 to 4096, or auto");
    } else {
        *ret_sessions = (unsigned)n;
    }
    if (*ret_sessions == 0 && !f->live) {
        return refuse("-concurrentSessions auto finds what stays in real time: leave -live=false "
                      "out");
    }
    return -1;
}

static int open_csv(struct bench *b)
{
    const char *name = b->f->csv;
    b->out = stdout;
    if (name[0] == '\0') {
        return -1;
    }
    bool standard = strcmp(name, "-") == 0;
    b->out = standard ? stderr : stdout;
    b->csv = standard ? stdout : fopen(name, "w");
    if (b->csv == NULL) {
        fprintf(stderr, "load: -csv %s cannot be written: %m\n", name);
        return 1;
    }
    fputs("timestamp,session,segment,seg_dur,transcode_time,frames\n", b->csv);
    return -1;
}

static int close_csv(struct bench *b)
{
    if (b->csv == NULL) {
        return 0;
    }
    bool bad = fflush(b->csv) != 0 || b->csv_bad;
    if (b->csv != stdout) {
        bad = fclose(b->csv) != 0 || bad;
    }
    if (bad) {
        fprintf(stderr, "load: -csv %s could not be written whole\n", b->f->csv);
    }
    return bad;
}

static int measure(struct bench *b, unsigned sessions)
{
    struct sessions_result *r = mem_alloc(sizeof *r);
    if (sessions == 0 && b->f->json) {
        b->trials = json_new_array();
    }
    enum err e =
        sessions > 0 ? run_trial(b, sessions, b->f->live, b->f->delay_ms, r) : find_most(b, r);
    int status = e == ERR_OK ? 0 : 1;
    if (e == ERR_OK && r->segments == 0) {
        fprintf(stderr, "load: stopped before a segment was through\n");
        status = 1;
    }
    if (status == 0) {
        print_result(b, r);
    } else {
        json_destroy(b->trials);
    }
    mem_free(r);
    return status;
}

static int run(struct bench *b, unsigned sessions)
{
    char why[CLIP_WHY_MAX];
    if (clip_read(b->f->in, (size_t)b->f->segs, &b->clip, why) != ERR_OK) {
        fprintf(stderr, "load: %s\n", why);
        return 1;
    }
    fprintf(stderr, "load: %s: %dx%d, %zu segments, %.1f s\n", b->f->in, b->clip.track.width,
            b->clip.track.height, b->clip.n, (double)b->clip.duration / TICKS_PER_S);
    int status = open_csv(b);
    if (status < 0) {
        status = measure(b, sessions);
        status = close_csv(b) != 0 ? 1 : status;
    }
    clip_fini(&b->clip);
    return status;
}

int load_transcode(int argc, char **argv)
{
    struct flags f = {0};
    struct bench b = {.f = &f};
    unsigned sessions = 0;
    int status = load_read_flags("load transcode", table, N_OPTIONS, argc, argv, &f, &f.help);
    if (status < 0) {
        status = check(&f, &b, &sessions);
    }
    if (status < 0) {
        log_init("load", LOG_WARN);
        avlog_install();
        status = run(&b, sessions);
    }
    return status;
}
