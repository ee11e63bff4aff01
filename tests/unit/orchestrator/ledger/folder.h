/* A folder with a ledger in it, and the audit of that ledger. */
#ifndef TESTS_UNIT_LEDGER_FOLDER_H
#define TESTS_UNIT_LEDGER_FOLDER_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "orchestrator/ledger/ledger_book.h"
#include "orchestrator/ledger/ledger_reader.h"
#include "orchestrator/ledger/ledger_sqlite.h"
#include "tests/support/unit.h"

static char folder[64], path[96];

static inline void make_folder(void)
{
    strcpy(folder, "/tmp/test_ledger.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/ledger.db", folder);
}

static inline void remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

static inline struct ledger_store *open_store(void)
{
    char why[LEDGER_WHY_MAX];
    struct ledger_store *s = NULL;
    ck_assert_msg(ledger_sqlite_open(path, 9, "USD", &s, why) == ERR_OK, "%s", why);
    return s;
}

static inline void say_fault(void *arg, const char *sentence)
{
    char *all = arg;
    size_t used = strlen(all);
    snprintf(all + used, 4096 - used, "%s; ", sentence);
}

static inline struct ledger_audit audit(void)
{
    char why[LEDGER_WHY_MAX], said[4096] = "";
    struct ledger_reader *r = NULL;
    struct ledger_audit a;
    ck_assert_msg(ledger_reader_open(path, &r, why) == ERR_OK, "%s", why);
    ck_assert_msg(ledger_reader_audit(r, say_fault, said, &a) == ERR_OK, "%s",
                  ledger_reader_why(r));
    ledger_reader_close(r);
    ck_assert_msg(a.faults == 0, "%s", said);
    return a;
}

/* What an account has free and held, from the file; zeros: it is not there. */
static inline struct ledger_account account_of(const char *name)
{
    char why[LEDGER_WHY_MAX];
    struct ledger_reader *r = NULL;
    struct ledger_account a = {0};
    ck_assert_msg(ledger_reader_open(path, &r, why) == ERR_OK, "%s", why);
    enum err e = ledger_reader_account(r, name, &a);
    ck_assert(e == ERR_OK || e == ERR_NOENT);
    ledger_reader_close(r);
    return a;
}

#endif
