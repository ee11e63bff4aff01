/* A listening TCP socket for the servers that do not make their own. */
#ifndef RUN_LISTEN_H
#define RUN_LISTEN_H

#include "base/err.h"
#include "run/addr.h"

/* Binds and listens, close-on-exec and non-blocking. The host may be a name; "" and "::" mean all
 * interfaces, "::" for IPv4 too. ret_port: what was bound, for port 0. ERR_IO: it could not
 * (ret_why: a sentence such as "Address already in use", static or thread storage). The caller
 * closes the descriptor. Any thread; may ask the resolver. */
enum err listen_tcp(const struct addr *a, int *ret_fd, int *ret_port, const char **ret_why) CHECKED;

#endif
