/* The seeds that nonces' secrets come from. The first line of their file makes new nonces; further
 * ones are former seeds, whose nonces still count: to rotate, put a new line on top, restart, and
 * take the old one away when no payment of its time is under way any more. A line is 16 to 64 bytes
 * in base64; "#" begins a remark. Blocking; any thread. */
#ifndef ORCHESTRATOR_RECEIPTS_SEEDS_H
#define ORCHESTRATOR_RECEIPTS_SEEDS_H

#include "orchestrator/receipts/receipt.h"

#define SEEDS_MAX      8
#define SEEDS_WHY_SIZE 400

struct seed {
    struct receipt_key key;
    uint64_t id; /* of the key, for the list of nonces: says nothing about it */
};

struct seeds {
    struct seed items[SEEDS_MAX]; /* one at least */
    size_t n;
};

/* Reads the text of such a file. ERR_PROTO, ERR_LIMIT: ret_why (SEEDS_WHY_SIZE bytes) names the
 * line, without its words. */
enum err seeds_parse(struct span text, struct seeds *ret_seeds, char *ret_why) CHECKED;

/* Reads the file of that path, or, without one (""), "receipts/seed" in the data directory, which
 * is made with a random seed (mode 0600) when it is not there. ret_why says what to do. */
enum err seeds_open(const char *data_dir, const char *path, struct seeds *ret_seeds,
                    char *ret_why) CHECKED;

void seeds_wipe(struct seeds *s);

#endif
