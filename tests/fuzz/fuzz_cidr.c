/* A list of networks: what is read is written so that it reads the same again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broadcaster/auth/cidr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char why[CIDR_WHY_MAX] = "";
    struct cidr_list l;
    char *text = malloc(size + 1);
    if (text == NULL) {
        return 0;
    }
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    if (cidr_list_parse(text, &l, why) == ERR_OK) {
        for (size_t i = 0; i < l.count; i++) {
            char one[CIDR_TEXT_MAX];
            struct cidr again;
            cidr_format(&l.items[i], one);
            if (cidr_parse(one, &again) != ERR_OK || again.bits != l.items[i].bits ||
                memcmp(again.address, l.items[i].address, sizeof again.address) != 0) {
                abort();
            }
        }
        cidr_list_fini(&l);
    } else if (why[0] == '\0') {
        abort();
    }
    free(text);
    return 0;
}
