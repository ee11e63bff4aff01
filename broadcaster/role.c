#include "broadcaster/role.h"

#include <stdio.h>
#include <string.h>

#include "base/blob.h"
#include "base/clock.h"
#include "base/mem.h"
#include "broadcaster/api.h"
#include "broadcaster/capacity.h"
#include "broadcaster/cidr.h"
#include "broadcaster/commands.h"
#include "broadcaster/cors.h"
#include "broadcaster/ingest.h"
#include "broadcaster/ladder_json.h"
#include "broadcaster/pages.h"
#include "broadcaster/publication.h"
#include "broadcaster/push.h"
#include "broadcaster/push_http.h"
#include "broadcaster/rung_check.h"
#include "broadcaster/rung_probe.h"
#include "broadcaster/stream.h"
#include "broadcaster/uplinks.h"
#include "broadcaster/viewers.h"
#include "run/addr.h"
#include "run/avlog.h"
#include "run/files.h"
#include "run/log.h"
#include "run/metrics.h"

#define TICK_MS                100
#define DRAIN_WAIT_MS          5000 /* for publishers that were asked to connect anew */
#define STOP_WAIT_MS           3000 /* for rungs that are under way at the end */
#define RTMP_PORT              1935
#define RTMPS_PORT             1936
#define HTTP_PORT              8935
#define INGEST_CONNECTIONS_MAX 1000
#define VIEWER_CONNECTIONS_MAX 20000 /* unless told otherwise */
#define VIEWER_CONNECTIONS_FEW 10000 /* less is told to the operator */
#define SEGMENT_FILES_MAX      1024
#define VIEWER_THREADS         2
#define PRICE_MAX              1000000000000000
#define NUMBERS_FILE           "segment-numbers"
#define LIVES_FILE             "streams-seen"

struct config {
    struct daemon_config common;
    const char *rtmps_addr, *tls_cert, *tls_key;
    const char *rtmp_addr, *http_addr, *orch_addr, *orch_secret, *transcoding_options, *latency;
    const char *orch_webhook_url;
    long orch_webhook_refresh_ms, max_price, pixels_per_unit, max_attempts;
    bool current_manifest, http_ingest, no_index, no_pages, program_date_time;
    long max_sessions;
    long viewer_timeout_ms, viewer_min_rate, grace_ms, linger_ms, rung_deadline_ms,
        setup_timeout_ms, idle_timeout_ms;
    long connections_per_address, push_idle_ms;
    long max_held, held_per_address, max_connections, max_connections_per_address;
    const char *publish_allow, *publish_deny, *play_allow, *play_deny;
    const char *keys_file, *auth_webhook_url, *max_resolution;
    long auth_webhook_timeout_ms, ban_after, ban_window_ms, ban_ms;
    long max_bitrate_kbps, streams_per_address;
    bool auth_webhook_play, ban_loopback, hash_key;
    bool rtmp_proxy_protocol;
    const char *rtmp_trusted_proxies;
    const char *cors_origins;
};

#define FIELD(f) offsetof(struct config, f)

static const struct option options[] = {
    {"rtmpAddr", OPTION_STRING, "127.0.0.1:1935", 0, 0, false, FIELD(rtmp_addr), "HOST:PORT",
     "Where publishers and RTMP players connect."},
    {"rtmpsAddr", OPTION_STRING, "", 0, 0, false, FIELD(rtmps_addr), "HOST:PORT",
     "Where publishers connect with TLS (rtmps://), default port 1936; empty: nowhere. Needs "
     "-tlsCert and -tlsKey."},
    {"tlsCert", OPTION_STRING, "", 0, 0, false, FIELD(tls_cert), "FILE",
     "The certificate of -rtmpsAddr, and those that it hangs on (PEM); read again at SIGHUP."},
    {"tlsKey", OPTION_STRING, "", 0, 0, false, FIELD(tls_key), "FILE",
     "The private key of -tlsCert (PEM), readable by this user only; read again at SIGHUP."},
    {"httpAddr", OPTION_STRING, "127.0.0.1:8935", 0, 0, false, FIELD(http_addr), "HOST:PORT",
     "Where viewers connect."},
    {"corsOrigins", OPTION_LIST, CORS_ANY, 0, 0, false, FIELD(cors_origins), "ORIGIN[,...]",
     "Whose web pages may play streams, e.g. https://www.example.org; * lets all."},
    {"orchAddr", OPTION_LIST, "", 0, 0, false, FIELD(orch_addr), "HOST:PORT[,...]",
     "The orchestrators, without which only the source is served; streams are spread over them."},
    {"orchWebhookUrl", OPTION_STRING, "", 0, 0, true, FIELD(orch_webhook_url), "URL",
     "Asks there, by GET, for the list of orchestrators; -orchAddr is not used then."},
    {"orchWebhookRefreshMs", OPTION_INT, "60000", 100, 86400000, false,
     FIELD(orch_webhook_refresh_ms), "MS", "How often it is asked again."},
    {"maxPricePerUnit", OPTION_INT, "0", 0, PRICE_MAX, false, FIELD(max_price), "N",
     "Orchestrators that ask for more are not used; 0: any price."},
    {"pixelsPerUnit", OPTION_INT, "1", 1, PRICE_MAX, false, FIELD(pixels_per_unit), "N",
     "The pixels that -maxPricePerUnit is for."},
    {"maxAttempts", OPTION_INT, "3", 1, 1000, false, FIELD(max_attempts), "N",
     "Orchestrators that may refuse or fail one segment before its rungs are given up."},
    {"orchSecret", OPTION_STRING, "", 0, 0, true, FIELD(orch_secret), "TEXT|FILE",
     "For an orchestrator on another host: the secret shared with it, a file whose first line it "
     "is, or a credential file."},
    {"transcodingOptions", OPTION_LIST, "P240p30fps16x9,P360p30fps16x9", 0, 0, false,
     FIELD(transcoding_options), "RUNG[,...]|FILE",
     "The rungs that each stream is transcoded to: names, or a file of them (rungs.json)."},
    {"latency", OPTION_STRING, "low", 0, 0, false, FIELD(latency), "low|quality",
     "What rungs are made for: low delay, or a better picture about a second later."},
    {"httpIngest", OPTION_BOOL, "true", 0, 0, false, FIELD(http_ingest), NULL,
     "Takes segments by HTTP: PUT or POST /live/NAME/N.ts or .mp4 on -httpAddr. Unless given, off "
     "where other hosts reach -httpAddr and neither -keysFile nor -authWebhookUrl is set."},
    {"pushIdleTimeoutMs", OPTION_INT, "60000", 100, 3600000, false, FIELD(push_idle_ms), "MS",
     "How long nothing may be pushed into a stream by HTTP before its publisher counts as gone."},
    {"currentManifest", OPTION_BOOL, NULL, 0, 0, false, FIELD(current_manifest), NULL,
     "Serves the newest stream as /stream/current.m3u8 too."},
    {"noPages", OPTION_BOOL, NULL, 0, 0, false, FIELD(no_pages), NULL,
     "Serves no pages for browsers: neither the list of streams nor the player."},
    {"noIndex", OPTION_BOOL, NULL, 0, 0, false, FIELD(no_index), NULL,
     "Does not tell which streams there are: no /streams.json and no /stream/index.m3u8."},
    {"maxSessions", OPTION_INT, "10", -1000000, 1000000, false, FIELD(max_sessions), "N",
     "Streams that may be live at once."},
    {"reconnectGrace", OPTION_DURATION, "30s", 0, 3600000, false, FIELD(grace_ms), "TIME",
     "How long a publisher may be away before its stream ends; until then its key is the only one "
     "that may go on."},
    {"lingerMs", OPTION_INT, "-1", -1, 3600000, false, FIELD(linger_ms), "MS",
     "How long an ended stream's playlists, and all segments that they list, can still be fetched; "
     "-1: as long as its longest playlist and a segment last."},
    {"rungDeadlineMs", OPTION_INT, "12000", 100, 600000, false, FIELD(rung_deadline_ms), "MS",
     "How long after its end a segment's rungs may come, before they are given up as gaps."},
    {"setupTimeoutMs", OPTION_INT, "10000", 100, 600000, false, FIELD(setup_timeout_ms), "MS",
     "How long a connection may take until it publishes or plays."},
    {"idleTimeoutMs", OPTION_INT, "10000", 100, 600000, false, FIELD(idle_timeout_ms), "MS",
     "How long a publisher may send nothing, not even the answer to a ping."},
    {"rtmpProxyProtocol", OPTION_BOOL, NULL, 0, 0, false, FIELD(rtmp_proxy_protocol), NULL,
     "Takes the publishers' addresses from the PROXY header (version 1 or 2) of trusted proxies."},
    {"rtmpTrustedProxies", OPTION_LIST, "127.0.0.0/8,::1", 0, 0, false, FIELD(rtmp_trusted_proxies),
     "CIDR[,...]",
     "With -rtmpProxyProtocol: the addresses that must send the header; others may not."},
    {"connectionsPerAddress", OPTION_INT, "64", 1, 100000, false, FIELD(connections_per_address),
     "N", "RTMP connections of one address that do not publish: players, and those not yet known."},
    {"maxConnections", OPTION_INT, "0", 0, 1000000, false, FIELD(max_connections), "N",
     "Connections of viewers at once; 0: as many as open files allow, 20000 at most."},
    {"maxConnectionsPerAddress", OPTION_INT, "4000", 0, 1000000, false,
     FIELD(max_connections_per_address), "N",
     "The same for one address, of IPv6 for a network of 64 bits; 0: no limit, for where a cache "
     "or proxy in front is all that connects."},
    {"viewerTimeout", OPTION_DURATION, "30s", 1000, 3600000, false, FIELD(viewer_timeout_ms),
     "TIME", "How long a viewer's connection may be silent, or take nothing of an answer."},
    {"viewerMinRate", OPTION_INT, "8", 1, 1000000, false, FIELD(viewer_min_rate), "KB/S",
     "Closes the connection of a viewer that reads a whole answer more slowly, -viewerTimeout "
     "aside."},
    {"maxHeld", OPTION_INT, "20000", 0, 1000000, false, FIELD(max_held), "N",
     "Requests of viewers that may wait at once for a segment or part of low-latency HLS; further "
     "ones are told to ask again."},
    {"heldPerAddress", OPTION_INT, "2000", 0, 1000000, false, FIELD(held_per_address), "N",
     "The same for one address; 0: no limit. A cache in front counts as one."},
    {"programDateTime", OPTION_BOOL, NULL, 0, 0, false, FIELD(program_date_time), NULL,
     "Puts EXT-X-PROGRAM-DATE-TIME into the classic playlists too."},
    {"authWebhookUrl", OPTION_STRING, "", 0, 0, true, FIELD(auth_webhook_url), "URL",
     "Asks there, by POST, whether a publisher may; tells it of each end too."},
    {"authWebhookTimeoutMs", OPTION_INT, "5000", 10, 600000, false, FIELD(auth_webhook_timeout_ms),
     "MS", "How long the webhook may take; a publisher that waits longer is refused."},
    {"authWebhookPlay", OPTION_BOOL, NULL, 0, 0, false, FIELD(auth_webhook_play), NULL,
     "Asks the webhook about RTMP players too."},
    {"keysFile", OPTION_STRING, "", 0, 0, false, FIELD(keys_file), "FILE",
     "YAML file of the keys that may publish, each with its stream's public name; read again on "
     "SIGHUP. Who publishes with another key is refused."},
    {"hashKey", OPTION_COMMAND, NULL, 0, 0, false, FIELD(hash_key), NULL,
     "Command: reads a key from standard input and prints its hash for the keys file."},
    {"publishAllow", OPTION_LIST, "", 0, 0, false, FIELD(publish_allow), "NETWORK[,...]",
     "Only from these networks may be published (10.0.0.0/8, 2001:db8::/32, an address)."},
    {"publishDeny", OPTION_LIST, "", 0, 0, false, FIELD(publish_deny), "NETWORK[,...]",
     "From these networks may not be published."},
    {"playAllow", OPTION_LIST, "", 0, 0, false, FIELD(play_allow), "NETWORK[,...]",
     "Only from these networks may be played over RTMP."},
    {"playDeny", OPTION_LIST, "", 0, 0, false, FIELD(play_deny), "NETWORK[,...]",
     "From these networks may not be played over RTMP."},
    {"banAfter", OPTION_INT, "10", 0, 1000000, false, FIELD(ban_after), "N",
     "Refused keys or names within -banWindowMs after which an address is banned; 0: never."},
    {"banWindowMs", OPTION_INT, "60000", 100, 86400000, false, FIELD(ban_window_ms), "MS",
     "The time in which refusals count for a ban."},
    {"banMs", OPTION_INT, "60000", 100, 86400000, false, FIELD(ban_ms), "MS",
     "How long an address's first ban is; each further one is twice as long, up to a day."},
    {"banLoopback", OPTION_BOOL, NULL, 0, 0, false, FIELD(ban_loopback), NULL,
     "Bans addresses of this host too."},
    {"maxBitrateKbps", OPTION_INT, "0", 0, LIMITS_BITRATE_MAX_KBPS, false, FIELD(max_bitrate_kbps),
     "KBPS", "Bitrate of one publisher, over ten seconds; who sends more is closed. 0: no limit."},
    {"maxResolution", OPTION_STRING, "", 0, 0, false, FIELD(max_resolution), "WxH",
     "Largest picture that may be published, upright or on its side; default: no limit."},
    {"streamsPerAddress", OPTION_INT, "0", 0, 1000000, false, FIELD(streams_per_address), "N",
     "Streams that one address may publish at once. 0: no limit."},
};

/* Headings of -help and of the sample. */
static const struct option_group groups[] = {
    {"rtmpAddr", "Addresses"},
    {"orchAddr", "Transcoding"},
    {"httpIngest", "Push over HTTP"},
    {"currentManifest", "Streams, and how long they live"},
    {"setupTimeoutMs", "Connections"},
    {"authWebhookUrl", "Who may publish and play"},
    {"banAfter", "Bans"},
    {"maxBitrateKbps", "Limits of one publisher"},
    {"cliAddr", "Control, metrics and this process"},
    {"config", "Where the flags come from"},
    {NULL, NULL},
};

struct broadcaster {
    struct api api; /* of the control API */
    struct daemon *daemon;
    struct board *board;
    struct numbers *numbers;
    struct lives *lives;
    struct uplinks *uplinks; /* NULL: source only */
    struct jobs *jobs;
    struct rung_probe *rung_probe;
    struct streams *streams;
    struct admission *admission;
    struct publications publications;
    struct ingest *ingest;
    struct pages *pages; /* NULL: switched off */
    struct viewers *viewers;
    struct push *push; /* NULL, both: switched off */
    struct push_http *push_http;
    struct loop_timer *tick;
    struct capacity capacity;
    struct cidr_list trusted_proxies;
    struct cors *cors;
    int64_t drain_by_ms; /* 0 unless publishers were asked to leave */
    int64_t stop_by_ms;  /* 0 until the ingest has closed at the end */
};

/* --- life --- */

static void ingest_closed(void *arg)
{
    struct broadcaster *b = arg;
    b->ingest = NULL;
    b->stop_by_ms = clock_mono_ms() + STOP_WAIT_MS;
}

static void close_ingest(struct broadcaster *b)
{
    b->drain_by_ms = 0;
    ingest_close(b->ingest, ingest_closed, b);
}

static void on_tick(void *arg)
{
    struct broadcaster *b = arg;
    int64_t now = clock_mono_ms();
    jobs_tick(b->jobs, now);
    streams_tick(b->streams, now);
    if (b->push != NULL) {
        push_tick(b->push, now);
    }
    if (b->drain_by_ms != 0 && (now >= b->drain_by_ms || ingest_leaving(b->ingest) == 0)) {
        close_ingest(b);
    }
    bool done = (b->uplinks == NULL || jobs_idle(b->jobs)) && admission_idle(b->admission);
    if (b->stop_by_ms != 0 && (now >= b->stop_by_ms || done)) {
        b->stop_by_ms = 0;
        daemon_stopped(b->daemon);
    }
}

static enum err parse_addr(const char *flag, const char *text, const char *host, int port,
                           struct addr *ret_addr)
{
    enum err e = addr_parse(text, host, port, ret_addr);
    if (e != ERR_OK) {
        log_error("broadcaster", "bad_address", "%s \"%s\" is not host:port", flag, text);
    }
    return e;
}

static void on_probed(void *arg, uint64_t ticket, const char *why)
{
    struct broadcaster *b = arg;
    jobs_probed(b->jobs, ticket, why);
}

static unsigned count_viewers(void *arg, const char *stream, const char *rung)
{
    const struct broadcaster *b = arg;
    return b->viewers != NULL ? viewers_of_rung(b->viewers, stream, rung) : 0;
}

static enum err open_uplinks(struct broadcaster *b, const struct config *c)
{
    b->jobs = jobs_create(c->rung_deadline_ms, (unsigned)c->max_attempts);
    jobs_set_inspection(b->jobs, rung_check);
    b->rung_probe = rung_probe_create(b->daemon->loop, on_probed, b);
    if (b->rung_probe == NULL) {
        return ERR_NOMEM;
    }
    jobs_set_viewers(b->jobs, count_viewers, b);
    jobs_set_probe(b->jobs, rung_probe_begin, b->rung_probe);
    if (c->orch_addr[0] == '\0' && c->orch_webhook_url[0] == '\0') {
        log_warn("broadcaster", "no_orchestrator",
                 "no orchestrator specified (-orchAddr): transcoding will not happen");
        return ERR_OK;
    }
    struct uplinks_config u = {
        .addrs = c->orch_addr,
        .webhook_url = c->orch_webhook_url,
        .refresh_ms = c->orch_webhook_refresh_ms,
        .secret = c->orch_secret,
        .data_dir = b->daemon->data_dir,
        .name = c->common.name,
        .jobs = b->jobs,
        .max_price = {(uint64_t)c->max_price, (uint64_t)c->pixels_per_unit},
    };
    return uplinks_create(b->daemon->loop, &u, &b->uplinks);
}

static enum err parse_ladder(const struct config *c, struct streams_config *s)
{
    char why[LADDER_WHY_MAX];
    struct ladder l;
    enum err e = ladder_load(c->transcoding_options, &l, why);
    if (e == ERR_OK) {
        s->ladder = l;
    } else {
        log_error("broadcaster", "config", "-transcodingOptions: %s", why);
    }
    return e;
}

static enum err parse_latency(const struct config *c, bool *ret_quality)
{
    *ret_quality = strcmp(c->latency, "quality") == 0;
    if (!*ret_quality && strcmp(c->latency, "low") != 0) {
        log_error("broadcaster", "config", "-latency takes \"low\" or \"quality\"");
        return ERR_PROTO;
    }
    return ERR_OK;
}

static enum err open_streams(struct broadcaster *b, const struct config *c)
{
    struct streams_config s = {
        .max_live = (size_t)c->max_sessions,
        .grace_ms = c->grace_ms,
        .linger_ms = c->linger_ms,
        .show_current = c->current_manifest,
    };
    if (c->max_sessions <= 0) {
        log_error("broadcaster", "config", "-maxSessions must be greater than zero");
        return ERR_LIMIT;
    }
    bool quality = false;
    enum err e = parse_ladder(c, &s);
    if (e == ERR_OK) {
        e = parse_latency(c, &quality);
    }
    if (e == ERR_OK) {
        e = open_uplinks(b, c);
    }
    if (e != ERR_OK) {
        return e;
    }
    jobs_set_quality(b->jobs, quality);
    s.source_only = b->uplinks == NULL;
    if (s.source_only) {
        s.ladder.n = 0;
    }
    char path[sizeof b->daemon->data_dir + sizeof NUMBERS_FILE + 1];
    snprintf(path, sizeof path, "%s/%s", b->daemon->data_dir, NUMBERS_FILE);
    b->numbers = numbers_open(path);
    snprintf(path, sizeof path, "%s/%s", b->daemon->data_dir, LIVES_FILE);
    b->lives = lives_open(path);
    s.board = b->board;
    s.jobs = b->jobs;
    s.numbers = b->numbers;
    s.lives = b->lives;
    b->streams = streams_create(&s);
    b->api = (struct api){b->streams, b->board, b->uplinks, NULL};
    return ERR_OK;
}

static void measure_capacity(struct broadcaster *b, const struct config *c)
{
    bool told = c->max_connections > 0;
    const struct capacity wanted = {
        .viewers = told ? (int)c->max_connections : VIEWER_CONNECTIONS_MAX,
        .ingest = INGEST_CONNECTIONS_MAX,
        .bodies = SEGMENT_FILES_MAX,
    };
    bool all = capacity_fit(files_limit(), &wanted, &b->capacity);
    blob_allow_files((size_t)b->capacity.bodies);
    if (!all && (told || b->capacity.viewers < VIEWER_CONNECTIONS_FEW)) {
        log_warn("broadcaster", "few_files",
                 "only %ld files may be open: at most %d viewers' and %d RTMP connections at once; "
                 "raise the limit (ulimit -n, or LimitNOFILE of the service)",
                 files_limit(), b->capacity.viewers, b->capacity.ingest);
    }
}

static enum err read_tls_flags(const struct config *c, struct ingest_config *i)
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
    return parse_addr("-rtmpsAddr", c->rtmps_addr, "127.0.0.1", RTMPS_PORT, &i->tls_addr);
}

/* A door that somebody meant to shut must not stay open because a variable was empty. */
static enum err check_admission_flags(const struct broadcaster *b, const struct config *c)
{
    const struct {
        const char *flag, *value;
    } meant[] = {{"keysFile", c->keys_file}, {"authWebhookUrl", c->auth_webhook_url}};
    for (size_t i = 0; i < sizeof meant / sizeof meant[0]; i++) {
        if (meant[i].value[0] == '\0' && daemon_flag_given(b->daemon, meant[i].flag)) {
            log_error("broadcaster", "config",
                      "-%s is given without a value, so it would keep nobody out: give it one, or "
                      "leave the flag away",
                      meant[i].flag);
            return ERR_PROTO;
        }
    }
    if (daemon_flag_given(b->daemon, "rtmpTrustedProxies") && !c->rtmp_proxy_protocol) {
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

static enum err open_admission(struct broadcaster *b, const struct config *c)
{
    enum err e = check_admission_flags(b, c);
    if (e != ERR_OK) {
        return e;
    }
    struct admission_config a = {
        .loop = b->daemon->loop,
        .publish_allow = c->publish_allow,
        .publish_deny = c->publish_deny,
        .play_allow = c->play_allow,
        .play_deny = c->play_deny,
        .keys_file = c->keys_file,
        .webhook_url = c->auth_webhook_url,
        .webhook_timeout_ms = c->auth_webhook_timeout_ms,
        .webhook_play = c->auth_webhook_play,
        .bans = {(int)c->ban_after, c->ban_window_ms, c->ban_ms, c->ban_loopback},
        .limits = {.bitrate_kbps = c->max_bitrate_kbps},
        .streams_per_address = c->streams_per_address,
        .is_free = publication_is_free,
        .is_free_arg = b->streams,
    };
    if (!limits_parse_size(c->max_resolution, &a.limits)) {
        log_error("broadcaster", "config", "-maxResolution takes a size such as 1920x1080");
        return ERR_PROTO;
    }
    e = admission_create(&a, &b->admission);
    b->api.admission = b->admission;
    return e;
}

static enum err parse_trusted_proxies(struct broadcaster *b, const struct config *c,
                                      struct ingest_config *i)
{
    char why[CIDR_WHY_MAX];
    enum err e = cidr_list_parse(c->rtmp_trusted_proxies, &b->trusted_proxies, why);
    if (e != ERR_OK) {
        log_error("broadcaster", "config", "-rtmpTrustedProxies: %s", why);
    } else if (c->rtmp_proxy_protocol && b->trusted_proxies.count == 0) {
        log_error("broadcaster", "config",
                  "-rtmpProxyProtocol trusts nobody: name the proxies with -rtmpTrustedProxies");
        e = ERR_NOENT;
    } else if (c->rtmp_proxy_protocol) {
        i->trusted_proxies = &b->trusted_proxies;
    }
    return e;
}

static enum err open_ingest(struct broadcaster *b, const struct config *c)
{
    struct ingest_config i = {
        .max_connections = b->capacity.ingest,
        .max_per_address = (int)c->connections_per_address,
        .setup_timeout_ms = (int)c->setup_timeout_ms,
        .idle_timeout_ms = (int)c->idle_timeout_ms,
    };
    enum err e = parse_addr("-rtmpAddr", c->rtmp_addr, "127.0.0.1", RTMP_PORT, &i.addr);
    if (e == ERR_OK) {
        e = read_tls_flags(c, &i);
    }
    if (e == ERR_OK) {
        e = parse_trusted_proxies(b, c, &i);
    }
    if (e != ERR_OK) {
        return e;
    }
    b->publications = (struct publications){b->admission, b->streams, b->daemon->loop};
    char text[ADDR_MAX];
    addr_format(&i.addr, text);
    const char *why = "";
    e = ingest_create(b->daemon->loop, &i, &publication_handler, &b->publications, &b->ingest,
                      &why);
    if (e != ERR_OK && why != NULL) {
        log_error("broadcaster", "cannot_listen",
                  "RTMP on %s: %s; choose another one with -rtmpAddr", text, why);
    } else if (e == ERR_OK) {
        log_info("broadcaster", "ingest", "Video Ingest Endpoint - rtmp://%s", text);
    }
    return e;
}

/* Whoever reaches -httpAddr could publish, which is not what the address of viewers is for. */
static bool wants_push(const struct broadcaster *b, const struct config *c, const struct addr *http)
{
    bool guarded = c->auth_webhook_url[0] != '\0' || c->keys_file[0] != '\0';
    if (!c->http_ingest || guarded || daemon_flag_given(b->daemon, "httpIngest") ||
        addr_is_loopback(http)) {
        return c->http_ingest;
    }
    log_warn("broadcaster", "http_ingest_off",
             "HTTP push (/live/) is off: others than this host reach -httpAddr, and nothing says "
             "who may publish; -httpIngest switches it on all the same");
    return false;
}

static void take_push(void *arg, struct push_job *job)
{
    struct broadcaster *b = arg;
    push_take(b->push, job, clock_mono_ms());
}

static enum err open_push(struct broadcaster *b, const struct config *c, const struct addr *http)
{
    if (!wants_push(b, c, http)) {
        return ERR_OK;
    }
    b->push_http = push_http_create(b->daemon->loop, take_push, b);
    if (b->push_http == NULL) {
        log_error("broadcaster", "push", "the threads of -httpIngest could not be started");
        return ERR_IO;
    }
    struct push_config p = {
        .streams = b->streams,
        .admission = b->admission,
        .jobs = b->jobs,
        .transcodes = b->uplinks != NULL,
        .idle_ms = c->push_idle_ms,
        .answer = push_http_answer,
        .forget = push_http_forget,
        .arg = b->push_http,
    };
    b->push = push_create(&p);
    return ERR_OK;
}

/* What is wrong with these addresses is said when the ingest opens. */
static void open_pages(struct broadcaster *b, const struct config *c)
{
    if (c->no_pages) {
        return;
    }
    struct pages_config p = {
        .needs_key = c->auth_webhook_url[0] != '\0' || c->keys_file[0] != '\0',
        .http_push = b->push != NULL,
    };
    struct addr a;
    if (addr_parse(c->rtmp_addr, "127.0.0.1", RTMP_PORT, &a) == ERR_OK) {
        p.rtmp_port = a.port;
        p.rtmp_this_host = addr_is_loopback(&a);
    }
    if (c->rtmps_addr[0] != '\0' &&
        addr_parse(c->rtmps_addr, "127.0.0.1", RTMPS_PORT, &a) == ERR_OK) {
        p.rtmps_port = a.port;
    }
    b->pages = pages_create(&p);
}

static enum err open_viewers(struct broadcaster *b, const struct config *c)
{
    struct viewers_config v = {
        .no_index = c->no_index,
        .threads = VIEWER_THREADS,
        .max_connections = b->capacity.viewers,
        .max_per_address = (int)c->max_connections_per_address,
        .idle_timeout_s = (int)((c->viewer_timeout_ms + 999) / 1000),
        .min_rate = (size_t)c->viewer_min_rate,
        .max_held = (int)c->max_held,
        .max_held_per_address = (int)c->held_per_address,
        .dated = c->program_date_time,
    };
    enum err e = parse_addr("-httpAddr", c->http_addr, "127.0.0.1", HTTP_PORT, &v.addr);
    if (e == ERR_OK) {
        e = open_push(b, c, &v.addr);
    }
    if (e != ERR_OK) {
        return e;
    }
    open_pages(b, c);
    v.pages = b->pages;
    char bad[CORS_WHY_MAX];
    if (cors_create(c->cors_origins, &b->cors, bad) != ERR_OK) {
        log_error("broadcaster", "config", "-corsOrigins: %s", bad);
        return ERR_PROTO;
    }
    v.push = b->push_http;
    v.cors = b->cors;
    char text[ADDR_MAX];
    addr_format(&v.addr, text);
    const char *why = "";
    e = viewers_create(&v, b->board, &b->viewers, &why);
    if (e != ERR_OK) {
        log_error("broadcaster", "cannot_listen",
                  "HTTP on %s: %s; choose another one with -httpAddr", text, why);
    } else {
        log_info("broadcaster", "viewers", "HLS at http://%s/stream/ID.m3u8", text);
    }
    return e;
}

static void destroy(void *role)
{
    struct broadcaster *b = role;
    loop_timer_destroy(b->tick);
    ingest_destroy(b->ingest);
    push_destroy(b->push);
    admission_destroy(b->admission);
    if (b->push_http != NULL) {
        push_http_stop(b->push_http);
    }
    viewers_destroy(b->viewers);
    b->viewers = NULL; /* nobody is counted any more */
    pages_destroy(b->pages);
    push_http_destroy(b->push_http);
    streams_destroy(b->streams);
    uplinks_destroy(b->uplinks);
    rung_probe_destroy(b->rung_probe);
    jobs_destroy(b->jobs);
    numbers_close(b->numbers);
    lives_close(b->lives);
    board_destroy(b->board);
    cidr_list_fini(&b->trusted_proxies);
    cors_destroy(b->cors);
    mem_free(b);
}

static enum err create(struct daemon *d, const void *config, void **ret_role)
{
    const struct config *c = config;
    struct broadcaster *b = mem_alloc(sizeof *b);
    b->daemon = d;
    avlog_install();
    measure_capacity(b, c);
    b->board = board_create();
    enum err e = open_streams(b, c);
    if (e == ERR_OK) {
        e = open_admission(b, c);
    }
    if (e == ERR_OK) {
        e = open_viewers(b, c);
    }
    if (e == ERR_OK) {
        e = open_ingest(b, c);
    }
    if (e != ERR_OK) {
        destroy(b);
        return e;
    }
    b->tick = loop_timer_create(d->loop, on_tick, b);
    loop_timer_start(b->tick, TICK_MS, TICK_MS);
    *ret_role = b;
    return ERR_OK;
}

/* Publishers that know how are asked to go elsewhere, or to come again, and get time to do so at
 * their next key frame. */
static void stop(void *role)
{
    struct broadcaster *b = role;
    if (b->push != NULL) {
        push_shut(b->push, clock_mono_ms());
    }
    size_t asked = ingest_drain(b->ingest, "The server is going down: please connect again.");
    if (asked == 0) {
        close_ingest(b);
        return;
    }
    log_info("broadcaster", "draining", "publishers=%zu wait_ms=%d", asked, DRAIN_WAIT_MS);
    b->drain_by_ms = clock_mono_ms() + DRAIN_WAIT_MS;
}

static void reload(void *role)
{
    struct broadcaster *b = role;
    ingest_reload(b->ingest);
    admission_reload(b->admission);
}

static int command(const struct daemon *d, const void *config)
{
    const struct config *c = config;
    return c->hash_key ? command_hash_key() : -1;
}

/* --- reports --- */

static void status(void *role, struct json *object)
{
    struct broadcaster *b = role;
    api_status(&b->api, object);
    streams_status(b->streams, clock_mono_ms(), object);
    if (b->uplinks != NULL) {
        uplinks_status(b->uplinks, object);
    }
    admission_status(b->admission, clock_mono_ms(), object);
    jobs_status(b->jobs, object);
    rung_probe_status(b->rung_probe, object);
    viewers_status(b->viewers, object);
    if (b->push != NULL) {
        push_status(b->push, object);
    }
    if (b->ingest != NULL) {
        ingest_status(b->ingest, object);
    }
}

static void sentence(void *role, char *text, size_t size)
{
    const struct broadcaster *b = role;
    char rungs[64] = "no orchestrator, the source only";
    if (b->uplinks != NULL) {
        size_t connected = uplinks_connected(b->uplinks);
        snprintf(rungs, sizeof rungs, "orchestrators connected: %zu of %zu%s", connected,
                 uplinks_count(b->uplinks), connected == 0 ? ", the source only" : "");
    }
    snprintf(text, size, "streams live: %zu; %s", streams_live(b->streams), rungs);
}

static void metrics(void *role, struct metrics *m)
{
    struct broadcaster *b = role;
    streams_metrics(b->streams, m);
    if (b->uplinks != NULL) {
        uplinks_metrics(b->uplinks, m);
    }
    jobs_metrics(b->jobs, m);
    admission_metrics(b->admission, clock_mono_ms(), m);
    viewers_metrics(b->viewers, m);
    if (b->push != NULL) {
        push_metrics(b->push, m);
    }
    if (b->ingest != NULL) {
        ingest_metrics(b->ingest, m);
    }
}

/* The recipe of README.md. */
static const struct option_sample samples[] = {
    {"rtmpAddr", "0.0.0.0:1935"},
    {"httpAddr", "0.0.0.0:8935"},
    {"orchAddr", "127.0.0.1:8936"},
    {"transcodingOptions", "P144p30fps16x9"},
    {"currentManifest", "true"},
    {"cliAddr", "127.0.0.1:7935"},
    {NULL, NULL},
};

const struct role broadcaster_role = {
    .name = "broadcaster",
    .node_type = "bctr",
    .default_cli_addr_port = "7935",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .config_size = sizeof(struct config),
    .samples = samples,
    .groups = groups,
    .command = command,
    .create = create,
    .stop = stop,
    .destroy = destroy,
    .reload = reload,
    .status = status,
    .metrics = metrics,
    .routes = api_routes,
    .n_routes = API_ROUTES,
    .sentence = sentence,
};
