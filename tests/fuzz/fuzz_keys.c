/* Any text is a keys file whose entries can be used, or a fault in words. */
#include <stdlib.h>
#include <string.h>

#include "broadcaster/auth/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok) {
        abort();
    }
}

static void check(const struct keys *k)
{
    must(k->count <= KEYS_MAX);
    for (size_t i = 0; i < k->count; i++) {
        const struct key_entry *e = &k->entries[i];
        must(id_valid(span_cstr(e->id)) && (e->has_ladder || e->ladder.n == 0));
        must(e->limits.bitrate_kbps >= 0 && e->limits.width >= 0 && e->limits.height >= 0);
        for (size_t r = 0; r < e->ladder.n; r++) {
            struct profile p = e->ladder.rungs[r];
            const char *why;
            must(profile_check(&p, &why) == ERR_OK);
        }
    }
    must(keys_find(k, span_cstr("a key that no file has, with blanks")) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config_node *root = NULL;
    struct config_fault fault = {.text = ""};
    struct keys *k = NULL;
    enum err e = config_tree_read(span_of(data, size), &root, &fault);
    if (e == ERR_OK) {
        e = keys_read(root, &k, &fault);
        config_tree_destroy(root);
    }
    if (e == ERR_OK) {
        check(k);
        keys_destroy(k);
    } else {
        must(fault.text[0] != '\0' && strlen(fault.text) < sizeof fault.text);
    }
    return 0;
}
