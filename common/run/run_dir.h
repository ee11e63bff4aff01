/* The run directory: where the roles of one user on one host leave their local sockets. 0700. */
#ifndef RUN_RUN_DIR_H
#define RUN_RUN_DIR_H

#include <stddef.h>

#include "base/err.h"

#define RUN_DIR_MAX 80 /* bytes with the NUL: a socket's name in it must fit sun_path (108) */

/* Which one: `flag` if it is not empty, else $RUNTIME_DIRECTORY (systemd), else
 * $XDG_RUNTIME_DIR/streaming-back-end, else /run/streaming-back-end for root and
 * /tmp/streaming-back-end-UID for others. ERR_LIMIT: the name is too long. */
enum err run_dir_choose(const char *flag, char ret_path[RUN_DIR_MAX]) CHECKED;

/* Makes it, 0700. ERR_AUTH: something is there that is not a directory of this user alone, nor a
 * link to one that root or this user has made; ERR_IO: it cannot be made. */
enum err run_dir_open(const char *path) CHECKED;

#endif
