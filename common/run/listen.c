#include "run/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static enum err bind_to(int fd, const struct addrinfo *info, _Bool dual_stack)
{
    int on = 1;
    int v6_only = !dual_stack;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (info->ai_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
    }
    if (bind(fd, info->ai_addr, info->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0) {
        return ERR_IO;
    }
    return ERR_OK;
}

static int port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } bound = {.v6 = {0}};
    socklen_t len = sizeof bound;
    if (getsockname(fd, &bound.any, &len) != 0) {
        return 0;
    }
    return ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
}

enum err listen_tcp(const struct addr *a, int *ret_fd, int *ret_port, const char **ret_why)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *info = NULL;
    char port[16];
    snprintf(port, sizeof port, "%d", a->port);
    int code = getaddrinfo(a->host[0] != '\0' ? a->host : NULL, port, &hints, &info);
    if (code != 0) {
        *ret_why = gai_strerror(code);
        return ERR_IO;
    }
    enum err e = ERR_IO;
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        e = bind_to(fd, info, strcmp(a->host, "::") == 0);
    }
    if (e == ERR_OK) {
        *ret_fd = fd;
        *ret_port = port_of(fd);
    } else {
        *ret_why = strerror(errno);
        if (fd >= 0) {
            close(fd);
        }
    }
    freeaddrinfo(info);
    return e;
}
