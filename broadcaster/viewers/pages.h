/* The watch pages: which page or file of theirs a request is for, and with which headers. No
 * sockets; constant once it is made: any thread. */
#ifndef BROADCASTER_VIEWERS_PAGES_H
#define BROADCASTER_VIEWERS_PAGES_H

#include <stdbool.h>

#include "base/span.h"
#include "broadcaster/viewers/viewers_answer.h"

struct pages;

/* What the page for publishers says of this server. Nothing of it is secret. */
struct pages_config {
    int rtmp_port;       /* 0: not told */
    int rtmps_port;      /* 0: there is none */
    bool rtmp_this_host; /* nobody else than this host can publish by RTMP */
    bool needs_key;      /* not everybody may publish */
    bool http_push;      /* segments can be pushed by HTTP */
    bool pays;           /* streams cost something */
    const char *pointer; /* where viewers' wallets pay to, an https URL; "" or NULL: nowhere.
                            Borrowed for the call */
    bool media;          /* there are media files, and it is told which */
};

struct page {
    int status;       /* 200, 304 (no body), 404 (a sentence) */
    struct span body; /* lives as long as the pages */
    const char *content_type;
    const char *content_encoding; /* NULL: none */
    const char *etag;             /* NULL: none */
    const char *cache_control;
    const char *policy; /* Content-Security-Policy; NULL: none */
    bool varies;        /* by Accept-Encoding, */
    bool page_too;      /* and by Accept: a program gets something else there */
};

enum pages_found {
    PAGES_NONE,   /* not theirs */
    PAGES_VARIES, /* not for this request, but a browser gets a page there: Vary: Accept */
    PAGES_GIVEN,
};

struct pages *pages_create(const struct pages_config *config);
void pages_destroy(struct pages *p); /* takes NULL */

/* Answers GET and HEAD: "/" and "/stream/ID" are pages for who accepts text/html; /multi,
 * /embed/ID, /publish, /watch/FILE and /assets/ are for all, and /demo where something costs
 * something. A page of a stream that is not there is one too: it waits for it. */
enum pages_found pages_find(const struct pages *p, const struct viewer_request *request,
                            struct page *ret_page);

#endif
