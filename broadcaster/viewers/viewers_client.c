#include "broadcaster/viewers/viewers_client.h"

#include <stdatomic.h>
#include <string.h>

#include "broadcaster/viewers/forwarded.h"
#include "run/log.h"

struct client viewers_client_peer(struct MHD_Connection *c, const struct cidr_list *trusted)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct client client = client_of_peer(info != NULL ? info->client_addr : NULL);
    client.proxied = cidr_list_contains(trusted, client.address);
    return client;
}

static enum MHD_Result on_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                 size_t name_len, const char *value, size_t value_len)
{
    forwarded_take(arg, span_of(name, name_len), span_of(value, value_len));
    return MHD_YES;
}

/* The first alone: a client could fill the log with them, where a proxy passes on what he wrote. */
static void log_bad(const struct client *proxy)
{
    static atomic_bool told;
    char text[CIDR_TEXT_MAX];
    if (!atomic_exchange(&told, true)) {
        cidr_address_format(proxy->address, text);
        log_warn("viewers", "forwarded",
                 "peer=%s the trusted proxy says in X-Forwarded-For or Forwarded what cannot be "
                 "read, or is not the same in both: such requests count as its own. It has to "
                 "set one of them by itself, and to take away the other one",
                 text);
    }
}

struct client viewers_client_behind(struct MHD_Connection *c, const struct cidr_list *trusted)
{
    struct forwarded_headers headers = {0};
    struct client client = viewers_client_peer(c, trusted);
    MHD_get_connection_values_n(c, MHD_HEADER_KIND, on_header, &headers);
    struct forwarded f = forwarded_read(trusted, client.address, &headers);
    if (f.bad) {
        log_bad(&client);
    }
    memcpy(client.address, f.address, sizeof client.address);
    client.port = f.named ? 0 : client.port;
    client.https = f.https;
    return client;
}
