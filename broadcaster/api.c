#include "broadcaster/api.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "broadcaster/hls/playlist.h"
#include "run/log.h"

#define NO_ORCHESTRATOR "this broadcaster has no orchestrator (-orchAddr, -orchWebhookUrl)"
#define PRICE_MAX       1000000000000000ull

/* --- settings --- */

/* As the known system says it: "a/b"; null: any. */
static void set_price(struct json *j, const struct uplinks *u)
{
    char text[PRICE_TEXT_MAX];
    const struct price *max = u != NULL ? uplinks_max_price(u) : NULL;
    if (max != NULL && price_is_set(max)) {
        snprintf(text, sizeof text, "%" PRIu64 "/%" PRIu64, max->amount, max->pixels);
        json_set_str(j, "MaxPrice", text);
    } else {
        json_set_str(j, "MaxPrice", NULL);
    }
}

static void answer_config(const struct api *api, struct http_answer *a)
{
    char text[LADDER_TEXT_MAX];
    struct json *j = json_new_object();
    ladder_format(streams_ladder(api->streams), text);
    set_price(j, api->uplinks);
    json_set_str(j, "TranscodingOptions", text);
    http_answer_json(a, j);
}

static void on_get_config(void *arg, const struct http_value *values, struct http_answer *a)
{
    answer_config(arg, a);
}

static bool read_ladder(const char *text, struct ladder *ret_ladder, struct http_answer *a)
{
    char why[LADDER_WHY_MAX];
    struct ladder l;
    if (ladder_parse(text, &l, why) != ERR_OK) {
        http_answer_text(a, 400, "transcodingOptions: %s", why);
        return false;
    }
    if (l.n == 0) {
        http_answer_text(a, 400, "transcodingOptions names no rung");
        return false;
    }
    *ret_ladder = l;
    return true;
}

/* Whole, from min to PRICE_MAX. */
static bool read_number(const char *text, uint64_t min, uint64_t *ret_value)
{
    size_t n = strlen(text);
    if (n == 0 || n > 16 || strspn(text, "0123456789") != n) {
        return false;
    }
    uint64_t v = strtoull(text, NULL, 10);
    if (v < min || v > PRICE_MAX) {
        return false;
    }
    *ret_value = v;
    return true;
}

/* The known tools send all three. */
enum { PRICE, PIXELS, OPTIONS };

static bool read_price(const struct http_value *values, struct price *ret_price,
                       struct http_answer *a)
{
    struct price p = {.pixels = 1};
    const char *pixels = values[PIXELS].text;
    if (!read_number(values[PRICE].text, 0, &p.amount)) {
        http_answer_text(a, 400, "maxPricePerUnit is no whole number up to %llu", PRICE_MAX);
        return false;
    }
    if (pixels[0] != '\0' && !read_number(pixels, 1, &p.pixels)) {
        http_answer_text(a, 400, "pixelsPerUnit is no whole number from 1 to %llu", PRICE_MAX);
        return false;
    }
    *ret_price = p;
    return true;
}

/* All or nothing. An empty price is as none: some tools send it so. */
static void on_set_config(void *arg, const struct http_value *values, struct http_answer *a)
{
    const struct api *api = arg;
    const char *price_text = values[PRICE].text;
    struct ladder l;
    struct price price;
    bool has_price = price_text[0] != '\0';
    if (!values[OPTIONS].given && !values[PRICE].given) {
        http_answer_text(a, 400, "the parameter transcodingOptions is missing");
        return;
    }
    if ((has_price && !read_price(values, &price, a)) ||
        (values[OPTIONS].given && !read_ladder(values[OPTIONS].text, &l, a))) {
        return;
    }
    if (api->uplinks == NULL && (values[OPTIONS].given || (has_price && price.amount > 0))) {
        http_answer_text(a, 409, NO_ORCHESTRATOR ": nothing could be transcoded");
        return;
    }
    if (values[OPTIONS].given) {
        streams_set_ladder(api->streams, &l);
        log_info("broadcaster", "transcoding_options", "new streams get %s", values[OPTIONS].text);
    }
    if (has_price && api->uplinks != NULL) {
        char text[PRICE_TEXT_MAX];
        price_format(&price, text);
        uplinks_set_max_price(api->uplinks, &price);
        log_info("broadcaster", "max_price", "orchestrators may ask %s",
                 price_is_set(&price) ? text : "any price");
    }
    answer_config(api, a);
}

static void on_options(void *arg, const struct http_value *values, struct http_answer *a)
{
    size_t n;
    const struct profile *all = profile_all(&n);
    struct json *list = json_new_array();
    for (size_t i = 0; i < n; i++) {
        json_append_str(list, all[i].name);
    }
    http_answer_json(a, list);
}

static void on_max_sessions(void *arg, const struct http_value *values, struct http_answer *a)
{
    const struct api *api = arg;
    streams_set_max_live(api->streams, (size_t)values[0].number);
    log_info("broadcaster", "max_sessions", "n=%ld", values[0].number);
    struct json *j = json_new_object();
    json_set_int(j, "maxSessions", values[0].number);
    http_answer_json(a, j);
}

/* --- streams --- */

/* The newest stream's id, or NULL: the answer then says that there is none. */
static const char *newest(const struct api *api, struct http_answer *a)
{
    const char *id = streams_newest(api->streams);
    if (id == NULL) {
        http_answer_text(a, 404, "there is no stream");
    }
    return id;
}

static void on_manifest_id(void *arg, const struct http_value *values, struct http_answer *a)
{
    const char *id = newest(arg, a);
    if (id != NULL) {
        http_answer_text(a, 200, "%s", id);
    }
}

static void on_stream_id(void *arg, const struct http_value *values, struct http_answer *a)
{
    const char *id = newest(arg, a);
    if (id != NULL) {
        http_answer_text(a, 200, "%s/source", id);
    }
}

static void on_local_streams(void *arg, const struct http_value *values, struct http_answer *a)
{
    const struct api *api = arg;
    http_answer_json(a, streams_ids(api->streams));
}

static void on_debug(void *arg, const struct http_value *values, struct http_answer *a)
{
    const struct api *api = arg;
    const char *id = newest(api, a);
    if (id == NULL) {
        return;
    }
    struct window *w = board_window(api->board, id, "source");
    if (w == NULL || w->listed == 0) {
        http_answer_text(a, 404, "the stream %s has no segment yet", id);
    } else if (playlist_media(&a->body, id, "source", w, false) != ERR_OK) {
        http_answer_text(a, 503, "there is no memory for the playlist");
    }
    window_unref(w);
}

/* --- who may publish --- */

static void on_bans(void *arg, const struct http_value *values, struct http_answer *a)
{
    const struct api *api = arg;
    admission_answer_bans(api->admission, clock_mono_ms(), a);
}

static void on_clear_bans(void *arg, const struct http_value *values, struct http_answer *a)
{
    const struct api *api = arg;
    admission_clear_bans(api->admission, values[0].text, clock_mono_ms(), a);
}

/* --- the orchestrator --- */

static void on_orchestrators(void *arg, const struct http_value *values, struct http_answer *a)
{
    const struct api *api = arg;
    http_answer_json(a, uplinks_list(api->uplinks));
}

static void on_orchestrator(void *arg, const struct http_value *values, struct http_answer *a)
{
    const struct api *api = arg;
    struct json *info = uplinks_info(api->uplinks);
    if (info == NULL) {
        http_answer_text(a, 404, NO_ORCHESTRATOR);
    } else {
        http_answer_json(a, info);
    }
}

void api_status(const struct api *api, struct json *object)
{
    json_set(object, "OrchestratorPool", uplinks_pool(api->uplinks));
    json_set(object, "Manifests", streams_manifests(api->streams));
    json_set_int(object, "RegisteredTranscodersNumber", 0);
    json_set(object, "RegisteredTranscoders", json_new_array());
    json_set_bool(object, "LocalTranscoding", false);
}

const struct http_route api_routes[API_ROUTES] = {
    {"GET", "/getBroadcastConfig", on_get_config, {{0}}},
    {"POST",
     "/setBroadcastConfig",
     on_set_config,
     {[PRICE] = {"maxPricePerUnit", HTTP_PARAM_TEXT, 0, 0, false},
      [PIXELS] = {"pixelsPerUnit", HTTP_PARAM_TEXT, 0, 0, false},
      [OPTIONS] = {"transcodingOptions", HTTP_PARAM_TEXT, 0, 0, false}}},
    {"GET", "/getAvailableTranscodingOptions", on_options, {{0}}},
    {"POST",
     "/setMaxSessions",
     on_max_sessions,
     {{"maxSessions", HTTP_PARAM_INT, 1, API_SESSIONS_MAX, true}}},
    {"GET", "/manifestID", on_manifest_id, {{0}}},
    {"GET", "/streamID", on_stream_id, {{0}}},
    {"GET", "/localStreams", on_local_streams, {{0}}},
    {"GET", "/debug", on_debug, {{0}}},
    {"GET", "/bans", on_bans, {{0}}},
    {"POST", "/clearBans", on_clear_bans, {{"address", HTTP_PARAM_TEXT, 0, 0, false}}},
    {"GET", "/registeredOrchestrators", on_orchestrators, {{0}}},
    {"GET", "/orchestratorInfo", on_orchestrator, {{0}}},
};
