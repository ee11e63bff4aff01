/* ZeroMQ Authentication Protocol, https://rfc.zeromq.org/spec/27: ZeroMQ asks, once a client has
 * proved that it has the secret half of a key, whether that key may come in. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "run/link_impl.h"

/* version, request id, domain, address, identity, mechanism, key */
enum { ZAP_VERSION, ZAP_REQUEST, ZAP_DOMAIN, ZAP_ADDRESS, ZAP_IDENTITY, ZAP_MECHANISM, ZAP_KEY };

#define ZAP_FRAMES    7
#define ZAP_FRAME_MAX 256

struct zap_frame {
    unsigned char bytes[ZAP_FRAME_MAX];
    size_t len;
};

void *link_zap_open(struct link_thread *t)
{
    void *s = zmq_socket(t->ctx, ZMQ_REP);
    int linger = 0;
    if (s != NULL && zmq_setsockopt(s, ZMQ_LINGER, &linger, sizeof linger) == 0 &&
        zmq_bind(s, "inproc://zeromq.zap.01") == 0) {
        return s;
    }
    if (s != NULL) {
        zmq_close(s);
    }
    return NULL;
}

/* Reads a whole request; *ret_n counts its frames, whatever their number. False: none waits. */
static bool read_request(void *socket, struct zap_frame frames[ZAP_FRAMES], size_t *ret_n)
{
    size_t n = 0;
    int more = 1;
    while (more) {
        unsigned char bytes[ZAP_FRAME_MAX];
        int len = zmq_recv(socket, bytes, sizeof bytes, ZMQ_DONTWAIT);
        if (len < 0) {
            return false;
        }
        if (n < ZAP_FRAMES) {
            frames[n].len = (size_t)len < sizeof bytes ? (size_t)len : sizeof bytes;
            memcpy(frames[n].bytes, bytes, frames[n].len);
        }
        n++;
        size_t size = sizeof more;
        zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size);
    }
    *ret_n = n;
    return true;
}

static bool is(const struct zap_frame *f, const char *text)
{
    return f->len == strlen(text) && memcmp(f->bytes, text, f->len) == 0;
}

/* The role of the shared secret whose key this is, or LINK_ROLES_. Looks at every key whatever it
 * finds, each compared in constant time. */
static enum link_role role_of(const struct link_keys *keys, const unsigned char *key)
{
    enum link_role found = LINK_ROLES_;
    for (int r = 0; r < LINK_ROLES_; r++) {
        bool same = sodium_memcmp(keys->admitted[r], key, LINK_KEY_BYTES) == 0;
        bool empty = sodium_is_zero(keys->admitted[r], LINK_KEY_BYTES);
        if (same && !empty && r != LINK_ROLE_ORCHESTRATOR) {
            found = (enum link_role)r;
        }
    }
    return found;
}

struct link_admission link_admit(struct link_thread *t, const unsigned char *key)
{
    const struct link_config *config = &t->link->config;
    struct link_admission a = {.role = role_of(&config->keys, key)};
    if (a.role == LINK_ROLES_ && config->admit != NULL) {
        config->admit(config->admit_arg, key, &a);
    }
    if (a.role == LINK_ROLES_ && a.words[0] == '\0') {
        snprintf(a.words, sizeof a.words, "its key is not one of those that are admitted");
    }
    return a;
}

static void log_refusal(struct link_thread *t, const struct zap_frame *address, const char *why)
{
    char who[LINK_ADDRESS_MAX];
    snprintf(who, sizeof who, "%.*s", (int)address->len, (const char *)address->bytes);
    link_log_trouble(t, "refused", who, why);
}

/* key NULL: it may not come in. */
static void answer(void *socket, const struct zap_frame *request, const unsigned char *key)
{
    char user[2 * LINK_KEY_BYTES + 1] = "";
    bool admit = key != NULL;
    if (admit) {
        sodium_bin2hex(user, sizeof user, key, LINK_KEY_BYTES);
    }
    zmq_send(socket, "1.0", 3, ZMQ_SNDMORE);
    zmq_send(socket, request->bytes, request->len, ZMQ_SNDMORE);
    zmq_send(socket, admit ? "200" : "400", 3, ZMQ_SNDMORE);
    zmq_send(socket, admit ? "OK" : "no", 2, ZMQ_SNDMORE);
    zmq_send(socket, user, strlen(user), ZMQ_SNDMORE);
    zmq_send(socket, "", 0, 0);
}

void link_zap_drain(struct link_thread *t, void *socket)
{
    struct zap_frame f[ZAP_FRAMES];
    memset(f, 0, sizeof f);
    size_t n;
    while (read_request(socket, f, &n)) {
        struct link_admission a = {.role = LINK_ROLES_, .words = "it does not speak our protocol"};
        if (n == ZAP_FRAMES && is(&f[ZAP_VERSION], "1.0") && is(&f[ZAP_DOMAIN], "link") &&
            is(&f[ZAP_MECHANISM], "CURVE") && f[ZAP_KEY].len == LINK_KEY_BYTES) {
            a = link_admit(t, f[ZAP_KEY].bytes);
        }
        if (a.role == LINK_ROLES_) {
            log_refusal(t, &f[ZAP_ADDRESS], a.words);
        }
        answer(socket, &f[ZAP_REQUEST], a.role != LINK_ROLES_ ? f[ZAP_KEY].bytes : NULL);
        memset(f, 0, sizeof f);
    }
}
