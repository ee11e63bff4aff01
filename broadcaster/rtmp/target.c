#include "broadcaster/rtmp/target.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

#define SCHEME_END "://"

struct parts {
    struct span path;
    struct span query;
};

static struct parts split(struct span s)
{
    const uint8_t *mark = s.len > 0 ? memchr(s.data, '?', s.len) : NULL;
    if (mark == NULL) {
        return (struct parts){.path = s};
    }
    size_t n = (size_t)(mark - s.data);
    return (struct parts){{s.data, n}, {mark + 1, s.len - n - 1}};
}

static struct span trim_front(struct span s)
{
    while (s.len > 0 && s.data[0] == '/') {
        s.data++;
        s.len--;
    }
    return s;
}

static struct span trim_back(struct span s)
{
    while (s.len > 0 && s.data[s.len - 1] == '/') {
        s.len--;
    }
    return s;
}

static bool has_nul(struct span s)
{
    return s.len > 0 && memchr(s.data, '\0', s.len) != NULL;
}

static char *append(char *at, struct span s)
{
    if (s.len > 0) {
        memcpy(at, s.data, s.len);
    }
    return at + s.len;
}

static enum err join(struct span a, struct span b, char between, size_t max, char **ret_text)
{
    if (has_nul(a) || has_nul(b)) {
        return ERR_PROTO;
    }
    if (a.len > max || b.len > max || a.len + b.len + 1 > max) {
        return ERR_LIMIT;
    }
    char *text = mem_try_alloc(a.len + b.len + 2);
    if (text == NULL) {
        return ERR_NOMEM;
    }
    char *at = append(text, a);
    if (a.len > 0 && b.len > 0) {
        *at++ = between;
    }
    at = append(at, b);
    *at = '\0';
    *ret_text = text;
    return ERR_OK;
}

enum err target_init(struct target *ret_target, struct span app, struct span name)
{
    struct parts a = split(app), n = split(name);
    struct target t = {0};
    enum err e =
        join(trim_back(trim_front(a.path)), trim_front(n.path), '/', TARGET_PATH_MAX, &t.path);
    if (e == ERR_OK) {
        e = join(a.query, n.query, '&', TARGET_QUERY_MAX, &t.query);
    }
    if (e != ERR_OK) {
        target_fini(&t);
        return e;
    }
    *ret_target = t;
    return ERR_OK;
}

void target_fini(struct target *t)
{
    mem_free(t->path);
    mem_free(t->query);
    *t = (struct target){0};
}

struct span target_app_of_url(struct span url)
{
    const uint8_t *scheme = url.len > 0 ? memmem(url.data, url.len, SCHEME_END, 3) : NULL;
    if (scheme == NULL) {
        return span_of(NULL, 0);
    }
    size_t host = (size_t)(scheme - url.data) + 3;
    const uint8_t *slash = memchr(url.data + host, '/', url.len - host);
    if (slash == NULL) {
        return span_of(NULL, 0);
    }
    return span_of(slash + 1, url.len - (size_t)(slash - url.data) - 1);
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span target_unquote(struct span text)
{
    while (text.len > 0 && is_blank(text.data[0])) {
        text = span_of(text.data + 1, text.len - 1);
    }
    while (text.len > 0 && is_blank(text.data[text.len - 1])) {
        text.len--;
    }
    bool quoted = text.len >= 2 && (text.data[0] == '\'' || text.data[0] == '"') &&
                  text.data[text.len - 1] == text.data[0];
    return quoted ? span_of(text.data + 1, text.len - 2) : text;
}

enum err target_app(struct span app, struct span url, size_t max, char **ret_app)
{
    app = target_unquote(app);
    struct span of_url = target_app_of_url(target_unquote(url));
    if (app.len == 0) {
        return target_copy_text(of_url, max, ret_app);
    }
    struct span query = split(app).query.len == 0 ? split(of_url).query : span_of(NULL, 0);
    return join(app, query, '?', max, ret_app);
}

enum err target_copy_text(struct span text, size_t max, char **ret_text)
{
    return join(text, span_of(NULL, 0), '\0', max, ret_text);
}
