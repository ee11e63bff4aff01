/* The payments that are watched, as a file has them: a line for each that begins to be and each
 * that no longer is, in numbered places, so that a later line of a place counts for it alone. What
 * a payment has brought is the ledger's. Pure; takes hostile bytes; any thread. */
#ifndef ORCHESTRATOR_WALLETS_WATCH_LINES_H
#define ORCHESTRATOR_WALLETS_WATCH_LINES_H

#include <stddef.h>

#include "base/span.h"
#include "orchestrator/ledger/ledger.h"

#define WATCH_PLACES      10000                /* that may be watched at once */
#define WATCH_URL_MAX     (LEDGER_KEY_MAX - 8) /* with the NUL: a payment is a source of the ledger */
#define WATCH_LINE_MAX    (WATCH_URL_MAX + LEDGER_NAME_MAX + 24)
#define WATCH_JOURNAL_MAX (64 * 1024 * 1024) /* more than it grows to before it is written anew */

/* Lines with their ends. The first of each file; a payment's URL (no blanks) and its account in a
 * place; a place that is free again. line: WATCH_LINE_MAX bytes, which what is returned borrows. */
struct span watch_line_first(void);
struct span watch_line_begin(unsigned place, const char *url, const char *account, char *line);
struct span watch_line_over(unsigned place, char *line);

/* One that is watched; the texts are borrowed for the call. */
typedef void watch_lines_fn(void *arg, unsigned place, const char *url, const char *account);

/* Tells of those that are watched when the file ends, at most one in a place, in the order of their
 * lines. A last line without its end does not count. Gives the number of lines that are none of
 * ours, which are left out; *ret_line: the first of them. */
size_t watch_lines_read(struct span file, watch_lines_fn *fn, void *arg, size_t *ret_line);

#endif
