/* The journal of nonces: what is read can be written, and that reads as the same again. */
#include <stdlib.h>

#include "orchestrator/receipts/nonces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok) {
        abort();
    }
}

static struct nonces *load(const struct seeds *seeds, struct span journal)
{
    size_t strangers = 0, line = 0;
    struct nonces *n = nonces_create(seeds, INT64_MAX, 100);
    if (nonces_load(n, journal, INT64_MAX / 2, &strangers, &line) == ERR_OK) {
        return n;
    }
    must(line > 0);
    nonces_destroy(n);
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seeds seeds;
    char why[SEEDS_WHY_SIZE];
    must(seeds_parse(span_cstr("Xl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl4="), &seeds, why) ==
         ERR_OK);
    struct nonces *n = load(&seeds, span_of(data, size));
    if (n == NULL) {
        return 0;
    }
    struct buf once, twice;
    buf_init(&once, 16 * 1024 * 1024);
    buf_init(&twice, 16 * 1024 * 1024);
    must(nonces_save(n, &once) == ERR_OK);
    struct nonces *again = load(&seeds, buf_span(&once));
    must(again != NULL && nonces_count(again) == nonces_count(n));
    must(nonces_save(again, &twice) == ERR_OK);
    must(span_equal(buf_span(&once), buf_span(&twice)));
    nonces_destroy(n);
    nonces_destroy(again);
    buf_fini(&once);
    buf_fini(&twice);
    return 0;
}
