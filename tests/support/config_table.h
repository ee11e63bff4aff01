/* A table with a flag of every kind, for the tests of flags and configuration files. */
#ifndef SUPPORT_CONFIG_TABLE_H
#define SUPPORT_CONFIG_TABLE_H

#include "run/options.h"

struct config_table {
    bool on, off, help;
    long n, v;
    const char *addr, *name, *secret, *list, *file, *full;
};

#define CONFIG_TABLE_FIELD(f) offsetof(struct config_table, f)

static const struct option config_table[] = {
    {"on", OPTION_BOOL, NULL, 0, 0, false, CONFIG_TABLE_FIELD(on), NULL, "Switches on."},
    {"off", OPTION_BOOL, "true", 0, 0, false, CONFIG_TABLE_FIELD(off), NULL, "Is on."},
    {"maxSessions", OPTION_INT, "5", -10, 10, false, CONFIG_TABLE_FIELD(n), "N", "A number."},
    {"v", OPTION_INT, "3", 0, 99, false, CONFIG_TABLE_FIELD(v), "N", "How much."},
    {"cliAddr", OPTION_STRING, "127.0.0.1:7935", 0, 0, false, CONFIG_TABLE_FIELD(addr), "ADDR",
     "Where."},
    {"name", OPTION_STRING, "", 0, 0, false, CONFIG_TABLE_FIELD(name), "NAME", "Who."},
    {"orchSecret", OPTION_STRING, "", 0, 0, true, CONFIG_TABLE_FIELD(secret), "TEXT", "A key."},
    {"rungs", OPTION_LIST, "P1,P2", 0, 0, false, CONFIG_TABLE_FIELD(list), "RUNG[,...]",
     "Several."},
    {"full", OPTION_STRING, "x", 1, 0, false, CONFIG_TABLE_FIELD(full), "TEXT", "Not empty."},
    {"config", OPTION_COMMAND_TEXT, "", 0, 0, false, CONFIG_TABLE_FIELD(file), "FILE", "A file."},
    {"help", OPTION_COMMAND, NULL, 0, 0, false, CONFIG_TABLE_FIELD(help), NULL, "Prints this."},
};
#define CONFIG_TABLE_N (sizeof config_table / sizeof config_table[0])

#endif
