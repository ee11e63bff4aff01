/* The ledger: credits, each durable when it is answered, as they come from receipts of many
 * viewers. Prints JSON.
 *
 *   ledger_bench FOLDER VIEWERS CREDITS WAITING */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "orchestrator/ledger/ledger.h"

#define TEXT_MAX 100

struct bench {
    struct ledger *ledger;
    struct loop *loop;
    unsigned long viewers, end, asked, answered, refused, waiting_max;
    uint64_t moved;
};

static void ask(struct bench *b);

static void ask_more(struct bench *b)
{
    while (b->asked < b->end && b->asked - b->answered < b->waiting_max) {
        ask(b);
    }
}

static void on_answer(void *arg, const struct ledger_answer *a)
{
    struct bench *b = arg;
    b->answered++;
    b->refused += a->err != ERR_OK;
    b->moved += a->amount;
    if (b->answered == b->end) {
        loop_stop(b->loop);
    } else {
        ask_more(b);
    }
}

/* As a receipt's credit: the source is a nonce and a stream, the account a viewer's. */
static void ask(struct bench *b)
{
    char account[TEXT_MAX], key[TEXT_MAX];
    unsigned long v = b->asked % b->viewers;
    snprintf(account, sizeof account, "viewer:%016lx%016lx", v * 2654435761UL, v);
    snprintf(key, sizeof key, "receipt:%016lx%016lx:1", v * 40503UL, v);
    ledger_ask(b->ledger,
               &(struct ledger_request){.op = LEDGER_CREDIT,
                                        .account = account,
                                        .other = "world:receipts",
                                        .key = key,
                                        .total = (b->asked / b->viewers + 1) * 15000},
               on_answer, b);
    b->asked++;
}

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void run(struct bench *b, unsigned long end)
{
    b->end = end;
    ask_more(b);
    loop_run(b->loop);
}

int main(int argc, char **argv)
{
    char path[4096], why[LEDGER_WHY_MAX];
    struct bench b = {.loop = loop_create()};
    if (argc != 5) {
        fprintf(stderr, "ledger_bench FOLDER VIEWERS CREDITS WAITING\n");
        return 2;
    }
    b.viewers = strtoul(argv[2], NULL, 10);
    b.waiting_max = strtoul(argv[4], NULL, 10);
    unsigned long credits = strtoul(argv[3], NULL, 10);
    snprintf(path, sizeof path, "%s/ledger.db", argv[1]);
    const struct ledger_config config = {.path = path, .scale = 9, .asset = "USD"};
    if (b.viewers == 0 || b.waiting_max == 0 ||
        ledger_open(b.loop, &config, &b.ledger, why) != ERR_OK) {
        fprintf(stderr, "ledger_bench: no ledger: %s\n", why);
        return 1;
    }
    run(&b, b.viewers); /* every account is there */
    double cpu = cpu_s();
    int64_t begun = clock_mono_us();
    run(&b, b.viewers + credits);
    double took = (double)(clock_mono_us() - begun) / 1e6;
    printf("{\"credits\": %lu, \"refused\": %lu, \"moved\": %" PRIu64
           ", \"wall_s\": %.3f, \"cpu_s\": %.3f}\n",
           credits, b.refused, b.moved, took, cpu_s() - cpu);
    ledger_close(b.ledger);
    loop_run_once(b.loop);
    loop_destroy(b.loop);
    return 0;
}
