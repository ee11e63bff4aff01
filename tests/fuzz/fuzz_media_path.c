/* libFuzzer target: a request's target as a media file's path. Whatever is taken for one stays
 * inside of its folder, and its own address leads back to it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "broadcaster/media/media_path.h"
#include "broadcaster/media/media_types.h"

#define URL_MAX (3 * MEDIA_PATH_MAX + 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok) {
        abort();
    }
}

static void check_name(struct span name)
{
    must(name.len > 0 && name.len <= MEDIA_NAME_MAX && name.data[0] != '.');
    uint32_t code;
    for (size_t n; name.len > 0; name = span_of(name.data + n, name.len - n)) {
        n = utf8_read(name, &code);
        must(n > 0 && code >= 0x20 && code != 0x7f && code != '/' && code != '\\');
    }
}

static void check_path(const char *path)
{
    for (const char *at = path;; at++) {
        size_t n = strcspn(at, "/");
        check_name(span_of((const uint8_t *)at, n));
        at += n;
        if (*at == '\0') {
            break;
        }
    }
}

static void leads_back(const char *path)
{
    struct buf url;
    buf_init(&url, URL_MAX);
    if (media_path_put_url(&url, MEDIA_FILES_URL, path) == ERR_OK) {
        struct media_ask again = media_path_parse(buf_span(&url));
        must(again.what == MEDIA_FILE && strcmp(again.path, path) == 0);
    }
    buf_fini(&url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct media_ask a = media_path_parse(span_of(data, size));
    bool path = a.what == MEDIA_FILE || a.what == MEDIA_PAGE;
    must((a.why != NULL) == (a.what == MEDIA_BAD || a.what == MEDIA_UNKNOWN));
    must(path == (a.path[0] != '\0') && strlen(a.path) <= MEDIA_PATH_MAX);
    if (path) {
        check_path(a.path);
        must(media_type_of(a.path)->type != NULL);
        if (size < MEDIA_TARGET_MAX / 4) { /* longer ones may grow past the limit */
            leads_back(a.path);
        }
    }
    return 0;
}
