/* Any command line (an argument in each line of the input) is a config inside its table's limits
 * that prints as a readable file, or a sentence. */
#include <stdlib.h>
#include <string.h>

#include "run/config.h"
#include "run/config_print.h"
#include "tests/support/config_table.h"

#define ARGS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok) {
        abort();
    }
}

static void check_print(const struct config_table *c, const struct option_origin *origins)
{
    struct config_print p = {"broadcaster", config_table, CONFIG_TABLE_N, NULL};
    struct config_file *file = NULL;
    struct config_fault fault;
    struct buf b;
    buf_init(&b, 16 * CONFIG_BYTES_MAX);
    must(config_print_values(&b, &p, c, origins, c->file) == ERR_OK);
    if (b.len <= CONFIG_BYTES_MAX) {
        must(config_read(buf_span(&b), config_table, CONFIG_TABLE_N, &file, &fault) == ERR_OK);
        for (size_t i = 0; i < CONFIG_TABLE_N; i++) {
            unsigned line;
            must(!config_table[i].secret || config_value(file, i, &line) == NULL ||
                 config_value(file, i, &line)[0] == '\0');
        }
        config_destroy(file);
    }
    buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    char *argv[ARGS_MAX + 2] = {(char *)"program"};
    int argc = 1;
    must(text != NULL);
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    for (char *c = text; c != NULL && argc <= ARGS_MAX;) {
        argv[argc++] = c;
        c = strchr(c, '\n');
        if (c != NULL) {
            *c++ = '\0';
        }
    }
    struct config_table c;
    struct option_origin origins[CONFIG_TABLE_N];
    char why[OPTIONS_WHY_MAX] = "";
    if (options_parse_origins(config_table, CONFIG_TABLE_N, argc, argv, &c, origins, why) !=
        ERR_OK) {
        must(why[0] != '\0' && strlen(why) < OPTIONS_WHY_MAX);
    } else {
        must(why[0] == '\0' && c.n >= -10 && c.n <= 10 && c.v >= 0 && c.v <= 99);
        check_print(&c, origins);
    }
    (void)options_guess(config_table, CONFIG_TABLE_N, text, strlen(text));
    free(text);
    return 0;
}
