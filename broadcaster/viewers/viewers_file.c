#include "broadcaster/viewers/viewers_file.h"

#include <unistd.h>

#include "base/mem.h"
#include "broadcaster/media/media.h"

struct sent_file {
    struct MHD_Response *response;
    struct media_file *file;
};

static void drop(void *kept)
{
    struct sent_file *s = kept;
    MHD_destroy_response(s->response);
    media_file_close(s->file);
    mem_free(s);
}

struct MHD_Response *viewers_file_response(struct watched *watched, struct answer *a)
{
    bool part = a->status == MHD_HTTP_PARTIAL_CONTENT;
    uint64_t first = part ? a->first : 0;
    uint64_t n = part ? a->n : a->file->stat.size;
    struct sent_file *s = mem_try_alloc(sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    s->response = MHD_create_response_from_fd_at_offset64(n, a->file->fd, first);
    if (s->response == NULL) {
        mem_free(s);
        return NULL;
    }
    s->file = a->file;
    a->file = NULL;
    int fd = media_file_take(s->file); /* the library closes it with the response */
    watch_answer_keeps(watched, s, drop);
    /* The library would wait for ever for bytes that are not there any more. */
    watch_answer_file(watched, fd, first + n);
    return s->response;
}
