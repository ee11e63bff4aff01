/* host:port texts: completion as users of the known system expect it, and IPv6. Pure. */
#ifndef RUN_ADDR_H
#define RUN_ADDR_H

#include "base/err.h"
#include "base/span.h"

#define ADDR_MAX 300 /* bytes with the NUL */

struct addr {
    char host[256]; /* without brackets */
    int port;
};

/* Completes and reads: "" -> the defaults, ":N" -> default host, "host" and "[v6]" -> default
 * port, "host:N", "[v6]:N", a bare IPv6 address. An http://, https:// or tcp:// in front is
 * dropped. Port 0 is allowed. ERR_PROTO: none of these. */
enum err addr_parse(const char *text, const char *default_host, int default_port,
                    struct addr *ret_addr) CHECKED;

/* "host:port", with brackets around IPv6; out holds ADDR_MAX. */
void addr_format(const struct addr *a, char *out);

/* True for 127.0.0.0/8, ::1 and "localhost". */
_Bool addr_is_loopback(const struct addr *a);

/* True for addresses that anybody on the Internet could have; false for loopback, private,
 * link-local, shared, documentation, benchmarking, translated and multicast ones (the IANA
 * registries of special-purpose addresses, RFC 6890) and for every other family. */
struct sockaddr;
_Bool addr_is_public(const struct sockaddr *a);

#endif
