/* The RTMP door: listens, with and without TLS, keeps each connection's session, deadlines and
 * limits, and hands publishers and players to the handler. On the loop's thread (libuv). */
#ifndef BROADCASTER_INGEST_INGEST_H
#define BROADCASTER_INGEST_INGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "broadcaster/ingest/player.h"
#include "broadcaster/rtmp/session.h"
#include "media/packet.h"
#include "media/track.h"
#include "run/addr.h"
#include "run/loop.h"

struct cidr_list;
struct ingest;
struct json;
struct metrics;
struct publisher; /* one connection; valid from on_publish until on_end returns, or from on_play
                     until on_play_end does */

/* All borrowed for the call. */
struct ingest_request {
    const char *path; /* as in struct rtmp_event */
    const char *query;
    const char *tc_url;
    const char *peer;             /* "127.0.0.1:40112" */
    const unsigned char *address; /* its 16 bytes, IPv4 in mapped form */
};

struct ingest_handler {
    /* A client wants to publish. The answer is publisher_admit or publisher_refuse, from inside or
     * later. Returns the handler's own pointer, which is given back in all that follows; NULL when
     * it has refused. */
    void *(*on_publish)(void *arg, struct publisher *p, const struct ingest_request *r);
    /* The client has gone before it was answered; nothing follows. */
    void (*on_cancel)(void *arg, void *publication);
    /* That many bytes have come on an admitted publisher's connection, whatever they are, overhead
     * of TLS and RTMP included; told before what is in them. */
    void (*on_received)(void *arg, void *publication, size_t bytes);
    void (*on_track)(void *arg, void *publication, struct track *track);
    void (*on_packet)(void *arg, void *publication, const struct packet *packet);
    /* Something of the media was left out; all else goes on. */
    void (*on_skipped)(void *arg, void *publication, enum rtmp_skip skip);
    /* Once for each admitted publisher. reason: for the log and people. orderly: the client said
     * goodbye (FCUnpublish, deleteStream). */
    void (*on_end)(void *arg, void *publication, const char *reason, int orderly);
    /* A client wants to play. As on_publish; before publisher_admit, player's tap is connected. The
     * player ends with its tap or its connection. */
    void *(*on_play)(void *arg, struct publisher *p, struct player *player,
                     const struct ingest_request *r);
    /* Once for each admitted play. reason: for the log and people. */
    void (*on_play_end)(void *arg, void *publication, const char *reason);
    /* An admitted publisher says what it calls its stream, as often as it likes ("": not at all),
     * and its rate; see rtmp_metadata. NULL: nobody wants to know. */
    void (*on_told)(void *arg, void *publication, const char *title, int fps_milli);
};

struct ingest_config {
    struct addr addr;
    bool tls; /* there is a door for RTMPS too, with the same limits: */
    struct addr tls_addr;
    const char *tls_cert; /* PEM files, borrowed for the ingest's life */
    const char *tls_key;
    int max_connections;  /* all */
    int max_per_address;  /* that do not publish, per peer address */
    int setup_timeout_ms; /* connect to publish or play; default 10000 */
    int idle_timeout_ms;  /* publishing but silent */
    /* Who must tell by a PROXY header whose connection it is; borrowed for the ingest's life. NULL:
     * nobody. */
    const struct cidr_list *trusted_proxies;
};

struct ingest_counters {
    uint64_t accepted, refused, protocol_errors, timeouts, over_limit;
    uint64_t received_bytes, sent_bytes;
    uint64_t skipped[RTMP_SKIPS_]; /* messages and frames that were left out, by reason */
    uint64_t plays;                /* admitted so far */
    uint64_t plays_stuck;          /* closed because they read nothing */
    uint64_t tls_failures;         /* handshakes and records */
    struct player_counters players_sent;
    size_t connections, publishers, players;
};

/* ERR_IO: cannot bind addr (ret_why: a sentence), or what TLS needs is not there, which has been
 * logged (ret_why: NULL). arg and handler are borrowed for the ingest's life. */
enum err ingest_create(struct loop *l, const struct ingest_config *config,
                       const struct ingest_handler *handler, void *arg, struct ingest **ret_ingest,
                       const char **ret_why) CHECKED;

/* The ports that it listens on: the configured ones, or what the system chose for port 0. */
int ingest_port(const struct ingest *i);
int ingest_tls_port(const struct ingest *i);

/* Reads certificate and key again, for the connections that come from now on. What cannot be used
 * is logged, and the old one stays. */
void ingest_reload(struct ingest *i);

/* The answers to on_publish and on_play. After a refusal with code ("NetStream.Publish.BadName")
 * and text for people, nothing follows. */
void publisher_admit(struct publisher *p);
void publisher_refuse(struct publisher *p, const char *code, const char *text);

const char *publisher_peer(const struct publisher *p); /* "127.0.0.1:40112" */

/* Ends one publisher: RTMP error status with this text, then close; on_end follows, from the loop,
 * never from inside this call. May be called from within on_received, on_track and
 * on_packet. */
void publisher_close(struct publisher *p, const char *code, const char *text);

/* Reads nothing from a publisher for so long: the network then holds it back. What was read before
 * still comes. A longer pause that is under way stands. */
void publisher_pause(struct publisher *p, int64_t for_ms);

/* Asks a publisher to connect anew, as rtmp_session_ask_reconnect; false: it cannot be asked. */
bool publisher_ask_reconnect(struct publisher *p, const char *tc_url, const char *text);

/* Stops listening and asks all publishers to connect anew; returns how many could be asked. They go
 * on until they have left, or until ingest_close. */
size_t ingest_drain(struct ingest *i, const char *text);

/* How many publishers of those that were asked are still there. */
size_t ingest_leaving(const struct ingest *i);

/* "codec", "header", ...: for status and metrics. Static. */
const char *ingest_skip_name(enum rtmp_skip skip);

/* Stops listening, closes all (on_end for each, before this returns), then calls done(arg) on the
 * loop; the ingest is gone by then. */
void ingest_close(struct ingest *i, void (*done)(void *arg), void *arg);

/* Closes all without a word to anybody but on_end, unless ingest_close has been called: then that
 * one's done is not called any more. Memory is freed as the loop runs on. Takes NULL. */
void ingest_destroy(struct ingest *i);

struct ingest_counters ingest_counters(const struct ingest *i);

/* The counters in the status and in the metrics. */
void ingest_status(const struct ingest *i, struct json *object);
void ingest_metrics(const struct ingest *i, struct metrics *m);

#endif
