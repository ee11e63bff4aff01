/* A viewer's request for the watch pages: lines with its method, target, Accept, Accept-Encoding
 * and If-None-Match. There is a page or none; it says what it is, and a cache's copy of it is known
 * again. Before that the target goes through the HTTP library's hands and back. */
#include <stdlib.h>
#include <string.h>

#include "broadcaster/viewers/http_target.h"
#include "broadcaster/viewers/pages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pages *pages;

static void must(int ok)
{
    if (!ok) {
        abort();
    }
}

static void forget(void)
{
    pages_destroy(pages);
}

static const char *next_line(char **at)
{
    char *line = *at;
    *at += strcspn(*at, "\n");
    *at += **at == '\n' ? (**at = '\0', 1) : 0;
    return line;
}

static const char *header(const char *line)
{
    return line[0] != '\0' ? line : NULL;
}

static void check_page(const struct viewer_request *r, const struct page *p)
{
    must(p->status == 200 || p->status == 304 || p->status == 404);
    must((p->status == 304) == (p->body.len == 0) && p->content_type != NULL);
    if (p->status == 200 && p->etag != NULL) {
        struct viewer_request again = *r;
        struct page known;
        again.if_none_match = p->etag;
        must(pages_find(pages, &again, &known) == PAGES_GIVEN && known.status == 304);
    }
}

static void through_the_library(const char *target)
{
    char *folded = strdup(target);
    must(folded != NULL);
    http_target_fold(folded);
    const char *query = strchr(folded, '?');
    must(query == NULL || strchr(query, '&') == NULL);
    http_target_unfold(folded);
    for (size_t i = 0; target[i] != '\0'; i++) {
        must(folded[i] == target[i] || target[i] == ' ' || target[i] == '\1');
    }
    free(folded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct pages_config config = {
        .rtmp_port = 1935, .http_push = true, .pays = true, .pointer = "", .media = true};
    char *text = malloc(size + 1), *at = text;
    struct page page;
    must(text != NULL);
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    if (pages == NULL) {
        pages = pages_create(&config);
        must(atexit(forget) == 0);
    }
    struct viewer_request r = {.method = next_line(&at)};
    const char *target = next_line(&at);
    r.target = span_cstr(target);
    struct hls_ask ask = hls_parse(r.target);
    r.ask = &ask;
    r.accept = header(next_line(&at));
    r.accept_encoding = header(next_line(&at));
    r.if_none_match = header(next_line(&at));
    through_the_library(target);
    if (pages_find(pages, &r, &page) == PAGES_GIVEN) {
        check_page(&r, &page);
    }
    free(text);
    return 0;
}
