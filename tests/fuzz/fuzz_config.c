/* Any text is a file of settings that can be printed and read again, or a fault that names a line
 * of it. */
#include <stdlib.h>
#include <string.h>

#include "run/config.h"
#include "run/config_print.h"
#include "tests/support/config_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok) {
        abort();
    }
}

static void check_fault(const uint8_t *data, size_t size, enum err e, const struct config_fault *f)
{
    unsigned lines = 1;
    for (size_t i = 0; i < size; i++) {
        /* libyaml's line ends: CR, LF, U+0085, U+2028 and U+2029 */
        lines += data[i] == '\n' || data[i] == '\r' || data[i] == 0x85 || data[i] == 0xA8 ||
                 data[i] == 0xA9;
    }
    must((e == ERR_LIMIT) == (size > CONFIG_BYTES_MAX));
    must(e == ERR_LIMIT ? f->line == 0 : e == ERR_PROTO && f->line >= 1 && f->line <= lines);
    must(f->text[0] != '\0' && strlen(f->text) < CONFIG_WHY_MAX);
    for (const char *c = f->text; *c != '\0'; c++) {
        must((unsigned char)*c >= ' ' && *c != 0x7F);
    }
}

static void apply(const struct config_file *file, struct config_table *c,
                  struct option_origin *origins)
{
    char why[OPTIONS_WHY_MAX];
    char *argv[] = {(char *)"program", NULL};
    must(options_parse_origins(config_table, CONFIG_TABLE_N, 1, argv, c, origins, why) == ERR_OK);
    config_apply(file, config_table, c, origins);
    must(c->n >= -10 && c->n <= 10 && c->v >= 0 && c->v <= 99 && !c->help && c->file[0] == '\0');
}

static void check_again(const struct config_file *file)
{
    struct config_print p = {"broadcaster", config_table, CONFIG_TABLE_N, NULL};
    struct config_table c, again;
    struct option_origin origins[CONFIG_TABLE_N];
    struct config_file *back = NULL;
    struct config_fault fault;
    struct buf b;
    apply(file, &c, origins);
    buf_init(&b, 16 * CONFIG_BYTES_MAX);
    must(config_print_values(&b, &p, &c, origins, "file") == ERR_OK);
    if (b.len <= CONFIG_BYTES_MAX) {
        must(config_read(buf_span(&b), config_table, CONFIG_TABLE_N, &back, &fault) == ERR_OK);
        apply(back, &again, origins);
        must(c.on == again.on && c.off == again.off && c.n == again.n && c.v == again.v);
        must(strcmp(c.addr, again.addr) == 0 && strcmp(c.name, again.name) == 0);
        must(strcmp(c.list, again.list) == 0 && again.secret[0] == '\0');
        config_destroy(back);
    }
    buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config_file *file = NULL;
    struct config_fault fault = {.line = 0};
    enum err e = config_read(span_of(data, size), config_table, CONFIG_TABLE_N, &file, &fault);
    if (e != ERR_OK) {
        check_fault(data, size, e, &fault);
    } else {
        check_again(file);
        config_destroy(file);
    }
    return 0;
}
