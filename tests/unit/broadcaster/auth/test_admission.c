#include "broadcaster/auth/admission.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "broadcaster/auth/cidr.h"
#include "tests/support/unit.h"

static const char keys_text[] = "keys:\n- {key: first, id: one, limits: {maxWidth: 640}}\n"
                                "- {key: second, id: two, ladder: [P144p30fps16x9]}\n";

struct bench {
    struct loop *loop;
    struct admission_config config;
    struct admission *admission;
    char path[40];
    struct admission_verdict verdict; /* the newest */
    int calls;
    char revoked[100];
};

static void write_keys(const struct bench *b, const char *text)
{
    FILE *f = fopen(b->path, "w");
    ck_assert(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void bench_init(struct bench *b)
{
    *b = (struct bench){.loop = loop_create()};
    strcpy(b->path, "/tmp/test_admission.XXXXXX");
    close(mkstemp(b->path));
    b->config = (struct admission_config){
        .loop = b->loop,
        .publish_allow = "",
        .publish_deny = "",
        .play_allow = "",
        .play_deny = "",
        .keys_file = "",
        .webhook_url = "",
        .bans = {.after = 3, .window_ms = 600000, .first_ms = 600000},
    };
}

static void bench_open(struct bench *b)
{
    ck_assert_int_eq(admission_create(&b->config, &b->admission), ERR_OK);
}

static void bench_fini(struct bench *b)
{
    admission_destroy(b->admission);
    loop_destroy(b->loop);
    unlink(b->path);
}

static void on_verdict(void *arg, const struct admission_verdict *v)
{
    struct bench *b = arg;
    b->verdict = *v;
    b->calls++;
}

/* The verdict's error; its words are in b->verdict. */
static enum err ask(struct bench *b, enum admission_kind kind, const char *path,
                    const char *address)
{
    uint8_t bytes[CIDR_ADDRESS_BYTES];
    int before = b->calls;
    ck_assert_int_eq(cidr_address_parse(address, bytes), ERR_OK);
    struct admission_request r = {kind, path, "", "rtmp://h/live", "peer", bytes};
    ck_assert_ptr_null(admission_ask(b->admission, &r, on_verdict, b));
    ck_assert_int_eq(b->calls, before + 1);
    ck_assert((b->verdict.err == ERR_OK) == (b->verdict.text[0] == '\0'));
    return b->verdict.err;
}

static enum err publish(struct bench *b, const char *path, const char *address)
{
    return ask(b, ADMISSION_PUBLISH, path, address);
}

START_TEST(without_rules_the_name_is_all)
{
    struct bench b;
    bench_init(&b);
    bench_open(&b);
    ck_assert_int_eq(publish(&b, "live/movie/key", "192.0.2.1"), ERR_OK);
    ck_assert_str_eq(b.verdict.name.id, "movie");
    ck_assert_str_eq(b.verdict.name.key, "key");
    ck_assert_ptr_null(b.verdict.ladder);
    ck_assert_int_eq(publish(&b, "a b", "192.0.2.1"), ERR_PROTO);
    ck_assert_str_eq(b.verdict.code, "NetStream.Publish.BadName");
    ck_assert(admission_idle(b.admission));
    admission_reload(b.admission);
    bench_fini(&b);
}
END_TEST

START_TEST(lists)
{
    struct bench b;
    bench_init(&b);
    b.config.publish_allow = "10.0.0.0/8, ::1";
    b.config.publish_deny = "10.1.0.0/16";
    b.config.play_deny = "10.0.0.0/8";
    bench_open(&b);
    ck_assert_int_eq(publish(&b, "m", "10.2.0.1"), ERR_OK);
    ck_assert_int_eq(publish(&b, "m", "::1"), ERR_OK);
    ck_assert_int_eq(publish(&b, "m", "10.1.0.1"), ERR_AUTH);
    ck_assert_int_eq(publish(&b, "m", "11.0.0.1"), ERR_AUTH);
    ck_assert_int_eq(ask(&b, ADMISSION_PUSH, "m", "11.0.0.1"), ERR_AUTH);
    ck_assert_str_eq(b.verdict.code, "NetStream.Publish.Rejected");
    ck_assert_int_eq(ask(&b, ADMISSION_PLAY, "m", "11.0.0.1"), ERR_OK);
    ck_assert_int_eq(ask(&b, ADMISSION_PLAY, "m", "10.2.0.1"), ERR_AUTH);
    ck_assert_str_eq(b.verdict.code, "NetStream.Play.Failed");
    ck_assert_ptr_nonnull(strstr(b.verdict.text, "playing"));
    bench_fini(&b);
}
END_TEST

START_TEST(keys_and_bans)
{
    struct bench b;
    bench_init(&b);
    write_keys(&b, keys_text);
    b.config.keys_file = b.path;
    b.config.limits = (struct limits){.bitrate_kbps = 5, .width = 100, .height = 100};
    bench_open(&b);
    ck_assert_int_eq(publish(&b, "live/first", "192.0.2.1"), ERR_OK);
    ck_assert_str_eq(b.verdict.name.id, "one");
    ck_assert_str_eq(b.verdict.name.key, "first");
    ck_assert(b.verdict.limits.width == 640 && b.verdict.limits.height == 100 &&
              b.verdict.limits.bitrate_kbps == 5);
    ck_assert_int_eq(publish(&b, "two/second", "192.0.2.1"), ERR_OK);
    ck_assert(b.verdict.ladder != NULL && b.verdict.ladder->n == 1);
    ck_assert_int_eq(ask(&b, ADMISSION_PLAY, "one", "192.0.2.1"), ERR_OK);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(publish(&b, "live/one", "192.0.2.1"), ERR_AUTH);
        ck_assert_str_eq(b.verdict.code, "NetStream.Publish.BadName");
    }
    ck_assert_int_eq(publish(&b, "live/first", "192.0.2.1"), ERR_AUTH);
    ck_assert_ptr_nonnull(strstr(b.verdict.text, "try again in 600 s"));
    ck_assert_int_eq(publish(&b, "live/first", "192.0.2.2"), ERR_OK);
    bench_fini(&b);
}
END_TEST

static void on_revoked(void *arg, const char *code, const char *text)
{
    struct bench *b = arg;
    ck_assert_str_eq(b->revoked, "");
    snprintf(b->revoked, sizeof b->revoked, "%s %s", code, text);
}

START_TEST(a_key_that_goes)
{
    struct bench b;
    bench_init(&b);
    write_keys(&b, keys_text);
    b.config.keys_file = b.path;
    bench_open(&b);
    ck_assert_int_eq(publish(&b, "first", "192.0.2.1"), ERR_OK);
    struct admission_pass *pass = admission_begin(b.admission, &b.verdict, on_revoked, &b);
    admission_reload(b.admission);
    write_keys(&b, "nonsense: [\n");
    admission_reload(b.admission);
    ck_assert_str_eq(b.revoked, "");
    ck_assert_int_eq(publish(&b, "first", "192.0.2.1"), ERR_OK);
    write_keys(&b, "keys: [{key: first, id: other}]\n");
    admission_reload(b.admission);
    ck_assert_ptr_nonnull(strstr(b.revoked, "BadName the stream key is not valid"));
    admission_reload(b.admission); /* once is enough */
    admission_end(pass, "it was closed");
    admission_end(NULL, "");
    bench_fini(&b);
}
END_TEST

START_TEST(streams_of_one_address)
{
    struct bench b;
    bench_init(&b);
    b.config.streams_per_address = 1;
    bench_open(&b);
    ck_assert_int_eq(publish(&b, "m", "2001:db8::1"), ERR_OK);
    struct admission_pass *pass = admission_begin(b.admission, &b.verdict, NULL, NULL);
    ck_assert_int_eq(publish(&b, "n", "2001:db8::2"), ERR_LIMIT);
    ck_assert_int_eq(publish(&b, "n", "2001:db8:0:1::2"), ERR_OK);
    ck_assert_int_eq(publish(&b, "m", "2001:db8::2"), ERR_OK); /* it comes back */
    ck_assert_int_eq(ask(&b, ADMISSION_PLAY, "m", "2001:db8::1"), ERR_OK);
    admission_end(pass, "");
    ck_assert_int_eq(publish(&b, "n", "2001:db8::2"), ERR_OK);
    bench_fini(&b);
}
END_TEST

static enum err is_free(void *arg, const struct publish_name *name, const char **ret_why)
{
    *ret_why = "taken";
    return strcmp(name->id, arg) == 0 ? ERR_STATE : ERR_OK;
}

START_TEST(taken_names)
{
    struct bench b;
    char busy[] = "busy";
    bench_init(&b);
    b.config.is_free = is_free;
    b.config.is_free_arg = busy;
    bench_open(&b);
    ck_assert_int_eq(publish(&b, "busy", "192.0.2.1"), ERR_STATE);
    ck_assert_str_eq(b.verdict.text, "taken");
    ck_assert_int_eq(publish(&b, "other", "192.0.2.1"), ERR_OK);
    ck_assert_int_eq(ask(&b, ADMISSION_PLAY, "busy", "192.0.2.1"), ERR_OK);
    bench_fini(&b);
}
END_TEST

static enum err is_another_key_s(void *arg, const struct publish_name *name, const char **ret_why)
{
    *ret_why = "another key";
    return ERR_AUTH;
}

/* Whoever has no key guesses none: an encoder that tries its name again and again. */
START_TEST(guessed_keys_are_failures)
{
    struct bench b;
    bench_init(&b);
    b.config.is_free = is_another_key_s;
    bench_open(&b);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(publish(&b, "movie", "192.0.2.1"), ERR_AUTH);
        ck_assert_str_eq(b.verdict.text, "another key");
    }
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(publish(&b, "movie/guess", "192.0.2.1"), ERR_AUTH);
        ck_assert_str_eq(b.verdict.text, "another key");
    }
    ck_assert_int_eq(publish(&b, "movie", "192.0.2.1"), ERR_AUTH);
    ck_assert_str_eq(b.verdict.code, "NetStream.Publish.Rejected");
    bench_fini(&b);
}
END_TEST

START_TEST(what_cannot_start)
{
    struct bench b;
    bench_init(&b);
    struct admission_config c = b.config;
    c.publish_allow = "10.0.0.0/33";
    ck_assert_int_ne(admission_create(&c, &b.admission), ERR_OK);
    c = b.config;
    c.webhook_url = "tcp://host/";
    ck_assert_int_ne(admission_create(&c, &b.admission), ERR_OK);
    c = b.config;
    c.keys_file = "/nonexistent/keys";
    ck_assert_int_ne(admission_create(&c, &b.admission), ERR_OK);
    ck_assert_ptr_null(b.admission);
    bench_fini(&b);
}
END_TEST

UNIT_MAIN("admission", without_rules_the_name_is_all, lists, keys_and_bans, a_key_that_goes,
          streams_of_one_address, taken_names, guessed_keys_are_failures, what_cannot_start)
