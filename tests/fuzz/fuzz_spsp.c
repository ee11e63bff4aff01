/* What wallets and receipt services answer, and pointers as anybody may ask for them. The first
 * byte chooses which. */
#include <stdlib.h>
#include <string.h>

#include "orchestrator/receipts/pointer.h"
#include "orchestrator/receipts/spsp.h"
#include "orchestrator/receipts/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok) {
        abort();
    }
}

static void ask_pointer(struct span text)
{
    struct pointers ours;
    struct pointer p, again;
    char why[POINTER_WHY_SIZE] = "", decoded[POINTER_SIZE];
    must(pointers_parse("$wallet.example/alice,https://wallet.example/", false, &ours, why) ==
         ERR_OK);
    const struct pointer *found = pointers_find_claimed(&ours, text);
    must(found == NULL || found == &ours.items[0] || found == &ours.items[1]);
    if (pointer_parse(text, true, &p, why) != ERR_OK) {
        must(why[0] != '\0' && memchr(why, '\0', sizeof why) != NULL);
        must(pointers_find(&ours, text) == NULL);
        return;
    }
    /* Its URL is one that means itself, and nothing in it needs quoting. */
    enum err e = pointer_parse(span_cstr(p.url), true, &again, why);
    must(e == ERR_LIMIT || (e == ERR_OK && strcmp(again.url, p.url) == 0));
    must(strlen(p.text) == text.len && strpbrk(p.text, "\"\\ <>?#") == NULL);
    must(strncmp(p.url, "https://", 8) == 0 || strncmp(p.url, "http://", 7) == 0);
    (void)!pointer_decode(text, decoded, sizeof decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct verify_answer a = {.endpoint = ""};
    if (size == 0) {
        return 0;
    }
    struct span rest = span_of(data + 1, size - 1);
    switch (data[0]) {
    case 'p':
        ask_pointer(rest);
        break;
    case 'v':
        if (verify_read_answer(rest, &a) == ERR_OK) {
            must(memchr(a.endpoint, '\0', sizeof a.endpoint) != NULL);
        }
        break;
    default:
        must(spsp_read(rest) <= SPSP_RUBBISH);
    }
    return 0;
}
