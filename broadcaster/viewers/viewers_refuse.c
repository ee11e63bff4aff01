#include "broadcaster/viewers/viewers_refuse.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "broadcaster/viewers/http_date.h"

#define SHARED_MAX   (CORS_ORIGIN_MAX + 256)
#define REST_BYTES   8192 /* of what comes behind a refused request, read at once */
#define REST_AT_MOST 16   /* times that */

static const char *sentence(unsigned status)
{
    switch (status) {
    case MHD_HTTP_CONTENT_TOO_LARGE:
        return "The body of this request is too long.";
    case MHD_HTTP_URI_TOO_LONG:
        return "The address is too long.";
    case MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE:
        return "The headers of this request are too long: its cookies, perhaps.";
    case MHD_HTTP_NOT_IMPLEMENTED:
        return "Of transfer codings this server knows only \"chunked\".";
    case MHD_HTTP_HTTP_VERSION_NOT_SUPPORTED:
        return "This server speaks HTTP/1.1 and HTTP/1.0.";
    case MHD_HTTP_BAD_REQUEST:
        return "This request is not well-formed.";
    default:
        return "This request cannot be answered.";
    }
}

/* Headers for whose page may read it. */
static void write_shared(const struct cors *cors, const char *origin, char text[SHARED_MAX])
{
    bool any = cors == NULL || cors_is_any(cors);
    bool listed = any || cors_lists(cors, origin);
    snprintf(text, SHARED_MAX, "%s%s%s%s%s", any ? "" : "Vary: Origin\r\n",
             listed ? "Access-Control-Allow-Origin: " : "",
             any      ? CORS_ANY
             : listed ? origin
                      : "",
             listed ? "\r\nAccess-Control-Expose-Headers: " CORS_EXPOSED_HEADERS : "",
             listed ? "\r\n" : "");
}

size_t viewers_refusal(unsigned status, const struct cors *cors, const char *origin, int64_t now_s,
                       char ret_text[VIEWERS_REFUSAL_MAX])
{
    const char *body = sentence(status);
    char shared[SHARED_MAX];
    char date[HTTP_DATE_MAX];
    write_shared(cors, origin, shared);
    http_date_write(now_s, date);
    int n =
        snprintf(ret_text, VIEWERS_REFUSAL_MAX,
                 "HTTP/1.1 %u %s\r\nDate: %s\r\nConnection: close\r\n%s"
                 "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
                 "Content-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n\r\n%s\n",
                 status, MHD_get_reason_phrase_for(status), date, shared, strlen(body) + 1, body);
    return (size_t)n;
}

/* A socket that is closed with bytes unread is reset, and that may overtake the answer. */
static void read_rest(int fd)
{
    char rest[REST_BYTES];
    for (int i = 0; i < REST_AT_MOST && recv(fd, rest, sizeof rest, MSG_DONTWAIT) > 0; i++) {
    }
}

void viewers_refuse(struct MHD_Connection *c, unsigned status, const struct cors *cors)
{
    char text[VIEWERS_REFUSAL_MAX];
    const char *origin = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_ORIGIN);
    size_t n = viewers_refusal(status, cors, origin, clock_wall_ms() / 1000, text);
    int fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    (void)!send(fd, text, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(fd, SHUT_WR);
    read_rest(fd);
}
