#include "broadcaster/ingest/ingest_tls.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/support/unit.h"

static char folder[] = "/tmp/tls-test-XXXXXX";

/* --- files --- */

static const char *path(const char *name)
{
    static char paths[4][100];
    static int next;
    char *p = paths[next++ % 4];
    snprintf(p, sizeof paths[0], "%s/%s", folder, name);
    return p;
}

static void write_file(const char *name, const void *bytes, size_t len, mode_t mode)
{
    FILE *f = fopen(path(name), "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, len, f), len);
    fclose(f);
    ck_assert_int_eq(chmod(path(name), mode), 0);
}

/* NAME.crt and NAME.key, good for a day. */
static void make_pair(const char *name)
{
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
    gnutls_datum_t pem;
    char file[50];
    time_t now = time(NULL);
    ck_assert_int_eq(gnutls_x509_privkey_init(&key), 0);
    ck_assert_int_eq(gnutls_x509_privkey_generate(
                         key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
                     0);
    ck_assert_int_eq(gnutls_x509_crt_init(&crt), 0);
    gnutls_x509_crt_set_version(crt, 3);
    gnutls_x509_crt_set_serial(crt, "\1", 1);
    gnutls_x509_crt_set_activation_time(crt, now - 60);
    gnutls_x509_crt_set_expiration_time(crt, now + 86400);
    gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                  (unsigned)strlen(name));
    gnutls_x509_crt_set_key(crt, key);
    ck_assert_int_eq(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0), 0);
    ck_assert_int_eq(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem), 0);
    snprintf(file, sizeof file, "%s.crt", name);
    write_file(file, pem.data, pem.size, 0644);
    gnutls_free(pem.data);
    ck_assert_int_eq(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem), 0);
    snprintf(file, sizeof file, "%s.key", name);
    write_file(file, pem.data, pem.size, 0600);
    gnutls_free(pem.data);
    ck_assert_int_eq(gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, "pass", 0, &pem),
                     0);
    snprintf(file, sizeof file, "%s.locked", name);
    write_file(file, pem.data, pem.size, 0600);
    gnutls_free(pem.data);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
}

static void make_folder(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    make_pair("a");
    make_pair("b");
}

static void remove_folder(void)
{
    static const char *const names[] = {"a.crt", "a.key",    "a.locked", "b.crt",
                                        "b.key", "b.locked", "x"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        unlink(path(names[i]));
    }
    rmdir(folder);
}

static struct tls_credentials *load(const char *cert, const char *key)
{
    struct tls_credentials *c;
    char why[TLS_WHY_MAX] = "";
    enum err e = tls_credentials_load(path(cert), path(key), &c, why);
    ck_assert_msg(e == ERR_OK, "%s", why);
    return c;
}

static void check_refused(const char *cert, const char *key, enum err err, const char *words,
                          const char *more)
{
    struct tls_credentials *c = NULL;
    char why[TLS_WHY_MAX] = "";
    ck_assert_int_eq(tls_credentials_load(path(cert), path(key), &c, why), err);
    ck_assert_ptr_null(c);
    ck_assert_msg(strstr(why, words) != NULL && strstr(why, more) != NULL, "%s", why);
    ck_assert_ptr_null(strstr(why, "BEGIN EC"));
}

START_TEST(files_that_cannot_be_used)
{
    make_folder();
    check_refused("none.crt", "a.key", ERR_IO, "-tlsCert", "No such file");
    check_refused("a.crt", "none.key", ERR_IO, "-tlsKey", "No such file");
    check_refused("a.crt", ".", ERR_IO, "-tlsKey", "directory");
    check_refused("a.key", "a.key", ERR_PROTO, "-tlsCert", "no certificate");
    check_refused("a.crt", "a.crt", ERR_PROTO, "-tlsKey", "no private key");
    check_refused("a.crt", "a.locked", ERR_PROTO, "-tlsKey", "password");
    check_refused("a.crt", "b.key", ERR_PROTO, "does not belong", "b.key");
    write_file("x", "", 0, 0600);
    check_refused("x", "a.key", ERR_PROTO, "-tlsCert", "no certificate");
    char *large = mem_alloc(TLS_FILE_MAX + 1);
    write_file("x", large, TLS_FILE_MAX + 1, 0600);
    mem_free(large);
    check_refused("a.crt", "x", ERR_LIMIT, "-tlsKey", "cannot be read");
    mem_fail_nth(1);
    check_refused("a.crt", "a.key", ERR_NOMEM, "-tlsCert", "cannot be read");
    remove_folder();
}
END_TEST

START_TEST(what_is_told_of_a_pair)
{
    make_folder();
    struct tls_credentials *a = load("a.crt", "a.key"), *b = load("b.crt", "b.key");
    ck_assert_uint_eq(strlen(tls_credentials_fingerprint(a)), 32 * 3 - 1);
    ck_assert_str_ne(tls_credentials_fingerprint(a), tls_credentials_fingerprint(b));
    ck_assert_int_gt(tls_credentials_good_until_s(a), time(NULL) + 80000);
    ck_assert(!tls_credentials_key_is_open(a));
    ck_assert_int_eq(chmod(path("b.key"), 0644), 0);
    tls_credentials_unref(b);
    b = load("b.crt", "b.key");
    ck_assert(tls_credentials_key_is_open(b));
    tls_credentials_unref(a);
    tls_credentials_unref(b);
    remove_folder();
}
END_TEST

/* --- a client --- */

struct client {
    gnutls_session_t tls;
    gnutls_certificate_credentials_t credentials;
    struct tls_session *server;
    struct buf to_server, from_server;
    struct buf got; /* by the server */
    bool stop;
};

static ssize_t client_pull(gnutls_transport_ptr_t p, void *out, size_t size)
{
    struct client *c = p;
    size_t n = c->from_server.len < size ? c->from_server.len : size;
    if (n == 0) {
        gnutls_transport_set_errno(c->tls, EAGAIN);
        return -1;
    }
    memcpy(out, c->from_server.data, n);
    buf_drop(&c->from_server, n);
    return (ssize_t)n;
}

static int client_readable(gnutls_transport_ptr_t p, unsigned ms)
{
    struct client *c = p;
    return c->from_server.len > 0;
}

static ssize_t client_push(gnutls_transport_ptr_t p, const void *bytes, size_t size)
{
    struct client *c = p;
    ck_assert_int_eq(buf_put(&c->to_server, span_of(bytes, size)), ERR_OK);
    return (ssize_t)size;
}

static void open_client(struct client *c, const char *priority, struct tls_credentials *credentials)
{
    *c = (struct client){0};
    buf_init(&c->to_server, 1 << 24);
    buf_init(&c->from_server, 1 << 24);
    buf_init(&c->got, 1 << 24);
    gnutls_init(&c->tls, GNUTLS_CLIENT | GNUTLS_NONBLOCK);
    gnutls_certificate_allocate_credentials(&c->credentials);
    gnutls_credentials_set(c->tls, GNUTLS_CRD_CERTIFICATE, c->credentials);
    ck_assert_int_eq(gnutls_priority_set_direct(c->tls, priority, NULL), 0);
    gnutls_handshake_set_timeout(c->tls, GNUTLS_INDEFINITE_TIMEOUT);
    gnutls_transport_set_ptr(c->tls, c);
    gnutls_transport_set_pull_function(c->tls, client_pull);
    gnutls_transport_set_pull_timeout_function(c->tls, client_readable);
    gnutls_transport_set_push_function(c->tls, client_push);
    c->server = tls_session_create(credentials);
    ck_assert_ptr_nonnull(c->server);
}

static void close_client(struct client *c)
{
    tls_session_destroy(c->server);
    gnutls_deinit(c->tls);
    gnutls_certificate_free_credentials(c->credentials);
    buf_fini(&c->to_server);
    buf_fini(&c->from_server);
    buf_fini(&c->got);
}

static bool on_plain(void *arg, struct span plain)
{
    struct client *c = arg;
    ck_assert_int_eq(buf_put(&c->got, plain), ERR_OK);
    return !c->stop;
}

/* Gives the server what the client said, piece by piece, and the client the answer. */
static enum err exchange(struct client *c, size_t piece)
{
    enum err e = ERR_OK;
    size_t at = 0;
    while (e == ERR_OK && at < c->to_server.len) {
        size_t n = c->to_server.len - at < piece ? c->to_server.len - at : piece;
        e = tls_session_feed(c->server, span_of(c->to_server.data + at, n), on_plain, c);
        at += n;
    }
    buf_clear(&c->to_server);
    struct buf *out = tls_session_output(c->server);
    ck_assert_int_eq(buf_put(&c->from_server, buf_span(out)), ERR_OK);
    buf_clear(out);
    return e;
}

static int shake_hands(struct client *c, size_t piece)
{
    int status = GNUTLS_E_AGAIN;
    for (int i = 0; i < 10 && status == GNUTLS_E_AGAIN; i++) {
        status = gnutls_handshake(c->tls);
        if (exchange(c, piece) != ERR_OK) {
            break;
        }
    }
    return status;
}

START_TEST(there_and_back)
{
    static const size_t pieces[] = {SIZE_MAX / 2, 1, 7, 1400};
    static const char *const priorities[] = {"NORMAL", "NORMAL:-VERS-ALL:+VERS-TLS1.2"};
    static char large[100000], back[100000];
    make_folder();
    struct tls_credentials *credentials = load("a.crt", "a.key");
    memset(large, 'x', sizeof large);
    for (size_t i = 0; i < 8; i++) {
        struct client c;
        open_client(&c, priorities[i % 2], credentials);
        ck_assert(!tls_session_ready(c.server));
        ck_assert_int_eq(tls_session_write(c.server, span_cstr("early")), ERR_STATE);
        ck_assert_int_eq(shake_hands(&c, pieces[i / 2]), 0);
        ck_assert(tls_session_ready(c.server));
        for (size_t sent = 0; sent < sizeof large;) {
            sent += (size_t)gnutls_record_send(c.tls, large + sent, sizeof large - sent);
        }
        ck_assert_int_eq(exchange(&c, pieces[i / 2]), ERR_OK);
        ck_assert_uint_eq(c.got.len, sizeof large);
        ck_assert_mem_eq(c.got.data, large, sizeof large);
        ck_assert_int_eq(tls_session_write(c.server, span_of(large, sizeof large)), ERR_OK);
        tls_session_bye(c.server);
        tls_session_bye(c.server);
        ck_assert_int_eq(exchange(&c, 1), ERR_OK);
        size_t n = 0;
        ssize_t got;
        while ((got = gnutls_record_recv(c.tls, back + n, sizeof back - n)) > 0) {
            n += (size_t)got;
        }
        ck_assert_uint_eq(n, sizeof large);
        ck_assert_mem_eq(back, large, n);
        ck_assert_int_eq(gnutls_record_recv(c.tls, back, sizeof back), 0); /* goodbye */
        gnutls_bye(c.tls, GNUTLS_SHUT_WR);
        ck_assert_int_eq(exchange(&c, pieces[i / 2]), ERR_CLOSED);
        close_client(&c);
    }
    tls_credentials_unref(credentials);
    remove_folder();
}
END_TEST

START_TEST(old_versions_and_garbage)
{
    static const uint8_t rtmp[1537] = {3};
    struct client c;
    make_folder();
    struct tls_credentials *credentials = load("a.crt", "a.key");
    open_client(&c, "NORMAL:-VERS-ALL:+VERS-TLS1.1:%COMPAT", credentials);
    ck_assert_int_ne(shake_hands(&c, 1000), 0);
    ck_assert(!tls_session_ready(c.server));
    ck_assert_str_ne(tls_session_why(c.server), "");
    close_client(&c);
    open_client(&c, "NORMAL", credentials);
    ck_assert_int_eq(buf_put(&c.to_server, span_of(rtmp, sizeof rtmp)), ERR_OK);
    ck_assert_int_eq(exchange(&c, 100), ERR_PROTO);
    ck_assert_ptr_nonnull(strstr(tls_session_why(c.server), "rtmps://"));
    ck_assert_int_eq(tls_session_feed(c.server, span_of(rtmp, 1), on_plain, &c), ERR_PROTO);
    ck_assert_int_eq(tls_session_write(c.server, span_cstr("x")), ERR_STATE);
    close_client(&c);
    tls_credentials_unref(credentials);
    remove_folder();
}
END_TEST

/* Every byte of a client's flight spoilt in turn, and the flight cut short. */
START_TEST(spoilt_bytes)
{
    make_folder();
    struct tls_credentials *credentials = load("a.crt", "a.key");
    struct buf hello;
    struct client c;
    open_client(&c, "NORMAL", credentials);
    ck_assert_int_eq(gnutls_handshake(c.tls), GNUTLS_E_AGAIN);
    buf_init(&hello, 1 << 20);
    ck_assert_int_eq(buf_put(&hello, buf_span(&c.to_server)), ERR_OK);
    close_client(&c);
    for (size_t i = 0; i < hello.len; i++) {
        struct tls_session *s = tls_session_create(credentials);
        hello.data[i] ^= 0x55;
        enum err e = tls_session_feed(s, buf_span(&hello), on_plain, NULL);
        hello.data[i] ^= 0x55;
        ck_assert(e == ERR_OK || e == ERR_PROTO);
        ck_assert(!tls_session_ready(s));
        ck_assert_uint_le(tls_session_output(s)->len, 8192);
        tls_session_destroy(s);
        s = tls_session_create(credentials);
        ck_assert_int_eq(tls_session_feed(s, span_of(hello.data, i), on_plain, NULL), ERR_OK);
        tls_session_destroy(s);
    }
    buf_fini(&hello);
    tls_credentials_unref(credentials);
    remove_folder();
}
END_TEST

START_TEST(a_connection_keeps_its_certificate)
{
    struct client c;
    make_folder();
    struct tls_credentials *credentials = load("a.crt", "a.key");
    open_client(&c, "NORMAL", credentials);
    tls_credentials_unref(credentials); /* another one is in force */
    ck_assert_int_eq(shake_hands(&c, 1000), 0);
    close_client(&c);
    remove_folder();
}
END_TEST

START_TEST(who_wants_no_more_gets_no_more)
{
    struct client c;
    make_folder();
    struct tls_credentials *credentials = load("a.crt", "a.key");
    open_client(&c, "NORMAL", credentials);
    ck_assert_int_eq(shake_hands(&c, 1000), 0);
    ck_assert_int_eq(gnutls_record_send(c.tls, "one", 3), 3);
    ck_assert_int_eq(gnutls_record_send(c.tls, "two", 3), 3);
    c.stop = true;
    ck_assert_int_eq(exchange(&c, 100000), ERR_OK);
    ck_assert_uint_eq(c.got.len, 3);
    close_client(&c);
    tls_credentials_unref(credentials);
    remove_folder();
}
END_TEST

START_TEST(no_memory_and_no_room)
{
    static char large[1 << 20];
    struct client c;
    make_folder();
    struct tls_credentials *credentials = load("a.crt", "a.key");
    mem_fail_nth(1);
    ck_assert_ptr_null(tls_session_create(credentials));
    open_client(&c, "NORMAL", credentials);
    ck_assert_int_eq(shake_hands(&c, 1000), 0);
    enum err e = ERR_OK;
    for (size_t sent = 0; e == ERR_OK; sent += sizeof large) {
        ck_assert_uint_lt(sent, 2 * (size_t)TLS_OUTPUT_MAX);
        e = tls_session_write(c.server, span_of(large, sizeof large));
    }
    ck_assert_int_eq(e, ERR_LIMIT);
    ck_assert_uint_le(tls_session_output(c.server)->len, TLS_OUTPUT_MAX);
    close_client(&c);
    open_client(&c, "NORMAL", credentials);
    ck_assert_int_eq(gnutls_handshake(c.tls), GNUTLS_E_AGAIN);
    mem_fail_nth(1);
    ck_assert_int_eq(exchange(&c, 100000), ERR_NOMEM);
    close_client(&c);
    tls_credentials_unref(credentials);
    remove_folder();
}
END_TEST

UNIT_MAIN("ingest_tls", files_that_cannot_be_used, what_is_told_of_a_pair, there_and_back,
          old_versions_and_garbage, spoilt_bytes, a_connection_keeps_its_certificate,
          who_wants_no_more_gets_no_more, no_memory_and_no_room)
