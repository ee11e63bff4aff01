/* Pages of a ledger as JSON documents: what the control API answers and bin/pay prints. Money is
 * text, in the smallest unit. Blocks; one thread for each reader. */
#ifndef ORCHESTRATOR_LEDGER_LEDGER_JSON_H
#define ORCHESTRATOR_LEDGER_LEDGER_JSON_H

#include "orchestrator/ledger/ledger_reader.h"

#define LEDGER_PAGE_MAX   1000 /* accounts or entries in one document */
#define LEDGER_FAULTS_MAX 100  /* sentences of an audit in one document; all are counted */

/* All give. On failure: ERR_NOENT, ERR_IO, as the reader says. */

/* {"asset", "scale", "accounts": [{"account", "balance", "held", "frozen"}], "next"}; next: the
 * name to go on behind, null: these were the last. */
enum err ledger_json_accounts(struct ledger_reader *r, const char *after, long limit,
                              struct json **ret_json) CHECKED;

/* {"asset", "scale", "account", "balance", "held", "frozen", "entries": [{"entry", "at", "kind",
 * "key", "balance_change", "held_change", "balance", "held"}]}, newest first. */
enum err ledger_json_account(struct ledger_reader *r, const char *name, long entries,
                             struct json **ret_json) CHECKED;

/* {"asset", "scale", "entries": [{"entry", "at", "kind", "key", "postings": [{"account",
 * "balance_change", "held_change"}]}], "next"}; next: the number to go on behind, or null. */
enum err ledger_json_journal(struct ledger_reader *r, int64_t after, long limit,
                             struct json **ret_json) CHECKED;

/* {"asset", "scale", "accounts", "entries", "postings", "sources", "holds", "held", "faults",
 * "found": [sentences]} */
enum err ledger_json_audit(struct ledger_reader *r, struct json **ret_json) CHECKED;

/* Sets a number of the ledger as text. */
void ledger_json_money(struct json *object, const char *key, int64_t v);

#endif
