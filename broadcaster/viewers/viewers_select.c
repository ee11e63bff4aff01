/* From what was found for a request to what is sent of it (RFC 9110, 13.2.2 has the order). */
#include <string.h>

#include "broadcaster/viewers/gzip.h"
#include "broadcaster/viewers/http_accept.h"
#include "broadcaster/viewers/http_range.h"
#include "broadcaster/viewers/viewers_answer_internal.h"

struct span answer_body(const struct answer *a)
{
    return a->gzipped        ? blob_span(a->gzip)
           : a->blob != NULL ? blob_span(a->blob)
                             : buf_span(&a->text);
}

static bool is_head(const struct viewer_request *request)
{
    return strcmp(request->method, "HEAD") == 0;
}

/* A text without a kept form gets one for this answer alone. */
static void pick_form(struct answer *a, const struct viewer_request *request)
{
    bool text = a->blob == NULL;
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
    a->blob = NULL;
    a->gzip = NULL;
    a->gzipped = false;
    a->kind = ANSWER_OTHER;
    a->etag[0] = '\0';
    buf_clear(&a->text);
    answer_say(a, status, "%s", why, "");
}

static void pick_part(struct answer *a, const struct viewer_request *request)
{
    if (!a->ranges || is_head(request) || !http_tag_allows_range(request->if_range, a->etag)) {
        return;
    }
    a->whole = answer_body(a).len;
    switch (http_range_pick(request->range, a->whole, &a->first, &a->n)) {
    case HTTP_RANGE_WHOLE:
        break;
    case HTTP_RANGE_PART:
        a->status = 206;
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
    if (request->if_match != NULL && !http_tag_listed_strong(request->if_match, a->etag)) {
        refuse(a, 412, "What is here now is not what If-Match asks for.");
    } else if (http_tag_listed(request->if_none_match, a->etag)) {
        a->status = 304;
    } else {
        pick_part(a, request);
    }
}
