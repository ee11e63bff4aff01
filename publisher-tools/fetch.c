#include "publisher-tools/fetch.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"

#define CONNECT_TIMEOUT_MS 5000
#define REDIRECTS_MAX      5
#define PAGE_ORIGIN        "https://judge.invalid"

struct fetcher {
    CURL *curl;
    char error[CURL_ERROR_SIZE];
    int timeout_ms;
};

static const char *trusted_file;

enum err fetch_init(const char *ca_file)
{
    trusted_file = ca_file[0] != '\0' ? ca_file : NULL;
    return curl_global_init(CURL_GLOBAL_DEFAULT) == 0 ? ERR_OK : ERR_IO;
}

void fetch_fini(void)
{
    curl_global_cleanup();
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct buf *body = arg;
    return buf_put(body, span_of(data, size * n)) == ERR_OK ? size * n : 0;
}

/* Keeps the value of a header when line is that header. */
static void keep_header(const char *line, size_t n, const char *name, char *value, size_t size)
{
    size_t at = strlen(name);
    if (n <= at || strncasecmp(line, name, at) != 0 || line[at] != ':') {
        return;
    }
    for (at++; at < n && (line[at] == ' ' || line[at] == '\t'); at++) {
    }
    while (n > at && (unsigned char)line[n - 1] <= ' ') {
        n--;
    }
    snprintf(value, size, "%.*s", (int)(n - at), line + at);
}

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
    struct fetched *a = arg;
    if (size * n > 5 && memcmp(line, "HTTP/", 5) == 0) { /* of the answer behind a redirect */
        a->cache_control[0] = a->allow_origin[0] = a->encoding[0] = a->etag[0] = '\0';
    }
    keep_header(line, size * n, "Cache-Control", a->cache_control, sizeof a->cache_control);
    keep_header(line, size * n, "Access-Control-Allow-Origin", a->allow_origin,
                sizeof a->allow_origin);
    keep_header(line, size * n, "Content-Encoding", a->encoding, sizeof a->encoding);
    keep_header(line, size * n, "ETag", a->etag, sizeof a->etag);
    return size * n;
}

struct fetcher *fetcher_create(int timeout_ms)
{
    struct fetcher *f = mem_alloc(sizeof *f);
    f->curl = curl_easy_init();
    if (f->curl == NULL) {
        mem_free(f);
        return NULL;
    }
    curl_easy_setopt(f->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(f->curl, CURLOPT_ERRORBUFFER, f->error);
    curl_easy_setopt(f->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    f->timeout_ms = timeout_ms;
    if (trusted_file != NULL) {
        curl_easy_setopt(f->curl, CURLOPT_CAINFO, trusted_file);
    }
    curl_easy_setopt(f->curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(f->curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    curl_easy_setopt(f->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(f->curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(f->curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)FETCH_MAX_BYTES);
    curl_easy_setopt(f->curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(f->curl, CURLOPT_HEADERFUNCTION, on_header);
    return f;
}

void fetcher_destroy(struct fetcher *f)
{
    if (f != NULL) {
        curl_easy_cleanup(f->curl);
        mem_free(f);
    }
}

static enum err err_of(CURLcode code)
{
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return ERR_TIMEOUT;
    case CURLE_COULDNT_CONNECT:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE:
        return ERR_CLOSED;
    case CURLE_WRITE_ERROR: /* our own refusal of more bytes */
    case CURLE_FILESIZE_EXCEEDED:
        return ERR_LIMIT;
    default:
        return ERR_IO;
    }
}

static void read_answer(struct fetcher *f, struct fetched *a)
{
    long status = 0;
    const char *type = NULL;
    const char *url = NULL;
    curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(f->curl, CURLINFO_CONTENT_TYPE, &type);
    curl_easy_getinfo(f->curl, CURLINFO_EFFECTIVE_URL, &url);
    a->status = (int)status;
    size_t n = type != NULL ? strcspn(type, "; \t") : 0;
    n = n < sizeof a->content_type ? n : sizeof a->content_type - 1;
    for (size_t i = 0; i < n; i++) {
        a->content_type[i] = (char)tolower((unsigned char)type[i]);
    }
    a->content_type[n] = '\0';
    snprintf(a->url, sizeof a->url, "%s", url != NULL ? url : "");
}

static struct curl_slist *headers_of(const struct fetch_ask *ask)
{
    struct curl_slist *h = NULL;
    if (ask->as_page) {
        h = curl_slist_append(h, "Origin: " PAGE_ORIGIN);
    }
    if (ask->method != NULL && strcmp(ask->method, "OPTIONS") == 0) {
        h = curl_slist_append(h, "Access-Control-Request-Method: GET");
        h = curl_slist_append(h, "Access-Control-Request-Headers: range");
    }
    return h;
}

static void set_ask(struct fetcher *f, const struct fetch_ask *ask, struct curl_slist *headers)
{
    bool head = ask->method != NULL && strcmp(ask->method, "HEAD") == 0;
    curl_easy_setopt(f->curl, CURLOPT_URL, ask->url);
    curl_easy_setopt(f->curl, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(f->curl, CURLOPT_NOBODY, head ? 1L : 0L);
    curl_easy_setopt(f->curl, CURLOPT_CUSTOMREQUEST, head ? NULL : ask->method);
    curl_easy_setopt(f->curl, CURLOPT_RANGE, ask->range);
    curl_easy_setopt(f->curl, CURLOPT_ACCEPT_ENCODING, ask->as_page ? "gzip" : NULL);
    curl_easy_setopt(f->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(f->curl, CURLOPT_TIMEOUT_MS,
                     (long)(ask->timeout_ms > 0 ? ask->timeout_ms : f->timeout_ms));
}

enum err fetch_ask(struct fetcher *f, const struct fetch_ask *ask, struct fetched *ret_fetched,
                   char *ret_why)
{
    struct fetched a = {0};
    struct curl_slist *headers = headers_of(ask);
    buf_init(&a.body, FETCH_MAX_BYTES);
    f->error[0] = '\0';
    set_ask(f, ask, headers);
    curl_easy_setopt(f->curl, CURLOPT_WRITEDATA, &a.body);
    curl_easy_setopt(f->curl, CURLOPT_HEADERDATA, &a);
    int64_t started_ms = clock_mono_ms();
    CURLcode code = curl_easy_perform(f->curl);
    a.took_ms = clock_mono_ms() - started_ms;
    curl_easy_setopt(f->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    if (code != CURLE_OK) {
        snprintf(ret_why, FETCH_WHY_MAX, "%s",
                 f->error[0] != '\0' ? f->error : curl_easy_strerror(code));
        buf_fini(&a.body);
        return err_of(code);
    }
    read_answer(f, &a);
    *ret_fetched = a;
    return ERR_OK;
}

enum err fetch(struct fetcher *f, const char *url, struct fetched *ret_fetched, char *ret_why)
{
    return fetch_ask(f, &(struct fetch_ask){.url = url}, ret_fetched, ret_why);
}

void fetched_fini(struct fetched *f)
{
    buf_fini(&f->body);
}
