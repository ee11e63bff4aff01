#include "broadcaster/role.h"

#include <stdio.h>
#include <string.h>

#include "base/blob.h"
#include "base/clock.h"
#include "base/mem.h"
#include "broadcaster/api.h"
#include "broadcaster/auth/cidr.h"
#include "broadcaster/commands.h"
#include "broadcaster/ingest/capacity.h"
#include "broadcaster/ingest/ingest.h"
#include "broadcaster/ingest/publication.h"
#include "broadcaster/jobs/ladder_json.h"
#include "broadcaster/light/light_workers.h"
#include "broadcaster/media/media.h"
#include "broadcaster/push/push.h"
#include "broadcaster/push/push_http.h"
#include "broadcaster/role_config.h"
#include "broadcaster/role_doors.h"
#include "broadcaster/role_pay.h"
#include "broadcaster/role_rungs.h"
#include "broadcaster/stream/stream.h"
#include "broadcaster/viewers/cors.h"
#include "broadcaster/viewers/pages.h"
#include "broadcaster/viewers/viewers.h"
#include "run/addr.h"
#include "run/avlog.h"
#include "run/files.h"
#include "run/log.h"
#include "run/metrics.h"

#define TICK_MS                100
#define DRAIN_WAIT_MS          5000 /* for publishers that were asked to connect anew */
#define STOP_WAIT_MS           3000 /* for rungs that are under way at the end */
#define INGEST_CONNECTIONS_MAX 1000
#define VIEWER_CONNECTIONS_MAX 20000 /* unless told otherwise */
#define VIEWER_CONNECTIONS_FEW 10000 /* less is told to the operator */
#define SEGMENT_FILES_MAX      1024
#define VIEWER_THREADS         2
#define NUMBERS_FILE           "segment-numbers"

struct broadcaster {
    struct api api; /* of the control API */
    struct daemon *daemon;
    struct board *board;
    struct numbers *numbers;
    struct lives *lives;
    struct light_workers *light;
    struct role_rungs *rungs;
    struct jobs *jobs;       /* of the rungs, */
    struct uplinks *uplinks; /* both; NULL: source only */
    struct streams *streams;
    struct admission *admission;
    struct publications publications;
    struct ingest *ingest;
    struct media *media; /* NULL: no files */
    struct pages *pages; /* NULL: switched off */
    struct viewers *viewers;
    struct role_pay *pay; /* NULL: nothing costs anything */
    struct push *push;    /* NULL, both: switched off */
    struct push_http *push_http;
    struct loop_timer *tick;
    struct capacity capacity;
    struct cidr_list trusted_proxies, http_proxies;
    struct cors *cors;
    int64_t drain_by_ms; /* 0 unless publishers were asked to leave */
    int64_t stop_by_ms;  /* 0 until the ingest has closed at the end */
};

/* --- life --- */

static void ingest_closed(void *arg)
{
    struct broadcaster *b = arg;
    b->ingest = NULL;
    b->stop_by_ms = clock_mono_ms() + STOP_WAIT_MS;
    role_pay_close(b->pay);
}

static void close_ingest(struct broadcaster *b)
{
    b->drain_by_ms = 0;
    ingest_close(b->ingest, ingest_closed, b);
}

static void on_tick(void *arg)
{
    struct broadcaster *b = arg;
    int64_t now = clock_mono_ms();
    jobs_tick(b->jobs, now);
    streams_tick(b->streams, now);
    if (b->push != NULL) {
        push_tick(b->push, now);
    }
    if (b->drain_by_ms != 0 && (now >= b->drain_by_ms || ingest_leaving(b->ingest) == 0)) {
        close_ingest(b);
    }
    bool done =
        role_pay_closed(b->pay) && role_rungs_idle(b->rungs) && admission_idle(b->admission);
    if (b->stop_by_ms != 0 && (now >= b->stop_by_ms || done)) {
        b->stop_by_ms = 0;
        daemon_stopped(b->daemon);
    }
}

static unsigned count_viewers(void *arg, const char *stream, const char *rung)
{
    const struct broadcaster *b = arg;
    return b->viewers != NULL ? viewers_of_rung(b->viewers, stream, rung) : 0;
}

static enum err parse_ladder(const struct broadcaster_config *c, struct streams_config *s)
{
    char why[LADDER_WHY_MAX];
    struct ladder l;
    enum err e = ladder_load(c->transcoding_options, &l, why);
    if (e == ERR_OK) {
        s->ladder = l;
    } else {
        log_error("broadcaster", "config", "-transcodingOptions: %s", why);
    }
    return e;
}

static enum err open_streams(struct broadcaster *b, const struct broadcaster_config *c)
{
    struct streams_config s = {
        .max_live = (size_t)c->max_sessions,
        .grace_ms = c->grace_ms,
        .linger_ms = c->linger_ms,
        .show_current = c->current_manifest,
    };
    if (c->max_sessions <= 0) {
        log_error("broadcaster", "config", "-maxSessions must be greater than zero");
        return ERR_LIMIT;
    }
    enum err e = parse_ladder(c, &s);
    if (e == ERR_OK) {
        e = role_rungs_open(b->daemon, c, count_viewers, b, &b->rungs);
    }
    if (e != ERR_OK) {
        return e;
    }
    b->jobs = role_rungs_jobs(b->rungs);
    b->uplinks = role_rungs_uplinks(b->rungs);
    s.source_only = b->uplinks == NULL;
    if (s.source_only) {
        s.ladder.n = 0;
    }
    char path[sizeof b->daemon->data_dir + sizeof NUMBERS_FILE + 1];
    snprintf(path, sizeof path, "%s/%s", b->daemon->data_dir, NUMBERS_FILE);
    b->numbers = numbers_open(path);
    b->lives = lives_open(b->daemon->data_dir);
    s.board = b->board;
    s.jobs = b->jobs;
    s.numbers = b->numbers;
    s.lives = b->lives;
    s.light = b->light = light_workers_create(b->daemon->loop);
    b->streams = streams_create(&s);
    b->api = (struct api){b->streams, b->board, b->uplinks, NULL};
    return ERR_OK;
}

static void measure_capacity(struct broadcaster *b, const struct broadcaster_config *c)
{
    bool told = c->max_connections > 0;
    const struct capacity wanted = {
        .viewers = told ? (int)c->max_connections : VIEWER_CONNECTIONS_MAX,
        .ingest = INGEST_CONNECTIONS_MAX,
        .bodies = SEGMENT_FILES_MAX,
        .media =
            c->media_path[0] != '\0' ? told ? (int)c->max_connections : VIEWER_CONNECTIONS_MAX : 0,
    };
    bool all = capacity_fit(files_limit(), &wanted, &b->capacity);
    blob_allow_files((size_t)b->capacity.bodies);
    if (!all && (told || b->capacity.viewers < VIEWER_CONNECTIONS_FEW)) {
        log_warn("broadcaster", "few_files",
                 "only %ld files may be open: at most %d viewers' and %d RTMP connections at once; "
                 "raise the limit (ulimit -n, or LimitNOFILE of the service)",
                 files_limit(), b->capacity.viewers, b->capacity.ingest);
    }
}

static enum err open_admission(struct broadcaster *b, const struct broadcaster_config *c)
{
    struct admission_config a = {
        .loop = b->daemon->loop,
        .is_free = publication_is_free,
        .is_free_arg = b->streams,
    };
    enum err e = role_doors_admission(b->daemon, c, &a);
    if (e != ERR_OK) {
        return e;
    }
    e = admission_create(&a, &b->admission);
    b->api.admission = b->admission;
    return e;
}

static bool stream_costs(const void *arg, const char *stream)
{
    const struct broadcaster *b = arg;
    return role_pay_costs(b->pay, stream);
}

static enum err open_ingest(struct broadcaster *b, const struct broadcaster_config *c)
{
    struct ingest_config i = {
        .max_connections = b->capacity.ingest,
        .max_per_address = (int)c->connections_per_address,
        .setup_timeout_ms = (int)c->setup_timeout_ms,
        .idle_timeout_ms = (int)c->idle_timeout_ms,
    };
    enum err e = role_doors_rtmp(c, &b->trusted_proxies, &i);
    if (e != ERR_OK) {
        return e;
    }
    b->publications = (struct publications){
        b->admission, b->streams, b->daemon->loop, stream_costs, b,
    };
    char text[ADDR_MAX];
    addr_format(&i.addr, text);
    const char *why = "";
    e = ingest_create(b->daemon->loop, &i, &publication_handler, &b->publications, &b->ingest,
                      &why);
    if (e != ERR_OK && why != NULL) {
        log_error("broadcaster", "cannot_listen",
                  "RTMP on %s: %s; choose another one with -rtmpAddr", text, why);
    } else if (e == ERR_OK) {
        log_info("broadcaster", "ingest", "Video Ingest Endpoint - rtmp://%s", text);
    }
    return e;
}

static void take_push(void *arg, struct push_job *job)
{
    struct broadcaster *b = arg;
    push_take(b->push, job, clock_mono_ms());
}

static enum err open_push(struct broadcaster *b, const struct broadcaster_config *c,
                          const struct addr *http)
{
    if (!role_doors_push(b->daemon, c, http)) {
        return ERR_OK;
    }
    b->push_http = push_http_create(b->daemon->loop, take_push, b);
    if (b->push_http == NULL) {
        log_error("broadcaster", "push", "the threads of -httpIngest could not be started");
        return ERR_IO;
    }
    struct push_config p = {
        .streams = b->streams,
        .admission = b->admission,
        .jobs = b->jobs,
        .transcodes = b->uplinks != NULL,
        .idle_ms = c->push_idle_ms,
        .answer = push_http_answer,
        .forget = push_http_forget,
        .arg = b->push_http,
    };
    b->push = push_create(&p);
    return ERR_OK;
}

static enum err open_media(struct broadcaster *b, const struct broadcaster_config *c)
{
    if (c->media_path[0] == '\0') {
        if (c->video_chunk_bytes > 0) {
            log_warn("broadcaster", "no_media",
                     "-videoChunkBytes is for -mediaPath, which is not given: there is no /video");
        }
        return ERR_OK;
    }
    const struct media_config m = {
        .folder = c->media_path,
        .max_open = b->capacity.media,
        .video_bytes = (uint64_t)c->video_chunk_bytes,
    };
    const char *why = "";
    enum err e = media_create(&m, &b->media, &why);
    if (e != ERR_OK) {
        log_error("broadcaster", "config", "-mediaPath: the folder \"%s\" %s", c->media_path, why);
    } else {
        log_info("broadcaster", "media", "folder=\"%s\" at /media/FILE", c->media_path);
    }
    return e;
}

static void open_pages(struct broadcaster *b, const struct broadcaster_config *c)
{
    if (c->no_pages) {
        return;
    }
    struct pages_config p = {
        .needs_key = role_doors_guarded(c),
        .http_push = b->push != NULL,
        .pays = b->pay != NULL,
        .pointer = role_pay_pointer(b->pay),
        .media = b->media != NULL && !c->no_index,
    };
    role_doors_pages(c, &p);
    b->pages = pages_create(&p);
}

static enum err open_viewers(struct broadcaster *b, const struct broadcaster_config *c)
{
    struct viewers_config v = {
        .no_index = c->no_index,
        .threads = VIEWER_THREADS,
        .max_connections = b->capacity.viewers,
        .max_per_address = (int)c->max_connections_per_address,
        .idle_timeout_s = (int)((c->viewer_timeout_ms + 999) / 1000),
        .min_rate = (size_t)c->viewer_min_rate,
        .max_held = (int)c->max_held,
        .max_held_per_address = (int)c->held_per_address,
        .dated = c->program_date_time,
    };
    enum err e = role_doors_http(c, &v.addr);
    if (e == ERR_OK) {
        e = open_push(b, c, &v.addr);
    }
    if (e != ERR_OK) {
        return e;
    }
    e = open_media(b, c);
    if (e != ERR_OK) {
        return e;
    }
    e = role_pay_open(b->daemon, c, b->uplinks, &b->pay);
    if (e != ERR_OK) {
        return e;
    }
    char why_not[CIDR_WHY_MAX];
    if (cidr_list_parse(c->trusted_proxies, &b->http_proxies, why_not) != ERR_OK) {
        log_error("broadcaster", "config", "-trustedProxies: %s", why_not);
        return ERR_PROTO;
    }
    v.trusted = &b->http_proxies;
    v.pay = role_pay_viewers(b->pay);
    open_pages(b, c);
    v.pages = b->pages;
    v.media = b->media;
    char bad[CORS_WHY_MAX];
    if (cors_create(c->cors_origins, &b->cors, bad) != ERR_OK) {
        log_error("broadcaster", "config", "-corsOrigins: %s", bad);
        return ERR_PROTO;
    }
    v.push = b->push_http;
    v.cors = b->cors;
    char text[ADDR_MAX];
    addr_format(&v.addr, text);
    const char *why = "";
    e = viewers_create(&v, b->board, &b->viewers, &why);
    if (e != ERR_OK) {
        log_error("broadcaster", "cannot_listen",
                  "HTTP on %s: %s; choose another one with -httpAddr", text, why);
    } else {
        log_info("broadcaster", "viewers", "HLS at http://%s/stream/ID.m3u8", text);
    }
    return e;
}

static void destroy(void *role)
{
    struct broadcaster *b = role;
    loop_timer_destroy(b->tick);
    ingest_destroy(b->ingest);
    push_destroy(b->push);
    admission_destroy(b->admission);
    if (b->push_http != NULL) {
        push_http_stop(b->push_http);
    }
    role_pay_stop(b->pay);
    viewers_destroy(b->viewers);
    role_pay_destroy(b->pay);
    b->viewers = NULL; /* nobody is counted any more */
    pages_destroy(b->pages);
    media_destroy(b->media);
    push_http_destroy(b->push_http);
    streams_destroy(b->streams);
    light_workers_destroy(b->light);
    role_rungs_destroy(b->rungs);
    numbers_close(b->numbers);
    lives_close(b->lives);
    board_destroy(b->board);
    cidr_list_fini(&b->trusted_proxies);
    cidr_list_fini(&b->http_proxies);
    cors_destroy(b->cors);
    mem_free(b);
}

static enum err create(struct daemon *d, const void *config, void **ret_role)
{
    const struct broadcaster_config *c = config;
    struct broadcaster *b = mem_alloc(sizeof *b);
    b->daemon = d;
    avlog_install();
    measure_capacity(b, c);
    b->board = board_create();
    enum err e = open_streams(b, c);
    if (e == ERR_OK) {
        e = open_admission(b, c);
    }
    if (e == ERR_OK) {
        e = open_viewers(b, c);
    }
    if (e == ERR_OK) {
        e = open_ingest(b, c);
    }
    if (e != ERR_OK) {
        destroy(b);
        return e;
    }
    b->tick = loop_timer_create(d->loop, on_tick, b);
    loop_timer_start(b->tick, TICK_MS, TICK_MS);
    *ret_role = b;
    return ERR_OK;
}

/* Publishers that know how are asked to go elsewhere, or to come again, and get time to do so at
 * their next key frame. */
static void stop(void *role)
{
    struct broadcaster *b = role;
    if (b->push != NULL) {
        push_shut(b->push, clock_mono_ms());
    }
    size_t asked = ingest_drain(b->ingest, "The server is going down: please connect again.");
    if (asked == 0) {
        close_ingest(b);
        return;
    }
    log_info("broadcaster", "draining", "publishers=%zu wait_ms=%d", asked, DRAIN_WAIT_MS);
    b->drain_by_ms = clock_mono_ms() + DRAIN_WAIT_MS;
}

static void reload(void *role)
{
    struct broadcaster *b = role;
    ingest_reload(b->ingest);
    admission_reload(b->admission);
    role_pay_reload(b->pay);
}

static int command(const struct daemon *d, const void *config)
{
    const struct broadcaster_config *c = config;
    return c->hash_key ? command_hash_key() : -1;
}

/* --- reports --- */

static void status(void *role, struct json *object)
{
    struct broadcaster *b = role;
    api_status(&b->api, object);
    streams_status(b->streams, clock_mono_ms(), object);
    role_rungs_status(b->rungs, object);
    admission_status(b->admission, clock_mono_ms(), object);
    viewers_status(b->viewers, object);
    role_pay_status(b->pay, object);
    if (b->media != NULL) {
        media_status(b->media, object);
    }
    if (b->push != NULL) {
        push_status(b->push, object);
    }
    if (b->ingest != NULL) {
        ingest_status(b->ingest, object);
    }
}

static void sentence(void *role, char *text, size_t size)
{
    const struct broadcaster *b = role;
    char rungs[64];
    role_rungs_sentence(b->rungs, rungs, sizeof rungs);
    snprintf(text, size, "streams live: %zu; %s", streams_live(b->streams), rungs);
}

static void metrics(void *role, struct metrics *m)
{
    struct broadcaster *b = role;
    streams_metrics(b->streams, m);
    role_rungs_metrics(b->rungs, m);
    admission_metrics(b->admission, clock_mono_ms(), m);
    viewers_metrics(b->viewers, m);
    role_pay_metrics(b->pay, m);
    if (b->media != NULL) {
        media_metrics(b->media, m);
    }
    if (b->push != NULL) {
        push_metrics(b->push, m);
    }
    if (b->ingest != NULL) {
        ingest_metrics(b->ingest, m);
    }
}

const struct role broadcaster_role = {
    .name = "broadcaster",
    .node_type = "bctr",
    .default_cli_addr_port = "7935",
    .options = broadcaster_options,
    .n_options = BROADCASTER_OPTIONS,
    .config_size = sizeof(struct broadcaster_config),
    .samples = broadcaster_samples,
    .groups = broadcaster_option_groups,
    .command = command,
    .create = create,
    .stop = stop,
    .destroy = destroy,
    .reload = reload,
    .status = status,
    .metrics = metrics,
    .routes = api_routes,
    .n_routes = API_ROUTES,
    .sentence = sentence,
};
