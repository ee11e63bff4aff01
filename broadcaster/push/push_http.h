/* The HTTP side of push: requests below /live/ of the public server (GNU libmicrohttpd), whose
 * bodies are collected on its threads, read on threads of their own and decided on by the loop.
 * A request is suspended while it waits, and resumed with its answer. */
#ifndef BROADCASTER_PUSH_PUSH_HTTP_H
#define BROADCASTER_PUSH_PUSH_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "broadcaster/push/push.h"
#include "broadcaster/viewers/viewers_watch.h"
#include "run/loop.h"

#define PUSH_REQUESTS_MAX     512                  /* at once, of all streams */
#define PUSH_BODIES_MAX_BYTES (512u * 1024 * 1024) /* of all bodies under way */
#define PUSH_SWALLOW_MAX      (1024 * 1024) /* bytes of a refused request that are still read */
#define PUSH_WORKERS          2

struct push_http;

/* take(arg, job) on the loop's thread. NULL: no thread could be had. */
typedef void push_http_take_fn(void *arg, struct push_job *job);
struct push_http *push_http_create(struct loop *l, push_http_take_fn *take, void *arg);

/* Loop's thread: struct push_config's answer and forget. */
void push_http_answer(void *http, struct push_job *job);
void push_http_forget(void *http, struct push_job *job);

/* Loop's thread, before the server's threads end: every request that is held gets a 503, nothing
 * more comes to take. What push has of jobs is void from here on. */
void push_http_stop(struct push_http *h);

/* When the server's threads have ended. Takes NULL. */
void push_http_destroy(struct push_http *h);

/* --- for the server's threads --- */

/* What the library's access handler is called with. */
struct push_call {
    void *connection; /* struct MHD_Connection */
    struct watched *watched;
    const char *target;
    const char *method;
    const char *upload;
    size_t *upload_size;
    void **context; /* NULL at the first call; ours from then on */
};

/* h NULL: push is switched off. Returns an enum MHD_Result. */
int push_http_request(struct push_http *h, const struct push_call *call);

/* A request whose context is ours has ended, answered or not. */
void push_http_completed(void *context);

#endif
