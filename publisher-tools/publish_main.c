/* bin/publish: sends a test picture or a media file to RTMP servers, in real time. */
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/version.h"
#include "publisher-tools/outputs.h"
#include "publisher-tools/progress.h"
#include "publisher-tools/publish_config.h"
#include "publisher-tools/rtmp_out.h"

#define CONNECT_WAIT_MS 10000
#define LATE_MAX_US     5000000 /* past this (a suspended machine) the clock starts anew */

static volatile int stop_asked;

static void on_signal(int number)
{
    stop_asked = 1;
}

/* The output threads inherit the mask: signals interrupt the main thread's sleep only. */
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void sleep_until_us(int64_t until_us)
{
    struct timespec t = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

struct run {
    const struct publish_config *config;
    struct source *source;
    struct outputs *outputs;
    struct progress progress;
    int64_t started_us;
    uint64_t frames;
};

static bool must_end(const struct run *r, int64_t due_us)
{
    return stop_asked || (r->config->seconds > 0 && due_us >= r->config->seconds * 1000000) ||
           outputs_alive(r->outputs) == 0;
}

/* Waits until the moment due_us of the source's clock, reporting on the way. */
static void wait_for_due(struct run *r, int64_t due_us)
{
    for (int64_t now = clock_mono_us(); !stop_asked; now = clock_mono_us()) {
        if (now >= progress_due_us(&r->progress)) {
            progress_tell(&r->progress, r->outputs, r->frames, now);
        }
        int64_t at = r->started_us + due_us;
        if (now - at > LATE_MAX_US) {
            r->started_us = now - due_us;
        }
        if (now >= at) {
            return;
        }
        int64_t tell = progress_due_us(&r->progress);
        sleep_until_us(at < tell ? at : tell);
    }
}

/* Publishes until the end; 0, or 1 when the source failed. */
static int publish(struct run *r, AVPacket *packet)
{
    char why[SOURCE_WHY_MAX];
    for (;;) {
        int64_t due_us = r->source->due_us(r->source);
        wait_for_due(r, due_us);
        if (must_end(r, due_us)) {
            return 0;
        }
        enum err e = r->source->next(r->source, packet, why);
        if (e == ERR_CLOSED) {
            return 0;
        }
        if (e != ERR_OK) {
            fprintf(stderr, "publish: %s\n", why);
            return 1;
        }
        r->frames += packet->stream_index == SOURCE_VIDEO;
        outputs_push(r->outputs, packet);
        av_packet_unref(packet);
    }
}

static int any_failed(struct outputs *o)
{
    int failed = 0;
    for (size_t i = 0; i < outputs_count(o); i++) {
        struct output_report r;
        outputs_report(o, i, &r);
        failed |= r.state == OUTPUT_FAILED;
    }
    return failed;
}

static void tell_failures(struct outputs *o)
{
    for (size_t i = 0; i < outputs_count(o); i++) {
        struct output_report r;
        outputs_report(o, i, &r);
        if (r.state == OUTPUT_FAILED) {
            fprintf(stderr, "publish: %s: %s%s\n", r.url, r.why,
                    r.connects == 0 ? "; -retry keeps trying" : "");
        }
    }
}

static enum progress_form choose_form(const struct publish_config *c)
{
    return c->json ? PROGRESS_JSON : isatty(STDERR_FILENO) ? PROGRESS_LINE : PROGRESS_NONE;
}

static int run(const struct publish_config *c, struct source *source)
{
    struct run r = {.config = c, .source = source};
    r.outputs = outputs_create((const char *const *)c->urls, c->n_urls, source, c->retry);
    AVPacket *packet = av_packet_alloc();
    outputs_wait_settled(r.outputs, CONNECT_WAIT_MS, &stop_asked);
    r.started_us = clock_mono_us();
    progress_init(&r.progress, choose_form(c), r.started_us);
    int status = packet != NULL ? publish(&r, packet) : 1;
    outputs_finish(r.outputs);
    status |= any_failed(r.outputs);
    progress_end(&r.progress, r.outputs, r.frames, clock_mono_us(), status);
    tell_failures(r.outputs);
    av_packet_free(&packet);
    outputs_destroy(r.outputs);
    return status;
}

static int publish_all(const struct publish_config *c)
{
    char why[SOURCE_WHY_MAX];
    struct source *source = NULL;
    enum err e = c->use_test ? test_source_create(&c->test_source, &source, why)
                             : file_source_create(c->file, c->loop, &source, why);
    if (e != ERR_OK) {
        fprintf(stderr, "publish: %s\n", why);
        return 1;
    }
    int status = run(c, source);
    source_destroy(source);
    return status;
}

int main(int argc, char **argv)
{
    struct publish_config config;
    char why[OPTIONS_WHY_MAX];
    if (publish_config_read(argc, argv, &config, why) != ERR_OK) {
        fprintf(stderr, "publish: %s\n", why);
        options_hint(stderr, "publish");
        return 2;
    }
    int status = 0;
    if (config.help) {
        publish_usage(stdout);
    } else if (config.version) {
        printf("publish %s\n", software_version);
    } else {
        rtmp_out_init();
        catch_signals();
        status = publish_all(&config);
    }
    publish_config_fini(&config);
    return status;
}
