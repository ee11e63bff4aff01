#include "broadcaster/hls/json_put.h"

#include <inttypes.h>
#include <time.h>

#include "base/span.h"

#define TIME_MAX 32

enum err json_put_text(struct buf *out, const char *text)
{
    return buf_put(out, span_cstr(text));
}

enum err json_put_string(struct buf *out, const char *text)
{
    enum err e = buf_put_u8(out, '"');
    for (const char *p = text; *p != '\0' && e == ERR_OK; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < 0x20) {
            e = buf_printf(out, "\\u%04x", c);
        } else {
            e = c == '"' || c == '\\' ? buf_put_u8(out, '\\') : ERR_OK;
            e = e == ERR_OK ? buf_put_u8(out, c) : e;
        }
    }
    return e == ERR_OK ? buf_put_u8(out, '"') : e;
}

enum err json_put_string_or_null(struct buf *out, const char *text)
{
    return text[0] != '\0' ? json_put_string(out, text) : json_put_text(out, "null");
}

enum err json_put_time(struct buf *out, int64_t wall_ms)
{
    char text[TIME_MAX];
    struct tm tm;
    time_t seconds = wall_ms / 1000;
    if (gmtime_r(&seconds, &tm) == NULL ||
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm) == 0) {
        return json_put_text(out, "null");
    }
    return buf_printf(out, "\"%s.%03dZ\"", text, (int)(wall_ms % 1000));
}

enum err json_put_milli(struct buf *out, int64_t milli)
{
    return buf_printf(out, "%" PRId64 ".%03d", milli / 1000, (int)(milli % 1000));
}
