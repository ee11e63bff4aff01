/* One publisher's packets into a stream, and who of several may send them. A stream has one feed
 * that is in force. Who publishes its id with its key while another feed is in force (it came back,
 * and its old connection is half dead) is admitted at once, waits, and takes over at its first
 * keyframe; the old feed goes on until then. The newest claimant is the only one. Loop's thread. */
#ifndef BROADCASTER_INGEST_FEED_H
#define BROADCASTER_INGEST_FEED_H

#include "broadcaster/stream/stream.h"

/* A publisher from which something came so recently is alive; from an alive one a stream is taken
 * over only so often, so that two encoders that both come back for ever do not tear it to pieces.
 */
#define FEED_SILENT_MS    1000
#define FEED_TAKE_OVER_MS 10000

/* Take-overs from an alive publisher that follow each other this closely are a fight, and told. */
#define FEED_FIGHT_MS 60000

/* Without a picture to wait for, sound takes over after so long. */
#define FEED_SOUND_MS 1000

/* Who waited is in the middle of a group of pictures when the stream becomes its own; so long a
 * missing keyframe is no fault of its. */
#define FEED_KEY_MS 4000

struct feed;

struct feed_claim {
    const char *id;              /* copied */
    const char *key;             /* "": none given; not kept */
    bool key_given;              /* not by the publisher: see feed_check */
    const struct ladder *ladder; /* of a stream that is new; NULL: as all others; copied */

    /* The stream is another publisher's from now on; code and text are the RTMP status. From inside
     * of another feed's calls. feed_close is still due; all else that is sent is thrown away. */
    void (*on_lost)(void *arg, const char *code, const char *text);
    void *arg;
};

/* A publisher begins. ERR_AUTH: the id is another key's, ERR_STATE: something else publishes it,
 * ERR_LIMIT: too many live streams (ret_why: a sentence, static). Gives. */
enum err feed_open(struct streams *s, const struct feed_claim *claim, int64_t now_ms,
                   int64_t wall_ms, struct feed **ret_feed, const char **ret_why) CHECKED;

/* Whether feed_open could admit that publisher now; errors as there. Nothing is counted. A stream
 * whose key was given to its publisher cannot be asked by what a publisher gives: it may. */
enum err feed_check(struct streams *s, const char *id, const char *key,
                    const char **ret_why) CHECKED;

/* The publisher has gone. Who waits for the stream has it now. */
void feed_close(struct feed *f, int64_t now_ms);

const char *feed_id(const struct feed *f);

/* The stream while the feed is in force; otherwise NULL. Borrowed. */
struct stream *feed_stream(const struct feed *f);

void feed_track(struct feed *f, struct track *track);

/* Borrows p. Errors as stream_packet. */
enum err feed_packet(struct feed *f, const struct packet *p, int64_t now_ms) CHECKED;

/* What the publisher calls the stream: UTF-8 without control characters, at most BOARD_TITLE_MAX
 * bytes; copied, "": nothing; and the rate it declares, as stream_told. It is the stream's from
 * when the feed is in force. */
void feed_told(struct feed *f, const char *title, int fps_milli);

/* As stream_left_out; nothing while the feed is not in force. */
void feed_left_out(struct feed *f, enum repair_kind why, int64_t now_ms);

#endif
