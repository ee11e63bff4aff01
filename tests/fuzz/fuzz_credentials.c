/* Any text, as it is and with a right last line: what the readers of credentials and of their list
 * accept is, byte for byte, what the writers write. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "orchestrator/admitted.h"
#include "run/sealed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok) {
        abort();
    }
}

static void read_credential(struct span text)
{
    struct link_keys k;
    const char *why = NULL;
    char again[CREDENTIAL_TEXT_MAX];
    if (credential_parse(text, &k, &why) == ERR_OK) {
        size_t len = credential_print(&k, again);
        must(span_equal(span_of(again, len), text));
        must(credential_is(text) && sealed_is_ours(text));
        must(credential_name_is_valid(span_cstr(k.name)));
    } else {
        must(why != NULL);
    }
}

static void read_list(struct span text)
{
    struct admitted *list;
    struct buf again;
    char why[ADMITTED_WHY_MAX] = "";
    if (admitted_parse(text, &list, why) != ERR_OK) {
        must(why[0] != '\0');
        return;
    }
    buf_init(&again, text.len);
    must(admitted_print(list, &again) == ERR_OK && span_equal(buf_span(&again), text));
    for (size_t i = 0; i < admitted_count(list); i++) {
        const struct admitted_entry *e = admitted_at(list, i);
        must(admitted_by_name(list, e->name) == e && admitted_by_key(list, e->key) == e);
    }
    buf_fini(&again);
    admitted_destroy(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_of(data, size);
    read_credential(text);
    read_list(text);
    /* Nobody guesses a checksum. */
    char *sealed = mem_alloc(size + SEALED_LINE_BYTES + 1);
    if (size > 0) {
        memcpy(sealed, data, size);
    }
    sealed_line(text, sealed + size);
    text = span_of(sealed, size + SEALED_LINE_BYTES);
    read_credential(text);
    read_list(text);
    mem_free(sealed);
    return 0;
}
