#include "publisher-tools/rtmp_url.h"

#include <stdio.h>
#include <string.h>

/* The path, without its leading slash, or NULL when this is no publish URL. */
static const char *path_of(const char *url)
{
    const char *host = NULL;
    if (strncmp(url, "rtmp://", 7) == 0) {
        host = url + 7;
    } else if (strncmp(url, "rtmps://", 8) == 0) {
        host = url + 8;
    } else {
        return NULL;
    }
    const char *slash = strchr(host, '/');
    return slash != NULL && slash > host && slash[1] != '\0' ? slash + 1 : NULL;
}

/* The id as a part of the path: where it begins, and its length. */
static const char *id_of(const char *path, size_t *ret_len)
{
    static const char *const prefixes[] = {"stream/", "live/"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        size_t n = strlen(prefixes[i]);
        if (strncmp(path, prefixes[i], n) == 0 && path[n] != '\0') {
            path += n;
            break;
        }
    }
    *ret_len = strcspn(path, "/?");
    return path;
}

enum err rtmp_url_check(const char *url)
{
    if (strlen(url) >= RTMP_URL_MAX) {
        return ERR_LIMIT;
    }
    return path_of(url) != NULL ? ERR_OK : ERR_PROTO;
}

enum err rtmp_url_copy(const char *url, long copy, long copies, char *ret_url)
{
    char text[RTMP_URL_MAX];
    const char *path = path_of(url);
    int n;
    if (copies <= 1 || path == NULL) {
        n = snprintf(text, sizeof text, "%s", url);
    } else {
        size_t len;
        const char *id = id_of(path, &len);
        const char *dot = memchr(id, '.', len);
        size_t stem = dot != NULL && dot > id ? (size_t)(dot - id) : len;
        n = snprintf(text, sizeof text, "%.*s-%ld%s", (int)(id + stem - url), url, copy, id + stem);
    }
    if (n < 0 || (size_t)n >= sizeof text) {
        return ERR_LIMIT;
    }
    memcpy(ret_url, text, (size_t)n + 1);
    return ERR_OK;
}

void rtmp_url_shown(const char *url, char *ret_text)
{
    const char *path = path_of(url);
    if (path == NULL) {
        snprintf(ret_text, RTMP_URL_MAX, "%s", url);
        return;
    }
    size_t len;
    const char *id = id_of(path, &len);
    const char *host = strstr(url, "//") + 2;
    const char *at = memchr(host, '@', (size_t)(path - host));
    const char *shown = at != NULL ? at + 1 : host;
    const char *hidden = id[len] == '\0' ? "" : id[len] == '?' ? "?***" : "/***";
    snprintf(ret_text, RTMP_URL_MAX, "%.*s%s%.*s%s", (int)(host - url), url,
             at != NULL ? "***@" : "", (int)(id + len - shown), shown, hidden);
}
