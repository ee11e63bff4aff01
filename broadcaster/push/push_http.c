#include "broadcaster/push/push_http.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/push/push_parts.h"
#include "broadcaster/push/push_workers.h"
#include "broadcaster/viewers/http_target.h"
#include "broadcaster/viewers/viewers_serve.h"
#include "run/http_queue.h"

#define PLAIN_TEXT "text/plain; charset=utf-8"
#define STOPPING   "the server is stopping"
#define NOT_FOUND  "404 page not found"

enum phase {
    REFUSED,  /* the answer is known; what comes of the body is swallowed */
    ASKED,    /* suspended: may it send the body? */
    ADMITTED, /* it may; the loop remembers it from here on */
    UPLOADING,
    READING, /* suspended: the body is read, or waits for its turn and its rungs */
};

struct push_http {
    struct mailbox *mailbox;
    push_http_take_fn *take;
    void *arg;
    struct push_workers *workers;
    pthread_mutex_t lock; /* of the fields below, and of suspending, posting and resuming */
    bool stopping;
    struct list held; /* suspended requests */
    atomic_size_t requests, body_bytes;
};

struct held {
    struct push_job job;   /* first */
    struct list suspended; /* of push_http.held */
    struct list work;
    struct push_http *http; /* NULL: push is switched off */
    struct MHD_Connection *connection;
    struct watched *watched;
    enum phase phase;
    char target[PUSH_TARGET_MAX]; /* with the query */
    bool https;
    bool head; /* the library has not gone on behind the head yet */
    struct buf body;
    size_t counted; /* of body, in http->body_bytes */
    size_t swallowed;
};

/* --- life of a request --- */

static void release_body(struct held *r)
{
    if (r->http != NULL) {
        atomic_fetch_sub(&r->http->body_bytes, r->counted);
    }
    r->counted = 0;
    buf_fini(&r->body);
}

static void destroy_request(struct held *r)
{
    release_body(r);
    push_media_fini(&r->job.media);
    push_answer_fini(&r->job.answer);
    if (r->http != NULL) {
        atomic_fetch_sub(&r->http->requests, 1);
    }
    mem_free(r);
}

static void refuse(struct held *r, int status, const char *text)
{
    r->phase = REFUSED;
    r->job.answer.status = status;
    snprintf(r->job.answer.text, sizeof r->job.answer.text, "%s", text);
}

/* Suspends it and gives it to the loop, or to the workers first. False: the server is stopping. */
static bool hand_over(struct held *r, enum phase phase)
{
    struct push_http *h = r->http;
    pthread_mutex_lock(&h->lock);
    bool ok = !h->stopping;
    if (ok) {
        r->phase = phase;
        watch_hold(r->watched);
        MHD_suspend_connection(r->connection); /* before anybody could resume it */
        list_push_back(&h->held, &r->suspended);
        if (phase == ASKED) {
            r->job.stage = PUSH_ASK;
            mailbox_post(h->mailbox, r);
        } else {
            push_workers_add(h->workers, &r->work);
        }
    }
    pthread_mutex_unlock(&h->lock);
    return ok;
}

static uint64_t hash_of(struct span bytes)
{
    uint64_t h = 0xcbf29ce484222325; /* FNV-1a, 64 bits */
    for (size_t i = 0; i < bytes.len; i++) {
        h = (h ^ bytes.data[i]) * 0x100000001b3;
    }
    return h;
}

/* On a worker's thread. */
static void read_file(void *arg, struct list *item, const atomic_bool *cancel)
{
    struct push_http *h = arg;
    struct held *r = LIST_ITEM(item, struct held, work);
    struct push_job *job = &r->job;
    struct push_demux_options options = {
        .mp4 = job->request.mp4,
        .told_ticks = job->request.duration_ms * TICKS_PER_MS,
        .cancel = cancel,
    };
    job->hash = hash_of(buf_span(&r->body));
    job->result = push_demux(buf_span(&r->body), &options, &job->media, job->why);
    release_body(r);
    job->stage = PUSH_BODY;
    pthread_mutex_lock(&h->lock);
    if (!h->stopping) {
        mailbox_post(h->mailbox, r);
    }
    pthread_mutex_unlock(&h->lock);
}

/* --- loop's thread --- */

static void on_mail(void *arg, void *item)
{
    struct push_http *h = arg;
    h->take(h->arg, &((struct held *)item)->job);
}

void push_http_answer(void *http, struct push_job *job)
{
    struct push_http *h = http;
    struct held *r = (struct held *)job;
    pthread_mutex_lock(&h->lock);
    r->phase = job->answer.status != 0 ? REFUSED : ADMITTED;
    list_remove(&r->suspended);
    serve_resume(r->connection);
    pthread_mutex_unlock(&h->lock);
}

void push_http_forget(void *http, struct push_job *job)
{
    destroy_request((struct held *)job);
}

struct push_http *push_http_create(struct loop *l, push_http_take_fn *take, void *arg)
{
    struct push_http *h = mem_alloc(sizeof *h);
    h->take = take;
    h->arg = arg;
    pthread_mutex_init(&h->lock, NULL);
    list_init(&h->held);
    h->mailbox = mailbox_create(l, on_mail, h);
    h->workers = push_workers_create(PUSH_WORKERS, read_file, h);
    push_demux_init();
    if (h->workers == NULL) {
        push_http_destroy(h);
        return NULL;
    }
    return h;
}

static void drop_nothing(void *item)
{
    /* Its connection has it, or (PUSH_GONE) nobody. */
    struct held *r = item;
    if (r->job.stage == PUSH_GONE) {
        destroy_request(r);
    }
}

void push_http_stop(struct push_http *h)
{
    pthread_mutex_lock(&h->lock);
    h->stopping = true;
    pthread_mutex_unlock(&h->lock);
    push_workers_destroy(h->workers);
    h->workers = NULL;
    mailbox_destroy(h->mailbox, drop_nothing);
    h->mailbox = NULL;
    pthread_mutex_lock(&h->lock);
    LIST_EACH (&h->held, n, next) {
        struct held *r = LIST_ITEM(n, struct held, suspended);
        push_answer_fini(&r->job.answer);
        refuse(r, 503, STOPPING);
        list_remove(&r->suspended);
        serve_resume(r->connection);
    }
    pthread_mutex_unlock(&h->lock);
}

void push_http_destroy(struct push_http *h)
{
    if (h == NULL) {
        return;
    }
    push_workers_destroy(h->workers);
    mailbox_destroy(h->mailbox, drop_nothing);
    pthread_mutex_destroy(&h->lock);
    mem_free(h);
}

/* --- the server's threads --- */

static const char *header(const struct push_call *call, const char *name)
{
    return MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, name);
}

static void read_peer(struct held *r)
{
    struct client client = {.port = 0};
    char text[CIDR_TEXT_MAX];
    if (r->watched != NULL) {
        client = *watch_client(r->watched);
    }
    r->https = client.https;
    memcpy(r->job.address, client.address, sizeof r->job.address);
    client_format(&client, text);
    snprintf(r->job.peer, sizeof r->job.peer, "%.*s", (int)sizeof r->job.peer - 1, text);
}

static enum MHD_Result add_argument(void *arg, enum MHD_ValueKind kind, const char *key,
                                    const char *value)
{
    struct held *r = arg;
    size_t n = strlen(r->target);
    char separator = strchr(r->target, '?') != NULL ? '&' : '?';
    snprintf(r->target + n, sizeof r->target - n, "%c%s%s%s", separator, key,
             value != NULL ? "=" : "", value != NULL ? value : "");
    return MHD_YES;
}

/* The library has taken the query apart. A target that is too long stays so. */
static void read_target(struct held *r, const struct push_call *call)
{
    snprintf(r->target, sizeof r->target, "%s", call->target);
    MHD_get_connection_values(call->connection, MHD_GET_ARGUMENT_KIND, add_argument, r);
    http_target_unfold(r->target);
}

static bool too_large(const struct push_call *call)
{
    const char *length = header(call, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return length != NULL && strtoull(length, NULL, 10) > PUSH_BODY_MAX;
}

static void read_head(struct held *r, const struct push_call *call)
{
    read_target(r, call);
    struct push_headers h = {
        .method = call->method,
        .target = r->target,
        .content_resolution = header(call, "Content-Resolution"),
        .content_duration = header(call, "Content-Duration"),
        .accept = header(call, MHD_HTTP_HEADER_ACCEPT),
    };
    if (r->http == NULL) {
        refuse(r, 404, NOT_FOUND);
        return;
    }
    push_request_parse(&h, &r->job.request);
    read_peer(r);
    const char *host = header(call, MHD_HTTP_HEADER_HOST);
    snprintf(r->job.url, sizeof r->job.url, "%s://%s%s", r->https ? "https" : "http",
             host != NULL ? host : "", r->target);
    if (r->job.request.status != 0) {
        refuse(r, r->job.request.status, r->job.request.text);
    } else if (too_large(call)) {
        refuse(r, 413, "the body is too large: a segment has at most 64 MiB");
    } else if (atomic_load(&r->http->requests) > PUSH_REQUESTS_MAX) {
        refuse(r, 503, "No sessions available");
    }
}

static struct MHD_Response *text_response(const char *text)
{
    char line[PUSH_TEXT_MAX + 1];
    int n = snprintf(line, sizeof line, "%s%s", text, text[0] != '\0' ? "\n" : "");
    struct MHD_Response *m =
        MHD_create_response_from_buffer((size_t)n, line, MHD_RESPMEM_MUST_COPY);
    if (m != NULL && n > 0) {
        MHD_add_response_header(m, MHD_HTTP_HEADER_CONTENT_TYPE, PLAIN_TEXT);
    }
    return m;
}

static struct MHD_Response *parts_response(struct push_answer *a, size_t *ret_size)
{
    struct buf body;
    char type[PUSH_PARTS_TYPE_MAX];
    if (push_parts_write(a, &body, type) != ERR_OK) {
        a->status = 500;
        return text_response("ErrStorage");
    }
    struct MHD_Response *m =
        MHD_create_response_from_buffer_with_free_callback(body.len, body.data, mem_free);
    if (m == NULL) {
        buf_fini(&body);
    } else {
        MHD_add_response_header(m, MHD_HTTP_HEADER_CONTENT_TYPE, type);
        *ret_size = body.len;
    }
    return m;
}

static enum MHD_Result answer(struct held *r)
{
    struct push_answer *a = &r->job.answer;
    bool parts = a->status == 200 && a->parts;
    size_t body = 0;
    struct MHD_Response *m = parts ? parts_response(a, &body) : text_response(a->text);
    if (m == NULL) {
        return MHD_NO;
    }
    MHD_add_response_header(m, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(m, "X-Content-Type-Options", "nosniff");
    if (a->status == 405) {
        MHD_add_response_header(m, MHD_HTTP_HEADER_ALLOW, "PUT, POST");
    } else if (a->status == 503) {
        MHD_add_response_header(m, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    }
    watch_answer_begins(r->watched, body);
    enum MHD_Result result = http_queue(r->connection, (unsigned)a->status, m);
    MHD_destroy_response(m);
    return result;
}

/* A body that would be long in vain is not asked for. */
static bool answers_at_once(const struct held *r, const struct push_call *call)
{
    return header(call, MHD_HTTP_HEADER_EXPECT) != NULL || r->job.answer.status == 413;
}

static enum MHD_Result after_head(struct held *r, const struct push_call *call)
{
    r->head = false;
    if (r->phase == REFUSED) {
        return answers_at_once(r, call) ? answer(r) : MHD_YES;
    }
    r->phase = UPLOADING;
    watch_body(r->watched, 0);
    return MHD_YES;
}

static enum MHD_Result begin(struct push_http *h, const struct push_call *call)
{
    struct held *r = mem_try_alloc(sizeof *r);
    if (r == NULL) {
        return MHD_NO;
    }
    list_init(&r->suspended);
    list_init(&r->work);
    list_init(&r->job.node);
    push_media_init(&r->job.media);
    buf_init(&r->body, PUSH_BODY_MAX);
    r->http = h;
    r->connection = call->connection;
    r->watched = call->watched;
    r->phase = ASKED;
    if (h != NULL) {
        atomic_fetch_add(&h->requests, 1);
    }
    *call->context = r;
    read_head(r, call);
    r->head = true;
    if (r->phase != REFUSED) {
        if (hand_over(r, ASKED)) {
            return MHD_YES; /* from here on it is the loop's */
        }
        refuse(r, 503, STOPPING);
    }
    return after_head(r, call);
}

static void collect(struct held *r, struct span bytes)
{
    size_t all = atomic_fetch_add(&r->http->body_bytes, bytes.len) + bytes.len;
    r->counted += bytes.len;
    enum err e = all > PUSH_BODIES_MAX_BYTES ? ERR_NOMEM : buf_put(&r->body, bytes);
    if (e == ERR_OK) {
        watch_body(r->watched, r->body.len);
        return;
    }
    /* The loop learns of it when the request ends. */
    release_body(r);
    r->job.answer.status = e == ERR_LIMIT ? 413 : 503;
    snprintf(r->job.answer.text, sizeof r->job.answer.text, "%s",
             e == ERR_LIMIT ? "the body is too large: a segment has at most 64 MiB"
                            : "the server is short of memory: try again in a moment");
}

static enum MHD_Result swallow(struct held *r, size_t *size)
{
    r->swallowed += *size;
    *size = 0;
    return r->swallowed > PUSH_SWALLOW_MAX ? MHD_NO : MHD_YES;
}

static enum MHD_Result go_on(struct held *r, const struct push_call *call)
{
    size_t n = *call->upload_size;
    bool refused = r->job.answer.status != 0;
    if (r->head) {
        return after_head(r, call);
    }
    if (n > 0 && refused) {
        return swallow(r, call->upload_size);
    }
    if (n > 0) {
        collect(r, span_of(call->upload, n));
        *call->upload_size = 0;
        return MHD_YES;
    }
    if (!refused) {
        if (hand_over(r, READING)) {
            return MHD_YES;
        }
        refuse(r, 503, STOPPING);
    }
    return answer(r);
}

int push_http_request(struct push_http *h, const struct push_call *call)
{
    struct held *r = *call->context;
    if (r == NULL) {
        return begin(h, call);
    }
    return go_on(r, call);
}

void push_http_completed(void *context)
{
    struct held *r = context;
    struct push_http *h = r->http;
    bool posted = false;
    if (h != NULL && (r->phase == ADMITTED || r->phase == UPLOADING)) {
        pthread_mutex_lock(&h->lock);
        posted = !h->stopping;
        if (posted) {
            r->job.stage = PUSH_GONE;
            mailbox_post(h->mailbox, r);
        }
        pthread_mutex_unlock(&h->lock);
    }
    if (!posted) {
        destroy_request(r);
    }
}
