#include "broadcaster/ingest/ingest_proxy.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/auth/cidr.h"
#include "broadcaster/ingest/ingest_connection.h"
#include "broadcaster/ingest/proxy_protocol.h"
#include "run/log.h"

bool ingest_proxy_begin(struct publisher *p)
{
    const struct cidr_list *trusted = p->ingest->config.trusted_proxies;
    if (trusted == NULL || !cidr_list_contains(trusted, p->address)) {
        return false;
    }
    p->proxy_header = mem_alloc(sizeof *p->proxy_header);
    proxy_header_init(p->proxy_header);
    return true;
}

static void name_peer(struct publisher *p, const struct proxy_source *s)
{
    char text[CIDR_TEXT_MAX];
    memcpy(p->address, s->address, sizeof p->address);
    cidr_address_format(s->address, text);
    bool v6 = strchr(text, ':') != NULL;
    snprintf(p->peer, sizeof p->peer, v6 ? "[%s]:%d" : "%s:%d", text, s->port);
}

enum err ingest_proxy_take(struct publisher *p, struct span *bytes, const char **ret_why)
{
    struct proxy_source source;
    enum err e = proxy_header_feed(p->proxy_header, bytes, &source);
    if (e == ERR_AGAIN) {
        return e;
    }
    mem_free(p->proxy_header);
    p->proxy_header = NULL;
    if (e != ERR_OK) {
        *ret_why = e == ERR_LIMIT
                       ? "its PROXY header is too long"
                       : "it is a trusted proxy (-rtmpTrustedProxies) and sent no PROXY header";
        return e;
    }
    if (source.known) {
        char proxy[sizeof p->peer];
        snprintf(proxy, sizeof proxy, "%s", p->peer);
        name_peer(p, &source);
        log_debug("ingest", "proxied", "peer=%s proxy=%s", p->peer, proxy);
    }
    return ERR_OK;
}

const char *ingest_proxy_hint(const struct publisher *p, struct span bytes, const char *why)
{
    if (rtmp_session_connected(p->session) || !proxy_header_begins(bytes)) {
        return why;
    }
    return p->ingest->config.trusted_proxies == NULL
               ? "it sends a PROXY header, which is only read with -rtmpProxyProtocol"
               : "it sends a PROXY header, and its address is not one of -rtmpTrustedProxies";
}
