/* Any answer of a webhook is a verdict with names and a ladder that can be used, or a sentence. The
 * first byte chooses the status. */
#include <stdlib.h>
#include <string.h>

#include "broadcaster/auth/auth_webhook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok) {
        abort();
    }
}

static void check(const struct auth_answer *a)
{
    must(a->id[0] == '\0' || id_valid(span_cstr(a->id)));
    must(memchr(a->key, '\0', sizeof a->key) != NULL && a->has_ladder == (a->ladder.n > 0));
    must(a->ladder.n <= PROFILE_LADDER_MAX && strlen(a->warning) < AUTH_WHY_MAX);
    for (size_t i = 0; i < a->ladder.n; i++) {
        struct profile p = a->ladder.rungs[i];
        const char *why;
        must(profile_check(&p, &why) == ERR_OK && p.width == a->ladder.rungs[i].width);
        for (size_t k = 0; k < i; k++) {
            must(strcmp(p.name, a->ladder.rungs[k].name) != 0);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct auth_answer a;
    char why[AUTH_WHY_MAX] = "";
    int status = size > 0 && data[0] != '!' ? 200 : 403;
    if (auth_answer_read(status, span_of(data + (size > 0), size - (size > 0)), &a, why) ==
        ERR_OK) {
        must(status == 200);
        check(&a);
    } else {
        must(why[0] != '\0' && strlen(why) < AUTH_WHY_MAX);
    }
    return 0;
}
