#include "broadcaster/api.h"

#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "broadcaster/playlist.h"
#include "run/log.h"

#define NO_ORCHESTRATOR "this broadcaster has no orchestrator (-orchAddr)"

/* --- settings --- */

static void answer_config(const struct api *api, struct http_answer *a)
{
    char text[LADDER_TEXT_MAX];
    struct json *j = json_new_object();
    ladder_format(streams_ladder(api->streams), text);
    json_set_str(j, "MaxPrice", NULL); /* nobody is paid */
    json_set_str(j, "TranscodingOptions", text);
    http_answer_json(a, j);
}

static void on_get_config(void *arg, const struct http_value *values, struct http_answer *a)
{
    answer_config(arg, a);
}

static void set_ladder(const struct api *api, const char *text, struct http_answer *a)
{
    char why[LADDER_WHY_MAX];
    struct ladder l;
    if (ladder_parse(text, &l, why) != ERR_OK) {
        http_answer_text(a, 400, "transcodingOptions: %s", why);
    } else if (l.n == 0) {
        http_answer_text(a, 400, "transcodingOptions names no rung");
    } else if (api->uplink == NULL) {
        http_answer_text(a, 409, NO_ORCHESTRATOR ": nothing could be transcoded");
    } else {
        streams_set_ladder(api->streams, &l);
        log_info("broadcaster", "transcoding_options", "new streams get %s", text);
        answer_config(api, a);
    }
}

/* The known tools send all three. */
enum { PRICE, PIXELS, OPTIONS };

static void on_set_config(void *arg, const struct http_value *values, struct http_answer *a)
{
    const char *price = values[PRICE].text;
    if (price[0] != '\0' && strcmp(price, "0") != 0) {
        http_answer_text(a, 400,
                         "maxPricePerUnit can only be 0: orchestrators are not paid in this mode");
    } else if (values[OPTIONS].given) {
        set_ladder(arg, values[OPTIONS].text, a);
    } else if (!values[PRICE].given) {
        http_answer_text(a, 400, "the parameter transcodingOptions is missing");
    } else {
        answer_config(arg, a);
    }
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
    struct json *list = json_new_array();
    if (api->uplink != NULL) {
        json_append(list, uplink_orchestrator(api->uplink));
    }
    http_answer_json(a, list);
}

static void on_orchestrator(void *arg, const struct http_value *values, struct http_answer *a)
{
    const struct api *api = arg;
    if (api->uplink == NULL) {
        http_answer_text(a, 404, NO_ORCHESTRATOR);
    } else {
        http_answer_json(a, uplink_orchestrator(api->uplink));
    }
}

void api_status(const struct api *api, struct json *object)
{
    char uri[UPLINK_URI_MAX];
    struct json *pool = json_new_array();
    if (api->uplink != NULL) {
        uplink_uri(api->uplink, uri);
        json_append_str(pool, uri);
    }
    json_set(object, "OrchestratorPool", pool);
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
