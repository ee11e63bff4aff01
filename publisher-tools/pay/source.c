#include "publisher-tools/pay/source.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/mem.h"
#include "orchestrator/ledger/ledger_json.h"

#define URL_SIZE   4096
#define TOKEN_SIZE 1024
#define FILE_NAME  "ledger.db"
#define CONNECT_MS 5000L
#define NO_PATH    "there is nothing at this path" /* as every role's control server says it */

struct pay_source {
    struct ledger_reader *file; /* NULL: by the API */
    CURL *curl;
    struct curl_slist *headers;
    char url[URL_SIZE];
    char error[CURL_ERROR_SIZE];
    struct buf body;
};

/* --- a file --- */

static enum err open_file(struct pay_source *s, const char *file, char *ret_why)
{
    struct stat st;
    char path[URL_SIZE], why[LEDGER_WHY_MAX];
    bool is_folder = stat(file, &st) == 0 && S_ISDIR(st.st_mode);
    snprintf(path, sizeof path, "%s%s", file, is_folder ? "/" FILE_NAME : "");
    enum err e = ledger_reader_open(path, &s->file, why);
    if (e != ERR_OK) {
        snprintf(ret_why, PAY_WHY_MAX, "%.200s: %s", path, why);
    }
    return e;
}

static enum err of_file(const struct pay_source *s, enum err e, char *ret_why)
{
    if (e == ERR_NOENT) {
        snprintf(ret_why, PAY_WHY_MAX, "there is no such account");
    } else if (e != ERR_OK) {
        snprintf(ret_why, PAY_WHY_MAX, "the ledger cannot be read: %s", ledger_reader_why(s->file));
    }
    return e;
}

/* --- the API --- */

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct pay_source *s = arg;
    return buf_put(&s->body, span_of(data, size * n)) == ERR_OK ? size * n : 0;
}

static enum err read_token(struct pay_source *s, const char *file, char *ret_why)
{
    char token[TOKEN_SIZE], header[TOKEN_SIZE + 32];
    FILE *f = fopen(file, "re");
    if (f == NULL || fgets(token, sizeof token, f) == NULL) {
        snprintf(ret_why, PAY_WHY_MAX, "-token %.200s: %s", file,
                 f != NULL ? "the file is empty" : strerror(errno));
        if (f != NULL) {
            fclose(f);
        }
        return ERR_IO;
    }
    fclose(f);
    token[strcspn(token, " \r\n")] = '\0';
    snprintf(header, sizeof header, "Authorization: Bearer %s", token);
    s->headers = curl_slist_append(NULL, header);
    explicit_bzero(token, sizeof token);
    explicit_bzero(header, sizeof header);
    return ERR_OK;
}

static enum err open_api(struct pay_source *s, const struct pay_source_config *c, char *ret_why)
{
    size_t len = strlen(c->url);
    while (len > 0 && c->url[len - 1] == '/') {
        len--;
    }
    snprintf(s->url, sizeof s->url, "%.*s", (int)len, c->url);
    s->curl = curl_easy_init();
    if (s->curl == NULL) {
        snprintf(ret_why, PAY_WHY_MAX, "the HTTP library could not start");
        return ERR_IO;
    }
    curl_easy_setopt(s->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(s->curl, CURLOPT_ERRORBUFFER, s->error);
    curl_easy_setopt(s->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(s->curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(s->curl, CURLOPT_TIMEOUT, c->timeout_s);
    curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(s->curl, CURLOPT_WRITEDATA, s);
    enum err e = c->token[0] != '\0' ? read_token(s, c->token, ret_why) : ERR_OK;
    curl_easy_setopt(s->curl, CURLOPT_HTTPHEADER, s->headers);
    return e;
}

/* "name=value&..." with what has to be escaped escaped. */
static enum err write_form(struct pay_source *s, const struct pay_pair *pairs, size_t n,
                           struct buf *ret_form)
{
    enum err e = ERR_OK;
    for (size_t i = 0; e == ERR_OK && i < n; i++) {
        char *value = curl_easy_escape(s->curl, pairs[i].value, 0);
        e = value != NULL ? buf_printf(ret_form, "%s%s=%s", i > 0 ? "&" : "", pairs[i].name, value)
                          : ERR_NOMEM;
        curl_free(value);
    }
    return e == ERR_OK ? buf_put_u8(ret_form, '\0') : e;
}

static enum err perform(struct pay_source *s, const char *path, const char *form, bool change,
                        long *ret_status, char *ret_why)
{
    char url[2 * URL_SIZE];
    buf_clear(&s->body);
    s->error[0] = '\0';
    snprintf(url, sizeof url, "%s%s%s%s", s->url, path, change || form[0] == '\0' ? "" : "?",
             change ? "" : form);
    curl_easy_setopt(s->curl, CURLOPT_URL, url);
    if (change) {
        curl_easy_setopt(s->curl, CURLOPT_COPYPOSTFIELDS, form);
    } else {
        curl_easy_setopt(s->curl, CURLOPT_HTTPGET, 1L);
    }
    CURLcode code = curl_easy_perform(s->curl);
    if (code != CURLE_OK) {
        snprintf(ret_why, PAY_WHY_MAX,
                 "no answer from %.200s: %.160s; is it the orchestrator's -cliAddr? (-url names "
                 "another, -file reads a ledger without one)",
                 s->url, s->error[0] != '\0' ? s->error : curl_easy_strerror(code));
        return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ? ERR_IO
                                                                                   : ERR_CLOSED;
    }
    curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, ret_status);
    return ERR_OK;
}

static enum err understand(struct pay_source *s, long status, struct json **ret_json, char *ret_why)
{
    char why[JSON_READ_WHY_MAX];
    if (status != 200) {
        size_t len = s->body.len;
        while (len > 0 && s->body.data[len - 1] <= ' ') {
            len--;
        }
        if (status == 404 && len >= strlen(NO_PATH) &&
            memcmp(s->body.data, NO_PATH, strlen(NO_PATH)) == 0) {
            snprintf(ret_why, PAY_WHY_MAX,
                     "what answers at %.200s is no orchestrator: name its -cliAddr with -url, such "
                     "as -url http://127.0.0.1:7936 where a broadcaster has port 7935",
                     s->url);
            return ERR_IO;
        }
        snprintf(ret_why, PAY_WHY_MAX, "%.*s", (int)(len < 400 ? len : 400),
                 len > 0 ? (const char *)s->body.data : "");
        return status == 404 ? ERR_NOENT : ERR_IO;
    }
    enum err e = json_read(buf_span(&s->body), ret_json, why);
    if (e != ERR_OK) {
        snprintf(ret_why, PAY_WHY_MAX, "%.200s does not answer as an orchestrator: %s", s->url,
                 why);
        return ERR_IO;
    }
    return ERR_OK;
}

static enum err ask(struct pay_source *s, const char *path, bool change,
                    const struct pay_pair *pairs, size_t n, struct json **ret_json, char *ret_why)
{
    struct buf form;
    long status = 0;
    buf_init(&form, URL_SIZE);
    enum err e = write_form(s, pairs, n, &form);
    if (e != ERR_OK) {
        snprintf(ret_why, PAY_WHY_MAX, "a name is too long");
    }
    e = e == ERR_OK ? perform(s, path, (const char *)form.data, change, &status, ret_why) : ERR_IO;
    e = e == ERR_OK ? understand(s, status, ret_json, ret_why) : e;
    buf_fini(&form);
    return e;
}

/* --- both --- */

enum err pay_source_open(const struct pay_source_config *config, struct pay_source **ret_source,
                         char *ret_why)
{
    struct pay_source *s = mem_alloc(sizeof *s);
    buf_init(&s->body, JSON_READ_BYTES_MAX);
    enum err e = config->file[0] != '\0' ? open_file(s, config->file, ret_why)
                                         : open_api(s, config, ret_why);
    if (e != ERR_OK) {
        pay_source_close(s);
        return e;
    }
    *ret_source = s;
    return ERR_OK;
}

void pay_source_close(struct pay_source *s)
{
    if (s != NULL) {
        ledger_reader_close(s->file);
        curl_easy_cleanup(s->curl);
        curl_slist_free_all(s->headers);
        buf_fini(&s->body);
        mem_free(s);
    }
}

enum err pay_source_accounts(struct pay_source *s, const char *after, struct json **ret_json,
                             char *ret_why)
{
    char limit[32];
    snprintf(limit, sizeof limit, "%d", PAY_PAGE);
    const struct pay_pair pairs[] = {{"limit", limit}, {"after", after}};
    return s->file != NULL
               ? of_file(s, ledger_json_accounts(s->file, after, PAY_PAGE, ret_json), ret_why)
               : ask(s, "/accounts", false, pairs, 2, ret_json, ret_why);
}

enum err pay_source_account(struct pay_source *s, const char *name, long entries,
                            struct json **ret_json, char *ret_why)
{
    char limit[32];
    snprintf(limit, sizeof limit, "%ld", entries);
    const struct pay_pair pairs[] = {{"account", name}, {"entries", limit}};
    return s->file != NULL
               ? of_file(s, ledger_json_account(s->file, name, entries, ret_json), ret_why)
               : ask(s, "/account", false, pairs, 2, ret_json, ret_why);
}

enum err pay_source_journal(struct pay_source *s, int64_t after, struct json **ret_json,
                            char *ret_why)
{
    char limit[32], from[32];
    snprintf(limit, sizeof limit, "%d", PAY_PAGE);
    snprintf(from, sizeof from, "%lld", (long long)after);
    const struct pay_pair pairs[] = {{"after", from}, {"limit", limit}};
    return s->file != NULL
               ? of_file(s, ledger_json_journal(s->file, after, PAY_PAGE, ret_json), ret_why)
               : ask(s, "/journal", false, pairs, 2, ret_json, ret_why);
}

enum err pay_source_audit(struct pay_source *s, struct json **ret_json, char *ret_why)
{
    return s->file != NULL ? of_file(s, ledger_json_audit(s->file, ret_json), ret_why)
                           : ask(s, "/auditAccounts", false, NULL, 0, ret_json, ret_why);
}

enum err pay_source_change(struct pay_source *s, const char *path, const struct pay_pair *pairs,
                           size_t n, struct json **ret_json, char *ret_why)
{
    if (s->file != NULL) {
        snprintf(ret_why, PAY_WHY_MAX,
                 "a file is only read: ask the running orchestrator, without -file");
        return ERR_STATE;
    }
    return ask(s, path, true, pairs, n, ret_json, ret_why);
}
