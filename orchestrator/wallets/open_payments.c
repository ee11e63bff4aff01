#include "orchestrator/wallets/open_payments.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "run/json_read.h"

#define SCALE_MAX     18
#define PATH_OF_MONEY "/incoming-payments/"

static enum err fail(enum err e, char *ret_why, const char *why)
{
    snprintf(ret_why, OPEN_PAYMENTS_WHY_MAX, "%s", why);
    return e;
}

/* Copies a member that is a text of printable ASCII. False: it is none, or too long. */
static bool copy_text(const struct json *j, const char *name, char *out, size_t size)
{
    const char *text = json_string_of(json_member(j, name));
    if (text == NULL || text[0] == '\0' || strlen(text) >= size) {
        return false;
    }
    for (const char *c = text; *c != '\0'; c++) {
        if (*c <= 0x20 || *c > 0x7e) {
            return false;
        }
    }
    snprintf(out, size, "%s", text);
    return true;
}

static enum err read_object(struct span text, struct json **ret_json, char *ret_why)
{
    char why[JSON_READ_WHY_MAX];
    struct json *j = NULL;
    if (json_read(text, &j, why) != ERR_OK) {
        return fail(ERR_PROTO, ret_why, "the wallet's answer is no JSON");
    }
    if (!json_has_members(j)) {
        json_destroy(j);
        return fail(ERR_PROTO, ret_why, "the wallet's answer is no object of JSON");
    }
    *ret_json = j;
    return ERR_OK;
}

static bool read_scale(const struct json *j, int *ret_scale)
{
    int64_t scale;
    if (!json_int_of(json_member(j, "assetScale"), &scale) || scale < 0 || scale > SCALE_MAX) {
        return false;
    }
    *ret_scale = (int)scale;
    return true;
}

/* --- the wallet's address --- */

static enum err wallet_of(const struct json *j, struct wallet_address *w, char *ret_why)
{
    if (!copy_text(j, "id", w->id, sizeof w->id) ||
        !copy_text(j, "assetCode", w->asset_code, sizeof w->asset_code) ||
        !copy_text(j, "authServer", w->auth_server, sizeof w->auth_server) ||
        !copy_text(j, "resourceServer", w->resource_server, sizeof w->resource_server)) {
        return fail(ERR_PROTO, ret_why,
                    "the wallet address lacks id, assetCode, authServer or resourceServer");
    }
    return read_scale(j, &w->asset_scale)
               ? ERR_OK
               : fail(ERR_PROTO, ret_why, "the wallet address has no assetScale of 0 to 18");
}

enum err open_payments_wallet(struct span json, struct wallet_address *ret_wallet, char *ret_why)
{
    struct json *j = NULL;
    struct wallet_address w = {.id = ""};
    enum err e = read_object(json, &j, ret_why);
    if (e != ERR_OK) {
        return e;
    }
    e = wallet_of(j, &w, ret_why);
    json_destroy(j);
    if (e == ERR_OK) {
        *ret_wallet = w;
    }
    return e;
}

/* --- incoming payments --- */

static enum err read_received(const struct json *amount, struct incoming_payment *p, char *ret_why)
{
    const char *value = json_string_of(json_member(amount, "value"));
    if (value == NULL || !span_decimal(span_cstr(value), UINT64_MAX, &p->received) ||
        !copy_text(amount, "assetCode", p->asset_code, sizeof p->asset_code) ||
        !read_scale(amount, &p->asset_scale)) {
        return fail(ERR_PROTO, ret_why,
                    "the incoming payment's receivedAmount has no value, assetCode and assetScale");
    }
    p->has_received = true;
    return ERR_OK;
}

/* Members that may be missing; what is there must be a text. */
static bool copy_if_there(const struct json *j, const char *name, char *out, size_t size)
{
    return json_member(j, name) == NULL || copy_text(j, name, out, size);
}

static enum err incoming_of(const struct json *j, struct incoming_payment *p, char *ret_why)
{
    const struct json *amount = json_member(j, "receivedAmount");
    if (!copy_if_there(j, "authServer", p->auth_server, sizeof p->auth_server) ||
        !copy_if_there(j, "walletAddress", p->wallet_address, sizeof p->wallet_address) ||
        !copy_if_there(j, "id", p->id, sizeof p->id)) {
        return fail(ERR_PROTO, ret_why, "the incoming payment has an address that is none");
    }
    p->completed = json_bool_of(json_member(j, "completed"));
    return amount != NULL ? read_received(amount, p, ret_why) : ERR_OK;
}

enum err open_payments_incoming(struct span json, struct incoming_payment *ret_payment,
                                char *ret_why)
{
    struct json *j = NULL;
    struct incoming_payment p = {.has_received = false};
    enum err e = read_object(json, &j, ret_why);
    if (e != ERR_OK) {
        return e;
    }
    e = incoming_of(j, &p, ret_why);
    json_destroy(j);
    if (e == ERR_OK) {
        *ret_payment = p;
    }
    return e;
}

/* --- grants --- */

enum err open_payments_grant(struct span json, struct grant *ret_grant, char *ret_why)
{
    struct json *j = NULL;
    struct grant g = {.expires_in_s = 0};
    enum err e = read_object(json, &j, ret_why);
    if (e != ERR_OK) {
        return e;
    }
    const struct json *token = json_member(j, "access_token");
    bool good = copy_text(token, "value", g.token, sizeof g.token);
    bool asks_people = json_member(j, "interact") != NULL;
    if (good && !json_int_of(json_member(token, "expires_in"), &g.expires_in_s)) {
        g.expires_in_s = 0;
    }
    json_destroy(j);
    if (!good) {
        return fail(ERR_PROTO, ret_why,
                    asks_people ? "the wallet's authorisation server wants a person to consent, "
                                  "which reading one's own payments should not need"
                                : "the wallet's grant has no access token");
    }
    *ret_grant = g;
    return ERR_OK;
}

/* --- addresses --- */

/* "https://host" or "https://host:port" at the front of a URL: its length, 0 when there is none. */
static size_t origin_length(const char *url, bool allow_http)
{
    const char *host = NULL;
    if (strncmp(url, "https://", 8) == 0) {
        host = url + 8;
    } else if (allow_http && strncmp(url, "http://", 7) == 0) {
        host = url + 7;
    }
    size_t n = host != NULL ? strcspn(host, "/?#") : 0;
    if (n == 0 || memchr(host, '@', n) != NULL) {
        return 0;
    }
    return (size_t)(host - url) + n;
}

/* One way to write it: a server may read others as the same. */
static bool is_plain(const char *url)
{
    const char *path = strstr(url, "://");
    size_t len = strlen(url);
    bool ends_on_dots = len > 2 && (strcmp(url + len - 2, "/.") == 0 ||
                                    (len > 3 && strcmp(url + len - 3, "/..") == 0));
    if (ends_on_dots || (path != NULL && strstr(path + 3, "//") != NULL)) {
        return false;
    }
    for (const char *c = url; *c != '\0'; c++) {
        if (*c <= 0x20 || *c > 0x7e || strchr("?#;\\%", *c) != NULL) {
            return false;
        }
    }
    return strstr(url, "/../") == NULL && strstr(url, "/./") == NULL;
}

enum err open_payments_address(const char *text, bool allow_http, char *ret_url, char *ret_why)
{
    const char *rest = text[0] == '$' ? text + 1 : text;
    const char *scheme = text[0] == '$' ? "https://" : "";
    bool has_path = strchr(rest, '/') != NULL;
    const char *path = text[0] == '$' && !has_path ? "/.well-known/pay" : "";
    int n = snprintf(ret_url, OPEN_PAYMENTS_URL_MAX, "%s%s%s", scheme, rest, path);
    if (n < 0 || n >= OPEN_PAYMENTS_URL_MAX) {
        return fail(ERR_LIMIT, ret_why, "is too long");
    }
    if (origin_length(ret_url, allow_http) == 0 || !is_plain(ret_url)) {
        return fail(ERR_PROTO, ret_why,
                    "is neither https://HOST/NAME nor a payment pointer $HOST/NAME");
    }
    return ERR_OK;
}

enum err open_payments_check_url(const struct wallet_address *w, const char *url, char *ret_why)
{
    /* Where our own wallet is reached by plain http, that was allowed. */
    bool allow_http = strncmp(w->resource_server, "http://", 7) == 0;
    size_t ours = origin_length(w->resource_server, allow_http);
    size_t theirs = origin_length(url, allow_http);
    if (strlen(url) >= OPEN_PAYMENTS_URL_MAX) {
        return fail(ERR_LIMIT, ret_why, "the incoming payment's URL is too long");
    }
    if (theirs == 0 || !is_plain(url)) {
        return fail(ERR_PROTO, ret_why, "the incoming payment is no plain https URL");
    }
    if (ours == 0 || ours != theirs || strncasecmp(w->resource_server, url, ours) != 0) {
        return fail(ERR_AUTH, ret_why, "the incoming payment is not at this site's wallet");
    }
    const char *name = strstr(url + theirs, PATH_OF_MONEY);
    if (name == NULL || name[strlen(PATH_OF_MONEY)] == '\0' || url[strlen(url) - 1] == '/') {
        return fail(ERR_PROTO, ret_why, "the URL is none of an incoming payment");
    }
    return ERR_OK;
}

enum err open_payments_source(const char *url, char *ret_key, size_t size)
{
    int n = snprintf(ret_key, size, "wallet:%s", url);
    if (n < 0 || (size_t)n >= size) {
        return ERR_LIMIT;
    }
    for (char *c = ret_key; *c != '\0'; c++) {
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    }
    return ERR_OK;
}

enum err open_payments_check(const struct wallet_address *w, const char *url,
                             const struct incoming_payment *p, bool with_token, char *ret_why)
{
    if (with_token && strcmp(p->wallet_address, w->id) != 0) {
        return fail(ERR_AUTH, ret_why, "the incoming payment is another wallet's");
    }
    if (with_token && p->id[0] != '\0' && strcmp(p->id, url) != 0) {
        return fail(ERR_PROTO, ret_why, "the wallet answered about another payment");
    }
    if (!with_token && strcmp(p->auth_server, w->auth_server) != 0) {
        return fail(ERR_AUTH, ret_why, "the incoming payment is another provider's");
    }
    if (p->has_received &&
        (strcmp(p->asset_code, w->asset_code) != 0 || p->asset_scale != w->asset_scale)) {
        return fail(ERR_PROTO, ret_why, "the incoming payment is in another asset than the wallet");
    }
    return ERR_OK;
}
