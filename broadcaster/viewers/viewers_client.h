/* Whose request one of libmicrohttpd's is, behind trusted proxies too. The connection's own thread.
 */
#ifndef BROADCASTER_VIEWERS_VIEWERS_CLIENT_H
#define BROADCASTER_VIEWERS_VIEWERS_CLIENT_H

#include <microhttpd.h>

#include "broadcaster/viewers/client.h"

/* The connection's other end. proxied: it is one of the trusted proxies. */
struct client viewers_client_peer(struct MHD_Connection *c, const struct cidr_list *trusted);

/* Of a request that comes from such a proxy: whose it is, by its headers. */
struct client viewers_client_behind(struct MHD_Connection *c, const struct cidr_list *trusted);

#endif
