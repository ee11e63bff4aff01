/* The link's cost, measured: link_bench ours|bare HOST:PORT BYTES COUNT. One process sends COUNT
 * messages of BYTES to another and both tell what it cost them, as one JSON object. `ours` goes
 * through the link module, `bare` through libzmq alone with the same socket types and CURVE. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "base/clock.h"
#include "run/link.h"

#define QUEUE_BYTES  (64 * 1024 * 1024) /* as the roles set it */
#define HEARTBEAT_MS 500
#define TIMEOUT_MS   20000
#define RETRY_MS     20
#define LINGER_MS    10000
#define SECRET       "a secret of the benchmark"

struct bench {
    const char *addr;
    size_t size;
    uint64_t count;
};

/* What the receiver tells the sender's process through a pipe. */
struct verdict {
    uint64_t messages;
    int64_t first_ms, last_ms;
    double cpu_s;
};

static void need(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "link_bench: %s\n", what);
        exit(EXIT_FAILURE);
    }
}

static double cpu_now(void)
{
    struct rusage u;
    need(getrusage(RUSAGE_SELF, &u) == 0, "getrusage");
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void count_message(struct verdict *v)
{
    v->last_ms = clock_mono_ms();
    if (v->messages++ == 0) {
        v->first_ms = v->last_ms;
    }
}

/* --- ours --- */

struct end {
    const struct bench *b;
    struct loop *loop;
    struct link *link;
    struct blob *payload;
    uint64_t sent;
    struct verdict verdict;
    double cpu_at_up;
};

static struct link_config config_of(const struct bench *b, enum link_role role)
{
    struct link_config c = {
        .addr = b->addr,
        .peer_queue_bytes = QUEUE_BYTES,
        .heartbeat_ms = HEARTBEAT_MS,
        .timeout_ms = TIMEOUT_MS,
        .retry_min_ms = RETRY_MS,
        .retry_max_ms = RETRY_MS,
    };
    need(secret_derive(SECRET, role, &c.keys) == ERR_OK, "no keys");
    return c;
}

/* As a broadcaster sends a large access unit. */
static enum err send_one(struct end *e)
{
    struct link_packet p = {.length = (uint32_t)e->b->size, .duration = 3000};
    struct link_msg m = {.type = LINK_JOB_UNIT, .job = 1};
    m.unit.packets = &p;
    m.unit.n_packets = 1;
    m.unit.seq = (uint32_t)e->sent;
    return link_send_msg(e->link, 0, &m, e->payload);
}

static void send_more(struct end *e)
{
    while (e->sent < e->b->count) {
        enum err err = send_one(e);
        if (err == ERR_AGAIN) {
            return;
        }
        need(err == ERR_OK, "a message was not taken");
        e->sent++;
    }
}

static void on_sender(void *arg, const struct link_event *ev)
{
    struct end *e = arg;
    if (ev->type == LINK_EVENT_UP) {
        need(e->sent == 0, "the connection broke");
        e->cpu_at_up = cpu_now();
        send_more(e);
    } else if (ev->type == LINK_EVENT_WRITABLE) {
        send_more(e);
    } else if (ev->type == LINK_EVENT_MESSAGE && ev->msg->type == LINK_JOB_DONE) {
        loop_stop(e->loop);
    }
}

static void on_receiver(void *arg, const struct link_event *ev)
{
    struct end *e = arg;
    if (ev->type == LINK_EVENT_DOWN) {
        loop_stop(e->loop);
        return;
    }
    if (ev->type != LINK_EVENT_MESSAGE || ev->msg->type != LINK_JOB_UNIT) {
        return;
    }
    if (e->verdict.messages == 0) {
        e->cpu_at_up = cpu_now();
    }
    need(blob_span(ev->payload).len == e->b->size, "a payload of another length");
    count_message(&e->verdict);
    if (e->verdict.messages == e->b->count) {
        struct link_msg done = {.type = LINK_JOB_DONE, .job = 1};
        e->verdict.cpu_s = cpu_now() - e->cpu_at_up;
        need(link_send_msg(e->link, ev->peer, &done, NULL) == ERR_OK, "no answer could be sent");
    }
}

static double send_ours(const struct bench *b)
{
    struct end e = {.b = b, .loop = loop_create(), .payload = blob_create(b->size)};
    struct link_config c = config_of(b, LINK_ROLE_BROADCASTER);
    const char *why = "";
    need(e.payload != NULL, "no memory");
    memset(blob_bytes(e.payload), 0x5a, b->size);
    need(link_dial(e.loop, &c, on_sender, &e, &e.link, &why) == ERR_OK, why);
    loop_run(e.loop);
    double cpu_s = cpu_now() - e.cpu_at_up;
    link_destroy(e.link, LINGER_MS);
    blob_unref(e.payload);
    loop_destroy(e.loop);
    return cpu_s;
}

static struct verdict receive_ours(const struct bench *b)
{
    struct end e = {.b = b, .loop = loop_create()};
    struct link_config c = config_of(b, LINK_ROLE_ORCHESTRATOR);
    const char *why = "";
    need(link_listen(e.loop, &c, on_receiver, &e, &e.link, &why) == ERR_OK, why);
    loop_run(e.loop);
    link_destroy(e.link, LINGER_MS);
    loop_destroy(e.loop);
    return e.verdict;
}

/* --- bare libzmq --- */

static void set_key(void *socket, int option, const unsigned char *key)
{
    need(zmq_setsockopt(socket, option, key, LINK_KEY_BYTES) == 0, "a key was not taken");
}

static void *bare_socket(void *ctx, int type, const struct link_keys *keys)
{
    void *s = zmq_socket(ctx, type);
    need(s != NULL, "no socket");
    set_key(s, ZMQ_CURVE_PUBLICKEY, keys->public_key);
    set_key(s, ZMQ_CURVE_SECRETKEY, keys->secret_key);
    return s;
}

static double send_bare(const struct bench *b)
{
    struct link_keys keys = config_of(b, LINK_ROLE_BROADCASTER).keys;
    char url[128], answer[8];
    snprintf(url, sizeof url, "tcp://%s", b->addr);
    void *ctx = zmq_ctx_new(), *s = bare_socket(ctx, ZMQ_DEALER, &keys);
    set_key(s, ZMQ_CURVE_SERVERKEY, keys.server_key);
    need(zmq_connect(s, url) == 0, "no connection");
    unsigned char *payload = malloc(b->size);
    need(payload != NULL, "no memory");
    memset(payload, 0x5a, b->size);
    double before = cpu_now();
    for (uint64_t i = 0; i < b->count; i++) {
        need(zmq_send(s, "envelope of bytes", 17, ZMQ_SNDMORE) > 0, "not sent");
        need(zmq_send(s, payload, b->size, 0) >= 0, "not sent");
    }
    need(zmq_recv(s, answer, sizeof answer, 0) >= 0, "no answer");
    double cpu_s = cpu_now() - before;
    free(payload);
    zmq_close(s);
    zmq_ctx_term(ctx);
    return cpu_s;
}

static struct verdict receive_bare(const struct bench *b)
{
    struct verdict v = {0};
    struct link_keys keys = config_of(b, LINK_ROLE_ORCHESTRATOR).keys;
    char url[128];
    int server = 1;
    double before = 0;
    snprintf(url, sizeof url, "tcp://%s", b->addr);
    void *ctx = zmq_ctx_new(), *s = bare_socket(ctx, ZMQ_ROUTER, &keys);
    need(zmq_setsockopt(s, ZMQ_CURVE_SERVER, &server, sizeof server) == 0, "no CURVE");
    need(zmq_bind(s, url) == 0, "the address cannot be bound");
    zmq_msg_t id, envelope, payload;
    zmq_msg_init(&id);
    zmq_msg_init(&envelope);
    zmq_msg_init(&payload);
    while (v.messages < b->count) {
        need(zmq_msg_recv(&id, s, 0) > 0 && zmq_msg_recv(&envelope, s, 0) > 0 &&
                 zmq_msg_recv(&payload, s, 0) >= 0,
             "not received");
        need(zmq_msg_size(&payload) == b->size, "a payload of another length");
        before = v.messages == 0 ? cpu_now() : before;
        count_message(&v);
    }
    v.cpu_s = cpu_now() - before;
    need(zmq_msg_send(&id, s, ZMQ_SNDMORE) >= 0 && zmq_send(s, "done", 4, 0) == 4, "no answer");
    zmq_close(s);
    zmq_ctx_term(ctx);
    return v;
}

/* --- both --- */

static void receive(const struct bench *b, bool ours, int out)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct verdict v = ours ? receive_ours(b) : receive_bare(b);
    need(write(out, &v, sizeof v) == (ssize_t)sizeof v, "the verdict could not be told");
    exit(EXIT_SUCCESS);
}

int main(int argc, char **argv)
{
    need(argc == 5, "usage: link_bench ours|bare HOST:PORT BYTES COUNT");
    bool ours = strcmp(argv[1], "ours") == 0;
    struct bench b = {argv[2], strtoul(argv[3], NULL, 10), strtoull(argv[4], NULL, 10)};
    need(ours || strcmp(argv[1], "bare") == 0, "the first argument is ours or bare");
    need(b.size > 0 && b.size <= LINK_PAYLOAD_MAX && b.count > 1, "BYTES or COUNT out of range");
    int ends[2];
    need(pipe(ends) == 0, "no pipe");
    pid_t child = fork(); /* before anything of ZeroMQ */
    need(child >= 0, "no process");
    if (child == 0) {
        receive(&b, ours, ends[1]);
    }
    close(ends[1]);
    double cpu_s = ours ? send_ours(&b) : send_bare(&b);
    struct verdict v;
    int status;
    need(read(ends[0], &v, sizeof v) == (ssize_t)sizeof v, "the receiver failed");
    need(waitpid(child, &status, 0) == child && status == 0, "the receiver failed");
    need(v.messages == b.count && v.last_ms > v.first_ms, "not everything came, or too fast");
    printf("{\"wall_s\": %.3f, \"sender_cpu_s\": %.4f, \"receiver_cpu_s\": %.4f}\n",
           (double)(v.last_ms - v.first_ms) / 1000, cpu_s, v.cpu_s);
    return EXIT_SUCCESS;
}
