/* What an Open Payments wallet answers, and what pages and flags name of one. The first byte
 * chooses: a its address, i an incoming payment, g a grant, u the URL that a page sent, p the
 * address in a flag, k the key file, w the file of watched payments, s a request to sign (method,
 * URL, authorization, a line each, then the body). */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "orchestrator/ledger/ledger_book.h"
#include "orchestrator/wallets/open_payments.h"
#include "orchestrator/wallets/wallet_key.h"
#include "orchestrator/wallets/watch_lines.h"

#define KEY_SIZE (OPEN_PAYMENTS_URL_MAX + 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct wallet_address ours = {
    .id = "https://w.example/alice",
    .asset_code = "USD",
    .asset_scale = 9,
    .auth_server = "https://auth.w.example",
    .resource_server = "https://w.example",
};

static void must(int ok)
{
    if (!ok) {
        abort();
    }
}

/* What is copied from answers goes into headers, logs and keys. */
static void check_text(const char *text, size_t size)
{
    must(memchr(text, '\0', size) != NULL);
    for (; *text != '\0'; text++) {
        must(*text > 0x20 && *text < 0x7f);
    }
}

static void check_why(enum err e, const char *why)
{
    must(e == ERR_OK || (why[0] != '\0' && memchr(why, '\0', OPEN_PAYMENTS_WHY_MAX) != NULL));
}

static enum err ask_address(struct span text, char *why)
{
    struct wallet_address w;
    enum err e = open_payments_wallet(text, &w, why);
    if (e == ERR_OK) {
        check_text(w.id, sizeof w.id);
        check_text(w.asset_code, sizeof w.asset_code);
        check_text(w.auth_server, sizeof w.auth_server);
        check_text(w.resource_server, sizeof w.resource_server);
        must(w.asset_scale >= 0 && w.asset_scale <= LEDGER_SCALE_MAX);
        (void)!open_payments_check_url(&w, "https://w.example/incoming-payments/1", why);
    }
    return e;
}

static enum err ask_payment(struct span text, char *why)
{
    static const char url[] = "https://w.example/incoming-payments/1";
    struct incoming_payment p;
    enum err e = open_payments_incoming(text, &p, why);
    if (e != ERR_OK) {
        return e;
    }
    check_text(p.id, sizeof p.id);
    check_text(p.auth_server, sizeof p.auth_server);
    check_text(p.wallet_address, sizeof p.wallet_address);
    for (int with_token = 0; with_token < 2; with_token++) {
        e = open_payments_check(&ours, url, &p, with_token, why);
        check_why(e, why);
        must(e != ERR_OK || !p.has_received ||
             (strcmp(p.asset_code, "USD") == 0 && p.asset_scale == 9));
        must(e != ERR_OK || strcmp(with_token ? p.wallet_address : p.auth_server,
                                   with_token ? ours.id : ours.auth_server) == 0);
    }
    return ERR_OK;
}

static enum err ask_grant(struct span text, char *why)
{
    struct grant g;
    enum err e = open_payments_grant(text, &g, why);
    if (e == ERR_OK) {
        check_text(g.token, sizeof g.token);
        must(g.token[0] != '\0');
    }
    return e;
}

static enum err ask_url(const char *url, char *why)
{
    char key[KEY_SIZE];
    enum err e = open_payments_check_url(&ours, url, why);
    if (e == ERR_OK) {
        check_text(url, OPEN_PAYMENTS_URL_MAX);
        must(strncasecmp(url, "https://w.example/", 18) == 0);
        must(strpbrk(url, "?#\\%") == NULL);
        must(strstr(url, "/../") == NULL && strstr(url, "/./") == NULL);
        must(open_payments_source(url, key, sizeof key) == ERR_OK);
        must(strlen(key) == strlen(url) + strlen("wallet:"));
        must(strlen(key) >= LEDGER_NAME_MAX || ledger_name_is_valid(key));
    }
    return e;
}

static enum err ask_pointer(const char *text, char *why)
{
    char url[OPEN_PAYMENTS_URL_MAX], again[OPEN_PAYMENTS_URL_MAX];
    enum err e = open_payments_address(text, true, url, why);
    if (e == ERR_OK) {
        check_text(url, sizeof url);
        must(open_payments_address(url, true, again, why) == ERR_OK && strcmp(url, again) == 0);
    }
    return e;
}

static void read_key(struct span text)
{
    unsigned char seed[HTTP_SIGNATURE_SEED];
    struct http_signature_key key;
    if (wallet_key_parse(text, seed) == ERR_OK) {
        must(http_signature_key_of_seed(seed, "key", &key) == ERR_OK);
    }
}

static char *next_line(char **at)
{
    char *line = *at;
    *at += strcspn(*at, "\n");
    *at += **at == '\n' ? (**at = '\0', 1) : 0;
    return line;
}

static void sign(char *text)
{
    static const unsigned char seed[HTTP_SIGNATURE_SEED] = {1};
    struct http_signature_key key;
    struct http_signature_headers h;
    const struct http_signature_request r = {
        .method = next_line(&text),
        .url = next_line(&text),
        .authorization = next_line(&text),
        .body = text[0] != '\0' ? text : NULL,
        .content_type = "application/json",
        .created_s = 1,
    };
    must(http_signature_key_of_seed(seed, "key", &key) == ERR_OK);
    if (http_signature_make(&key, &r, &h) == ERR_OK) {
        must(memchr(h.signature_input, '\0', sizeof h.signature_input) != NULL);
        must(strncmp(h.signature, "sig1=:", 6) == 0);
        must((h.content_digest[0] != '\0') == (r.body != NULL));
    }
}

static void write_again(void *arg, unsigned place, const char *url, const char *account)
{
    char line[WATCH_LINE_MAX];
    check_text(url, WATCH_URL_MAX);
    must(place < WATCH_PLACES && ledger_name_is_valid(account));
    struct span written = watch_line_begin(place, url, account, line);
    must(written.len > 0 && buf_put(arg, written) == ERR_OK);
}

/* What is read can be written, and that reads as the same again. */
static void read_watched(struct span file)
{
    struct buf once, twice;
    size_t line = 0;
    buf_init(&once, WATCH_JOURNAL_MAX);
    buf_init(&twice, WATCH_JOURNAL_MAX);
    must(buf_put(&once, watch_line_first()) == ERR_OK);
    must(buf_put(&twice, watch_line_first()) == ERR_OK);
    must((watch_lines_read(file, write_again, &once, &line) > 0) == (line > 0));
    must(watch_lines_read(buf_span(&once), write_again, &twice, &line) == 0);
    must(span_equal(buf_span(&once), buf_span(&twice)));
    buf_fini(&once);
    buf_fini(&twice);
}

static enum err take(uint8_t what, struct span rest, char *text, char *why)
{
    switch (what) {
    case 'a':
        return ask_address(rest, why);
    case 'i':
        return ask_payment(rest, why);
    case 'g':
        return ask_grant(rest, why);
    case 'u':
        return ask_url(text, why);
    case 'p':
        return ask_pointer(text, why);
    case 'k':
        read_key(rest);
        return ERR_OK;
    case 'w':
        read_watched(rest);
        return ERR_OK;
    default:
        sign(text);
        return ERR_OK;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char why[OPEN_PAYMENTS_WHY_MAX] = "";
    if (size == 0) {
        return 0;
    }
    char *text = malloc(size);
    must(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    check_why(take(data[0], span_of(data + 1, size - 1), text, why), why);
    free(text);
    return 0;
}
