/* HTTP GET for the judge (libcurl). One fetcher per thread; it keeps its connections. */
#ifndef PUBLISHER_TOOLS_FETCH_H
#define PUBLISHER_TOOLS_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "publisher-tools/hls_url.h"

#define FETCH_WHY_MAX   256
#define FETCH_MAX_BYTES (256 * 1024 * 1024)

struct fetcher;

struct fetched {
    int status;
    char content_type[128]; /* without parameters, in lower case; "" when not told */
    char url[HLS_URL_MAX];  /* where redirects led to */
    /* Of the last answer; "" when not told: */
    char cache_control[128], allow_origin[128], encoding[32], etag[128];
    int64_t took_ms;
    struct buf body;
};

/* Once per process, before any thread; ERR_IO. ca_file: a PEM file of certificates that are trusted
 * besides the system's, borrowed up to fetch_fini; "": none. */
enum err fetch_init(const char *ca_file) CHECKED;
void fetch_fini(void);

struct fetcher *fetcher_create(int timeout_ms);
void fetcher_destroy(struct fetcher *f); /* takes NULL */

/* Any status is an answer (ERR_OK). Follows up to five redirects, http and https only. ERR_TIMEOUT,
 * ERR_CLOSED (cannot connect, or lost), ERR_LIMIT (body too long), ERR_IO: ret_why is a sentence.
 * fetched_fini frees the body. */
enum err fetch(struct fetcher *f, const char *url, struct fetched *ret_fetched,
               char *ret_why) CHECKED;
/* The same, with more to ask for. */
struct fetch_ask {
    const char *url;
    const char *method; /* NULL: GET; "HEAD", "OPTIONS" (as a preflight of a GET with Range) */
    const char *range;  /* NULL: all; "0-99" */
    bool as_page;       /* as a page of another site does: tells an Origin, accepts gzip */
    int timeout_ms;     /* 0: the fetcher's */
};

enum err fetch_ask(struct fetcher *f, const struct fetch_ask *ask, struct fetched *ret_fetched,
                   char *ret_why) CHECKED;
void fetched_fini(struct fetched *f);

#endif
