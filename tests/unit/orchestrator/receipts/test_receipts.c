#include "orchestrator/receipts/receipts.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "orchestrator/payments/rails.h"
#include "orchestrator/receipts/nonces.h"
#include "run/private_file.h"
#include "tests/support/unit.h"

#define OURS  "$w.example/alice"
#define OTHER "$w.example/former"

static const unsigned char nonce[RECEIPT_NONCE_BYTES] = "the nonce of one";
static const unsigned char former[RECEIPT_NONCE_BYTES] = "that of a former";
static char folder[64], seed_path[96], ledger_path[96];
static struct seeds seeds;
static struct loop *loop;
static struct ledger *ledger;
static struct receipts *receipts;

static void write_files(void)
{
    static const char seed[] = "QUJDREVGR0hJSktMTU5PUA==\n";
    struct buf journal;
    char why[SEEDS_WHY_SIZE];
    strcpy(folder, "/tmp/test_receipts.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(seed_path, sizeof seed_path, "%s/receipts/given", folder);
    snprintf(ledger_path, sizeof ledger_path, "%s/ledger.db", folder);
    ck_assert_int_eq(seeds_parse(span_cstr(seed), &seeds, why), ERR_OK);
    buf_init(&journal, 100000);
    struct nonces *n = nonces_create(&seeds, 60000, 10);
    ck_assert_int_eq(nonces_save(n, &journal), ERR_OK);
    ck_assert_int_eq(nonces_add(n, nonce, OURS, clock_wall_ms(), &journal), ERR_OK);
    ck_assert_int_eq(nonces_add(n, former, OTHER, clock_wall_ms(), &journal), ERR_OK);
    int fd = private_folder_open(folder, "receipts", true);
    ck_assert_int_eq(private_file_write(fd, "nonces", buf_span(&journal)), ERR_OK);
    ck_assert_int_eq(private_file_write(fd, "given", span_cstr(seed)), ERR_OK);
    close(fd);
    nonces_destroy(n);
    buf_fini(&journal);
}

static void open_all(int ledger_scale)
{
    char why[RECEIPTS_WHY_SIZE] = "";
    const struct ledger_config lc = {.path = ledger_path, .scale = ledger_scale, .asset = "USD"};
    const struct receipts_config rc = {
        .data_dir = folder,
        .pointers = OURS ",$w.example/bob",
        .seed = seed_path,
        .service = "",
        .ttl_ms = 60000,
        .timeout_ms = 1000,
        .scale = 9,
    };
    loop = loop_create();
    ck_assert_msg(ledger_open(loop, &lc, &ledger, why) == ERR_OK, "%s", why);
    ck_assert_msg(receipts_create(loop, &rc, ledger, &receipts, why) == ERR_OK, "%s", why);
}

static void close_all(void)
{
    receipts_stop(receipts);
    ledger_close(ledger);
    receipts_destroy(receipts);
    loop_destroy(loop);
}

static void remove_files(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

static const char *sign(const unsigned char *of, uint64_t total)
{
    static char text[RECEIPT_TEXT_MAX + 1];
    unsigned char bytes[RECEIPT_BYTES] = {1}, secret[RECEIPT_SECRET_BYTES];
    crypto_auth_hmacsha256_state state;
    memcpy(bytes + 1, of, RECEIPT_NONCE_BYTES);
    bytes[17] = 1;
    for (int b = 0; b < 8; b++) {
        bytes[18 + b] = (unsigned char)(total >> (56 - 8 * b));
    }
    receipt_secret(&seeds.items[0].key, of, secret);
    crypto_auth_hmacsha256_init(&state, secret, sizeof secret);
    crypto_auth_hmacsha256_update(&state, bytes, RECEIPT_SIGNED_BYTES);
    crypto_auth_hmacsha256_final(&state, bytes + RECEIPT_SIGNED_BYTES);
    sodium_bin2base64(text, sizeof text, bytes, sizeof bytes, sodium_base64_VARIANT_ORIGINAL);
    return text;
}

/* What was answered. */
struct seen {
    int calls, status;
    uint64_t amount, balance;
    char text[RECEIPTS_TEXT_SIZE];
    enum link_pay_status pay;
};

static void on_outcome(void *arg, const struct receipts_outcome *o)
{
    struct seen *s = arg;
    s->calls++;
    s->status = o->http_status;
    s->amount = o->amount;
    s->balance = o->balance;
    snprintf(s->text, sizeof s->text, "%s", o->text);
    loop_stop(loop);
}

static void on_answer(void *arg, const struct link_pay_answer *a)
{
    struct seen *s = arg;
    s->calls++;
    s->status = (int)a->http_status;
    s->amount = a->amount;
    s->balance = a->balance;
    s->pay = a->status;
    snprintf(s->text, sizeof s->text, "%s", a->text);
    loop_stop(loop);
}

static struct seen credit(const char *account, const char *text, const char *claimed)
{
    struct seen s = {.calls = 0};
    receipts_credit(receipts, account, span_cstr(text), claimed, on_outcome, &s);
    while (s.calls == 0) {
        loop_run(loop); /* ends at once when an earlier answer came from inside */
    }
    ck_assert_int_eq(s.calls, 1);
    return s;
}

/* What the page says about the pointer has to be right, but money goes by the nonce alone. */
START_TEST(pointers_are_ours_and_the_nonces)
{
    static const char *const wrong[] = {OTHER, "$w.example/bob", "$evil.example/x", "nonsense"};
    static const char *const right[] = {"", OURS, "https://w.example/alice",
                                        "https://pay.example/spsp/%24w.example%2Falice"};
    write_files();
    open_all(9);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct seen s = credit("viewer:a", sign(nonce, 10), wrong[i]);
        ck_assert_int_eq(s.status, 400);
        ck_assert_str_eq(s.text, "the receipt is for another payment pointer");
    }
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        struct seen s = credit("viewer:a", sign(nonce, 10 * (i + 1)), right[i]);
        ck_assert_msg(s.status == 200, "%s", s.text);
        ck_assert_uint_eq(s.amount, 10);
        ck_assert_uint_eq(s.balance, 10 * (i + 1));
    }
    ck_assert_int_eq(credit("viewer:a", sign(former, 10), "").status, 400);
    ck_assert_int_eq(credit("viewer:a", sign(former, 10), OTHER).status, 400);
    close_all();
    remove_files();
}
END_TEST

START_TEST(broadcasters_ask)
{
    struct seen s = {.calls = 0};
    write_files();
    open_all(7);
    struct link_pay_ask q = {
        .kind = LINK_PAY_RECEIPT, .account = "viewer:a", .key = OURS, .text = sign(nonce, 250)};
    rail_of_receipts(receipts).fn(receipts, &q, on_answer, &s);
    loop_run(loop);
    ck_assert_int_eq(s.pay, LINK_PAY_OK);
    ck_assert_uint_eq(s.amount, 2); /* rounded down, in the ledger's scale */
    ck_assert_uint_eq(s.balance, 2);
    rail_of_receipts(receipts).fn(receipts, &q, on_answer, &s);
    while (s.calls < 2) {
        loop_run_once(loop);
    }
    ck_assert_int_eq(s.pay, LINK_PAY_OK); /* the same once more: its answer may have been lost */
    ck_assert_uint_eq(s.amount, 0);
    ck_assert_uint_eq(s.balance, 2);
    q.account = "viewer:b";
    rail_of_receipts(receipts).fn(receipts, &q, on_answer, &s);
    while (s.calls < 3) {
        loop_run_once(loop);
    }
    ck_assert_str_eq(s.text, "expired receipt");
    q.account = "viewer:a";
    q.text = sign(nonce, 150);
    rail_of_receipts(receipts).fn(receipts, &q, on_answer, &s);
    while (s.calls < 4) {
        loop_run_once(loop);
    }
    ck_assert_int_eq(s.pay, LINK_PAY_REFUSED);
    ck_assert_int_eq(s.status, 400);
    ck_assert_str_eq(s.text, "expired receipt");
    q.text = "$w.example/eve";
    rail_of_queries(receipts).fn(receipts, &q, on_answer, &s);
    ck_assert_int_eq(s.calls, 5);
    ck_assert_int_eq(s.pay, LINK_PAY_REFUSED);
    ck_assert_int_eq(s.status, 404);
    ck_assert_str_eq(s.text, "not a payment pointer of this place");
    close_all();
    remove_files();
}
END_TEST

/* Stopped at any point of its way, a credit is answered; and asked again after a restart it counts,
 * once. */
START_TEST(stopped_on_the_way)
{
    write_files();
    for (int steps = 0; steps < 12; steps++) {
        struct seen s = {.calls = 0};
        uint64_t total = 10 * (uint64_t)(steps + 1);
        open_all(9);
        receipts_credit(receipts, "viewer:a", span_cstr(sign(nonce, total)), "", on_outcome, &s);
        for (int i = 0; i < steps / 4 && s.calls == 0; i++) {
            loop_run_once(loop);
        }
        close_all();
        ck_assert_int_eq(s.calls, 1);
        ck_assert_msg(s.status == 200 || s.status == 503, "%d", s.status);
        open_all(9);
        s = credit("viewer:a", sign(nonce, total), "");
        ck_assert_int_eq(s.status == 200 || s.status == 400, 1);
        s = credit("viewer:a", sign(nonce, total + 1), "");
        ck_assert_uint_eq(s.balance, total + 1);
        close_all();
    }
    remove_files();
}
END_TEST

START_TEST(names_are_short_texts)
{
    char name[LEDGER_NAME_MAX + 1];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    write_files();
    open_all(9);
    ck_assert_int_eq(credit(name, sign(nonce, 10), "").status, 400);
    ck_assert_int_eq(credit("viewer:a\nend", sign(nonce, 10), "").status, 400);
    name[sizeof name - 2] = '\0';
    ck_assert_int_eq(credit(name, sign(nonce, 10), "").status, 200);
    close_all();
    remove_files();
}
END_TEST

UNIT_MAIN("receipts", pointers_are_ours_and_the_nonces, broadcasters_ask, stopped_on_the_way,
          names_are_short_texts)
