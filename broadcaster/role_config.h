/* The broadcaster's own flags, as they were given: their table, and the struct that the daemon
 * fills from it. Texts are borrowed from the daemon and never NULL. What a value means, and whether
 * it can be used, is decided where it is. */
#ifndef BROADCASTER_ROLE_CONFIG_H
#define BROADCASTER_ROLE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "run/config.h"
#include "run/daemon.h"

struct broadcaster_config {
    struct daemon_config common;
    const char *rtmps_addr, *tls_cert, *tls_key;
    const char *rtmp_addr, *http_addr, *orch_addr, *orch_secret, *transcoding_options, *latency;
    const char *check_rungs;
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
    const char *price_per_minute, *price_per_mb, *prices, *paywall_threshold;
    const char *payment_pointer, *receipt_service, *ledger_asset;
    long ledger_scale, receipt_scale, pay_chunk_bytes, pay_patience_ms, pay_rate;
    bool allow_user_id;
    bool auth_webhook_play, ban_loopback, hash_key;
    bool rtmp_proxy_protocol;
    const char *rtmp_trusted_proxies, *trusted_proxies;
    const char *cors_origins;
    const char *media_path;
    long video_chunk_bytes;
};

#define BROADCASTER_OPTIONS 69 /* the compiler says when it is not the table's length */

extern const struct option broadcaster_options[BROADCASTER_OPTIONS];

/* Headings of -help and of the sample. */
extern const struct option_group broadcaster_option_groups[];

/* The recipe of README.md. */
extern const struct option_sample broadcaster_samples[];

#endif
