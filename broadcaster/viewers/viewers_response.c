#include "broadcaster/viewers/viewers_response.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/mem.h"
#include "broadcaster/viewers/http_date.h"
#include "broadcaster/viewers/http_target.h"
#include "broadcaster/viewers/viewers_file.h"
#include "run/http_queue.h"

#define METHODS           "GET, HEAD, OPTIONS"
#define METHODS_POST      "GET, HEAD, POST, OPTIONS"
#define CONTENT_RANGE_MAX 80
#define VARY_MAX          64
#define RETRY_MAX         16
/* What a page's script may send beside what it may anyhow (Fetch, 3.2). A wildcard does not count
 * where a request has credentials, and never stands for Authorization. */
#define ALLOWED_HEADERS                                                                            \
    "Range, If-Range, If-Match, If-None-Match, Cache-Control, Content-Type, Authorization, *"

struct wanted_header {
    const char *name;
    size_t len;
    size_t at; /* of the field in struct viewer_request */
};

#define WANTED(name, field)                                                                        \
    {                                                                                              \
        name, sizeof name - 1, offsetof(struct viewer_request, field)                              \
    }

static const struct wanted_header wanted[] = {
    WANTED("Range", range),
    WANTED("If-Range", if_range),
    WANTED("If-Match", if_match),
    WANTED("If-None-Match", if_none_match),
    WANTED("Accept", accept),
    WANTED("Accept-Encoding", accept_encoding),
    WANTED("Origin", origin),
    WANTED("If-Modified-Since", if_modified_since),
    WANTED("If-Unmodified-Since", if_unmodified_since),
    WANTED("Cookie", cookie),
};

/* It takes the first Cookie apart, and copies it for that: more than a few of them would leave no
 * room for an answer. */
static const char no_cookies[] = "";

void viewers_keep_cookies_whole(struct MHD_Connection *c)
{
    MHD_set_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_COOKIE, no_cookies);
}

/* Of a header that came twice the first counts: each of these only spares bytes. */
static enum MHD_Result on_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                 size_t name_len, const char *value, size_t value_len)
{
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        const char **field = (const char **)((char *)arg + wanted[i].at);
        if (name_len == wanted[i].len && *field == NULL && value != no_cookies &&
            strncasecmp(name, wanted[i].name, name_len) == 0) {
            *field = value;
        }
    }
    return MHD_YES;
}

struct target {
    char *text;
    size_t size;
    size_t len;
};

static void add_text(struct target *t, const char *text)
{
    for (; *text != '\0' && t->len < t->size; text++) {
        t->text[t->len++] = http_target_sent(*text);
    }
}

/* The library has taken the query apart (http_target.h). */
static enum MHD_Result add_argument(void *arg, enum MHD_ValueKind kind, const char *key,
                                    const char *value)
{
    struct target *t = arg;
    add_text(t, memchr(t->text, '?', t->len) != NULL ? "&" : "?");
    add_text(t, key);
    if (value != NULL) {
        add_text(t, "=");
        add_text(t, value);
    }
    return MHD_YES;
}

struct span viewers_target(struct MHD_Connection *c, const char *url, char *text, size_t size)
{
    if (MHD_get_connection_values(c, MHD_GET_ARGUMENT_KIND, NULL, NULL) <= 0) {
        return span_cstr(url);
    }
    struct target t = {.text = text, .size = size};
    add_text(&t, url);
    MHD_get_connection_values(c, MHD_GET_ARGUMENT_KIND, add_argument, &t);
    return span_of(text, t.len);
}

void viewers_request_read(struct MHD_Connection *c, struct viewer_request *r)
{
    MHD_get_connection_values_n(c, MHD_HEADER_KIND, on_header, r);
}

static void free_blob(void *blob)
{
    blob_unref(blob);
}

static struct MHD_Response *move_body(struct answer *a)
{
    if (a->reader.read != NULL) {
        return MHD_create_response_from_callback(a->reader.n, a->reader.block, a->reader.read,
                                                 a->reader.arg, NULL);
    }
    struct span body = answer_body(a);
    if (a->status == MHD_HTTP_PARTIAL_CONTENT) {
        body = span_of(body.data + a->first, a->n);
    }
    struct blob **blob = a->gzipped ? &a->gzip : &a->blob;
    void *owner = *blob != NULL ? (void *)*blob : a->text.data;
    struct MHD_Response *r = MHD_create_response_from_buffer_with_free_callback_cls(
        body.len, (void *)(uintptr_t)body.data, *blob != NULL ? free_blob : mem_free, owner);
    if (r != NULL && *blob != NULL) {
        *blob = NULL;
    } else if (r != NULL) {
        buf_init(&a->text, a->text.max);
    }
    return r;
}

static void add(struct MHD_Response *r, const char *name, const char *value)
{
    MHD_add_response_header(r, name, value);
}

static void add_content_range(struct MHD_Response *r, const struct answer *a)
{
    char text[CONTENT_RANGE_MAX];
    if (a->status == MHD_HTTP_RANGE_NOT_SATISFIABLE) {
        snprintf(text, sizeof text, "bytes */%" PRIu64, a->whole);
    } else {
        snprintf(text, sizeof text, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, a->first,
                 a->first + a->n - 1, a->whole);
    }
    add(r, MHD_HTTP_HEADER_CONTENT_RANGE, text);
}

static bool is_any(const struct cors *cors)
{
    return cors == NULL || cors_is_any(cors);
}

/* Under a list of origins each answer depends on who asks, also one to nobody's page. */
static void add_vary(struct MHD_Response *r, bool accept, bool encoding, const struct cors *cors)
{
    const char *const parts[] = {accept ? ", Accept" : "", encoding ? ", Accept-Encoding" : "",
                                 is_any(cors) ? "" : ", Origin"};
    char text[VARY_MAX];
    snprintf(text, sizeof text, "%s%s%s", parts[0], parts[1], parts[2]);
    if (text[0] != '\0') {
        add(r, MHD_HTTP_HEADER_VARY, text + strlen(", "));
    }
}

/* Whose page may read it; false: not this one. */
static bool add_cors(struct MHD_Response *r, const struct cors *cors, const char *origin)
{
    bool any = is_any(cors);
    if (!any && !cors_lists(cors, origin)) {
        return false;
    }
    add(r, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_ORIGIN, any ? CORS_ANY : origin);
    add(r, "Access-Control-Expose-Headers", CORS_EXPOSED_HEADERS);
    return true;
}

/* What such a page may do (Fetch, 3.2.3). */
static void add_preflight(struct MHD_Response *r, const struct answer *a)
{
    add(r, "Access-Control-Allow-Methods", a->takes_posts ? METHODS_POST : METHODS);
    add(r, "Access-Control-Allow-Headers", ALLOWED_HEADERS);
    add(r, "Access-Control-Max-Age", "86400");
}

/* What belongs to what was found. */
static void add_found(struct MHD_Response *r, const struct answer *a)
{
    if (a->content_type != NULL) {
        add(r, MHD_HTTP_HEADER_CONTENT_TYPE, a->content_type);
    }
    if (a->etag[0] != '\0') {
        add(r, MHD_HTTP_HEADER_ETAG, a->etag);
    }
    if (a->ranges) {
        add(r, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
    }
    if (a->modified_s != 0) {
        char date[HTTP_DATE_MAX];
        http_date_write(a->modified_s, date);
        add(r, MHD_HTTP_HEADER_LAST_MODIFIED, date);
    }
    if (a->gzipped) {
        add(r, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    }
}

static void add_retry_after(struct MHD_Response *r, const struct answer *a)
{
    char text[RETRY_MAX];
    snprintf(text, sizeof text, "%u", a->retry_s > 0 ? a->retry_s : 1);
    add(r, MHD_HTTP_HEADER_RETRY_AFTER, text);
}

/* What belongs to the status. */
static void add_status(struct MHD_Response *r, const struct answer *a)
{
    switch (a->status) {
    case MHD_HTTP_PARTIAL_CONTENT:
    case MHD_HTTP_RANGE_NOT_SATISFIABLE:
        add_content_range(r, a);
        break;
    case MHD_HTTP_NO_CONTENT:
    case MHD_HTTP_METHOD_NOT_ALLOWED:
        add(r, MHD_HTTP_HEADER_ALLOW, a->takes_posts ? METHODS_POST : METHODS);
        break;
    case MHD_HTTP_TOO_MANY_REQUESTS:
    case MHD_HTTP_SERVICE_UNAVAILABLE:
        add_retry_after(r, a);
        break;
    default:
        break;
    }
}

static void add_headers(struct MHD_Response *r, const struct answer *a, const struct cors *cors,
                        const char *origin)
{
    add_vary(r, a->page_too, a->varies, cors);
    if (add_cors(r, cors, origin) && a->status == MHD_HTTP_NO_CONTENT) {
        add_preflight(r, a);
    }
    add(r, MHD_HTTP_HEADER_CACHE_CONTROL, a->cache_control);
    add(r, "X-Content-Type-Options", "nosniff");
    if (a->cookie[0] != '\0') {
        add(r, MHD_HTTP_HEADER_SET_COOKIE, a->cookie);
    }
    if (a->location.len > 0) {
        add(r, MHD_HTTP_HEADER_LOCATION, (const char *)a->location.data);
    }
    add_found(r, a);
    add_status(r, a);
}

/* --- answers that all get alike --- */

/* One is kept for each Cache-Control that a body is given with, and each of the first threads: the
 * library sends a file under a lock of the response, and counts its users under it. */
#define KEPT_MAX          4
#define KEPT_THREADS      2
#define CACHE_CONTROL_MAX 64

struct kept {
    struct MHD_Response *response; /* borrows the body: who sends it holds the blob */
    char cache_control[CACHE_CONTROL_MAX];
    char etag[HTTP_TAG_MAX];
    const char *content_type;
};

struct kept_all {
    struct blob_companion base;
    struct kept *_Atomic lists[KEPT_THREADS][KEPT_MAX];
};

static void kept_destroy(struct kept *k)
{
    MHD_destroy_response(k->response);
    mem_free(k);
}

static void kept_all_destroy(struct blob_companion *companion)
{
    struct kept_all *all = (struct kept_all *)companion;
    for (size_t t = 0; t < KEPT_THREADS; t++) {
        for (size_t i = 0; i < KEPT_MAX && all->lists[t][i] != NULL; i++) {
            kept_destroy(all->lists[t][i]);
        }
    }
    mem_free(all);
}

/* This thread's list; further threads share with others. */
static struct kept *_Atomic *kept_list(struct kept_all *all)
{
    static atomic_uint threads;
    static _Thread_local unsigned own; /* from 1; 0: not known */
    if (own == 0) {
        own = atomic_fetch_add(&threads, 1) + 1;
    }
    return all->lists[(own - 1) % KEPT_THREADS];
}

static struct kept_all *kept_all_of(struct blob *body)
{
    struct kept_all *all = (struct kept_all *)blob_companion(body);
    if (all == NULL && (all = mem_try_alloc(sizeof *all)) != NULL) {
        struct kept_all *own = all;
        own->base.destroy = kept_all_destroy;
        all = (struct kept_all *)blob_set_companion(body, &own->base);
        if (all != own) {
            mem_free(own);
        }
    }
    return all;
}

static bool is_same(const struct kept *k, const struct answer *a)
{
    return strcmp(k->etag, a->etag) == 0 && strcmp(k->cache_control, a->cache_control) == 0 &&
           k->content_type == a->content_type;
}

/* From the body's file, if it has one, and `first` says that the thread has no other response with
 * it: so the file takes no more than CAPACITY_BODY_FILES descriptors. The library closes its own.
 */
static struct MHD_Response *share_body(const struct answer *a, bool first)
{
    struct span body = answer_body(a);
    int file = a->gzipped || !first ? -1 : blob_descriptor(a->blob);
    int fd = file >= 0 ? fcntl(file, F_DUPFD_CLOEXEC, 0) : -1;
    if (fd < 0) {
        return MHD_create_response_from_buffer(body.len, (void *)(uintptr_t)body.data,
                                               MHD_RESPMEM_PERSISTENT);
    }
    struct MHD_Response *r = MHD_create_response_from_fd_at_offset64(body.len, fd, 0);
    if (r == NULL) {
        close(fd);
    }
    return r;
}

static struct kept *kept_create(const struct answer *a, bool first)
{
    struct kept *k = mem_try_alloc(sizeof *k);
    if (k == NULL) {
        return NULL;
    }
    k->response = share_body(a, first);
    if (k->response == NULL) {
        mem_free(k);
        return NULL;
    }
    snprintf(k->cache_control, sizeof k->cache_control, "%s", a->cache_control);
    memcpy(k->etag, a->etag, sizeof k->etag);
    k->content_type = a->content_type;
    add_headers(k->response, a, NULL, NULL);
    return k;
}

/* NULL: no memory, or too many different ones. */
static struct kept *kept_find(struct blob *body, const struct answer *a)
{
    struct kept_all *all = kept_all_of(body);
    struct kept *_Atomic *list = all != NULL ? kept_list(all) : NULL;
    for (size_t i = 0; list != NULL && i < KEPT_MAX; i++) {
        struct kept *k = list[i];
        if (k == NULL) {
            struct kept *own = kept_create(a, i == 0);
            if (own == NULL || atomic_compare_exchange_strong(&list[i], &k, own)) {
                return own;
            }
            kept_destroy(own);
        }
        if (is_same(k, a)) {
            return k;
        }
    }
    return NULL;
}

/* The body of an answer that is the same for all who get it; NULL: it is not. */
static struct blob *body_of_all(const struct answer *a, const struct cors *cors)
{
    bool whole = (a->status == MHD_HTTP_OK || a->status == MHD_HTTP_NOT_MODIFIED) &&
                 a->reader.read == NULL && a->cookie[0] == '\0';
    bool fits = strlen(a->cache_control) < CACHE_CONTROL_MAX;
    return whole && fits && is_any(cors) ? (a->gzipped ? a->gzip : a->blob) : NULL;
}

bool viewers_sends_file(const struct answer *a)
{
    return a->file != NULL ? a->reader.read == NULL
                           : a->blob != NULL && a->status == MHD_HTTP_OK && !a->gzipped &&
                                 blob_descriptor(a->blob) >= 0;
}

enum MHD_Result viewers_send(struct MHD_Connection *c, struct watched *watched, struct answer *a,
                             const struct cors *cors, const char *origin)
{
    struct blob *body = watched != NULL ? body_of_all(a, cors) : NULL;
    struct kept *k = body != NULL ? kept_find(body, a) : NULL;
    if (k != NULL) {
        watch_answer_keeps(watched, blob_ref(body), free_blob);
        return http_queue(c, (unsigned)a->status, k->response);
    }
    if (a->file != NULL && a->reader.read == NULL) {
        struct MHD_Response *file = watched != NULL ? viewers_file_response(watched, a) : NULL;
        if (file == NULL) {
            return MHD_NO;
        }
        add_headers(file, a, cors, origin);
        return http_queue(c, (unsigned)a->status, file);
    }
    struct MHD_Response *r = move_body(a);
    if (r == NULL) {
        return MHD_NO;
    }
    add_headers(r, a, cors, origin);
    enum MHD_Result result = http_queue(c, (unsigned)a->status, r);
    MHD_destroy_response(r);
    return result;
}

static void add_if(struct MHD_Response *r, const char *name, const char *value)
{
    if (value != NULL) {
        add(r, name, value);
    }
}

struct MHD_Response *viewers_page_response(const struct page *p, const struct cors *cors,
                                           const char *origin)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(
        p->body.len, (void *)(uintptr_t)p->body.data, MHD_RESPMEM_PERSISTENT);
    if (r == NULL) {
        return NULL;
    }
    add_vary(r, p->page_too, p->varies, cors);
    add_cors(r, cors, origin);
    add(r, MHD_HTTP_HEADER_CONTENT_TYPE, p->content_type);
    add(r, MHD_HTTP_HEADER_CACHE_CONTROL, p->cache_control);
    add(r, "X-Content-Type-Options", "nosniff");
    add_if(r, MHD_HTTP_HEADER_CONTENT_ENCODING, p->content_encoding);
    add_if(r, MHD_HTTP_HEADER_ETAG, p->etag);
    add_if(r, "Content-Security-Policy", p->policy);
    return r;
}
