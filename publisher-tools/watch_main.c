/* bin/watch: follows an HLS URL and says whether it is what it should be. */
#include <libavutil/log.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/thread.h"
#include "base/version.h"
#include "publisher-tools/args.h"
#include "publisher-tools/fetch.h"
#include "publisher-tools/hls_url.h"
#include "publisher-tools/judge_run.h"
#include "publisher-tools/watch_follow.h"

#define VARIANTS_MAX 32 /* followed at once */

struct flags {
    long seconds, wait, timeout, away;
    const char *ca_cert;
    bool all, allow_gaps, judge, strict, json, version, help;
};

#define FIELD(f) offsetof(struct flags, f)

static const struct option table[] = {
    {"seconds", OPTION_INT, "20", 1, 10000000, false, FIELD(seconds), "N",
     "How long to follow; less when the playlist ends."},
    {"wait", OPTION_INT, "0", 0, 1000000, false, FIELD(wait), "N",
     "How long to wait for the first good playlist."},
    {"away", OPTION_INT, "0", 0, 1000000, false, FIELD(away), "N",
     "Goes on, and finds no fault, while the server or its publisher is away for up to N seconds; "
     "numbers may then jump upwards behind an EXT-X-DISCONTINUITY."},
    {"timeout", OPTION_INT, "10", 1, 1000, false, FIELD(timeout), "N",
     "Seconds that one request may take."},
    {"cacert", OPTION_STRING, "", 0, 0, false, FIELD(ca_cert), "FILE",
     "Certificates (PEM) to trust besides the system's, such as one's own of https://localhost."},
    {"all", OPTION_BOOL, NULL, 0, 0, false, FIELD(all), NULL,
     "Of a master playlist: follows every variant and audio rendition, not only the first."},
    {"allowGaps", OPTION_BOOL, NULL, 0, 0, false, FIELD(allow_gaps), NULL,
     "Segments marked EXT-X-GAP are named and counted, but no faults."},
    {"judge", OPTION_BOOL, NULL, 0, 0, false, FIELD(judge), NULL,
     "Judges by the whole specification, low latency included, the whole ladder of a master at "
     "once; names each rule that is broken with its line."},
    {"strict", OPTION_BOOL, NULL, 0, 0, false, FIELD(strict), NULL,
     "With -judge: warnings, too, make the exit status 1."},
    {"json", OPTION_BOOL, NULL, 0, 0, false, FIELD(json), NULL,
     "Prints a JSON object per line: segment, gap, fault, summary; with -judge: finding, "
     "playlist, summary."},
    {"version", OPTION_BOOL, NULL, 0, 0, false, FIELD(version), NULL,
     "Prints the version and ends."},
    {"help", OPTION_BOOL, NULL, 0, 0, false, FIELD(help), NULL, "Prints this and ends."},
};
#define N_OPTIONS (sizeof table / sizeof table[0])

static volatile int stop_asked;

static void on_signal(int number)
{
    stop_asked = 1;
}

static void usage(FILE *out)
{
    options_usage(out, "watch", table, N_OPTIONS, NULL);
    fprintf(out,
            "  URL\n      A media or master playlist: http://... or https://...\n"
            "Exit status: 0 no fault, 1 faults (each named), 2 usage; with -judge 2 also when\n"
            "there is nothing to judge.\n");
}

struct task {
    const char *url;
    const struct watch_settings *settings;
    struct watch_report *report;
    size_t faults;
};

static void *run_task(void *arg)
{
    struct task *t = arg;
    t->faults = watch_follow(t->url, t->settings, t->report);
    return NULL;
}

static size_t follow_all(char **urls, size_t n, const struct watch_settings *settings, bool json)
{
    pthread_t threads[VARIANTS_MAX];
    struct task tasks[VARIANTS_MAX];
    struct watch_report *report = watch_report_create(json, n > 1);
    size_t started = 0;
    size_t faults = 0;
    for (; started < n; started++) {
        tasks[started] = (struct task){urls[started], settings, report, 0};
        if (thread_start("variant", run_task, &tasks[started], &threads[started]) != ERR_OK) {
            fprintf(stderr, "watch: the system refuses a thread for %s\n", urls[started]);
            faults++;
            break;
        }
    }
    for (size_t i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
        faults += tasks[i].faults;
    }
    watch_report_destroy(report);
    return faults;
}

static int watch(const char *url, const struct flags *f)
{
    struct watch_settings settings = {.seconds = f->seconds,
                                      .wait_seconds = f->wait,
                                      .away_seconds = f->away,
                                      .timeout_ms = (int)f->timeout * 1000,
                                      .allow_gaps = f->allow_gaps,
                                      .stop = &stop_asked};
    char **urls = NULL;
    size_t n = 0;
    char why[HLS_FAULT_WORDS_MAX];
    if (watch_find(url, &settings, f->all, &urls, &n, why) != ERR_OK) {
        struct watch_report *report = watch_report_create(f->json, false);
        watch_report_fault(report, url, "playlist", why);
        watch_report_destroy(report);
        return 1;
    }
    size_t faults = 1;
    if (n <= VARIANTS_MAX) {
        faults = follow_all(urls, n, &settings, f->json);
    } else {
        fprintf(stderr, "watch: %zu variants are more than the %d that can be followed\n", n,
                VARIANTS_MAX);
    }
    for (size_t i = 0; i < n; i++) {
        mem_free(urls[i]);
    }
    mem_free(urls);
    return faults > 0;
}

static int judge(const char *url, const struct flags *f)
{
    struct judge_settings settings = {
        .seconds = f->seconds, .timeout_ms = (int)f->timeout * 1000, .stop = &stop_asked};
    char why[FETCH_WHY_MAX];
    bool progress = isatty(STDERR_FILENO) && isatty(STDOUT_FILENO) && !f->json;
    struct judge_report_to *report = judge_report_create(f->json, progress);
    enum err e = judge_run(url, &settings, f->wait, report, why);
    int status = 2;
    if (e == ERR_OK) {
        size_t counted =
            judge_report_errors(report) + (f->strict ? judge_report_warnings(report) : 0);
        status = counted > 0;
    } else {
        fprintf(stderr, "watch: nothing to judge at %s: %s\n", url, why);
    }
    judge_report_destroy(report);
    return status;
}

static int misused(const char *why)
{
    fprintf(stderr, "watch: %s\n", why);
    options_hint(stderr, "watch");
    return 2;
}

static int run(const struct args *a)
{
    struct flags f;
    char why[OPTIONS_WHY_MAX];
    if (options_parse(table, N_OPTIONS, a->n_flags, a->flags, &f, why) != ERR_OK) {
        return misused(why);
    }
    if (f.help) {
        usage(stdout);
        return 0;
    }
    if (f.version) {
        printf("watch %s\n", software_version);
        return 0;
    }
    if (a->n_others != 1) {
        return misused("give one URL");
    }
    if (!hls_url_is_http(a->others[0])) {
        return misused("the URL must begin with http:// or https://");
    }
    if (f.judge && (f.all || f.allow_gaps || f.away > 0)) {
        return misused("-judge follows all and allows nothing: no -all, -allowGaps or -away");
    }
    if (f.strict && !f.judge) {
        return misused("-strict is for -judge");
    }
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    av_log_set_level(AV_LOG_QUIET);
    if (fetch_init(f.ca_cert) != ERR_OK) {
        fprintf(stderr, "watch: libcurl refuses to start\n");
        return 1;
    }
    int status = f.judge ? judge(a->others[0], &f) : watch(a->others[0], &f);
    fetch_fini();
    return status;
}

int main(int argc, char **argv)
{
    struct args a;
    args_init(&a, table, N_OPTIONS, argc, argv);
    int status = run(&a);
    args_fini(&a);
    return status;
}
