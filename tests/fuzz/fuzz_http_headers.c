/* libFuzzer target: the headers that decide what of a body is sent. The input's first byte says
 * which, the rest is its text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/viewers/cors.h"
#include "broadcaster/viewers/http_accept.h"
#include "broadcaster/viewers/http_date.h"
#include "broadcaster/viewers/http_range.h"
#include "broadcaster/viewers/http_tag.h"

#define TAG "\"0123456789abcdef\""

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok) {
        abort();
    }
}

static void try_range(const char *text)
{
    const uint64_t lens[] = {0, 1, 1000, UINT64_MAX};
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        uint64_t first = 1;
        uint64_t n = 0;
        enum http_range r = http_range_pick(text, lens[i], &first, &n);
        must(r == HTTP_RANGE_PART ? n > 0 && first < lens[i] && n <= lens[i] - first
                                  : first == 1 && n == 0);
    }
}

static void try_tags(const char *text)
{
    /* What counts for the strong comparison counts for the weak one. */
    must(!http_tag_listed_strong(text, TAG) || http_tag_listed(text, TAG));
    must(!http_tag_allows_range(text, TAG) || http_tag_listed_strong(text, TAG));
}

static void try_date(const char *text)
{
    int64_t seconds = -1, again = -1;
    char written[HTTP_DATE_MAX];
    if (!http_date_read(text, &seconds)) {
        must(seconds == -1);
        return;
    }
    /* A leap second is the next minute's first one. */
    http_date_write(seconds, written);
    must(seconds >= 0 && http_date_read(written, &again));
    must(again == seconds || strcmp(written, "Fri, 31 Dec 9999 23:59:59 GMT") == 0);
}

static void try_cors(const char *text)
{
    struct cors *c = NULL;
    char why[CORS_WHY_MAX] = "";
    if (cors_create(text, &c, why) != ERR_OK) {
        must(why[0] != '\0' && c == NULL);
        return;
    }
    must(!cors_lists(c, "null") && !cors_lists(c, NULL) && !cors_lists(c, ""));
    must(cors_is_any(c) == (strcmp(text, CORS_ANY) == 0));
    cors_destroy(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    char *text = mem_alloc(size);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    switch (data[0] % 4) {
    case 0:
        try_range(text);
        try_date(text);
        (void)http_range_is_open(text);
        break;
    case 1:
        try_tags(text);
        break;
    case 2:
        (void)http_accepts_gzip(text);
        must(!http_accepts_html(text) || strcasestr(text, "text/html") != NULL);
        break;
    default:
        try_cors(text);
        break;
    }
    mem_free(text);
    return 0;
}
