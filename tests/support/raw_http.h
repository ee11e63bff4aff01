/* An HTTP/1.1 client on a plain loopback socket: it sees exactly what a server sends. */
#ifndef SUPPORT_RAW_HTTP_H
#define SUPPORT_RAW_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#define RAW_HEAD_MAX 4096

struct raw_reply {
    int status; /* 0: the connection ended before a whole answer came */
    char head[RAW_HEAD_MAX];
    char *body; /* NUL-terminated */
    size_t len;
};

/* A connected socket to 127.0.0.1 (or, v6, ::1) with time limits of five seconds; -1. */
int raw_connect(int port);
int raw_connect_v6(int port);

void raw_send(int fd, const void *data, size_t len);

/* Reads one answer. no_body: to a HEAD, where Content-Length tells of no bytes that follow
 * (nor does that of a 304). */
struct raw_reply raw_read(int fd, bool no_body);

/* One request on an open connection: "GET", "/path". */
struct raw_reply raw_ask(int fd, const char *method, const char *path);

/* The same on a connection of its own. */
struct raw_reply raw_get(int port, const char *path);

/* True when the head has this line, e.g. "Content-Type: text/plain" (name in any case). */
bool raw_has(const struct raw_reply *r, const char *line);
void raw_free(struct raw_reply *r);

#endif
