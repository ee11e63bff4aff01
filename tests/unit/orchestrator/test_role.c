/* The orchestrator's start: flags, secret, address, credential; and what it reports. */
#include <arpa/inet.h>
#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "orchestrator/role.h"
#include "run/credential.h"
#include "run/log.h"
#include "run/metrics.h"

#define METRICS_MAX (1 << 20)

static struct daemon d;
static void *config;
static void *instance;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

static void setup(void)
{
    log_init("test", LOG_ERROR);
    snprintf(d.data_dir, sizeof d.data_dir, "/tmp/orchestrator-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(d.data_dir));
    d.loop = loop_create();
}

static void teardown(void)
{
    if (instance != NULL) {
        orchestrator_role.destroy(instance);
        instance = NULL;
    }
    loop_destroy(d.loop);
    mem_free(config);
    nftw(d.data_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* A socket that holds a port of its own. */
static int hold_port(char *ret_addr, size_t size, const char *host)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    snprintf(ret_addr, size, "%s:%d", host, ntohs(in.sin_port));
    return fd;
}

static void free_addr(char *ret_addr, size_t size, const char *host)
{
    close(hold_port(ret_addr, size, host));
}

#define ARGS_MAX 16

/* Reads the flags as the daemon does, and makes the role. */
static enum err create(const char *const *flags)
{
    char *argv[ARGS_MAX] = {(char *)"orchestrator"};
    int argc = 1;
    for (; flags[argc - 1] != NULL; argc++) {
        argv[argc] = (char *)flags[argc - 1];
    }
    char why[OPTIONS_WHY_MAX];
    config = mem_alloc(orchestrator_role.config_size);
    ck_assert_int_eq(options_parse(orchestrator_role.options, orchestrator_role.n_options, argc,
                                   argv, config, why),
                     ERR_OK);
    return orchestrator_role.create(&d, config, &instance);
}

#define FLAGS(...) ((const char *const[]){__VA_ARGS__, NULL})

START_TEST(configurations_that_cannot_work)
{
    static const char *const cases[][ARGS_MAX] = {
        {"-orchSecret", "s", "-maxSessions", "0", NULL},
        {"-orchSecret", "s", "-maxSessions", "-1", NULL},
        {"-orchSecret", "s", "-serviceAddr", "127.0.0.1:x", NULL},
        {"-orchSecret", "s", "-serviceAddr", "127.0.0.1:0", NULL},
        {"-orchSecret", "s", "-heartbeatMs", "500", "-peerTimeoutMs", "500", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_msg(create(cases[i]) != ERR_OK, "case %zu", i);
        ck_assert_ptr_null(instance);
        mem_free(config);
        config = NULL;
    }
}
END_TEST

START_TEST(a_secret_file_without_a_secret)
{
    char path[sizeof d.data_dir + 16];
    snprintf(path, sizeof path, "%s/secret", d.data_dir);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs("\nsecond line\n", f);
    fclose(f);
    ck_assert_int_eq(create(FLAGS("-orchSecret", path)), ERR_NOENT);
}
END_TEST

START_TEST(an_address_in_use_leaves_the_credential_alone)
{
    char addr[64];
    int fd = hold_port(addr, sizeof addr, "127.0.0.1");
    ck_assert_int_eq(listen(fd, 1), 0);
    ck_assert_int_eq(create(FLAGS("-serviceAddr", addr, "-orchSecret", "s")), ERR_IO);
    struct link_keys found;
    ck_assert_int_eq(credential_read(d.data_dir, addr, &found), ERR_NOENT);
    close(fd);
}
END_TEST

START_TEST(a_broadcaster_here_finds_its_credential)
{
    char addr[64];
    free_addr(addr, sizeof addr, "127.0.0.1");
    ck_assert_int_eq(create(FLAGS("-serviceAddr", addr, "-orchSecret", "s", "-httpAddr", addr)),
                     ERR_OK);
    struct link_keys found, own;
    ck_assert_int_eq(credential_read(d.data_dir, addr, &found), ERR_OK);
    ck_assert_int_eq(secret_derive("s", LINK_ROLE_ORCHESTRATOR, &own), ERR_OK);
    ck_assert_int_eq(found.role, LINK_ROLE_BROADCASTER);
    ck_assert_str_eq(found.name, "local");
    ck_assert_mem_eq(found.server_key, own.public_key, LINK_KEY_BYTES);
}
END_TEST

START_TEST(without_a_secret_its_key_is_kept)
{
    char addr[64];
    struct link_keys found[2];
    for (int i = 0; i < 2; i++) {
        free_addr(addr, sizeof addr, "127.0.0.1");
        ck_assert_int_eq(create(FLAGS("-serviceAddr", addr)), ERR_OK);
        ck_assert_int_eq(credential_read(d.data_dir, addr, &found[i]), ERR_OK);
        orchestrator_role.destroy(instance);
        instance = NULL;
        mem_free(config);
        config = NULL;
    }
    ck_assert_mem_eq(found[0].server_key, found[1].server_key, LINK_KEY_BYTES);
    ck_assert_mem_eq(found[0].secret_key, found[1].secret_key, LINK_KEY_BYTES);
}
END_TEST

START_TEST(a_credential_is_no_secret_and_a_damaged_list_is_no_list)
{
    char path[sizeof d.data_dir + 32], addr[64], text[CREDENTIAL_TEXT_MAX];
    struct link_keys k;
    ck_assert_int_eq(credential_make(LINK_ROLE_TRANSCODER, "edge", NULL, &k), ERR_OK);
    snprintf(path, sizeof path, "%s/file", d.data_dir);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fwrite(text, credential_print(&k, text), 1, f);
    fclose(f);
    ck_assert_int_eq(create(FLAGS("-orchSecret", path)), ERR_UNSUPPORTED);
    mem_free(config);
    snprintf(path, sizeof path, "%s/admission", d.data_dir);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/admission/credentials", d.data_dir);
    f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs("nonsense\n", f);
    fclose(f);
    free_addr(addr, sizeof addr, "127.0.0.1");
    ck_assert_int_eq(create(FLAGS("-serviceAddr", addr, "-orchSecret", "s")), ERR_PROTO);
}
END_TEST

START_TEST(a_broadcaster_here_finds_it_by_every_local_name)
{
    char addr[64], local[64];
    free_addr(addr, sizeof addr, "0.0.0.0");
    ck_assert_int_eq(create(FLAGS("-serviceAddr", addr, "-orchSecret", "a long enough secret")),
                     ERR_OK);
    const char *const hosts[] = {"0.0.0.0", "127.0.0.1", "[::1]", "localhost"};
    for (size_t i = 0; i < 4; i++) {
        struct link_keys found;
        snprintf(local, sizeof local, "%s:%s", hosts[i], strrchr(addr, ':') + 1);
        ck_assert_msg(credential_read(d.data_dir, local, &found) == ERR_OK, "%s", local);
    }
}
END_TEST

START_TEST(reports_what_it_is)
{
    char addr[64];
    free_addr(addr, sizeof addr, "127.0.0.1");
    ck_assert_int_eq(create(FLAGS("-serviceAddr", addr, "-orchSecret", "s", "-maxSessions", "3")),
                     ERR_OK);
    struct json *j = json_new_object();
    orchestrator_role.status(instance, j);
    char *text = json_text(j);
    const char *const keys[] = {"\"service_addr\"",
                                "\"session\"",
                                "\"transcoders\"",
                                "\"broadcasters\"",
                                "\"held_bytes\"",
                                "\"max_sessions\"",
                                "\"redispatched\"",
                                "\"link\"",
                                "\"queued\"",
                                "\"credentials\"",
                                "\"refused\"",
                                "\"late_answers\"",
                                addr};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        ck_assert_msg(strstr(text, keys[i]) != NULL, "no %s in %s", keys[i], text);
    }
    mem_free(text);
    json_destroy(j);
    struct buf out;
    buf_init(&out, METRICS_MAX);
    struct metrics m = {.out = &out};
    orchestrator_role.metrics(instance, &m);
    ck_assert_int_eq(buf_put_u8(&out, 0), ERR_OK);
    const char *const samples[] = {
        "\nlivepeer_transcoders_number 0\n",       "\nlivepeer_transcoders_capacity 0\n",
        "\nlivepeer_transcoders_load 0\n",         "\nlivepeer_current_sessions_total 0\n",
        "\nlivepeer_max_sessions_total 3\n",       "\nsbe_orchestrator_jobs{state=\"queued\"} 0\n",
        "\nsbe_orchestrator_jobs_opened_total 0\n"};
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        ck_assert_msg(strstr((const char *)out.data, samples[i]) != NULL, "no %s in %s", samples[i],
                      (const char *)out.data);
    }
    buf_fini(&out);
}
END_TEST

static void stop_soon(void *arg)
{
    orchestrator_role.stop(arg);
}

START_TEST(stops_at_once)
{
    char addr[64];
    free_addr(addr, sizeof addr, "127.0.0.1");
    ck_assert_int_eq(create(FLAGS("-serviceAddr", addr, "-orchSecret", "s")), ERR_OK);
    struct loop_timer *t = loop_timer_create(d.loop, stop_soon, instance);
    loop_timer_start(t, 1, 0);
    loop_run(d.loop); /* ends because the role says so; otherwise the time limit ends it */
    loop_timer_destroy(t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("role");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 20);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, configurations_that_cannot_work);
    tcase_add_test(tc, a_secret_file_without_a_secret);
    tcase_add_test(tc, an_address_in_use_leaves_the_credential_alone);
    tcase_add_test(tc, a_broadcaster_here_finds_its_credential);
    tcase_add_test(tc, without_a_secret_its_key_is_kept);
    tcase_add_test(tc, a_credential_is_no_secret_and_a_damaged_list_is_no_list);
    tcase_add_test(tc, a_broadcaster_here_finds_it_by_every_local_name);
    tcase_add_test(tc, reports_what_it_is);
    tcase_add_test(tc, stops_at_once);
    suite_add_tcase(suite, tc);
    SRunner *sr = srunner_create(suite);
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
