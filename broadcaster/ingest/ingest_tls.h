/* TLS for RTMPS (TLS 1.2, RFC 5246, and 1.3, RFC 8446; GnuTLS inside): a server's certificate and
 * key, and one connection's session between two runs of bytes. No socket, no loop, no log; the
 * shell moves the bytes. Loop's thread. */
#ifndef BROADCASTER_INGEST_INGEST_TLS_H
#define BROADCASTER_INGEST_INGEST_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

#define TLS_FILE_MAX (1024 * 1024) /* a certificate chain or a key */
#define TLS_OUTPUT_MAX                                                                             \
    (4 * 1024 * 1024)         /* encrypted, not yet taken: over any session's answers              \
                               */
#define TLS_PLAIN_BYTES 16384 /* of one record (RFC 8446, 5.1) */
#define TLS_WHY_MAX     512
#define TLS_FINGERPRINT 96 /* SHA-256 of the certificate, "AB:CD:...", with the NUL */

/* A certificate chain and its key. Immutable and reference-counted: connections keep the one that
 * they began with. */
struct tls_credentials;

/* Reads both files (PEM). On failure ret_why is a sentence that names the flag and the file; it
 * never has anything of the key. ERR_IO: a file cannot be read; ERR_LIMIT: too large; ERR_PROTO:
 * not a certificate, not a key, not each other's. Gives. */
enum err tls_credentials_load(const char *cert_file, const char *key_file,
                              struct tls_credentials **ret_credentials,
                              char ret_why[TLS_WHY_MAX]) CHECKED;
struct tls_credentials *tls_credentials_ref(struct tls_credentials *c);
void tls_credentials_unref(struct tls_credentials *c); /* takes NULL */

/* For the log. Wall clock, seconds since 1970, until which the certificate is good. */
int64_t tls_credentials_good_until_s(const struct tls_credentials *c);
const char *tls_credentials_fingerprint(const struct tls_credentials *c);
bool tls_credentials_key_is_open(const struct tls_credentials *c); /* others may read its file */

struct tls_session;

/* Takes a reference of c. NULL: memory was refused. Gives. */
struct tls_session *tls_session_create(struct tls_credentials *c);
void tls_session_destroy(struct tls_session *s); /* takes NULL */

/* Gets what was decrypted; may not destroy the session. False: no more of it is wanted. */
typedef bool tls_plain_fn(void *arg, struct span plain);

/* Takes all bytes that came from the network. ERR_CLOSED: the peer said goodbye (close_notify);
 * anything else is final too: flush the output, then close; tls_session_why says why. */
enum err tls_session_feed(struct tls_session *s, struct span bytes, tls_plain_fn *fn,
                          void *arg) CHECKED;

/* Encrypts all of plain into the output. ERR_STATE: not before the handshake is through; ERR_LIMIT:
 * past TLS_OUTPUT_MAX; ERR_PROTO: it cannot be encrypted. */
enum err tls_session_write(struct tls_session *s, struct span plain) CHECKED;

/* Adds the goodbye (close_notify, RFC 8446, 6.1), once, as far as that is possible. */
void tls_session_bye(struct tls_session *s);

/* What is to be sent; the shell swaps the buffer out or drops from it. */
struct buf *tls_session_output(struct tls_session *s);

bool tls_session_ready(const struct tls_session *s); /* the handshake is through */
const char *tls_session_why(const struct tls_session *s);

#endif
