/* Status documents, one a line, as anything that answers at a control address may give them, then
 * as events: what bin/status prints of them are whole lines that a terminal only shows. */
#include <stdlib.h>

#include "publisher-tools/status_table.h"

#define OUT_MAX (4 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok) {
        abort();
    }
}

static void check_lines(const struct buf *out)
{
    must(out->len == 0 || out->data[out->len - 1] == '\n');
    for (size_t i = 0; i < out->len; i++) {
        must(out->data[i] == '\n' || out->data[i] >= ' ');
    }
}

static void print_event(struct span document)
{
    struct buf out;
    buf_init(&out, OUT_MAX);
    if (status_event_write(document, &out) == ERR_OK) {
        must(out.len > 0);
        check_lines(&out);
    }
    buf_fini(&out);
}

static void print_table(const struct status_table *t)
{
    struct buf out;
    buf_init(&out, OUT_MAX);
    if (status_table_write(t, &out) == ERR_OK) {
        check_lines(&out);
    }
    buf_clear(&out);
    if (status_table_write_json(t, &out) == ERR_OK) {
        check_lines(&out);
    }
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct status_table *t = status_table_create();
    struct span left = span_of(data, size);
    while (left.len > 0) {
        struct span document = span_take_line(&left);
        (void)!status_table_add(t, document);
        print_event(document);
    }
    print_table(t);
    status_table_destroy(t);
    return 0;
}
