#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "publisher-tools/load/child.h"
#include "publisher-tools/load/farm_sim.h"
#include "publisher-tools/load/load.h"
#include "run/addr.h"
#include "run/files.h"
#include "run/json.h"
#include "run/link_swarm.h"
#include "run/log.h"

#define ORCH_HOST     "127.0.0.1"
#define ORCH_PORT     8935
#define SECRET_BYTES  16
#define FDS_BESIDE    64    /* of this process, beside its peers' */
#define JOIN_MS       10000 /* without another one that is welcomed */
#define REST_MS       10000 /* of jobs that are open at the end */
#define LOOK_MS       20
#define PROGRESS_MS   1000
#define SPARE_PERCENT 150 /* places for jobs, of those that are needed */

struct flags {
    const char *addr, *secret;
    long transcoders, broadcasters, streams, seconds, segment_ms, payload;
    bool json, help;
};

#define FIELD(f) offsetof(struct flags, f)

static const struct option table[] = {
    {"transcoders", OPTION_INT, "1000", 1, FARM_TRANSCODERS_MAX, false, FIELD(transcoders), "N",
     "Simulated transcoders, each with a connection of its own."},
    {"streams", OPTION_INT, "2000", 1, FARM_STREAMS_MAX, false, FIELD(streams), "N",
     "Streams at once: each opens a job with ten parts and one rung for every segment."},
    {"broadcasters", OPTION_INT, "20", 1, FARM_BROADCASTERS_MAX, false, FIELD(broadcasters), "N",
     "Simulated broadcasters, among which the streams are spread."},
    {"seconds", OPTION_INT, "10", 1, 86400, false, FIELD(seconds), "S", "How long it is measured."},
    {"segment", OPTION_DURATION, "2s", 200, 10000, false, FIELD(segment_ms), "DURATION",
     "How long a segment lasts; its ten parts are sent as they would be published."},
    {"payload", OPTION_INT, "100", 1, 65536, false, FIELD(payload), "BYTES", "Bytes of a part."},
    {"orchAddr", OPTION_STRING, "", 0, 0, false, FIELD(addr), "HOST:PORT",
     "An orchestrator that runs; without it one is started here, and ended. Its -maxSessions has "
     "to "
     "be as large as -streams."},
    {"orchSecret", OPTION_STRING, "", 0, 0, true, FIELD(secret), "TEXT|FILE",
     "With -orchAddr: the secret of that orchestrator."},
    {"json", OPTION_BOOL, NULL, 0, 0, false, FIELD(json), NULL,
     "Prints the result as a JSON object rather than a table."},
    {"help", OPTION_BOOL, NULL, 0, 0, false, FIELD(help), NULL, "Prints this and ends."},
};
#define N_OPTIONS (sizeof table / sizeof table[0])

struct bench {
    const struct flags *f;
    struct child child; /* pid -1: the orchestrator is somebody else's */
    struct farm_sim *farm;
    struct farm_result *result;
    int64_t join_ms, count_us; /* how long joining and counting took */
    int64_t cpu_us, memory_kb; /* of the orchestrator; -1: not known */
};

static int refuse(const char *why)
{
    fprintf(stderr, "load farm: %s\nThe flags: load farm -help\n", why);
    return 2;
}

static int check(const struct flags *f)
{
    if (f->addr[0] != '\0' && f->secret[0] == '\0') {
        return refuse("an orchestrator of -orchAddr has a secret: give it with -orchSecret");
    }
    if (f->addr[0] == '\0' && f->secret[0] != '\0') {
        return refuse("-orchSecret is for an orchestrator of -orchAddr; the one that is started "
                      "here needs none");
    }
    if (f->streams > f->broadcasters * FARM_STREAMS_EACH) {
        return refuse("one broadcaster has at most 1000 streams: give more -broadcasters");
    }
    return -1;
}

/* -1: there are enough. */
static int check_files(const struct flags *f)
{
    long needed = (f->transcoders + f->broadcasters) * LINK_SWARM_FDS + FDS_BESIDE;
    files_raise_limit();
    if (files_limit() >= needed) {
        return -1;
    }
    fprintf(stderr,
            "load: %ld peers need %ld open files, and this process may have %ld: raise the hard "
            "limit (ulimit -Hn), or simulate fewer\n",
            f->transcoders + f->broadcasters, needed, files_limit());
    return 1;
}

/* --- the run --- */

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
}

static bool orchestrator_lives(struct bench *b)
{
    if (b->f->addr[0] == '\0' && !child_lives(&b->child)) {
        fprintf(stderr, "load: the orchestrator has ended by itself\n");
        return false;
    }
    return true;
}

/* Until all are welcomed. */
static bool join(struct bench *b)
{
    size_t all = (size_t)(b->f->transcoders + b->f->broadcasters);
    int64_t begin = clock_mono_ms();
    int64_t told = begin, progress_ms = begin;
    size_t before = 0;
    for (;;) {
        char why[FARM_WHY_MAX];
        size_t n = farm_welcomed(b->farm, why);
        int64_t now = clock_mono_ms();
        progress_ms = n > before ? now : progress_ms;
        before = n;
        b->join_ms = now - begin;
        if (n >= all) {
            return true;
        }
        if (why[0] != '\0' || now - progress_ms > JOIN_MS) {
            fprintf(stderr, "load: the orchestrator welcomed %zu of %zu peers: %s\n", n, all,
                    why[0] != '\0' ? why : "the others had no answer; is the secret the same?");
            return false;
        }
        if (atomic_load(&load_stop) || !orchestrator_lives(b)) {
            return false;
        }
        if (now - told >= PROGRESS_MS) {
            told = now;
            fprintf(stderr, "load: %zu of %zu peers are welcomed\n", n, all);
        }
        nap();
    }
}

/* Ends early when it is stopped; false: there is nothing left to measure. */
static bool wait_ms(struct bench *b, int64_t ms, const char *what)
{
    int64_t begin = clock_mono_ms();
    int64_t told = begin;
    for (int64_t now = begin; now - begin < ms && !atomic_load(&load_stop); now = clock_mono_ms()) {
        if (!orchestrator_lives(b)) {
            return false;
        }
        if (now - told >= PROGRESS_MS) {
            told = now;
            fprintf(stderr, "load: %s: %.0f of %.0f s, %" PRIu64 " jobs are open\n", what,
                    (double)(now - begin) / 1000, (double)ms / 1000, farm_open_jobs(b->farm));
        }
        nap();
    }
    return true;
}

static void rest(struct bench *b)
{
    int64_t begin = clock_mono_ms();
    while (farm_open_jobs(b->farm) > 0 && clock_mono_ms() - begin < REST_MS + b->f->segment_ms) {
        nap();
    }
}

static int64_t cpu_now(const struct bench *b)
{
    return b->child.pid > 0 ? process_cpu_us(b->child.pid) : -1;
}

static bool measure(struct bench *b)
{
    if (!join(b)) {
        return false;
    }
    fprintf(stderr, "load: %ld transcoders and %ld broadcasters joined in %.1f s\n",
            b->f->transcoders, b->f->broadcasters, (double)b->join_ms / 1000);
    farm_run_streams(b->farm);
    if (!wait_ms(b, 2 * b->f->segment_ms, "streams begin")) {
        return false;
    }
    int64_t cpu = cpu_now(b);
    int64_t begin = clock_mono_us();
    farm_count(b->farm);
    if (!wait_ms(b, b->f->seconds * 1000, "measured")) {
        return false;
    }
    farm_end_streams(b->farm);
    b->count_us = clock_mono_us() - begin;
    b->cpu_us = cpu >= 0 ? cpu_now(b) - cpu : -1;
    b->memory_kb = b->child.pid > 0 ? process_memory_kb(b->child.pid) : -1;
    rest(b);
    return true;
}

/* --- the result --- */

static double ms_of(const struct samples *s, unsigned permille)
{
    return (double)samples_permille(s, permille) / 1000;
}

static void set_times(struct json *j, const char *name, const struct samples *s)
{
    struct json *times = json_new_object();
    json_set_real(times, "p50", ms_of(s, 500));
    json_set_real(times, "p95", ms_of(s, 950));
    json_set_real(times, "p99", ms_of(s, 990));
    json_set_real(times, "max", (double)s->max_us / 1000);
    json_set(j, name, times);
}

static double jobs_per_s(const struct bench *b)
{
    return (double)b->result->opened * 1e6 / (double)b->count_us;
}

static void print_json(const struct bench *b)
{
    const struct farm_result *r = b->result;
    struct json *j = json_new_object();
    json_set_str(j, "kind", "farm");
    json_set_int(j, "transcoders", b->f->transcoders);
    json_set_int(j, "broadcasters", b->f->broadcasters);
    json_set_int(j, "streams", b->f->streams);
    json_set_real(j, "seconds", (double)b->count_us / 1e6);
    json_set_real(j, "join_s", (double)b->join_ms / 1000);
    json_set_int(j, "opened", (int64_t)r->opened);
    json_set_int(j, "done", (int64_t)r->done);
    json_set_int(j, "failed", (int64_t)r->failed);
    json_set_int(j, "lost", (int64_t)r->lost);
    json_set_int(j, "again", (int64_t)r->again);
    json_set_int(j, "bad", (int64_t)r->bad);
    json_set_int(j, "parts", (int64_t)r->parts);
    json_set_real(j, "jobs_per_s", jobs_per_s(b));
    set_times(j, "dispatch_ms", &r->dispatch);
    set_times(j, "part_ms", &r->round_trip);
    if (b->cpu_us >= 0) {
        json_set_real(j, "orchestrator_cores", (double)b->cpu_us / (double)b->count_us);
        json_set_int(j, "orchestrator_memory_kb", b->memory_kb);
    }
    char *text = json_line(j);
    fputs(text, stdout);
    mem_free(text);
    json_destroy(j);
}

static void print_table(const struct bench *b)
{
    const struct farm_result *r = b->result;
    printf("| %-26s | %ld transcoders, %ld broadcasters, %ld streams\n"
           "| %-26s | %.1f in %.1f s\n"
           "| %-26s | %" PRIu64 " opened, %" PRIu64 " done, %" PRIu64 " failed, %" PRIu64
           " lost, %" PRIu64 " again\n"
           "| %-26s | %.2f ms, %.2f ms, %.2f ms, %.2f ms\n"
           "| %-26s | %.2f ms, %.2f ms, %.2f ms, %.2f ms\n",
           "Farm", b->f->transcoders, b->f->broadcasters, b->f->streams, "Jobs a second",
           jobs_per_s(b), (double)b->count_us / 1e6, "Jobs", r->opened, r->done, r->failed, r->lost,
           r->again, "Dispatch p50 p95 p99 max", ms_of(&r->dispatch, 500), ms_of(&r->dispatch, 950),
           ms_of(&r->dispatch, 990), (double)r->dispatch.max_us / 1000, "Part back p50 p95 p99 max",
           ms_of(&r->round_trip, 500), ms_of(&r->round_trip, 950), ms_of(&r->round_trip, 990),
           (double)r->round_trip.max_us / 1000);
    if (b->cpu_us >= 0) {
        printf("| %-26s | %.2f cores, %" PRId64 " kB\n", "Orchestrator",
               (double)b->cpu_us / (double)b->count_us, b->memory_kb);
    }
    if (r->bad > 0) {
        printf("| %-26s | %" PRIu64 "\n", "Messages that fit nothing", r->bad);
    }
}

static void print_result(const struct bench *b)
{
    b->f->json ? print_json(b) : print_table(b);
    fflush(stdout);
    if (b->result->first_failure[0] != '\0') {
        fprintf(stderr, "load: a job failed: %s\n", b->result->first_failure);
    }
}

/* --- start and end --- */

static struct farm_config config_of(const struct flags *f, const char *addr, const char *secret)
{
    /* A job lives from its segment's begin to a little after its end. */
    long needed = (f->streams * SPARE_PERCENT / 100 + f->transcoders - 1) / f->transcoders;
    return (struct farm_config){
        .addr = addr,
        .secret = secret,
        .transcoders = (size_t)f->transcoders,
        .broadcasters = (size_t)f->broadcasters,
        .streams = (size_t)f->streams,
        .payload = (size_t)f->payload,
        .segment_ms = f->segment_ms,
        .capacity = (uint32_t)(needed + 1 < FARM_CAPACITY_MAX ? needed + 1 : FARM_CAPACITY_MAX),
    };
}

static int run_farm(struct bench *b, const char *addr, const char *secret)
{
    struct farm_config config = config_of(b->f, addr, secret);
    char why[FARM_WHY_MAX];
    if (farm_start(&config, &b->farm, why) != ERR_OK) {
        fprintf(stderr, "load: %s\n", why);
        return 1;
    }
    b->result = mem_alloc(sizeof *b->result);
    bool good = measure(b);
    farm_stop(b->farm, b->result);
    if (good) {
        print_result(b);
    }
    mem_free(b->result);
    return good ? 0 : 1;
}

static int run_with_child(struct bench *b)
{
    unsigned char random[SECRET_BYTES];
    char secret[2 * SECRET_BYTES + 1], why[CHILD_WHY_MAX];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        fprintf(stderr, "load: this host gives no random numbers\n");
        return 1;
    }
    for (size_t i = 0; i < SECRET_BYTES; i++) {
        snprintf(secret + 2 * i, 3, "%02x", random[i]);
    }
    if (child_start(secret, (unsigned)b->f->streams, &b->child, why) != ERR_OK) {
        fprintf(stderr, "load: %s\n", why);
        return 1;
    }
    int status = run_farm(b, b->child.addr, secret);
    child_stop(&b->child);
    explicit_bzero(secret, sizeof secret);
    return status;
}

static int run(struct bench *b)
{
    struct addr a;
    char addr[ADDR_MAX];
    if (b->f->addr[0] == '\0') {
        return run_with_child(b);
    }
    if (addr_parse(b->f->addr, ORCH_HOST, ORCH_PORT, &a) != ERR_OK || a.port == 0) {
        return refuse("-orchAddr is not host:port");
    }
    addr_format(&a, addr);
    return run_farm(b, addr, b->f->secret);
}

int load_farm(int argc, char **argv)
{
    struct flags f = {0};
    struct bench b = {.f = &f, .child = {.pid = -1}, .cpu_us = -1, .memory_kb = -1};
    int status = load_read_flags("load farm", table, N_OPTIONS, argc, argv, &f, &f.help);
    if (status < 0) {
        status = check(&f);
    }
    if (status < 0) {
        status = check_files(&f);
    }
    if (status < 0) {
        log_init("load", LOG_WARN);
        status = run(&b);
    }
    return status;
}
