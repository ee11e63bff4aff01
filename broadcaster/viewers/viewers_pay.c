#include "broadcaster/viewers/viewers_pay.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broadcaster/media/media.h"
#include "broadcaster/viewers/viewers_answer_internal.h"
#include "broadcaster/viewers/viewers_pay_internal.h"
#include "broadcaster/viewers/viewers_serve.h"

#define CACHE_PAID  "private, max-age=3600, immutable"
#define CACHE_FILE  "private, max-age=60"
#define PROBLEM_MAX 4096
#define READ_BLOCK  65536

struct viewers_pay *viewers_pay_create(const struct viewers_pay_config *config)
{
    struct viewers_pay *p = mem_alloc(sizeof *p);
    p->config = *config;
    p->posts = rates_create(config->posts_per_minute);
    p->queries = rates_create(config->posts_per_minute);
    p->payers = rates_create(config->posts_per_minute);
    p->payers_address = rates_create(config->posts_per_minute * PAYWALL_PAYERS_TIMES);
    p->salt = *paywall_salt(config->paywall);
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

void viewers_pay_destroy(struct viewers_pay *p)
{
    if (p != NULL) {
        pthread_mutex_destroy(&p->lock);
        rates_destroy(p->posts);
        rates_destroy(p->queries);
        rates_destroy(p->payers);
        rates_destroy(p->payers_address);
        mem_free(p);
    }
}

/* --- one request --- */

static uint64_t hash_of(const struct viewers_pay *p, const uint8_t network[CIDR_ADDRESS_BYTES])
{
    return audience_hash(&p->salt, span_of(network, CIDR_ADDRESS_BYTES), span_of(NULL, 0));
}

struct paywall_from pay_from(const struct viewers_pay *p, const struct client *client)
{
    uint8_t network[CIDR_ADDRESS_BYTES];
    struct paywall_from from = {0};
    if (client_site(client->address, network)) {
        from.site = hash_of(p, network) | 1;
    }
    client_subscriber(client->address, network);
    from.address = hash_of(p, network);
    return from;
}

void pay_hold(const struct pay_request *r)
{
    watch_hold(r->watched);
    MHD_suspend_connection(r->connection);
}

static void on_hold(struct paywall_waiter *w)
{
    pay_hold((struct pay_request *)w);
}

static void on_resume(struct paywall_waiter *w)
{
    serve_resume(((struct pay_request *)w)->connection);
}

struct pay_request *pay_request_of(struct viewers_pay *p, struct MHD_Connection *connection,
                                   struct watched *watched, const struct viewer_request *request)
{
    void **slot = watch_pay_slot(watched);
    if (*slot != NULL) {
        return *slot;
    }
    struct pay_request *r = mem_try_alloc(sizeof *r);
    if (r == NULL) {
        return NULL;
    }
    r->pay = p;
    r->connection = connection;
    r->watched = watched;
    r->waiter.hold = on_hold;
    r->waiter.resume = on_resume;
    r->waiter.fd =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    r->who = pay_who_read(&p->config.who, request->target, request->cookie,
                          watch_client(watched)->https);
    buf_init(&r->posted, VIEWERS_PAY_BODY_MAX);
    *slot = r;
    return r;
}

void viewers_pay_completed(struct watched *watched, bool complete)
{
    void **slot = watch_pay_slot(watched);
    struct pay_request *r = *slot;
    if (r == NULL) {
        return;
    }
    *slot = NULL;
    paywall_body_close(r->body, complete);
    blob_unref(r->blob);
    media_file_close(r->file);
    paywall_account_unref(r->account);
    buf_fini(&r->posted);
    mem_free(r->asked);
    mem_free(r);
}

enum paywall_verdict pay_account(struct pay_request *r)
{
    if (r->account != NULL) {
        return PAYWALL_PAID;
    }
    struct paywall_from from = pay_from(r->pay, watch_client(r->watched));
    return paywall_account(r->pay->config.paywall, r->who.account, &from, &r->account);
}

/* --- saying no --- */

void pay_answer_begin(struct answer *a, int status, const char *content_type)
{
    *a = (struct answer){
        .status = status, .content_type = content_type, .cache_control = "no-store"};
    buf_init(&a->text, PROBLEM_MAX + PAYWALL_BODY_MAX);
    buf_init(&a->location, 1);
}

void pay_answer_end(struct answer *a, enum err e, const struct pay_who *who)
{
    if (e != ERR_OK) {
        answer_no_memory(a);
    }
    _Static_assert(ANSWER_COOKIE_MAX >= PAY_WHO_SET_MAX, "it has to fit");
    pay_who_cookie(who, a->cookie);
}

static enum viewers_pay_result refuse(struct pay_request *r, enum paywall_verdict v,
                                      const struct toll *t, uint64_t cost, struct answer *a)
{
    const struct pay_terms *terms = &r->pay->config.terms;
    struct pay_state s = {.toll = t, .token = r->who.token};
    if (r->account != NULL) {
        s.balance = paywall_balance(r->account);
    }
    s.missing = cost > s.balance.total ? cost - s.balance.total : 0;
    answer_fini(a);
    pay_answer_begin(a, 402, PAY_PROBLEM_TYPE);
    enum err e;
    a->status = r->who.known ? pay_text_problem(&a->text, v, terms, &s, &e)
                             : pay_text_nobody(&a->text, r->who.forged, terms, &s, &e);
    a->retry_s = a->status == MHD_HTTP_TOO_MANY_REQUESTS ? VIEWERS_PAY_RETRY_S : 0;
    pay_answer_end(a, e, &r->who);
    return VIEWERS_PAY_ANSWERED;
}

/* --- bodies --- */

static ssize_t read_file(const struct pay_request *r, uint64_t at, char *bytes, size_t n)
{
    ssize_t got = pread(r->file->fd, bytes, n, (off_t)(r->first + at));
    return got > 0 ? got : MHD_CONTENT_READER_END_WITH_ERROR;
}

/* While there is no money the connection is suspended, and this is called again. */
static ssize_t read_paid(void *arg, uint64_t at, char *bytes, size_t max)
{
    struct pay_request *r = arg;
    uint64_t n = 0;
    if (r->waiter.left || r->waiter.late) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (r->waited) {
        r->waited = false;
        watch_answer_goes_on(r->watched, r->n - at);
    }
    r->waiter.patient = r->waited = true; /* it may go on before this call ends */
    enum paywall_verdict v = paywall_body_take(r->body, at, max, r->whole, &r->waiter, &n);
    r->waited = v == PAYWALL_HELD;
    if (v == PAYWALL_HELD) {
        return 0;
    }
    if (v != PAYWALL_PAID) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (r->blob == NULL) {
        return read_file(r, at, bytes, n);
    }
    memcpy(bytes, blob_span(r->blob).data + r->first + at, n);
    return (ssize_t)n;
}

static bool is_part(const struct answer *a)
{
    return a->status == MHD_HTTP_PARTIAL_CONTENT;
}

static bool open_body(struct pay_request *r, const struct toll *t, const struct toll_file *f,
                      struct answer *a)
{
    if (r->body == NULL) {
        r->first = is_part(a) ? a->first : 0;
        r->n = is_part(a) ? a->n : f->size;
        r->body = paywall_body_open(r->account, t, f, r->first, r->n);
    }
    return r->body != NULL;
}

static void send_by_reader(struct pay_request *r, size_t block, const char *cache, struct answer *a)
{
    a->reader = (struct answer_reader){read_paid, r, block, r->n};
    a->cache_control = cache;
    pay_answer_end(a, ERR_OK, &r->who);
}

/* --- the gate --- */

static enum viewers_pay_result hold(struct answer *a)
{
    answer_fini(a);
    return VIEWERS_PAY_HELD;
}

static enum viewers_pay_result pay_time(struct pay_request *r, const struct toll *t,
                                        struct answer *a)
{
    const struct answer_media *m = &a->media;
    struct paywall_segment s = {m->id, m->msn, m->until, a->waits};
    struct paywall_waiter *w = r->waiter.late || r->waiter.left ? NULL : &r->waiter;
    uint64_t cost = 0;
    enum paywall_verdict v = paywall_segment(r->account, t, &s, w, &cost);
    if (v == PAYWALL_HELD) {
        return hold(a);
    }
    if (v != PAYWALL_PAID) {
        return refuse(r, v, t, cost, a);
    }
    a->cache_control = CACHE_PAID;
    pay_answer_end(a, ERR_OK, &r->who);
    return VIEWERS_PAY_ANSWERED;
}

/* What has to be there for anything of it to come: of a live stream a segment, of a file its first
 * piece; a megabyte where nobody knows yet how large what is waited for will be. */
static uint64_t first_cost(const struct viewers_pay *p, const struct toll *t,
                           const struct toll_file *f, const struct answer *a)
{
    uint32_t rest;
    bool live = a->file == NULL;
    if (live && t->per == TOLL_PER_MINUTE) {
        return toll_cost(t, a->media.until, 0, 0, &rest);
    }
    if (a->waits) {
        return t->amount;
    }
    uint64_t first = is_part(a) ? a->first : 0, n = is_part(a) ? a->n : f->size;
    n = live || n < p->config.chunk ? n : p->config.chunk;
    return toll_file_cost(t, f, first + n) - toll_file_cost(t, f, first);
}

static enum viewers_pay_result pay_bytes(struct pay_request *r, const struct toll *t,
                                         const struct toll_file *f, struct answer *a)
{
    struct paywall_waiter *w = r->waiter.late || r->waiter.left ? NULL : &r->waiter;
    uint64_t n = 0;
    if (!open_body(r, t, f, a)) {
        return refuse(r, PAYWALL_MANY, t, 0, a);
    }
    r->whole = true;
    enum paywall_verdict v = paywall_body_take(r->body, 0, r->n, true, w, &n);
    if (v == PAYWALL_HELD) {
        return hold(a);
    }
    if (v != PAYWALL_PAID) {
        return refuse(r, v, t, first_cost(r->pay, t, f, a), a);
    }
    r->blob = blob_ref(a->blob);
    send_by_reader(r, READ_BLOCK, CACHE_PAID, a);
    return VIEWERS_PAY_ANSWERED;
}

/* What is waited for is paid for when its size is known. */
static enum viewers_pay_result pay_live(struct pay_request *r, const struct toll *t,
                                        const struct toll_file *f, struct answer *a)
{
    if (t->per != TOLL_PER_MB) {
        return pay_time(r, t, a);
    }
    return a->waits ? VIEWERS_PAY_ANSWERED : pay_bytes(r, t, f, a);
}

static enum viewers_pay_result say(struct answer *a, int status, const char *text)
{
    answer_fini(a);
    pay_answer_begin(a, status, NULL);
    answer_say(a, status, "%s", text, "");
    a->cache_control = "no-store";
    return VIEWERS_PAY_ANSWERED;
}

/* Texts, pictures and playlists have none: they cost nothing by the minute. What is not known may
 * be a film all the same. */
static enum err read_duration(const struct media_file *file, struct toll_file *f)
{
    const struct media_type *type = media_type_of(file->path);
    enum media_kind kind = type->kind;
    struct media_facts facts;
    if (kind == MEDIA_KIND_OTHER && type->ending == NULL) {
        return ERR_UNSUPPORTED;
    }
    if (kind == MEDIA_KIND_OTHER || kind == MEDIA_KIND_PLAYLIST) {
        return ERR_OK;
    }
    enum err e =
        media_catalog_facts(media_catalog_of(file->media), file->path, &file->stat, &facts);
    if (e != ERR_OK || facts.duration_ms <= 0) {
        return e != ERR_OK ? e : ERR_PROTO; /* a recording that was never ended, say */
    }
    f->duration_ms = (uint64_t)facts.duration_ms;
    return ERR_OK;
}

/* What costs nothing by the minute has no duration. */
static enum err measure(const struct toll *t, const struct answer *a, struct toll_file *f)
{
    *f = (struct toll_file){.size = a->file != NULL   ? a->file->stat.size
                                    : a->blob != NULL ? blob_span(a->blob).len
                                                      : 0};
    return a->file != NULL && t->per == TOLL_PER_MINUTE ? read_duration(a->file, f) : ERR_OK;
}

static enum viewers_pay_result say_unsold(enum err e, struct answer *a)
{
    if (e == ERR_AGAIN) {
        return say(a, 503,
                   "How long this file is has not been read yet; try again in a moment. A piece of "
                   "an HLS or DASH presentation can be sold by the megabyte alone.");
    }
    return say(a, 500, "This file is sold by the minute, and how long it is cannot be read.");
}

static enum viewers_pay_result pay_file(struct pay_request *r, const struct toll *t,
                                        const struct toll_file *f, struct answer *a)
{
    if (!open_body(r, t, f, a)) {
        return refuse(r, PAYWALL_MANY, t, 0, a);
    }
    r->file = a->file;
    a->file = NULL;
    send_by_reader(r, r->pay->config.chunk, CACHE_FILE, a);
    return VIEWERS_PAY_ANSWERED;
}

/* What is to be paid, when it is. */
static struct toll toll_of(const struct viewers_pay *p, const struct viewer_request *request,
                           const struct answer *a)
{
    bool sends = a->waits || a->status == MHD_HTTP_OK || is_part(a);
    if (!sends || strcmp(request->method, "GET") != 0) {
        return (struct toll){TOLL_FREE, 0};
    }
    return a->file != NULL          ? prices_of_file(p->config.prices, a->file->path)
           : a->media.id[0] != '\0' ? prices_of_stream(p->config.prices, a->media.id)
                                    : (struct toll){TOLL_FREE, 0};
}

enum viewers_pay_result viewers_pay_gate(struct viewers_pay *p, struct MHD_Connection *connection,
                                         struct watched *watched,
                                         const struct viewer_request *request, struct answer *a)
{
    struct toll t = toll_of(p, request, a);
    if (t.per == TOLL_FREE) {
        return VIEWERS_PAY_ANSWERED;
    }
    struct pay_request *r =
        watched != NULL ? pay_request_of(p, connection, watched, request) : NULL;
    if (r == NULL) {
        return say(a, 503, "The server is short of memory; try again in a moment.");
    }
    struct toll_file f;
    enum err e = measure(&t, a, &f);
    if (e != ERR_OK) {
        return say_unsold(e, a);
    }
    if (a->file != NULL && t.per == TOLL_PER_MINUTE && f.duration_ms == 0) {
        return VIEWERS_PAY_ANSWERED;
    }
    enum paywall_verdict v = r->who.known ? pay_account(r) : PAYWALL_EMPTY;
    if (v != PAYWALL_PAID) {
        return refuse(r, v, &t, first_cost(p, &t, &f, a), a);
    }
    return a->file != NULL ? pay_file(r, &t, &f, a) : pay_live(r, &t, &f, a);
}
