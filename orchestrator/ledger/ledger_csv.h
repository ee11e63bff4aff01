/* Pages of a ledger as CSV (RFC 4180, UTF-8), for sheets: what the control API answers and bin/pay
 * prints. Amounts are in the asset, exact, with a point. Names and keys come from outside, and a
 * sheet takes a text that begins with one of = + - @ for a formula and runs it: before each of
 * these, and before a ' itself, stands a ', so that taking off the first ' gives the text. Pure. */
#ifndef ORCHESTRATOR_LEDGER_LEDGER_CSV_H
#define ORCHESTRATOR_LEDGER_LEDGER_CSV_H

#include <stdbool.h>

#include "base/buf.h"
#include "run/json_read.h"

/* Appends a page of ledger_json.h, with the line of names before it or without. Of accounts: a line
 * for each; of one account: for each of its entries; of the journal: for each posting. What a
 * document does not have is empty. As buf_put; part of the page may be there then. */
enum err ledger_csv_put(struct buf *out, const struct json *page, bool names) CHECKED;

#endif
