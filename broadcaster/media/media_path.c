#include "broadcaster/media/media_path.h"

#include <string.h>

#include "base/utf8.h"
#include "broadcaster/hls/hls.h"

static const char too_long[] = "The file's path is too long.";
static const char no_file[] = "There is no media file of that name here.";

static struct media_ask answer(enum media_what what, const char *why)
{
    return (struct media_ask){.what = what, .why = why};
}

static struct span skip(struct span s, size_t n)
{
    return span_of(s.data + n, s.len - n);
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte at the front of what is not empty, and how long its form is. Negative: none. */
static int decode_byte(struct span s, size_t *ret_len)
{
    *ret_len = 1;
    if (s.data[0] != '%') {
        return s.data[0];
    }
    int high = s.len > 2 ? hex_value(s.data[1]) : -1;
    int low = s.len > 2 ? hex_value(s.data[2]) : -1;
    *ret_len = 3;
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static bool is_utf8(struct span s)
{
    uint32_t code;
    for (size_t n; s.len > 0; s = skip(s, n)) {
        n = utf8_read(s, &code);
        if (n == 0) {
            return false;
        }
    }
    return true;
}

/* NULL, or what is wrong with a decoded name. */
static const char *check_name(struct span name, bool *ret_bad)
{
    static const char dots[] = "..";
    *ret_bad = true;
    if (name.len > 0 && name.len < sizeof dots && memcmp(name.data, dots, name.len) == 0) {
        return "The path has a dot segment in it.";
    }
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] < 0x20 || name.data[i] == 0x7f) {
            return "The path has a control character in it.";
        }
        if (name.data[i] == '/' || name.data[i] == '\\') {
            return "The path has an encoded slash or a backslash in it.";
        }
    }
    if (!is_utf8(name)) {
        return "The path is not UTF-8.";
    }
    if (name.len > MEDIA_NAME_MAX) {
        return too_long;
    }
    *ret_bad = false;
    return name.len == 0 || name.data[0] == '.' ? no_file : NULL;
}

bool media_path_is_name(const char *name)
{
    bool bad;
    return check_name(span_cstr(name), &bad) == NULL;
}

/* Decodes raw up to its first slash behind *at, which it moves. */
static const char *take_name(struct span *raw, char *path, size_t *at, bool *ret_bad)
{
    size_t start = *at;
    *ret_bad = true;
    while (raw->len > 0 && raw->data[0] != '/') {
        size_t n;
        int c = decode_byte(*raw, &n);
        if (c < 0) {
            return "A percent sign in the path is not followed by two hex digits.";
        }
        if (*at == MEDIA_PATH_MAX) {
            return too_long;
        }
        path[(*at)++] = (char)c;
        *raw = skip(*raw, n);
    }
    return check_name(span_of((const uint8_t *)path + start, *at - start), ret_bad);
}

static struct media_ask parse_file(enum media_what what, struct span raw)
{
    struct media_ask a = answer(what, NULL);
    size_t at = 0;
    for (;;) {
        bool bad;
        const char *why = take_name(&raw, a.path, &at, &bad);
        if (why != NULL) {
            return answer(bad ? MEDIA_BAD : MEDIA_UNKNOWN, why);
        }
        if (raw.len == 0) {
            a.path[at] = '\0';
            return a;
        }
        if (at == MEDIA_PATH_MAX) {
            return answer(MEDIA_BAD, too_long);
        }
        a.path[at++] = '/';
        raw = skip(raw, 1);
    }
}

static bool is_below(struct span path, const char *folder)
{
    return path.len >= strlen(folder) && memcmp(path.data, folder, strlen(folder)) == 0;
}

struct media_ask media_path_parse(struct span target)
{
    struct span path = hls_path(target);
    bool file = is_below(path, MEDIA_FILES_URL);
    bool page = is_below(path, MEDIA_PAGES_URL);
    if ((file || page) && target.len > MEDIA_TARGET_MAX) {
        return answer(MEDIA_BAD, "The address is too long.");
    }
    if (file || page) {
        struct span rest = skip(path, strlen(file ? MEDIA_FILES_URL : MEDIA_PAGES_URL));
        return parse_file(file ? MEDIA_FILE : MEDIA_PAGE, rest);
    }
    if (span_equal(path, span_cstr("/media.json"))) {
        return answer(MEDIA_LIST, NULL);
    }
    if (span_equal(path, span_cstr("/video"))) {
        return answer(MEDIA_VIDEO, NULL);
    }
    if (span_equal(path, span_cstr("/media")) || span_equal(path, span_cstr("/watch"))) {
        return answer(MEDIA_UNKNOWN, "There is nothing here: media files are at /media/FILE, and "
                                     "/media.json lists them.");
    }
    return answer(MEDIA_NONE, NULL);
}

static bool stands_for_itself(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("-._~/", c) != NULL);
}

enum err media_path_put_url(struct buf *out, const char *folder, const char *path)
{
    enum err e = buf_put(out, span_cstr(folder));
    for (const char *p = path; *p != '\0' && e == ERR_OK; p++) {
        uint8_t c = (uint8_t)*p;
        e = stands_for_itself(c) ? buf_put_u8(out, c) : buf_printf(out, "%%%02X", c);
    }
    return e;
}
