/* What bin/pay prints: tables for people, CSV for sheets, all from the documents of
 * pay/source.h. Amounts are in the asset, exact, with a point. Names come from outside: what a
 * terminal would obey cannot be in them (the ledger refuses control characters). */
#ifndef PUBLISHER_TOOLS_PAY_PRINT_H
#define PUBLISHER_TOOLS_PAY_PRINT_H

#include <stdio.h>

#include "run/json_read.h"

/* A page of accounts; the head on the first one. */
void pay_print_accounts(FILE *out, const struct json *page, bool first);

void pay_print_account(FILE *out, const struct json *account);

/* A page of accounts, entries or the journal (orchestrator/ledger/ledger_csv.h). False: it is not
 * written, or not whole. */
bool pay_print_csv(FILE *out, const struct json *page, bool first);

void pay_print_audit(FILE *out, const struct json *audit);

void pay_print_change(FILE *out, const struct json *changed, const char *asset, int scale);

/* The items of an array in a document, one JSON document on a line each. */
void pay_print_lines(FILE *out, const struct json *page, const char *array);

#endif
