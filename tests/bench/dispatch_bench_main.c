/* The orchestrator's pure core on one thread: jobs that open, are given to transcoders, get their
 * packets, come back in parts and are done; no socket. Prints JSON.
 *
 *   dispatch_bench TRANSCODERS STREAMS JOBS */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "orchestrator/job_table.h"

#define PARTS           10 /* of a job, one rung; a unit of input for each */
#define FRAMES_PER_PART 5
#define BROADCASTERS    20
#define STREAMS_EACH    200
#define FIRST_B         5000
#define STREAMS_MAX     (BROADCASTERS * STREAMS_EACH)

struct given {
    link_peer to;
    uint64_t attempt;
};

struct bench {
    struct job_table *table;
    struct given newest;
    uint64_t parts, done, lost;
};

/* What a stream has under way. */
struct stream {
    char name[16];
    link_peer broadcaster;
    uint64_t job, msn;
    struct given given;
    uint32_t part;
};

static enum err on_send(void *arg, link_peer to, const struct link_msg *m, struct blob *payload)
{
    struct bench *b = arg;
    if (m->type == LINK_JOB_OPEN) {
        b->newest = (struct given){to, m->job};
    }
    b->parts += m->type == LINK_RUNG_UNIT;
    b->done += m->type == LINK_JOB_DONE;
    b->lost +=
        m->type == LINK_JOB_FAILED || m->type == LINK_JOB_REFUSE || m->type == LINK_RUNG_GIVEN_UP;
    return ERR_OK;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void join(struct bench *b, unsigned transcoders)
{
    struct link_hello t = {.role = "transcoder",
                           .name = "t",
                           .encoder = "x264",
                           .software = "bench",
                           .capacity = 100,
                           .speed = 100000000};
    for (unsigned i = 1; i <= transcoders; i++) {
        if (job_table_transcoder_joined(b->table, i, "127.0.0.1", &t, 0) != ERR_OK) {
            exit(1);
        }
    }
    struct link_hello h = {.role = "broadcaster", .name = "b", .encoder = "", .software = "bench"};
    for (unsigned i = 0; i < BROADCASTERS; i++) {
        if (job_table_broadcaster_joined(b->table, FIRST_B + i, "127.0.0.1", &h, 0) != ERR_OK) {
            exit(1);
        }
    }
}

static void open_job(struct bench *b, struct stream *s, int64_t now_ms)
{
    static uint64_t last_job;
    static const uint8_t config[] = {1, 66, 0, 30};
    struct link_job_open o = {.stream = s->name, .msn = s->msn++, .deadline_ms = 20000};
    o.track = (struct track_params){.kind = TRACK_VIDEO,
                                    .codec = CODEC_H264,
                                    .config = {config, sizeof config},
                                    .width = 1280,
                                    .height = 720,
                                    .sar_den = 1};
    o.n_ladder = 1;
    o.ladder[0] = (struct link_rung){.name = "P360p30fps16x9",
                                     .preset = "veryfast",
                                     .width = 640,
                                     .height = 360,
                                     .fps_num = 30,
                                     .fps_den = 1,
                                     .frames_per_part = FRAMES_PER_PART};
    s->job = ++last_job;
    s->part = 0;
    job_table_open(b->table, s->broadcaster, s->job, &o, now_ms);
    s->given = b->newest;
    job_table_accepted(b->table, s->given.to, s->given.attempt);
}

static void packets_of(uint32_t part, struct link_packet *ps)
{
    for (uint32_t i = 0; i < FRAMES_PER_PART; i++) {
        int64_t t = (int64_t)(part * FRAMES_PER_PART + i) * 3000;
        ps[i] = (struct link_packet){.length = 200,
                                     .dts = t,
                                     .pts = t,
                                     .duration = 3000,
                                     .flags = part == 0 && i == 0 ? PACKET_KEY : 0};
    }
}

/* A part's input, and the part. */
static void go_on(struct bench *b, struct stream *s, struct blob *payload, int64_t now_ms)
{
    static const uint8_t config[] = {1, 2, 3};
    struct link_packet ps[FRAMES_PER_PART];
    packets_of(s->part, ps);
    struct link_unit u = {
        .packets = ps, .n_packets = FRAMES_PER_PART, .seq = s->part, .last = s->part + 1 == PARTS};
    job_table_unit(b->table, s->broadcaster, s->job, &u, payload, now_ms);
    u.part = s->part++;
    u.config_hash = 7;
    u.config = span_of(config, u.part == 0 ? sizeof config : 0);
    job_table_rung_unit(b->table, s->given.to, s->given.attempt, &u, payload, now_ms);
    if (u.last) {
        struct link_job_done done = {.n_rungs = 1, .cpu_us = 1};
        job_table_done(b->table, s->given.to, s->given.attempt, &done, now_ms);
    }
}

static void run(struct bench *b, struct stream *streams, unsigned n_streams, uint64_t jobs)
{
    struct blob *payload = blob_create(FRAMES_PER_PART * 200);
    int64_t now_ms = 1000;
    uint64_t begun = 0;
    for (unsigned i = 0; begun < jobs || b->done + b->lost < begun; i = (i + 1) % n_streams) {
        struct stream *s = &streams[i];
        if (s->job == 0 || s->part == PARTS) {
            s->job = 0;
            if (begun < jobs) {
                open_job(b, s, now_ms);
                begun++;
            }
        } else {
            go_on(b, s, payload, now_ms);
        }
        if (i == 0) {
            now_ms += JOB_TABLE_TICK_MS;
            job_table_tick(b->table, now_ms);
        }
    }
    blob_unref(payload);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "dispatch_bench TRANSCODERS STREAMS JOBS\n");
        return 2;
    }
    unsigned transcoders = (unsigned)strtoul(argv[1], NULL, 10);
    unsigned n_streams = (unsigned)strtoul(argv[2], NULL, 10);
    uint64_t jobs = strtoull(argv[3], NULL, 10);
    if (transcoders == 0 || n_streams == 0 || n_streams > STREAMS_MAX) {
        fprintf(stderr, "1 to %d streams, and a transcoder at least\n", STREAMS_MAX);
        return 2;
    }
    struct bench b = {0};
    struct job_table_config c;
    job_table_config_defaults(&c);
    c.max_sessions = n_streams;
    struct job_table_out out = {.arg = &b, .send = on_send};
    b.table = job_table_create(&c, &out);
    join(&b, transcoders);
    struct stream *streams = mem_alloc(n_streams * sizeof *streams);
    for (unsigned i = 0; i < n_streams; i++) {
        (void)snprintf(streams[i].name, sizeof streams[i].name, "s%u", i);
        streams[i].broadcaster = FIRST_B + i % BROADCASTERS;
    }
    double since = seconds();
    run(&b, streams, n_streams, jobs);
    double cpu_s = seconds() - since;
    printf("{\"jobs\": %llu, \"parts\": %llu, \"lost\": %llu, \"cpu_s\": %.6f}\n",
           (unsigned long long)b.done, (unsigned long long)b.parts, (unsigned long long)b.lost,
           cpu_s);
    job_table_destroy(b.table);
    mem_free(streams);
    return b.lost == 0 ? 0 : 1;
}
