/* bin/load: what a host carries, and what a farm would. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/version.h"
#include "publisher-tools/load/load.h"

atomic_bool load_stop;

static void on_signal(int number)
{
    atomic_store(&load_stop, true);
}

int load_read_flags(const char *command, const struct option *table, size_t n, int argc,
                    char **argv, void *config, const bool *help)
{
    char why[OPTIONS_WHY_MAX];
    if (options_parse(table, n, argc, argv, config, why) != ERR_OK) {
        fprintf(stderr, "%s: %s\nThe flags: %s -help\n", command, why, command);
        return 2;
    }
    if (*help) {
        options_usage(stdout, command, table, n, NULL);
        printf("Exit status: 0 measured, 1 it could not be measured, 2 usage.\n");
        return 0;
    }
    return -1;
}

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"transcode", load_transcode, "how many streams this host transcodes in real time"},
    {"farm", load_farm, "what an orchestrator makes of a thousand transcoders"},
};
#define N_COMMANDS (sizeof commands / sizeof commands[0])

static int usage(FILE *out)
{
    fprintf(out, "Usage: load COMMAND [flags]\n");
    for (size_t i = 0; i < N_COMMANDS; i++) {
        fprintf(out, "  load %-10s %s\n", commands[i].name, commands[i].help);
    }
    fprintf(out, "The flags of a command: load COMMAND -help\n");
    return out == stderr ? 2 : 0;
}

static bool is_flag(const char *arg, const char *name)
{
    return arg[0] == '-' && strcmp(arg + 1 + (arg[1] == '-'), name) == 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && (is_flag(argv[1], "help") || is_flag(argv[1], "h"))) {
        return usage(stdout);
    }
    if (argc > 1 && is_flag(argv[1], "version")) {
        printf("load %s\n", software_version);
        return 0;
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    for (size_t i = 0; i < N_COMMANDS && argc > 1; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    if (argc > 1) {
        fprintf(stderr, "load: there is no command \"%s\"\n", argv[1]);
    }
    return usage(stderr);
}
