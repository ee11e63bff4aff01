#include "broadcaster/ingest/play_name.h"

#include <string.h>

#include "base/span.h"

static struct span trimmed(struct span s)
{
    while (s.len > 0 && (s.data[0] == '/' || s.data[0] == ' ')) {
        s.data++;
        s.len--;
    }
    while (s.len > 0 && s.data[s.len - 1] == '/') {
        s.len--;
    }
    return s;
}

/* What stands before the first slash; *s keeps what stands behind it. */
static struct span take_element(struct span *s)
{
    const uint8_t *slash = s->len > 0 ? memchr(s->data, '/', s->len) : NULL;
    size_t n = slash != NULL ? (size_t)(slash - s->data) : s->len;
    struct span element = span_of(s->data, n);
    *s = slash != NULL ? span_of(slash + 1, s->len - n - 1) : span_of(s->data + n, 0);
    return element;
}

static void drop_application(struct span *s)
{
    static const char *const names[] = {"stream", "live"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct span rest = *s;
        if (span_equal(take_element(&rest), span_cstr(names[i])) && rest.len > 0) {
            *s = rest;
        }
    }
}

static struct span without_extension(struct span s)
{
    for (size_t i = s.len; i > 0; i--) {
        if (s.data[i - 1] == '.') {
            return span_of(s.data, i - 1);
        }
    }
    return s;
}

enum err play_name_parse(const char *path, struct play_name *ret_name)
{
    struct span rest = trimmed(span_cstr(path));
    drop_application(&rest);
    struct span id = take_element(&rest), rung = rest;
    if (rung.len == 0) {
        id = without_extension(id);
    } else {
        rung = without_extension(rung);
    }
    if (id.len > ID_MAX || rung.len > RENDITION_NAME_MAX) {
        return ERR_LIMIT;
    }
    if (!id_valid(id)) {
        return ERR_PROTO;
    }
    struct play_name name = {{0}, {0}};
    memcpy(name.id, id.data, id.len);
    memcpy(name.rung, rung.data, rung.len);
    *ret_name = name;
    return ERR_OK;
}
