#include "broadcaster/admission.h"

#include <stdio.h>

#include "base/mem.h"

struct admission {
    char unused;
};

struct admission_ask {
    char unused;
};

struct admission *admission_create(void)
{
    return mem_alloc(sizeof(struct admission));
}

void admission_destroy(struct admission *a)
{
    mem_free(a);
}

struct admission_ask *admission_ask(struct admission *a, const struct admission_request *r,
                                    admission_fn *fn, void *arg)
{
    (void)a;
    struct admission_verdict v = {.code = "NetStream.Publish.BadName"};
    v.err = publish_name_parse(r->path, &v.name);
    if (v.err != ERR_OK) {
        snprintf(v.text, sizeof v.text,
                 "the stream's name may have letters, digits and . _ - ~, up to 128 bytes");
    }
    fn(arg, &v);
    return NULL;
}

void admission_cancel(struct admission_ask *ask)
{
    mem_free(ask);
}
