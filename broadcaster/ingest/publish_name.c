#include "broadcaster/ingest/publish_name.h"

#include <stdbool.h>
#include <string.h>

#include "base/span.h"

#define RANDOM_ID_BYTES 4

/* The last element loses what stands behind its last dot, the dot included. */
static struct span without_extension(struct span path)
{
    for (size_t i = path.len; i > 0 && path.data[i - 1] != '/'; i--) {
        if (path.data[i - 1] == '.') {
            return span_of(path.data, i - 1);
        }
    }
    return path;
}

static bool drop_prefix(struct span *s, const char *prefix)
{
    size_t n = strlen(prefix);
    if (s->len < n || memcmp(s->data, prefix, n) != 0) {
        return false;
    }
    s->data += n;
    s->len -= n;
    return true;
}

/* Known URLs name the application "stream" or "live", or both; alone it names no stream. Unlike
 * in the known system a later "live/" stands: inside a key it is the publisher's own text. */
static struct span without_application(struct span path)
{
    while (path.len > 0 && (path.data[0] == ' ' || path.data[0] == '/')) {
        path.data++;
        path.len--;
    }
    if (span_equal(path, span_cstr("stream")) || span_equal(path, span_cstr("live"))) {
        return span_of(NULL, 0);
    }
    drop_prefix(&path, "stream/");
    drop_prefix(&path, "live/");
    return path;
}

struct span publish_name_rest(const char *path)
{
    return without_application(span_cstr(path));
}

static void copy_text(char *out, struct span s)
{
    if (s.len > 0) {
        memcpy(out, s.data, s.len);
    }
    out[s.len] = '\0';
}

enum err publish_name_parse(const char *path, struct publish_name *ret_name)
{
    struct span rest = without_application(without_extension(span_cstr(path)));
    struct span id = rest, key = span_of(NULL, 0);
    const uint8_t *slash = rest.len > 0 ? memchr(rest.data, '/', rest.len) : NULL;
    if (slash != NULL) {
        id.len = (size_t)(slash - rest.data);
        key = span_of(slash + 1, rest.len - id.len - 1);
    }
    if (id.len > ID_MAX || key.len > PUBLISH_KEY_MAX) {
        return ERR_LIMIT;
    }
    if (id.len > 0 && !id_valid(id)) {
        return ERR_PROTO;
    }
    struct publish_name name;
    copy_text(name.id, id);
    copy_text(name.key, key);
    if (id.len == 0) {
        id_random_hex(name.id, RANDOM_ID_BYTES);
    }
    *ret_name = name;
    return ERR_OK;
}
