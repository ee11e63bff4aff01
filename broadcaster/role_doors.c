#include "broadcaster/role_doors.h"

#include <stddef.h>

#include "run/log.h"

#define RTMP_HOST  "127.0.0.1"
#define RTMP_PORT  1935
#define RTMPS_PORT 1936
#define HTTP_PORT  8935

static enum err parse_addr(const char *flag, const char *text, const char *host, int port,
                           struct addr *ret_addr)
{
    enum err e = addr_parse(text, host, port, ret_addr);
    if (e != ERR_OK) {
        log_error("broadcaster", "bad_address", "%s \"%s\" is not host:port", flag, text);
    }
    return e;
}

static enum err read_tls_flags(const struct broadcaster_config *c, struct ingest_config *i)
{
    i->tls_cert = c->tls_cert;
    i->tls_key = c->tls_key;
    if (c->rtmps_addr[0] == '\0') {
        if (c->tls_cert[0] != '\0' || c->tls_key[0] != '\0') {
            log_warn("broadcaster", "no_rtmps",
                     "-tlsCert and -tlsKey are for -rtmpsAddr, which is not given: there is no "
                     "RTMPS");
        }
        return ERR_OK;
    }
    if (c->tls_cert[0] == '\0' || c->tls_key[0] == '\0') {
        log_error("broadcaster", "config",
                  "-rtmpsAddr needs -tlsCert FILE and -tlsKey FILE: a certificate and its private "
                  "key, both PEM");
        return ERR_PROTO;
    }
    i->tls = true;
    return parse_addr("-rtmpsAddr", c->rtmps_addr, RTMP_HOST, RTMPS_PORT, &i->tls_addr);
}

static enum err parse_trusted_proxies(const struct broadcaster_config *c, struct cidr_list *proxies,
                                      struct ingest_config *i)
{
    char why[CIDR_WHY_MAX];
    enum err e = cidr_list_parse(c->rtmp_trusted_proxies, proxies, why);
    if (e != ERR_OK) {
        log_error("broadcaster", "config", "-rtmpTrustedProxies: %s", why);
    } else if (c->rtmp_proxy_protocol && proxies->count == 0) {
        log_error("broadcaster", "config",
                  "-rtmpProxyProtocol trusts nobody: name the proxies with -rtmpTrustedProxies");
        e = ERR_NOENT;
    } else if (c->rtmp_proxy_protocol) {
        i->trusted_proxies = proxies;
    }
    return e;
}

enum err role_doors_rtmp(const struct broadcaster_config *c, struct cidr_list *proxies,
                         struct ingest_config *config)
{
    enum err e = parse_addr("-rtmpAddr", c->rtmp_addr, RTMP_HOST, RTMP_PORT, &config->addr);
    if (e == ERR_OK) {
        e = read_tls_flags(c, config);
    }
    if (e == ERR_OK) {
        e = parse_trusted_proxies(c, proxies, config);
    }
    return e;
}

enum err role_doors_http(const struct broadcaster_config *c, struct addr *ret_addr)
{
    return parse_addr("-httpAddr", c->http_addr, "127.0.0.1", HTTP_PORT, ret_addr);
}

bool role_doors_guarded(const struct broadcaster_config *c)
{
    return c->auth_webhook_url[0] != '\0' || c->keys_file[0] != '\0';
}

/* Whoever reaches -httpAddr could publish, which is not what the address of viewers is for. */
bool role_doors_push(const struct daemon *d, const struct broadcaster_config *c,
                     const struct addr *http)
{
    if (!c->http_ingest || role_doors_guarded(c) || daemon_flag_given(d, "httpIngest") ||
        addr_is_loopback(http)) {
        return c->http_ingest;
    }
    log_warn("broadcaster", "http_ingest_off",
             "HTTP push (/live/) is off: others than this host reach -httpAddr, and nothing says "
             "who may publish; -httpIngest switches it on all the same");
    return false;
}

/* A door that somebody meant to shut must not stay open because a variable was empty. */
static enum err check_admission_flags(const struct daemon *d, const struct broadcaster_config *c)
{
    const struct {
        const char *flag, *value;
    } meant[] = {{"keysFile", c->keys_file}, {"authWebhookUrl", c->auth_webhook_url}};
    for (size_t i = 0; i < sizeof meant / sizeof meant[0]; i++) {
        if (meant[i].value[0] == '\0' && daemon_flag_given(d, meant[i].flag)) {
            log_error("broadcaster", "config",
                      "-%s is given without a value, so it would keep nobody out: give it one, or "
                      "leave the flag away",
                      meant[i].flag);
            return ERR_PROTO;
        }
    }
    if (daemon_flag_given(d, "rtmpTrustedProxies") && !c->rtmp_proxy_protocol) {
        log_error(
            "broadcaster", "config",
            "-rtmpTrustedProxies needs -rtmpProxyProtocol: without it nobody's header is read");
        return ERR_PROTO;
    }
    if (c->auth_webhook_play && c->auth_webhook_url[0] == '\0') {
        log_error("broadcaster", "config",
                  "-authWebhookPlay needs -authWebhookUrl: there is no webhook to ask");
        return ERR_PROTO;
    }
    return ERR_OK;
}

enum err role_doors_admission(const struct daemon *d, const struct broadcaster_config *c,
                              struct admission_config *config)
{
    enum err e = check_admission_flags(d, c);
    if (e != ERR_OK) {
        return e;
    }
    config->publish_allow = c->publish_allow;
    config->publish_deny = c->publish_deny;
    config->play_allow = c->play_allow;
    config->play_deny = c->play_deny;
    config->keys_file = c->keys_file;
    config->webhook_url = c->auth_webhook_url;
    config->webhook_timeout_ms = c->auth_webhook_timeout_ms;
    config->webhook_play = c->auth_webhook_play;
    config->bans =
        (struct bans_config){(int)c->ban_after, c->ban_window_ms, c->ban_ms, c->ban_loopback};
    config->limits = (struct limits){.bitrate_kbps = c->max_bitrate_kbps};
    config->streams_per_address = c->streams_per_address;
    if (!limits_parse_size(c->max_resolution, &config->limits)) {
        log_error("broadcaster", "config", "-maxResolution takes a size such as 1920x1080");
        return ERR_PROTO;
    }
    return ERR_OK;
}

void role_doors_pages(const struct broadcaster_config *c, struct pages_config *config)
{
    struct addr a;
    if (addr_parse(c->rtmp_addr, RTMP_HOST, RTMP_PORT, &a) == ERR_OK) {
        config->rtmp_port = a.port;
        config->rtmp_this_host = addr_is_loopback(&a);
    }
    if (c->rtmps_addr[0] != '\0' &&
        addr_parse(c->rtmps_addr, RTMP_HOST, RTMPS_PORT, &a) == ERR_OK) {
        config->rtmps_port = a.port;
    }
}
