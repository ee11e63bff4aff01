/* Who has said hello, and what waits for them. */
#include "orchestrator/peers.h"

#include "base/blob.h"
#include "tests/support/unit.h"

#define BIG (1 << 20)

static struct peers *all;
static size_t room, sent; /* what the link still takes, has taken */

static enum err take(void *arg, link_peer to, struct blob *envelope, struct blob *payload)
{
    (void)arg, (void)to, (void)envelope, (void)payload;
    if (room == 0) {
        return ERR_AGAIN;
    }
    room--;
    sent++;
    return ERR_OK;
}

static void begin(void)
{
    all = peers_create(take, NULL);
}

static void end(void)
{
    peers_destroy(all);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

static struct peer *add(link_peer id, enum link_role role)
{
    return peers_add(all, id, role, "key", "instance");
}

static enum err send(link_peer to, enum link_msg_type type, size_t bytes)
{
    struct link_msg m = {.type = type, .reason = ""};
    struct blob *payload = bytes > 0 ? blob_create(bytes) : NULL;
    enum err e = peers_send(all, to, &m, payload);
    blob_unref(payload);
    return e;
}

START_TEST(they_are_found_by_number_and_by_what_they_are)
{
    begin();
    struct peer *first = add(7, LINK_ROLE_TRANSCODER);
    struct peer *second = add(7 + 1024, LINK_ROLE_BROADCASTER);
    ck_assert_ptr_eq(peers_find(all, 7), first);
    ck_assert_ptr_eq(peers_find(all, 7 + 1024), second);
    ck_assert_ptr_null(peers_find(all, 8));
    ck_assert_ptr_eq(peers_former(all, LINK_ROLE_BROADCASTER, "key", "instance"), second);
    ck_assert_ptr_null(peers_former(all, LINK_ROLE_BROADCASTER, "other", "instance"));
    ck_assert_ptr_null(peers_former(all, LINK_ROLE_BROADCASTER, "key", "other"));
    ck_assert_ptr_null(peers_former(all, LINK_ROLE_BROADCASTER, "key", ""));
    peers_remove(second);
    ck_assert_ptr_null(peers_find(all, 7 + 1024));
    ck_assert_ptr_null(peers_former(all, LINK_ROLE_BROADCASTER, "key", "instance"));
    ck_assert(peer_scold(first));
    ck_assert(!peer_scold(first));
    ck_assert_int_eq(send(9, LINK_JOB_DONE, 0), ERR_NOENT);
    end();
}
END_TEST

START_TEST(what_the_link_does_not_take_waits_but_for_the_input_of_jobs)
{
    begin();
    struct peer *p = add(1, LINK_ROLE_TRANSCODER);
    room = 1;
    ck_assert_int_eq(send(1, LINK_JOB_UNIT, 10), ERR_OK);
    ck_assert_int_eq(send(1, LINK_JOB_UNIT, 10), ERR_AGAIN);
    ck_assert_uint_eq(peers_waiting_bytes(all), 0);
    ck_assert_int_eq(send(1, LINK_JOB_CANCEL, 0), ERR_OK);
    ck_assert_uint_gt(peers_waiting_bytes(all), 0);
    ck_assert(!peers_writable(p));
    room = 5;
    ck_assert_int_eq(send(1, LINK_JOB_UNIT, 10), ERR_AGAIN); /* not before what waits */
    ck_assert(peers_writable(p));
    ck_assert_uint_eq(sent, 2);
    ck_assert_uint_eq(peers_waiting_bytes(all), 0);
    ck_assert_int_eq(send(1, LINK_JOB_UNIT, 10), ERR_OK);
    ck_assert_uint_eq(peers_dropped(all), 0);
    ck_assert_ptr_null(peers_doomed(all));
    end();
}
END_TEST

START_TEST(a_peer_that_takes_nothing_loses_rungs_first_and_then_goes)
{
    begin();
    add(1, LINK_ROLE_BROADCASTER);
    struct peer *p = add(2, LINK_ROLE_BROADCASTER);
    enum err e = ERR_OK;
    for (size_t n = 0; n <= PEERS_RUNG_BYTES / BIG && e == ERR_OK; n++) {
        e = send(2, LINK_RUNG_UNIT, BIG);
    }
    ck_assert_int_eq(e, ERR_LIMIT);
    ck_assert_uint_le(peers_waiting_bytes(all), PEERS_RUNG_BYTES);
    ck_assert_ptr_null(peers_doomed(all));
    ck_assert_int_eq(send(2, LINK_JOB_FAILED, 0), ERR_OK);
    ck_assert_int_eq(send(2, LINK_JOB_DONE, PEERS_RUNG_BYTES), ERR_LIMIT);
    ck_assert_ptr_eq(peers_doomed(all), p);
    ck_assert_uint_eq(peers_dropped(all), 1);
    end();
}
END_TEST

UNIT_MAIN("peers", they_are_found_by_number_and_by_what_they_are,
          what_the_link_does_not_take_waits_but_for_the_input_of_jobs,
          a_peer_that_takes_nothing_loses_rungs_first_and_then_goes)
