#include "orchestrator/api.h"

#include <limits.h>
#include <stdio.h>

#include "orchestrator/accounts.h"
#include "orchestrator/ledger/ledger_json.h"
#include "run/json.h"
#include "run/log.h"

static struct json *self_json(const struct orchestrator_api *api)
{
    char uri[ADDR_MAX + 8];
    struct job_table_gauges g = job_table_gauges(relay_table(api->relay));
    struct json *j = json_new_object();
    (void)snprintf(uri, sizeof uri, "tcp://%s", api->addr);
    json_set_str(j, "ServiceURI", uri);
    json_set_bool(j, "Active", !*api->stopping);
    json_set_int(j, "Sessions", g.sessions);
    json_set_int(j, "MaxSessions", g.max_sessions);
    return j;
}

static void on_info(void *arg, const struct http_value *values, struct http_answer *a)
{
    http_answer_json(a, self_json(arg));
}

static void on_orchestrators(void *arg, const struct http_value *values, struct http_answer *a)
{
    struct json *list = json_new_array();
    json_append(list, self_json(arg));
    http_answer_json(a, list);
}

static void on_max_sessions(void *arg, const struct http_value *values, struct http_answer *a)
{
    const struct orchestrator_api *api = arg;
    relay_set_max_sessions(api->relay, (unsigned)values[0].number);
    log_info("orchestrator", "max_sessions", "n=%ld", values[0].number);
    struct json *j = json_new_object();
    json_set_int(j, "maxSessions", values[0].number);
    http_answer_json(a, j);
}

static struct accounts *accounts_of(const struct orchestrator_api *api)
{
    return treasury_accounts(api->treasury);
}

static void on_accounts(void *arg, const struct http_value *values, struct http_answer *a)
{
    accounts_on_list(accounts_of(arg), values, a);
}

static void on_account(void *arg, const struct http_value *values, struct http_answer *a)
{
    accounts_on_show(accounts_of(arg), values, a);
}

static void on_journal(void *arg, const struct http_value *values, struct http_answer *a)
{
    accounts_on_journal(accounts_of(arg), values, a);
}

static void on_audit(void *arg, const struct http_value *values, struct http_answer *a)
{
    accounts_on_audit(accounts_of(arg), a);
}

static void on_grant(void *arg, const struct http_value *values, struct http_answer *a)
{
    accounts_on_grant(accounts_of(arg), values, a);
}

static void on_credit(void *arg, const struct http_value *values, struct http_answer *a)
{
    accounts_on_credit(accounts_of(arg), values, a);
}

static void on_spend(void *arg, const struct http_value *values, struct http_answer *a)
{
    accounts_on_spend(accounts_of(arg), values, a);
}

static void on_freeze(void *arg, const struct http_value *values, struct http_answer *a)
{
    accounts_on_freeze(accounts_of(arg), values, true, a);
}

static void on_thaw(void *arg, const struct http_value *values, struct http_answer *a)
{
    accounts_on_freeze(accounts_of(arg), values, false, a);
}

const struct http_route orchestrator_routes[] = {
    {"GET",
     "/accounts",
     on_accounts,
     {{"after", HTTP_PARAM_TEXT, 0, 0, false},
      {"limit", HTTP_PARAM_INT, 1, LEDGER_PAGE_MAX, false},
      {"format", HTTP_PARAM_TEXT, 0, 0, false}}},
    {"GET",
     "/account",
     on_account,
     {{"account", HTTP_PARAM_TEXT, 0, 0, true},
      {"entries", HTTP_PARAM_INT, 0, LEDGER_PAGE_MAX, false},
      {"format", HTTP_PARAM_TEXT, 0, 0, false}}},
    {"GET",
     "/journal",
     on_journal,
     {{"after", HTTP_PARAM_INT, 0, LONG_MAX, false},
      {"limit", HTTP_PARAM_INT, 1, LEDGER_PAGE_MAX, false},
      {"format", HTTP_PARAM_TEXT, 0, 0, false}}},
    {"GET", "/auditAccounts", on_audit, {{0}}},
    {"POST",
     "/grant",
     on_grant,
     {{"account", HTTP_PARAM_TEXT, 0, 0, true},
      {"amount", HTTP_PARAM_TEXT, 0, 0, true},
      {"key", HTTP_PARAM_TEXT, 0, 0, false}}},
    {"POST",
     "/credit",
     on_credit,
     {{"account", HTTP_PARAM_TEXT, 0, 0, true},
      {"source", HTTP_PARAM_TEXT, 0, 0, true},
      {"total", HTTP_PARAM_TEXT, 0, 0, true}}},
    {"POST",
     "/spend",
     on_spend,
     {{"account", HTTP_PARAM_TEXT, 0, 0, true},
      {"to", HTTP_PARAM_TEXT, 0, 0, true},
      {"amount", HTTP_PARAM_TEXT, 0, 0, true},
      {"key", HTTP_PARAM_TEXT, 0, 0, false}}},
    {"POST", "/freezeAccount", on_freeze, {{"account", HTTP_PARAM_TEXT, 0, 0, true}}},
    {"POST", "/thawAccount", on_thaw, {{"account", HTTP_PARAM_TEXT, 0, 0, true}}},
    {"GET", "/registeredOrchestrators", on_orchestrators, {{0}}},
    {"GET", "/orchestratorInfo", on_info, {{0}}},
    {"POST",
     "/setMaxSessions",
     on_max_sessions,
     {{"maxSessions", HTTP_PARAM_INT, 1, ORCHESTRATOR_SESSIONS_MAX, true}}},
};
