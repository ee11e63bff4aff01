#include "tests/support/raw_http.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* Of one read: a build that watches threads takes long to make a large answer. */
#define LIMIT_S 60

static int connect_to(const struct sockaddr *to, socklen_t len)
{
    int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {.tv_sec = LIMIT_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, to, len) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int raw_connect(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect_to((struct sockaddr *)&to, sizeof to);
}

int raw_connect_v6(int port)
{
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    to.sin6_addr = in6addr_loopback;
    return connect_to((struct sockaddr *)&to, sizeof to);
}

void raw_send(int fd, const void *data, size_t len)
{
    const char *p = data;
    while (len > 0) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        if (n <= 0) {
            return;
        }
        p += n;
        len -= (size_t)n;
    }
}

static const char *find_header(const struct raw_reply *r, const char *name)
{
    size_t n = strlen(name);
    for (const char *line = r->head; line != NULL; line = strstr(line, "\r\n")) {
        line += line == r->head ? 0 : 2;
        if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
            return line + n + 1;
        }
        if (line[0] == '\0') {
            return NULL;
        }
    }
    return NULL;
}

static bool read_head(int fd, struct raw_reply *r)
{
    size_t n = 0;
    while (n < sizeof r->head - 1) {
        if (recv(fd, r->head + n, 1, 0) != 1) {
            return false;
        }
        n++;
        if (n >= 4 && memcmp(r->head + n - 4, "\r\n\r\n", 4) == 0) {
            return sscanf(r->head, "HTTP/1.1 %d", &r->status) == 1;
        }
    }
    return false;
}

struct raw_reply raw_read(int fd, bool no_body)
{
    struct raw_reply r = {0};
    bool ok = read_head(fd, &r);
    const char *length = ok ? find_header(&r, "Content-Length") : NULL;
    no_body = no_body || r.status == 304;
    size_t want = length != NULL && !no_body ? strtoul(length, NULL, 10) : 0;
    r.body = calloc(1, want + 1);
    while (ok && r.len < want) {
        ssize_t n = recv(fd, r.body + r.len, want - r.len, 0);
        ok = n > 0;
        r.len += ok ? (size_t)n : 0;
    }
    r.status = ok ? r.status : 0;
    return r;
}

struct raw_reply raw_ask(int fd, const char *method, const char *path)
{
    char request[8192];
    int n = snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: here\r\n\r\n", method, path);
    raw_send(fd, request, (size_t)n);
    return raw_read(fd, strcmp(method, "HEAD") == 0);
}

struct raw_reply raw_get(int port, const char *path)
{
    int fd = raw_connect(port);
    struct raw_reply r = raw_ask(fd, "GET", path);
    close(fd);
    return r;
}

bool raw_has(const struct raw_reply *r, const char *line)
{
    char name[128];
    const char *colon = strchr(line, ':');
    snprintf(name, sizeof name, "%.*s", (int)(colon - line), line);
    const char *value = find_header(r, name);
    if (value == NULL) {
        return false;
    }
    value += strspn(value, " ");
    const char *want = colon + 1 + strspn(colon + 1, " ");
    size_t n = strcspn(value, "\r");
    return n == strlen(want) && memcmp(value, want, n) == 0;
}

void raw_free(struct raw_reply *r)
{
    free(r->body);
    r->body = NULL;
}
