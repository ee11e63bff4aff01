/* The file of -prices: read, or refused with a line and words; what it says of names is a toll that
 * a file and a minute of it cost. Each name that it has is asked for. */
#include <stdlib.h>
#include <string.h>

#include "broadcaster/paywall/money.h"
#include "broadcaster/paywall/prices.h"

#define SCALE 9

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok) {
        abort();
    }
}

static void check_toll(struct toll t)
{
    const struct toll_file file = {.size = 1000003, .duration_ms = 61234};
    char text[TOLL_TEXT_MAX], money[MONEY_TEXT_MAX];
    uint32_t carried = 0;
    uint64_t again = 0;
    must((t.per == TOLL_FREE) == (t.amount == 0) && t.amount <= MONEY_MAX);
    toll_format(&t, SCALE, "USD", text);
    money_format(t.amount, SCALE, money);
    must(money_parse(span_cstr(money), SCALE, &again) == ERR_OK && again == t.amount);
    must(toll_cost(&t, 540000, 1000003, TOLL_PARTS - 1, &carried) <= MONEY_MAX);
    must(carried < TOLL_PARTS);
    uint64_t half = toll_file_cost(&t, &file, file.size / 2);
    must(half <= toll_file_cost(&t, &file, file.size));
}

static void ask(struct prices *p, const struct config_node *list)
{
    for (const struct config_node *n = list != NULL ? list->first : NULL; n != NULL; n = n->next) {
        if (n->key != NULL) {
            check_toll(prices_of_stream(p, n->key));
            check_toll(prices_of_file(p, n->key));
        }
    }
}

static void use(const struct config_node *root)
{
    static const struct toll rest = {TOLL_PER_MB, 7};
    struct prices *p;
    struct config_fault fault = {0};
    char why[CONFIG_WHY_MAX];
    if (prices_read(root, &rest, SCALE, &p, &fault) != ERR_OK) {
        config_fault_format("prices.yaml", &fault, why);
        must(fault.text[0] != '\0' && strpbrk(why, "\r\n") == NULL);
        return;
    }
    must(prices_any(p));
    check_toll(prices_of_stream(p, ""));
    if (root != NULL) {
        ask(p, config_tree_member(root, "streams"));
        ask(p, config_tree_member(root, "files"));
    }
    prices_destroy(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config_node *root = NULL;
    struct config_fault fault = {0};
    if (config_tree_read(span_of(data, size), &root, &fault) == ERR_OK) {
        use(root);
    } else {
        must(fault.text[0] != '\0');
    }
    config_tree_destroy(root);
    return 0;
}
