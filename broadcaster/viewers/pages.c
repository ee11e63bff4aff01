#include "broadcaster/viewers/pages.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/hls/hls.h"
#include "broadcaster/media/media_path.h"
#include "broadcaster/viewers/http_accept.h"
#include "broadcaster/viewers/http_tag.h"
#include "broadcaster/viewers/pages_assets.h"
#include "broadcaster/viewers/pages_paid.h"

#define SETTINGS_MAX  256
#define SETTINGS_NAME "settings.json"

/* The names stay the same when the files change: browsers ask each time, and are answered 304; a
 * cache in front may answer for a minute. */
#define CACHE_ASK   "max-age=0, s-maxage=60"
#define CACHE_SHORT "max-age=1"

/* Everything comes from this server; blob: is where a player's own buffers are played from. */
#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "              \
    "media-src 'self' blob:; connect-src 'self'; worker-src 'self'; "                              \
    "base-uri 'none'; form-action 'self'; frame-ancestors "

static const char policy_page[] = POLICY "'self'";
static const char policy_embed[] = POLICY "*";

#define POLICY_MAX (sizeof POLICY + (size_t)PAGES_PAID_POINTER_MAX + 64)

static const char no_asset[] = "There is nothing of that name here.\n";

struct pages {
    char settings[SETTINGS_MAX];
    char settings_etag[HTTP_TAG_MAX];
    struct pages_paid *paid; /* NULL: nothing costs anything */
    char policy_page[POLICY_MAX], policy_embed[POLICY_MAX];
};

static const char *truth(bool v)
{
    return v ? "true" : "false";
}

/* Wallets are asked by the browser, where the policy lets it. */
static void set_policies(struct pages *p, const char *pointer)
{
    const char *path = strstr(pointer, "://");
    path = path != NULL ? strchr(path + 3, '/') : NULL;
    int n = (int)(path != NULL ? (size_t)(path - pointer) : strlen(pointer));
    const char *wallet = n > 0 ? "; monetization-src " : "";
    snprintf(p->policy_page, sizeof p->policy_page, "%s%s%.*s", policy_page, wallet, n, pointer);
    snprintf(p->policy_embed, sizeof p->policy_embed, "%s%s%.*s", policy_embed, wallet, n, pointer);
}

struct pages *pages_create(const struct pages_config *c)
{
    struct pages *p = mem_alloc(sizeof *p);
    const char *pointer = c->pays && c->pointer != NULL ? c->pointer : "";
    p->paid = c->pays ? pages_paid_create(pointer) : NULL;
    set_policies(p, pointer);
    snprintf(p->settings, sizeof p->settings,
             "{\"rtmp_port\":%d,\"rtmps_port\":%d,\"rtmp_this_host\":%s,\"needs_key\":%s,"
             "\"http_push\":%s,\"media\":%s,\"demo\":%s}\n",
             c->rtmp_port, c->rtmps_port, truth(c->rtmp_this_host), truth(c->needs_key),
             truth(c->http_push), truth(c->media), truth(c->pays && c->media));
    http_tag_write(http_tag_of(span_cstr(p->settings)), false, p->settings_etag);
    return p;
}

void pages_destroy(struct pages *p)
{
    if (p != NULL) {
        pages_paid_destroy(p->paid);
        mem_free(p);
    }
}

static const struct pages_asset *find_asset(const char *name)
{
    for (size_t i = 0; i < pages_assets_count; i++) {
        if (strcmp(pages_assets[i].name, name) == 0) {
            return &pages_assets[i];
        }
    }
    return NULL;
}

static void give_nothing(struct page *ret_page)
{
    *ret_page = (struct page){
        .status = 404,
        .body = span_cstr(no_asset),
        .content_type = "text/plain; charset=utf-8",
        .cache_control = CACHE_SHORT,
    };
}

static void give_settings(const struct pages *p, const struct viewer_request *r,
                          struct page *ret_page)
{
    bool same = http_tag_listed(r->if_none_match, p->settings_etag);
    *ret_page = (struct page){
        .status = same ? 304 : 200,
        .body = same ? span_of(NULL, 0) : span_cstr(p->settings),
        .content_type = "application/json",
        .etag = p->settings_etag,
        .cache_control = CACHE_ASK,
    };
}

static void give_found(const struct pages_asset *asset, const struct viewer_request *r,
                       struct page *ret_page)
{
    if (asset == NULL) {
        give_nothing(ret_page);
        return;
    }
    bool gzip = http_accepts_gzip(r->accept_encoding);
    const char *etag = gzip ? asset->etag_gzip : asset->etag;
    bool same = http_tag_listed(r->if_none_match, etag);
    *ret_page = (struct page){
        .status = same ? 304 : 200,
        .body = same   ? span_of(NULL, 0)
                : gzip ? span_of(asset->gzip, asset->gzip_len)
                       : span_of(asset->plain, asset->plain_len),
        .content_type = asset->type,
        .content_encoding = gzip && !same ? "gzip" : NULL,
        .etag = etag,
        .cache_control = CACHE_ASK,
        .varies = true,
    };
}

static void give_page(const struct pages *p, const char *name, const struct viewer_request *r,
                      struct page *ret_page)
{
    const struct pages_asset *paid = pages_paid_find(p->paid, name);
    give_found(paid != NULL ? paid : find_asset(name), r, ret_page);
    ret_page->policy = p->policy_page;
}

/* Where a program gets something else. */
static enum pages_found give_browser(const struct pages *p, const char *name,
                                     const struct viewer_request *r, struct page *ret_page)
{
    if (!http_accepts_html(r->accept)) {
        return PAGES_VARIES;
    }
    give_page(p, name, r, ret_page);
    ret_page->page_too = true;
    return PAGES_GIVEN;
}

enum pages_found pages_find(const struct pages *p, const struct viewer_request *r,
                            struct page *ret_page)
{
    if (strcmp(r->method, "GET") != 0 && strcmp(r->method, "HEAD") != 0) {
        return PAGES_NONE;
    }
    if (media_path_parse(r->target).what == MEDIA_PAGE) {
        give_page(p, "media.html", r, ret_page);
        return PAGES_GIVEN;
    }
    switch (r->ask->what) {
    case HLS_FRONT:
        return give_browser(p, "index.html", r, ret_page);
    case HLS_REDIRECT:
        return give_browser(p, "watch.html", r, ret_page);
    case HLS_MULTI:
        give_page(p, "multi.html", r, ret_page);
        return PAGES_GIVEN;
    case HLS_PUBLISH:
        give_page(p, "publish.html", r, ret_page);
        return PAGES_GIVEN;
    case HLS_DEMO:
        if (p->paid == NULL) {
            return PAGES_NONE;
        }
        give_page(p, "demo.html", r, ret_page);
        return PAGES_GIVEN;
    case HLS_EMBED:
        give_page(p, "embed.html", r, ret_page);
        ret_page->policy = p->policy_embed;
        return PAGES_GIVEN;
    case HLS_ASSET:
        if (strcmp(r->ask->asset, SETTINGS_NAME) == 0) {
            give_settings(p, r, ret_page);
        } else {
            give_found(find_asset(r->ask->asset), r, ret_page);
        }
        return PAGES_GIVEN;
    default:
        return PAGES_NONE;
    }
}
