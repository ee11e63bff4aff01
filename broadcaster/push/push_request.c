#include "broadcaster/push/push_request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PREFIX        "/live/"
#define DIGITS_MAX    18 /* of a number: it fits, and so does what is added to it */
#define EXTENSION_MAX 32 /* of one that is said back */

static void refuse(struct push_request *r, int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(r->text, sizeof r->text, format, args);
    va_end(args);
    r->status = status;
}

bool push_request_is(const char *target)
{
    return strncmp(target, PREFIX, strlen(PREFIX)) == 0;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Decodes percent signs up to the query; false: broken ones, bytes that are no text, too long. */
static bool decode(const char *from, char *to, size_t size)
{
    size_t n = 0;
    for (; *from != '\0' && *from != '?'; n++) {
        int c = (unsigned char)*from++;
        if (c == '%') {
            int high = hex(from[0]);
            int low = high < 0 ? -1 : hex(from[1]);
            if (low < 0) {
                return false;
            }
            c = high << 4 | low;
            from += 2;
        }
        if (c < ' ' || c == 0x7f || n + 1 >= size) {
            return false;
        }
        to[n] = (char)c;
    }
    to[n] = '\0';
    return true;
}

static bool check_extension(struct push_request *r, char *file)
{
    char *dot = strrchr(file, '.');
    const char *extension = dot != NULL ? dot : "";
    r->mp4 = strcmp(extension, ".mp4") == 0;
    if (!r->mp4 && strcmp(extension, ".ts") != 0) {
        refuse(r, 400, "ignoring file extension: %.*s", EXTENSION_MAX, extension);
        return false;
    }
    *dot = '\0';
    return true;
}

/* "17", "out17": what it ends in. */
static void read_number(struct push_request *r, const char *stem)
{
    const char *digits = stem + strlen(stem);
    while (digits > stem && digits[-1] >= '0' && digits[-1] <= '9') {
        digits--;
    }
    size_t n = strlen(digits);
    r->numbered = n > 0 && n <= DIGITS_MAX;
    r->number = r->numbered ? strtoull(digits, NULL, 10) : 0;
}

/* path: "NAME/KEY/N.ts", "NAME/N.ts" or "NAME.ts". */
static void read_path(struct push_request *r, char *path)
{
    char *slash = strrchr(path, '/');
    char *file = slash != NULL ? slash + 1 : path;
    if (!check_extension(r, file)) {
        return;
    }
    read_number(r, slash != NULL ? file : "");
    const char *key = "";
    if (slash != NULL) {
        *slash = '\0';
        char *end = strchr(path, '/');
        if (end != NULL) {
            *end = '\0';
            key = end + 1;
        }
    }
    struct span name = span_cstr(path);
    if (name.len == 0) {
        refuse(r, 400, "Bad URL");
    } else if (!id_valid(name)) {
        refuse(r, 400, "Bad URL: a stream's name has letters, digits and . _ - ~, up to %d bytes",
               ID_MAX);
    } else if (strlen(key) > PUBLISH_KEY_MAX) {
        refuse(r, 400, "Bad URL: the key between the name and the file is too long");
    } else {
        memcpy(r->name, path, name.len + 1);
        memcpy(r->key, key, strlen(key) + 1);
    }
}

static bool read_long(const char *text, long max, long *ret_value, const char **ret_end)
{
    if (*text < '0' || *text > '9') {
        return false;
    }
    char *end;
    long value = strtol(text, &end, 10);
    *ret_end = end;
    *ret_value = value;
    return value >= 1 && value <= max;
}

static void read_resolution(struct push_request *r, const char *text)
{
    long w, h;
    const char *end;
    if (text != NULL && read_long(text, PUSH_SIDE_MAX, &w, &end) && (*end == 'x' || *end == 'X') &&
        read_long(end + 1, PUSH_SIDE_MAX, &h, &end) && *end == '\0') {
        r->width = (int)w;
        r->height = (int)h;
    }
}

static void read_duration(struct push_request *r, const char *text)
{
    long ms;
    const char *end;
    r->duration_ms = PUSH_DURATION_MS;
    if (text != NULL && read_long(text, PUSH_DURATION_TOLD_MAX, &ms, &end) && *end == '\0') {
        r->has_duration = true;
        r->duration_ms = ms;
    }
}

void push_request_parse(const struct push_headers *h, struct push_request *r)
{
    char path[PUSH_TARGET_MAX];
    *r = (struct push_request){.query = ""};
    const char *query = strchr(h->target, '?');
    if (query != NULL) {
        r->query = query + 1;
    }
    read_resolution(r, h->content_resolution);
    read_duration(r, h->content_duration);
    r->wants_parts = h->accept != NULL && strcasecmp(h->accept, "multipart/mixed") == 0;
    if (strcmp(h->method, "PUT") != 0 && strcmp(h->method, "POST") != 0) {
        refuse(r, 405, "a segment is pushed with PUT or POST");
    } else if (strlen(h->target) > PUSH_TARGET_MAX) {
        refuse(r, 400, "Bad URL: it is too long");
    } else if (!decode(h->target + strlen(PREFIX), path, sizeof path)) {
        refuse(r, 400, "Bad URL: it is not text");
    } else {
        read_path(r, path);
    }
}

void push_request_path(const struct push_request *r, char *out)
{
    snprintf(out, PUSH_PATH_MAX, "%s%s%s.ts", r->name, r->key[0] != '\0' ? "/" : "", r->key);
}
