#include "publisher-tools/hls_url.h"

#include <stdio.h>
#include <string.h>

bool hls_url_is_http(const char *url)
{
    const char *host = strncmp(url, "http://", 7) == 0    ? url + 7
                       : strncmp(url, "https://", 8) == 0 ? url + 8
                                                          : NULL;
    return host != NULL && *host != '\0' && strchr("/?#", *host) == NULL;
}

/* "http" of "http://..."; 0: the text begins with no scheme. */
static size_t scheme_length(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (c == ':' && i > 0) {
            return i;
        }
        if (!letter && !(other && i > 0)) {
            return 0;
        }
    }
    return 0;
}

/* Section 5.2.4, in place; path begins with a slash and ends at its NUL. */
static void remove_dot_segments(char *path)
{
    char *out = path;
    const char *in = path;
    while (*in != '\0') {
        size_t len = 1 + strcspn(in + 1, "/");
        bool last = in[len] == '\0';
        if (len == 2 && in[1] == '.') {
            if (last) {
                *out++ = '/';
            }
        } else if (len == 3 && in[1] == '.' && in[2] == '.') {
            while (out > path && *--out != '/') {
            }
            if (last) {
                *out++ = '/';
            }
        } else {
            memmove(out, in, len);
            out += len;
        }
        in += len;
    }
    *out = '\0';
}

/* Base's scheme and host, then path (from a slash), then query and all behind it. */
static enum err join(const char *base, size_t host_end, const char *path, size_t path_len,
                     struct span tail, char *ret_url)
{
    char url[HLS_URL_MAX];
    char clean[HLS_URL_MAX];
    if (path_len >= sizeof clean) {
        return ERR_LIMIT;
    }
    memcpy(clean, path, path_len);
    clean[path_len] = '\0';
    remove_dot_segments(clean);
    int n = snprintf(url, sizeof url, "%.*s%s%.*s", (int)host_end, base, clean, (int)tail.len,
                     tail.len > 0 ? (const char *)tail.data : "");
    if (n < 0 || (size_t)n >= sizeof url) {
        return ERR_LIMIT;
    }
    memcpy(ret_url, url, (size_t)n + 1);
    return ERR_OK;
}

/* How much of the text lies in front of its query or fragment. */
static size_t path_length(const char *text, size_t len, const char *ends)
{
    size_t n = 0;
    while (n < len && strchr(ends, text[n]) == NULL) {
        n++;
    }
    return n;
}

static enum err resolve_path(const char *base, size_t host_end, struct span ref, char *ret_url)
{
    const char *text = (const char *)ref.data;
    size_t ref_path = path_length(text, ref.len, "?#");
    struct span tail = span_of(text + ref_path, ref.len - ref_path);
    if (ref_path > 0 && text[0] == '/') {
        return join(base, host_end, text, ref_path, tail, ret_url);
    }
    const char *base_path = base + host_end;
    size_t base_len = path_length(base_path, strlen(base_path), "?#");
    if (ref_path == 0) {
        size_t keep = base_len > 0 ? base_len : 1;
        return join(base, host_end, base_len > 0 ? base_path : "/", keep, tail, ret_url);
    }
    char merged[HLS_URL_MAX];
    size_t folder = base_len;
    while (folder > 0 && base_path[folder - 1] != '/') {
        folder--;
    }
    int n = snprintf(merged, sizeof merged, "%.*s%.*s", (int)(folder > 0 ? folder : 1),
                     folder > 0 ? base_path : "/", (int)ref_path, text);
    if (n < 0 || (size_t)n >= sizeof merged) {
        return ERR_LIMIT;
    }
    return join(base, host_end, merged, (size_t)n, tail, ret_url);
}

enum err hls_url_resolve(const char *base, struct span reference, char *ret_url)
{
    if (!hls_url_is_http(base)) {
        return ERR_PROTO;
    }
    if (strlen(base) >= HLS_URL_MAX || reference.len >= HLS_URL_MAX) {
        return ERR_LIMIT;
    }
    char text[HLS_URL_MAX];
    if (reference.len > 0) {
        memcpy(text, reference.data, reference.len);
    }
    text[reference.len] = '\0';
    size_t base_scheme = (size_t)(strstr(base, "://") - base);
    if (scheme_length(reference) > 0) {
        if (!hls_url_is_http(text)) {
            return ERR_PROTO;
        }
        memcpy(ret_url, text, reference.len + 1);
        return ERR_OK;
    }
    if (strncmp(text, "//", 2) == 0) {
        char whole[HLS_URL_MAX];
        int n = snprintf(whole, sizeof whole, "%.*s:%s", (int)base_scheme, base, text);
        if (n < 0 || (size_t)n >= sizeof whole) {
            return ERR_LIMIT;
        }
        if (!hls_url_is_http(whole)) {
            return ERR_PROTO;
        }
        memcpy(ret_url, whole, (size_t)n + 1);
        return ERR_OK;
    }
    size_t host = base_scheme + 3;
    size_t host_end = host + strcspn(base + host, "/?#");
    return resolve_path(base, host_end, span_cstr(text), ret_url);
}

bool hls_url_number(const char *url, uint64_t *ret_number)
{
    size_t end = strcspn(url, "?#");
    size_t start = end;
    while (start > 0 && url[start - 1] != '/') {
        start--;
    }
    uint64_t v = 0;
    size_t i = start;
    for (; i < end && url[i] >= '0' && url[i] <= '9'; i++) {
        uint64_t digit = (uint64_t)(url[i] - '0');
        if (v > (UINT64_MAX - digit) / 10) {
            return false;
        }
        v = v * 10 + digit;
    }
    if (i == start || (i < end && url[i] != '.')) {
        return false;
    }
    *ret_number = v;
    return true;
}
