#include "run/http_queue.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#include "run/log.h"

typedef enum MHD_Result queue_fn(struct MHD_Connection *c, unsigned status, struct MHD_Response *r);

static queue_fn *of_library;

static _Thread_local http_own_answer_fn *own_answer;
static _Thread_local void *own_answer_arg;

static void find(void)
{
    of_library = (queue_fn *)dlsym(RTLD_NEXT, "MHD_queue_response");
    if (of_library == NULL) {
        log_error("http", "library", "why=\"there is no MHD_queue_response in libmicrohttpd\"");
        abort(); /* no answer could ever be given */
    }
}

enum MHD_Result http_queue(struct MHD_Connection *c, unsigned status, struct MHD_Response *r)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find);
    return of_library(c, status, r);
}

void http_on_own_answer(http_own_answer_fn *fn, void *arg)
{
    own_answer = fn;
    own_answer_arg = arg;
}

enum MHD_Result MHD_queue_response(struct MHD_Connection *c, unsigned status,
                                   struct MHD_Response *r)
{
    if (own_answer != NULL) {
        own_answer(own_answer_arg, c, status);
    }
    return http_queue(c, status, r);
}
