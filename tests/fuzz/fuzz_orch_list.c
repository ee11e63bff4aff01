/* Any answer of a webhook is a list of whole addresses, each once, or a sentence. The first byte
 * chooses between the answer and the flag's form. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/jobs/orch_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok) {
        abort();
    }
}

static void check(const struct orch_list *l)
{
    must(l->n <= ORCH_LIST_MAX);
    for (size_t i = 0; i < l->n; i++) {
        struct addr a;
        char again[ADDR_MAX];
        must(addr_parse(l->addrs[i], "none", 0, &a) == ERR_OK && a.port > 0);
        addr_format(&a, again);
        must(strcmp(again, l->addrs[i]) == 0);
        for (size_t k = 0; k < i; k++) {
            must(strcmp(l->addrs[k], l->addrs[i]) != 0);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct orch_list list;
    char why[ORCH_LIST_WHY_MAX] = "";
    enum err e;
    if (size > 0 && data[0] == 'f') {
        char *text = mem_try_alloc(size);
        if (text == NULL) {
            return 0;
        }
        memcpy(text, data + 1, size - 1);
        text[size - 1] = '\0';
        e = orch_list_parse(text, &list, why);
        mem_free(text);
    } else {
        e = size > 0 ? orch_list_read(200, span_of(data + 1, size - 1), &list, why) : ERR_PROTO;
    }
    if (e == ERR_OK) {
        check(&list);
    } else {
        must(size == 0 || (why[0] != '\0' && memchr(why, '\0', sizeof why) != NULL));
    }
    return 0;
}
