#include "broadcaster/viewers/pages_paid.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/pack/packager.h"
#include "broadcaster/viewers/gzip.h"
#include "broadcaster/viewers/http_tag.h"

#define HTML     "text/html"
#define HEAD_END "</head>"
#define PAGE_MAX (1024 * 1024)

struct paid_page {
    struct pages_asset asset;
    struct blob *plain, *gzip;
    char etag[HTTP_TAG_MAX], etag_gzip[HTTP_TAG_MAX];
};

struct pages_paid {
    size_t n;
    struct paid_page *pages;
};

static enum err put_escaped(struct buf *b, const char *text)
{
    enum err e = ERR_OK;
    for (; *text != '\0' && e == ERR_OK; text++) {
        bool plain = strchr("&<>\"'", *text) == NULL;
        e = plain ? buf_put_u8(b, (uint8_t)*text) : buf_printf(b, "&#%d;", *text);
    }
    return e;
}

/* A wallet pays for as long as a page is looked at: not where nothing is played, and nobody hears
 * of it. */
static bool plays(const char *page)
{
    return strcmp(page, "index.html") != 0 && strcmp(page, "publish.html") != 0;
}

static enum err put_marks(struct buf *b, const char *page, const char *pointer)
{
    enum err e = buf_printf(b, "<meta name=\"payment\" content=\"account\">\n");
    if (e == ERR_OK && pointer[0] != '\0' && plays(page)) {
        e = buf_printf(b, "<link rel=\"monetization\" href=\"");
        e = e == ERR_OK ? put_escaped(b, pointer) : e;
        e = e == ERR_OK ? buf_printf(b, "\">\n") : e;
    }
    return e;
}

static enum err put_page(struct buf *b, const struct pages_asset *from, const char *pointer)
{
    const uint8_t *head = memmem(from->plain, from->plain_len, HEAD_END, strlen(HEAD_END));
    size_t n = head != NULL ? (size_t)(head - from->plain) : 0;
    enum err e = buf_put(b, span_of(from->plain, n));
    e = e == ERR_OK ? put_marks(b, from->name, pointer) : e;
    return e == ERR_OK ? buf_put(b, span_of(from->plain + n, from->plain_len - n)) : e;
}

static void make_page(struct paid_page *p, const struct pages_asset *from, const char *pointer)
{
    struct buf text;
    buf_init(&text, PAGE_MAX);
    p->asset = *from;
    enum err e = put_page(&text, from, pointer);
    e = e == ERR_OK ? packager_give(&text, &p->plain) : e;
    buf_fini(&text);
    if (e != ERR_OK) {
        return; /* it stays as it is, and plays what is free */
    }
    if (gzip_blob(p->plain, &p->gzip) != ERR_OK) {
        return;
    }
    struct span plain = blob_span(p->plain), gzip = blob_span(p->gzip);
    uint64_t tag = http_tag_of(plain);
    http_tag_write(tag, false, p->etag);
    http_tag_write(tag, true, p->etag_gzip);
    p->asset.plain = plain.data;
    p->asset.plain_len = plain.len;
    p->asset.gzip = gzip.data;
    p->asset.gzip_len = gzip.len;
    p->asset.etag = p->etag;
    p->asset.etag_gzip = p->etag_gzip;
}

struct pages_paid *pages_paid_create(const char *pointer)
{
    struct pages_paid *p = mem_alloc(sizeof *p);
    p->pages = mem_alloc((pages_assets_count + 1) * sizeof p->pages[0]);
    for (size_t i = 0; i < pages_assets_count; i++) {
        if (strncmp(pages_assets[i].type, HTML, strlen(HTML)) == 0) {
            make_page(&p->pages[p->n++], &pages_assets[i], pointer);
        }
    }
    return p;
}

void pages_paid_destroy(struct pages_paid *p)
{
    if (p == NULL) {
        return;
    }
    for (size_t i = 0; i < p->n; i++) {
        blob_unref(p->pages[i].plain);
        blob_unref(p->pages[i].gzip);
    }
    mem_free(p->pages);
    mem_free(p);
}

const struct pages_asset *pages_paid_find(const struct pages_paid *p, const char *name)
{
    for (size_t i = 0; p != NULL && i < p->n; i++) {
        if (strcmp(p->pages[i].asset.name, name) == 0) {
            return &p->pages[i].asset;
        }
    }
    return NULL;
}
