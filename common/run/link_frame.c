#include <assert.h>
#include <errno.h>
#include <zmq.h>

#include "base/mem.h"
#include "run/link_impl.h"

struct link_gauge *link_gauge_create(struct link *k, link_peer number)
{
    struct link_gauge *g = mem_alloc(sizeof *g);
    g->refs = 1;
    g->limit = k->config.peer_queue_bytes;
    g->number = number;
    g->link = k;
    return g;
}

struct link_gauge *link_gauge_ref(struct link_gauge *g)
{
    atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
    return g;
}

void link_gauge_unref(struct link_gauge *g)
{
    if (g != NULL && atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) == 1) {
        mem_free(g);
    }
}

size_t link_frame_cost(const struct blob *b)
{
    return b != NULL ? blob_span(b).len + LINK_FRAME_COST : 0;
}

void link_gauge_add(struct link_gauge *g, size_t cost)
{
    atomic_fetch_add(&g->bytes, cost);
}

/* Sequentially consistent with link_send, which sets wanting and then looks at bytes again: one of
 * the two sees the other. */
void link_gauge_drop(struct link_gauge *g, size_t cost)
{
    size_t left = atomic_fetch_sub(&g->bytes, cost) - cost;
    if (left <= g->limit / 2 && atomic_exchange(&g->wanting, false)) {
        link_post(g->link, &(struct link_mail){.type = LINK_EVENT_WRITABLE, .number = g->number});
    }
}

/* What a frame under way holds. */
struct frame {
    struct blob *blob;
    struct link_gauge *gauge;
};

/* On ZeroMQ's thread, when it has encrypted the frame or given it up. */
static void frame_done(void *data, void *arg)
{
    struct frame *f = arg;
    (void)data;
    link_gauge_drop(f->gauge, link_frame_cost(f->blob));
    link_gauge_unref(f->gauge);
    blob_unref(f->blob);
    mem_free(f);
}

enum err link_frame_send(void *socket, struct link_gauge *g, struct blob *b, bool more)
{
    struct span bytes = blob_span(b);
    struct frame *f = mem_alloc(sizeof *f);
    f->blob = blob_ref(b);
    f->gauge = link_gauge_ref(g);
    zmq_msg_t msg;
    if (zmq_msg_init_data(&msg, (void *)bytes.data, bytes.len, frame_done, f) != 0) {
        frame_done(NULL, f);
        return ERR_CLOSED;
    }
    if (zmq_msg_send(&msg, socket, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) < 0) {
        zmq_msg_close(&msg);
        return ERR_CLOSED;
    }
    return ERR_OK;
}

static void release_msg(void *arg)
{
    zmq_msg_close(arg);
    mem_free(arg);
}

/* ZeroMQ gives out in place what it has read as a whole: a message of some bytes keeps its buffer
 * of 8 KiB for as long as it lives, which is most of a minute where it is media. Larger ones have
 * memory of their own. */
#define IN_PLACE_MIN 8192

static struct blob *copy(zmq_msg_t *msg)
{
    struct blob *b = blob_copy(span_of(zmq_msg_data(msg), zmq_msg_size(msg)));
    zmq_msg_close(msg);
    zmq_msg_init(msg);
    return b;
}

struct blob *link_frame_take(void *msg)
{
    if (zmq_msg_size(msg) < IN_PLACE_MIN) {
        return copy(msg);
    }
    zmq_msg_t *kept = mem_alloc(sizeof *kept);
    zmq_msg_init(kept);
    zmq_msg_move(kept, msg);
    struct blob *b = blob_wrap(zmq_msg_data(kept), zmq_msg_size(kept), release_msg, kept);
    if (b == NULL) {
        release_msg(kept);
    }
    return b;
}

enum err link_parts_receive(void *socket, void *parts, size_t *ret_n)
{
    zmq_msg_t *kept = parts;
    zmq_msg_t extra;
    size_t n = 0;
    bool more = true;
    while (more) {
        zmq_msg_t *into = n < LINK_PARTS_MAX ? &kept[n] : &extra;
        if (into == &extra) {
            zmq_msg_init(&extra);
        }
        if (zmq_msg_recv(into, socket, ZMQ_DONTWAIT) < 0) {
            assert(n == 0 || errno == ETERM || errno == EINTR);
            return ERR_AGAIN;
        }
        more = zmq_msg_more(into) != 0;
        if (into == &extra) {
            zmq_msg_close(&extra);
        }
        n++;
    }
    *ret_n = n;
    return ERR_OK;
}
