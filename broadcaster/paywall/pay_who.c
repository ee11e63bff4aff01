#include "broadcaster/paywall/pay_who.h"

#include <stdio.h>
#include <string.h>

#define COOKIE_AGE_S 31536000

static int hex(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool pay_who_decode(struct span text, char *ret_text, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c == '%' && i + 2 < text.len && hex(text.data[i + 1]) >= 0 &&
            hex(text.data[i + 2]) >= 0) {
            c = (uint8_t)(hex(text.data[i + 1]) * 16 + hex(text.data[i + 2]));
            i += 2;
        }
        if (c == '\0' || n + 1 >= size) {
            return false;
        }
        ret_text[n++] = (char)c;
    }
    ret_text[n] = '\0';
    return true;
}

bool pay_who_parameter(struct span target, const char *name, char *ret_value, size_t size)
{
    size_t len = strlen(name);
    const uint8_t *at = target.len > 0 ? memchr(target.data, '?', target.len) : NULL;
    const uint8_t *end = target.data + target.len;
    while (at != NULL && at < end) {
        at++;
        const uint8_t *next = memchr(at, '&', (size_t)(end - at));
        size_t n = (size_t)((next != NULL ? next : end) - at);
        if (n > len && at[len] == '=' && memcmp(at, name, len) == 0) {
            return pay_who_decode(span_of(at + len + 1, n - len - 1), ret_value, size);
        }
        at = next;
    }
    return false;
}

static bool is_user_id(const char *text)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    size_t n = strlen(text);
    return n > 0 && n <= PAY_WHO_USER_MAX && strspn(text, letters) == n;
}

static void set_id(struct pay_who *w, const char *id)
{
    snprintf(w->account, sizeof w->account, "viewer:%.*s", TOKEN_ID_LEN, id);
}

static bool take_token(const struct pay_who_config *c, struct span token, struct pay_who *w)
{
    char id[TOKEN_ID_LEN + 1];
    bool old = false;
    if (token_check(c->keys, token, id, &old) != ERR_OK) {
        w->forged = true;
        return false;
    }
    set_id(w, id);
    if (old) {
        token_sign(c->keys, id, w->token);
    }
    w->known = true;
    w->forged = false;
    return true;
}

static bool take_user_id(const struct pay_who_config *c, const char *user_id, struct pay_who *w)
{
    if (!c->allow_user_id || user_id == NULL || !is_user_id(user_id)) {
        return false;
    }
    snprintf(w->account, sizeof w->account, "viewer:user-%s", user_id);
    w->token[0] = '\0';
    w->known = true;
    w->forged = false;
    return true;
}

static bool take_cookie(const struct pay_who_config *c, const char *cookie, struct pay_who *w)
{
    struct span value;
    if (w->secure && token_cookie(cookie, PAY_WHO_COOKIE_SECURE, &value) &&
        take_token(c, value, w)) {
        return true;
    }
    if (!token_cookie(cookie, PAY_WHO_COOKIE, &value) || !take_token(c, value, w)) {
        return false;
    }
    if (w->secure && w->token[0] == '\0') {
        snprintf(w->token, sizeof w->token, "%.*s", (int)value.len, (const char *)value.data);
    }
    return true;
}

struct pay_who pay_who_read(const struct pay_who_config *c, struct span target, const char *cookie,
                            bool secure)
{
    struct pay_who w = {.secure = secure};
    char text[PAY_WHO_USER_MAX + TOKEN_LEN];
    if (pay_who_parameter(target, "token", text, sizeof text) &&
        take_token(c, span_cstr(text), &w)) {
        return w;
    }
    if (pay_who_parameter(target, "userId", text, sizeof text) && take_user_id(c, text, &w)) {
        return w;
    }
    if (take_cookie(c, cookie, &w)) {
        return w;
    }
    token_make(c->keys, w.token);
    set_id(&w, w.token);
    return w;
}

void pay_who_override(const struct pay_who_config *c, const char *token, const char *user_id,
                      struct pay_who *who)
{
    if (!take_user_id(c, user_id, who) && token != NULL) {
        take_token(c, span_cstr(token), who);
    }
}

void pay_who_cookie(const struct pay_who *who, char ret_text[PAY_WHO_SET_MAX])
{
    ret_text[0] = '\0';
    if (who->token[0] != '\0') {
        snprintf(ret_text, PAY_WHO_SET_MAX, "%s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax%s",
                 who->secure ? PAY_WHO_COOKIE_SECURE : PAY_WHO_COOKIE, who->token, COOKIE_AGE_S,
                 who->secure ? "; Secure" : "");
    }
}
