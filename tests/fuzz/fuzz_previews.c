/* The file of who has had the free preview: what is read can be written, and that reads as the same
 * again. */
#include <stdlib.h>
#include <string.h>

#include "broadcaster/paywall/preview_file.h"

#define AMOUNT 1000
#define NOW    5000
#define WALL   1700000000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok) {
        abort();
    }
}

static struct buf write_all(const struct preview *p)
{
    struct buf b;
    buf_init(&b, PREVIEW_BYTES_MAX);
    must(preview_write(p, NOW, WALL, &b) == ERR_OK);
    return b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct preview *p = preview_create(AMOUNT), *again = preview_create(AMOUNT);
    struct audience_salt salt = {.state = 0};
    enum err e = preview_file_parse(span_of(data, size), NOW, WALL, p, &salt);
    must(e == ERR_OK || e == ERR_PROTO);
    must(e != ERR_OK || strlen(salt.text) == sizeof salt.text - 1);
    struct buf once = write_all(p);
    must(preview_read(again, buf_span(&once), NOW, WALL) == ERR_OK);
    struct buf twice = write_all(again);
    must(span_equal(buf_span(&once), buf_span(&twice)));
    must(preview_open(p, 1, 2, 3, NOW) <= AMOUNT);
    buf_fini(&once);
    buf_fini(&twice);
    preview_destroy(p);
    preview_destroy(again);
    return 0;
}
