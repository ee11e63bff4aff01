/* The messages between roles as plain structs: packing, and unpacking with every limit checked.
 * Pure; any thread. The wire form is common/proto/link.proto (protobuf, by protobuf-c).
 *
 * An unpacked message owns its memory: free it with link_msg_destroy. Strings are never NULL. */
#ifndef PROTO_LINK_MSG_H
#define PROTO_LINK_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/span.h"
#include "media/packet.h"
#include "media/profile.h"

#define LINK_VERSION      1
#define LINK_ENVELOPE_MAX (256 * 1024)       /* bytes of frame 0 */
#define LINK_PAYLOAD_MAX  (32 * 1024 * 1024) /* bytes of frame 1 */
#define LINK_STRING_MAX   512                /* bytes of any string */
#define LINK_CONFIG_MAX   (64 * 1024)        /* bytes of a track's config */
#define LINK_PACKETS_MAX  2048               /* packets of one unit */
#define LINK_BODY_MAX     (64 * 1024)        /* bytes of LINK_PAY_ANSWER's body */
#define LINK_SIDE_MAX     16384              /* pixels of a picture's side */

enum link_msg_type {
    LINK_HELLO,
    LINK_WELCOME,
    LINK_PING,
    LINK_BYE,
    LINK_JOB_OPEN,
    LINK_JOB_UNIT,
    LINK_JOB_CANCEL,
    LINK_JOB_ACCEPT,
    LINK_JOB_REFUSE,
    LINK_RUNG_UNIT,
    LINK_JOB_DONE,
    LINK_JOB_FAILED,
    LINK_RUNG_GIVEN_UP,
    LINK_RUNG_REJECT,
    LINK_PAY_ASK,
    LINK_PAY_ANSWER,
    LINK_PAY_NEWS,
};

struct link_hello {
    uint32_t version_min, version_max;
    const char *role, *name, *encoder, *software, *instance;
    uint32_t capacity;
    uint64_t speed; /* luma samples of rungs a second; 0: not known */
    bool draining;
};

struct link_welcome {
    uint32_t version;
    const char *session;
    uint32_t heartbeat_ms, timeout_ms;
    uint64_t price, price_pixels; /* what so many pixels of rungs cost; price_pixels 0: nothing */
    uint32_t money_scale; /* digits behind the point of the ledger's units, and one; 0: not told */
    const char *money_asset; /* what it counts; "": not told */
};

/* The profiles of H.264 that a rung may ask for; LINK_PROFILE_ANY leaves it to the encoder. */
enum link_profile {
    LINK_PROFILE_ANY,
    LINK_PROFILE_BASELINE, /* constrained: no B-frames */
    LINK_PROFILE_MAIN,
    LINK_PROFILE_HIGH,
    LINK_PROFILES_
};

struct link_rung {
    const char *name;
    uint32_t width, height, fps_num, fps_den, bitrate_bps, buffer_bits, vbv_init_permille, crf;
    const char *preset;
    uint32_t bframes, dts_delay_frames, frames_per_part, emit_from;
    uint32_t profile;          /* enum link_profile */
    uint32_t gop_frames;       /* at most from IDR to IDR; 0: one for each segment */
    uint32_t lookahead_frames; /* beside its B-frames */
    uint32_t viewers;          /* the rung with fewest is given up first */
};

struct link_job_open {
    const char *stream;
    uint64_t msn;
    struct track_params track; /* config borrowed from the message */
    struct link_rung ladder[PROFILE_LADDER_MAX];
    size_t n_ladder;
    uint32_t deadline_ms;
};

struct link_packet {
    uint32_t length;
    int64_t dts, pts;
    uint32_t duration, flags;
};

/* JOB_UNIT and RUNG_UNIT carry packets: their bytes are the payload frame, one after the other. */
struct link_unit {
    uint32_t rung, part; /* RUNG_UNIT only */
    struct link_packet *packets;
    size_t n_packets;
    bool last;
    uint32_t duration;    /* JOB_UNIT with last: the segment's, ticks */
    uint32_t seq;         /* JOB_UNIT only */
    struct span config;   /* RUNG_UNIT only; empty when not sent */
    uint64_t config_hash; /* RUNG_UNIT only */
};

struct link_rung_total {
    uint64_t frames, pixels, bytes;
};

struct link_job_done {
    struct link_rung_total rungs[PROFILE_LADDER_MAX];
    size_t n_rungs;
    uint64_t cpu_us;
};

/* The rung of a job that LINK_RUNG_GIVEN_UP and LINK_RUNG_REJECT are about. */
struct link_rung_word {
    uint32_t rung;
    uint32_t part; /* LINK_RUNG_REJECT: the first that is no good */
};

/* What a broadcaster may ask about money. */
enum link_pay_kind {
    LINK_PAY_ACCOUNT = 1, /* the balance of an account, which is made if it is not there */
    LINK_PAY_HOLD,        /* sets aside up to `amount`, at least `least`, for `ttl_ms`; again with
                             the same key: raises and renews */
    LINK_PAY_CHARGE,      /* the hold has cost `total` so far */
    LINK_PAY_RELEASE,     /* so too, and what is left goes back */
    LINK_PAY_RECEIPT,     /* credits the account with a STREAM receipt; key: the pointer it is said
                             to be for */
    LINK_PAY_WALLET,      /* credits it with what an Open Payments incoming payment receives */
    LINK_PAY_QUERY,       /* an SPSP query for a payment pointer of ours */
    LINK_PAY_KINDS_
};

enum link_pay_status {
    LINK_PAY_OK,
    LINK_PAY_FUNDS,       /* too little balance: nothing has moved */
    LINK_PAY_FROZEN,      /* the account may not spend */
    LINK_PAY_NO_HOLD,     /* no such hold, or it is over */
    LINK_PAY_REFUSED,     /* what was sent is no good; text says why */
    LINK_PAY_UNAVAILABLE, /* not now: ask again */
    LINK_PAY_OFF,         /* this orchestrator keeps no accounts */
    LINK_PAY_STATUSES_
};

struct link_pay_ask {
    uint64_t ask;
    enum link_pay_kind kind;
    const char *account, *key, *text;
    uint64_t amount, least, total; /* in the ledger's units */
    uint32_t ttl_ms;
};

struct link_pay_answer {
    uint64_t ask;
    enum link_pay_status status;
    uint64_t balance, amount, held;
    const char *text;
    struct span body; /* borrowed from the message */
    uint32_t http_status;
};

/* Money has come to an account that the broadcaster asked about. */
struct link_pay_news {
    const char *account;
    uint64_t balance;
};

/* reason: LINK_BYE, LINK_JOB_CANCEL, LINK_JOB_REFUSE, LINK_JOB_FAILED, LINK_RUNG_*. */
struct link_msg {
    enum link_msg_type type;
    uint64_t job; /* every LINK_JOB_* and LINK_RUNG_* */
    const char *reason;
    bool final; /* LINK_JOB_FAILED */
    union {
        struct link_hello hello;
        struct link_welcome welcome;
        struct link_job_open open;
        struct link_unit unit;
        struct link_job_done done;
        struct link_rung_word word;
        struct link_pay_ask pay_ask;
        struct link_pay_answer pay_answer;
        struct link_pay_news pay_news;
    };
    void *owned; /* memory of an unpacked message; NULL in one that the caller built */
};

/* The envelope's bytes (frame 0). Borrows m; texts may be NULL. NULL when memory is refused or a
 * field is outside its limit (link_check tells which; a hostile source can cause that). */
struct blob *link_msg_pack(const struct link_msg *m);

/* Reads an envelope. ERR_PROTO: not such a message; ERR_LIMIT: a field outside its limit;
 * ERR_NOMEM. ret_why (may be NULL) gets a static sentence naming the field. payload_len is the
 * length of frame 1: for units the packets' lengths must add up to it, for others it must be 0.
 * Gives *ret_m. */
enum err link_msg_unpack(struct span envelope, size_t payload_len, struct link_msg **ret_m,
                         const char **ret_why) CHECKED;

void link_msg_destroy(struct link_msg *m); /* takes NULL */

/* The packets of a unit as slices of its payload blob (each with a reference of its own), appended
 * to ret_packets. The unit must have come from link_msg_unpack with that payload. ERR_NOMEM. */
enum err link_unit_packets(const struct link_unit *u, enum track_kind kind, struct blob *payload,
                           struct packets *ret_packets) CHECKED;

#endif
