/* STREAM receipts of many viewers, verified and credited: the answer comes when the credit is on
 * the disk. Who signs them is not measured. Prints JSON.
 *
 *   receipts_bench FOLDER VIEWERS RECEIPTS */
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "orchestrator/receipts/nonces.h"
#include "orchestrator/receipts/receipts.h"

#define POINTER     "$wallet.example/alice"
#define WAITING_MAX (RECEIPTS_OPEN_MAX - 1)
#define TTL_MS      3600000
#define JOURNAL_MAX (64 * 1024 * 1024)
#define TEXT_SIZE   (RECEIPT_TEXT_MAX + 1)

struct bench {
    const char *folder;
    struct loop *loop;
    struct ledger *ledger;
    struct receipts *receipts;
    struct seeds seeds;
    unsigned long viewers, end, asked, answered, refused;
    uint64_t credited;
    char *texts; /* TEXT_SIZE each */
};

static void stop(const char *what, const char *why)
{
    fprintf(stderr, "receipts_bench: %s: %s\n", what, why);
    exit(1);
}

static void nonce_of(unsigned long viewer, unsigned char *ret_nonce)
{
    memset(ret_nonce, 0, RECEIPT_NONCE_BYTES);
    memcpy(ret_nonce, &viewer, sizeof viewer);
}

/* As if each viewer's page had asked where to pay. */
static void write_nonces(struct bench *b)
{
    char path[4096], why[SEEDS_WHY_SIZE];
    unsigned char nonce[RECEIPT_NONCE_BYTES];
    struct buf journal;
    if (seeds_open(b->folder, "", &b->seeds, why) != ERR_OK) {
        stop("seed", why);
    }
    buf_init(&journal, JOURNAL_MAX);
    struct nonces *n = nonces_create(&b->seeds, TTL_MS, NONCES_MAX);
    for (unsigned long v = 0; v < b->viewers; v++) {
        nonce_of(v, nonce);
        if (nonces_add(n, nonce, POINTER, clock_wall_ms(), &journal) != ERR_OK) {
            stop("nonces", "too many viewers");
        }
    }
    buf_clear(&journal);
    snprintf(path, sizeof path, "%s/receipts/nonces", b->folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (nonces_save(n, &journal) != ERR_OK || fd < 0 ||
        write(fd, journal.data, journal.len) != (ssize_t)journal.len) {
        stop(path, "cannot be written");
    }
    close(fd);
    nonces_destroy(n);
    buf_fini(&journal);
}

/* What a wallet does: the i-th receipt of all. */
static void sign(const struct bench *b, unsigned long i, char *ret_text)
{
    unsigned char bytes[RECEIPT_BYTES] = {1}, secret[RECEIPT_SECRET_BYTES];
    uint64_t total = (i / b->viewers + 1) * 15000;
    nonce_of(i % b->viewers, bytes + 1);
    bytes[17] = 1;
    for (int k = 0; k < 8; k++) {
        bytes[18 + k] = (unsigned char)(total >> (56 - 8 * k));
    }
    receipt_secret(&b->seeds.items[0].key, bytes + 1, secret);
    crypto_auth_hmacsha256(bytes + RECEIPT_SIGNED_BYTES, bytes, RECEIPT_SIGNED_BYTES, secret);
    sodium_bin2base64(ret_text, TEXT_SIZE, bytes, sizeof bytes, sodium_base64_VARIANT_ORIGINAL);
}

static void ask_more(struct bench *b);

static void on_credited(void *arg, const struct receipts_outcome *o)
{
    struct bench *b = arg;
    b->answered++;
    b->refused += o->http_status != 200;
    b->credited += o->amount;
    if (b->answered == b->end) {
        loop_stop(b->loop);
    }
}

/* On a timer, because an answer may come from inside. */
static void on_more(void *arg)
{
    ask_more(arg);
}

static void ask_more(struct bench *b)
{
    char account[64];
    while (b->asked < b->end && b->asked - b->answered < WAITING_MAX) {
        unsigned long i = b->asked++;
        const char *text = b->texts + i * TEXT_SIZE;
        snprintf(account, sizeof account, "viewer:%016lx", i % b->viewers);
        receipts_credit(b->receipts, account, span_cstr(text), "", on_credited, b);
    }
}

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void run(struct bench *b, unsigned long end)
{
    struct loop_timer *more = loop_timer_create(b->loop, on_more, b);
    b->end = end;
    loop_timer_start(more, 0, 1);
    loop_run(b->loop);
    loop_timer_destroy(more);
}

static void open_all(struct bench *b)
{
    char path[4096], why[RECEIPTS_WHY_SIZE];
    snprintf(path, sizeof path, "%s/ledger.db", b->folder);
    const struct ledger_config lc = {.path = path, .scale = 9, .asset = "USD"};
    const struct receipts_config rc = {.data_dir = b->folder,
                                       .pointers = POINTER,
                                       .seed = "",
                                       .service = "",
                                       .ttl_ms = TTL_MS,
                                       .timeout_ms = 1000,
                                       .scale = -1};
    if (ledger_open(b->loop, &lc, &b->ledger, why) != ERR_OK) {
        stop("ledger", why);
    }
    if (receipts_create(b->loop, &rc, b->ledger, &b->receipts, why) != ERR_OK) {
        stop("receipts", why);
    }
}

int main(int argc, char **argv)
{
    struct bench b = {.loop = loop_create()};
    if (argc != 4 || sodium_init() < 0) {
        fprintf(stderr, "receipts_bench FOLDER VIEWERS RECEIPTS\n");
        return 2;
    }
    b.folder = argv[1];
    b.viewers = strtoul(argv[2], NULL, 10);
    unsigned long n = strtoul(argv[3], NULL, 10), all = b.viewers + n;
    write_nonces(&b);
    b.texts = mem_alloc(all * TEXT_SIZE);
    for (unsigned long i = 0; i < all; i++) {
        sign(&b, i, b.texts + i * TEXT_SIZE);
    }
    open_all(&b);
    run(&b, b.viewers); /* every account is there, and every stream is its account's */
    double cpu = cpu_s();
    int64_t begun = clock_mono_us();
    run(&b, all);
    printf("{\"receipts\": %lu, \"refused\": %lu, \"credited\": %" PRIu64
           ", \"wall_s\": %.3f, \"cpu_s\": %.3f}\n",
           n, b.refused, b.credited, (double)(clock_mono_us() - begun) / 1e6, cpu_s() - cpu);
    ledger_close(b.ledger);
    receipts_destroy(b.receipts);
    loop_run_once(b.loop);
    loop_destroy(b.loop);
    mem_free(b.texts);
    return 0;
}
