#include "broadcaster/ingest/ingest_tls.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define PRIORITY          "-VERS-SSL3.0:-VERS-TLS1.0:-VERS-TLS1.1"
#define HANDSHAKE_MAX     (64 * 1024) /* one handshake message of a peer */
#define FINGERPRINT_BYTES 32
#define CERTIFICATES_MAX  16
#define EMPTY_RECORDS_MAX 32 /* of one feed that carry nothing */

struct tls_credentials {
    unsigned refs;
    gnutls_certificate_credentials_t x509;
    gnutls_priority_t priority;
    int64_t good_until_s;
    bool key_is_open;
    char fingerprint[TLS_FINGERPRINT];
};

struct tls_session {
    gnutls_session_t tls;
    struct tls_credentials *credentials;
    struct span input; /* while fed: what the library has not taken yet */
    struct buf output;
    enum err output_err;
    bool ready;
    bool said_bye;
    bool failed;
    const char *why;
    uint8_t plain[TLS_PLAIN_BYTES];
};

/* --- files --- */

static void wipe(gnutls_datum_t *d)
{
    if (d->data != NULL) {
        explicit_bzero(d->data, d->size);
        mem_free(d->data);
    }
    *d = (gnutls_datum_t){NULL, 0};
}

static enum err read_all(int fd, gnutls_datum_t *ret_bytes)
{
    gnutls_datum_t d = {mem_try_alloc(TLS_FILE_MAX + 1), 0};
    if (d.data == NULL) {
        return ERR_NOMEM;
    }
    ssize_t n = 1;
    while (n > 0 && d.size <= TLS_FILE_MAX) {
        n = read(fd, d.data + d.size, TLS_FILE_MAX + 1 - d.size);
        d.size += n > 0 ? (unsigned)n : 0;
    }
    enum err e = n < 0 ? ERR_IO : d.size > TLS_FILE_MAX ? ERR_LIMIT : ERR_OK;
    if (e != ERR_OK) {
        wipe(&d);
    } else {
        *ret_bytes = d;
    }
    return e;
}

static enum err read_file(const char *flag, const char *path, gnutls_datum_t *ret_bytes,
                          bool *ret_open, char *why)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hold the start up */
    enum err e = fd < 0 || fstat(fd, &st) != 0 ? ERR_IO : ERR_OK;
    if (e == ERR_OK && !S_ISREG(st.st_mode)) {
        e = ERR_IO;
        errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
    }
    if (e == ERR_OK) {
        e = read_all(fd, ret_bytes);
        *ret_open = (st.st_mode & 07) != 0;
    }
    if (e != ERR_OK) {
        snprintf(why, TLS_WHY_MAX, "%s: the file %.300s cannot be read: %s", flag, path,
                 e == ERR_IO ? strerror(errno) : err_text(e));
    }
    if (fd >= 0) {
        close(fd);
    }
    return e;
}

/* --- credentials --- */

static void describe(struct tls_credentials *c, gnutls_x509_crt_t first)
{
    unsigned char digest[FINGERPRINT_BYTES];
    size_t size = sizeof digest;
    c->good_until_s = gnutls_x509_crt_get_expiration_time(first);
    if (gnutls_x509_crt_get_fingerprint(first, GNUTLS_DIG_SHA256, digest, &size) == 0) {
        for (size_t i = 0; i < size; i++) {
            snprintf(c->fingerprint + i * 3, 4, "%02X%s", digest[i], i + 1 < size ? ":" : "");
        }
    }
}

static enum err check_certificate(struct tls_credentials *c, const char *file,
                                  const gnutls_datum_t *pem, char *why)
{
    gnutls_x509_crt_t chain[CERTIFICATES_MAX];
    unsigned n = CERTIFICATES_MAX;
    int status = gnutls_x509_crt_list_import(chain, &n, pem, GNUTLS_X509_FMT_PEM,
                                             GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);
    if (status <= 0) {
        snprintf(why, TLS_WHY_MAX,
                 "-tlsCert: %.300s is no certificate chain in PEM (%s): give the file that begins "
                 "with \"-----BEGIN CERTIFICATE-----\", the server's own one first",
                 file, status < 0 ? gnutls_strerror(status) : "there is none in it");
        return ERR_PROTO;
    }
    describe(c, chain[0]);
    for (unsigned i = 0; i < n; i++) {
        gnutls_x509_crt_deinit(chain[i]);
    }
    return ERR_OK;
}

static enum err check_key(const char *file, const gnutls_datum_t *pem, char *why)
{
    gnutls_x509_privkey_t key;
    if (gnutls_x509_privkey_init(&key) != 0) {
        snprintf(why, TLS_WHY_MAX, "-tlsKey: %s", err_text(ERR_NOMEM));
        return ERR_NOMEM;
    }
    int status = gnutls_x509_privkey_import2(key, pem, GNUTLS_X509_FMT_PEM, NULL, 0);
    gnutls_x509_privkey_deinit(key);
    if (status == GNUTLS_E_DECRYPTION_FAILED) {
        snprintf(why, TLS_WHY_MAX,
                 "-tlsKey: the key in %.300s is locked with a password: store it without one "
                 "(openssl pkey -in FILE -out NEW), readable by this user only",
                 file);
        return ERR_PROTO;
    }
    if (status != 0) {
        snprintf(why, TLS_WHY_MAX,
                 "-tlsKey: %.300s is no private key in PEM (%s): give the file that begins with "
                 "\"-----BEGIN PRIVATE KEY-----\"",
                 file, gnutls_strerror(status));
        return ERR_PROTO;
    }
    return ERR_OK;
}

static enum err use_pair(struct tls_credentials *c, const char *cert_file, const char *key_file,
                         const gnutls_datum_t *cert, const gnutls_datum_t *key, char *why)
{
    int status =
        gnutls_certificate_set_x509_key_mem2(c->x509, cert, key, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (status == GNUTLS_E_CERTIFICATE_KEY_MISMATCH) {
        snprintf(why, TLS_WHY_MAX,
                 "the key in %.150s (-tlsKey) does not belong to the certificate in %.150s "
                 "(-tlsCert): give the pair that was made together",
                 key_file, cert_file);
    } else if (status < 0) {
        snprintf(why, TLS_WHY_MAX, "-tlsCert %.150s and -tlsKey %.150s cannot be used: %s",
                 cert_file, key_file, gnutls_strerror(status));
    }
    return status < 0 ? ERR_PROTO : ERR_OK;
}

static struct tls_credentials *create_credentials(void)
{
    struct tls_credentials *c = mem_alloc(sizeof *c);
    c->refs = 1;
    if (gnutls_certificate_allocate_credentials(&c->x509) != 0 ||
        gnutls_priority_init2(&c->priority, PRIORITY, NULL, GNUTLS_PRIORITY_INIT_DEF_APPEND) != 0) {
        abort(); /* at start, or a few bytes: there is no way on without */
    }
    return c;
}

enum err tls_credentials_load(const char *cert_file, const char *key_file,
                              struct tls_credentials **ret_credentials, char ret_why[TLS_WHY_MAX])
{
    struct tls_credentials *c = create_credentials();
    gnutls_datum_t cert = {NULL, 0}, key = {NULL, 0};
    bool ignored;
    enum err e = read_file("-tlsCert", cert_file, &cert, &ignored, ret_why);
    if (e == ERR_OK) {
        e = check_certificate(c, cert_file, &cert, ret_why);
    }
    if (e == ERR_OK) {
        e = read_file("-tlsKey", key_file, &key, &c->key_is_open, ret_why);
    }
    if (e == ERR_OK) {
        e = check_key(key_file, &key, ret_why);
    }
    if (e == ERR_OK) {
        e = use_pair(c, cert_file, key_file, &cert, &key, ret_why);
    }
    wipe(&cert);
    wipe(&key);
    if (e != ERR_OK) {
        tls_credentials_unref(c);
        return e;
    }
    *ret_credentials = c;
    return ERR_OK;
}

struct tls_credentials *tls_credentials_ref(struct tls_credentials *c)
{
    c->refs++;
    return c;
}

void tls_credentials_unref(struct tls_credentials *c)
{
    if (c != NULL && --c->refs == 0) {
        gnutls_certificate_free_credentials(c->x509);
        gnutls_priority_deinit(c->priority);
        mem_free(c);
    }
}

int64_t tls_credentials_good_until_s(const struct tls_credentials *c)
{
    return c->good_until_s;
}

const char *tls_credentials_fingerprint(const struct tls_credentials *c)
{
    return c->fingerprint;
}

bool tls_credentials_key_is_open(const struct tls_credentials *c)
{
    return c->key_is_open;
}

/* --- a session --- */

static ssize_t pull(gnutls_transport_ptr_t p, void *out, size_t size)
{
    struct tls_session *s = p;
    size_t n = s->input.len < size ? s->input.len : size;
    if (n == 0) {
        gnutls_transport_set_errno(s->tls, EAGAIN);
        return -1;
    }
    memcpy(out, s->input.data, n);
    s->input.data += n;
    s->input.len -= n;
    return (ssize_t)n;
}

static ssize_t push(gnutls_transport_ptr_t p, const void *bytes, size_t size)
{
    struct tls_session *s = p;
    enum err e = buf_put(&s->output, span_of(bytes, size));
    if (e != ERR_OK) {
        s->output_err = e;
        gnutls_transport_set_errno(s->tls, EIO);
        return -1;
    }
    return (ssize_t)size;
}

static int readable(gnutls_transport_ptr_t p, unsigned ms)
{
    struct tls_session *s = p;
    (void)ms;
    return s->input.len > 0;
}

struct tls_session *tls_session_create(struct tls_credentials *c)
{
    struct tls_session *s = mem_try_alloc(sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    if (gnutls_init(&s->tls, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) != 0) {
        mem_free(s);
        return NULL;
    }
    s->credentials = tls_credentials_ref(c);
    s->why = "";
    buf_init(&s->output, TLS_OUTPUT_MAX);
    if (gnutls_priority_set(s->tls, c->priority) != 0 ||
        gnutls_credentials_set(s->tls, GNUTLS_CRD_CERTIFICATE, c->x509) != 0) {
        tls_session_destroy(s);
        return NULL;
    }
    gnutls_certificate_server_set_request(s->tls, GNUTLS_CERT_IGNORE);
    gnutls_handshake_set_max_packet_length(s->tls, HANDSHAKE_MAX);
    gnutls_handshake_set_timeout(s->tls, GNUTLS_INDEFINITE_TIMEOUT); /* the shell has a deadline */
    gnutls_transport_set_ptr(s->tls, s);
    gnutls_transport_set_pull_function(s->tls, pull);
    gnutls_transport_set_pull_timeout_function(s->tls, readable);
    gnutls_transport_set_push_function(s->tls, push);
    return s;
}

void tls_session_destroy(struct tls_session *s)
{
    if (s == NULL) {
        return;
    }
    gnutls_deinit(s->tls);
    tls_credentials_unref(s->credentials);
    buf_fini(&s->output);
    explicit_bzero(s->plain, sizeof s->plain);
    mem_free(s);
}

static enum err fail(struct tls_session *s, enum err e, const char *why)
{
    s->failed = true;
    s->why = why;
    return e;
}

static enum err library_failed(struct tls_session *s, int status)
{
    if (s->output_err != ERR_OK) {
        return fail(s, s->output_err, "the client does not read its answers");
    }
    if (!s->ready) {
        int ignored = gnutls_alert_send_appropriate(s->tls, status);
        (void)ignored; /* the peer learns of it or does not */
    }
    /* A TLS record begins with its type, 20 to 23, RTMP with its version. */
    if (!s->ready && status == GNUTLS_E_UNEXPECTED_PACKET) {
        return fail(s, ERR_PROTO,
                    "it does not speak TLS: publish to this port with rtmps://, and with rtmp:// "
                    "to -rtmpAddr");
    }
    return fail(s, ERR_PROTO, gnutls_strerror(status)); /* static text of the library */
}

static bool for_now(int status)
{
    return status == GNUTLS_E_AGAIN || status == GNUTLS_E_INTERRUPTED;
}

/* ERR_AGAIN: more bytes are needed. */
static enum err step_handshake(struct tls_session *s)
{
    for (;;) {
        int status = gnutls_handshake(s->tls);
        if (status == 0) {
            s->ready = true;
            return ERR_OK;
        }
        if (for_now(status)) {
            return ERR_AGAIN;
        }
        if (gnutls_error_is_fatal(status)) {
            return library_failed(s, status);
        }
        if (s->input.len == 0) {
            return ERR_AGAIN; /* a warning of the peer */
        }
    }
}

static enum err step_records(struct tls_session *s, tls_plain_fn *fn, void *arg)
{
    for (int empty = 0;;) {
        ssize_t n = gnutls_record_recv(s->tls, s->plain, sizeof s->plain);
        if (n > 0) {
            if (!fn(arg, span_of(s->plain, (size_t)n))) {
                return ERR_OK;
            }
            continue;
        }
        if (for_now((int)n)) {
            return ERR_OK;
        }
        if (n == 0) {
            return fail(s, ERR_CLOSED, "the client said goodbye");
        }
        if (n == GNUTLS_E_REHANDSHAKE) {
            return fail(s, ERR_PROTO, "the client wants to negotiate anew");
        }
        if (gnutls_error_is_fatal((int)n) || ++empty > EMPTY_RECORDS_MAX) {
            return library_failed(s, (int)n);
        }
    }
}

enum err tls_session_feed(struct tls_session *s, struct span bytes, tls_plain_fn *fn, void *arg)
{
    if (s->failed) {
        return ERR_PROTO;
    }
    s->input = bytes;
    enum err e = s->ready ? ERR_OK : step_handshake(s);
    if (e == ERR_OK) {
        e = step_records(s, fn, arg);
    }
    s->input = span_of(NULL, 0);
    return e == ERR_AGAIN ? ERR_OK : e;
}

enum err tls_session_write(struct tls_session *s, struct span plain)
{
    if (!s->ready) {
        return ERR_STATE;
    }
    while (plain.len > 0) {
        ssize_t n = gnutls_record_send(s->tls, plain.data, plain.len);
        if (n <= 0) {
            return s->output_err != ERR_OK ? s->output_err : ERR_PROTO;
        }
        plain.data += n;
        plain.len -= (size_t)n;
    }
    return ERR_OK;
}

void tls_session_bye(struct tls_session *s)
{
    if (s->ready && !s->said_bye) {
        s->said_bye = true;
        int ignored = gnutls_bye(s->tls, GNUTLS_SHUT_WR);
        (void)ignored;
    }
}

struct buf *tls_session_output(struct tls_session *s)
{
    return &s->output;
}

bool tls_session_ready(const struct tls_session *s)
{
    return s->ready;
}

const char *tls_session_why(const struct tls_session *s)
{
    return s->why;
}
