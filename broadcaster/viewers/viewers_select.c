/* From what was found for a request to what is sent of it (RFC 9110, 13.2.2 has the order). */
#include <string.h>

#include "broadcaster/media/media.h"
#include "broadcaster/viewers/gzip.h"
#include "broadcaster/viewers/http_accept.h"
#include "broadcaster/viewers/http_date.h"
#include "broadcaster/viewers/http_range.h"
#include "broadcaster/viewers/viewers_answer_internal.h"

struct span answer_body(const struct answer *a)
{
    return a->gzipped        ? blob_span(a->gzip)
           : a->blob != NULL ? blob_span(a->blob)
                             : buf_span(&a->text);
}

uint64_t answer_len(const struct answer *a)
{
    return a->file != NULL ? a->file->stat.size : answer_body(a).len;
}

static void drop_file(struct answer *a)
{
    media_file_close(a->file);
    a->file = NULL;
}

static bool is_head(const struct viewer_request *request)
{
    return strcmp(request->method, "HEAD") == 0;
}

/* A text without a kept form gets one for this answer alone. */
static void pick_form(struct answer *a, const struct viewer_request *request)
{
    bool text = a->blob == NULL && a->file == NULL;
    a->varies = a->gzip != NULL || (text && a->text.len >= GZIP_WORTH_BYTES);
    if (!a->varies || !http_accepts_gzip(request->accept_encoding)) {
        return;
    }
    if (a->gzip == NULL && gzip_span(buf_span(&a->text), &a->gzip) != ERR_OK) {
        return; /* the plain form is good for everybody */
    }
    a->gzipped = true;
}

/* In place of the body. */
static void refuse(struct answer *a, int status, const char *why)
{
    blob_unref(a->blob);
    blob_unref(a->gzip);
    drop_file(a);
    a->blob = NULL;
    a->gzip = NULL;
    a->gzipped = false;
    a->kind = ANSWER_OTHER;
    a->etag[0] = '\0';
    buf_clear(&a->text);
    answer_say(a, status, "%s", why, "");
}

/* --- conditions; those with tags come before those with dates --- */

static bool may_not(const struct answer *a, const struct viewer_request *request)
{
    int64_t since;
    if (request->if_match != NULL) {
        return !http_tag_listed_strong(request->if_match, a->etag);
    }
    return a->modified_s != 0 && http_date_read(request->if_unmodified_since, &since) &&
           a->modified_s > since;
}

static bool is_known(const struct answer *a, const struct viewer_request *request)
{
    int64_t since;
    if (request->if_none_match != NULL) {
        return http_tag_listed(request->if_none_match, a->etag);
    }
    return a->modified_s != 0 && http_date_read(request->if_modified_since, &since) &&
           a->modified_s <= since;
}

static bool range_stands(const struct answer *a, const struct viewer_request *request)
{
    int64_t date;
    if (a->modified_surely && http_date_read(request->if_range, &date)) {
        return date == a->modified_s;
    }
    return http_tag_allows_range(request->if_range, a->etag);
}

static void pick_part(struct answer *a, const struct viewer_request *request)
{
    if (!a->ranges || is_head(request) || !range_stands(a, request)) {
        return;
    }
    a->whole = answer_len(a);
    switch (http_range_pick(request->range, a->whole, &a->first, &a->n)) {
    case HTTP_RANGE_WHOLE:
        break;
    case HTTP_RANGE_PART:
        a->status = 206;
        if (a->part_max > 0 && a->n > a->part_max && http_range_is_open(request->range)) {
            a->n = a->part_max;
        }
        break;
    case HTTP_RANGE_NONE:
        refuse(a, 416, "The body ends before the range that was asked for begins.");
        break;
    }
}

void answer_select(struct answer *a, const struct viewer_request *request)
{
    if (a->status != 200) {
        return;
    }
    uint64_t tag = a->tag != 0 ? a->tag : http_tag_of(answer_body(a));
    pick_form(a, request);
    http_tag_write(tag, a->gzipped, a->etag);
    if (may_not(a, request)) {
        refuse(a, 412,
               request->if_match != NULL
                   ? "What is here now is not what If-Match asks for."
                   : "What is here now was changed after what If-Unmodified-Since asks for.");
    } else if (is_known(a, request)) {
        a->status = 304;
        drop_file(a);
    } else {
        pick_part(a, request);
    }
}
