#include "orchestrator/receipts/desk.h"

#include "base/mem.h"
#include "orchestrator/receipts/receipt_server.h"
#include "run/log.h"

struct desk {
    struct receipts *receipts;
    struct receipt_server *server; /* NULL: without -receiptAddr */
};

bool desk_is_wanted(const struct desk_config *config)
{
    return config->receipts.pointers[0] != '\0';
}

static enum err refuse(const char *why)
{
    log_error("receipts", "config", "%s", why);
    return ERR_STATE;
}

enum err desk_check(const struct desk_config *c)
{
    if (!desk_is_wanted(c) && (c->addr[0] != '\0' || c->receipts.service[0] != '\0')) {
        return refuse("-receiptAddr and -receiptService need -paymentPointer: the pointers that "
                      "payments may be for");
    }
    return ERR_OK;
}

static enum err open_server(struct loop *l, const char *addr, struct desk *d)
{
    const char *why = "";
    enum err e = receipt_server_create(l, addr, d->receipts, &d->server, &why);
    if (e != ERR_OK) {
        log_error("receipts", "cannot_listen", "-receiptAddr %s: %s", addr, why);
        return e;
    }
    log_info("receipts", "listening", "addr=%s port=%d", addr, receipt_server_port(d->server));
    return ERR_OK;
}

enum err desk_open(struct loop *l, const struct desk_config *c, struct ledger *ledger,
                   struct desk **ret_desk)
{
    char why[RECEIPTS_WHY_SIZE] = "";
    if (!desk_is_wanted(c)) {
        *ret_desk = NULL;
        return ERR_OK;
    }
    if (ledger == NULL) {
        return refuse("-paymentPointer needs accounts for what comes in, and -ledger is off");
    }
    struct desk *d = mem_alloc(sizeof *d);
    enum err e = receipts_create(l, &c->receipts, ledger, &d->receipts, why);
    if (e != ERR_OK) {
        log_error("receipts", "config", "%s", why);
    }
    e = e == ERR_OK && c->addr[0] != '\0' ? open_server(l, c->addr, d) : e;
    if (e != ERR_OK) {
        desk_close(d);
        return e;
    }
    if (c->receipts.allow_http) {
        log_warn("receipts", "testing",
                 "-allowHttpPayments: wallets are asked without TLS and on private networks, which "
                 "is for tests alone");
    }
    *ret_desk = d;
    return ERR_OK;
}

void desk_stop(struct desk *d)
{
    if (d != NULL) {
        receipt_server_destroy(d->server);
        d->server = NULL;
        if (d->receipts != NULL) {
            receipts_stop(d->receipts);
        }
    }
}

void desk_close(struct desk *d)
{
    if (d != NULL) {
        desk_stop(d);
        receipts_destroy(d->receipts);
        mem_free(d);
    }
}

struct receipts *desk_receipts(const struct desk *d)
{
    return d != NULL ? d->receipts : NULL;
}

void desk_status(const struct desk *d, struct json *object)
{
    if (d != NULL) {
        receipts_status(d->receipts, object);
    }
}

void desk_metrics(const struct desk *d, struct metrics *m)
{
    if (d != NULL) {
        receipts_metrics(d->receipts, m);
    }
}
