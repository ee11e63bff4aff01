#include "run/listen.h"

#include <check.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/raw_http.h"

static int listen_on(const char *host, int *port)
{
    struct addr a = {.port = *port};
    int fd = -1;
    const char *why = NULL;
    strcpy(a.host, host);
    enum err e = listen_tcp(&a, &fd, port, &why);
    ck_assert_msg(e == ERR_OK, "%s: %s", host, why);
    return fd;
}

START_TEST(each_kind_of_host)
{
    static const struct {
        const char *host;
        _Bool v4, v6;
    } hosts[] = {{"127.0.0.1", 1, 0}, {"0.0.0.0", 1, 0}, {"::", 1, 1}, {"::1", 0, 1}};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        int port = 0;
        int fd = listen_on(hosts[i].host, &port);
        ck_assert_int_gt(port, 0);
        int v4 = raw_connect(port);
        int v6 = raw_connect_v6(port);
        ck_assert_int_eq(v4 >= 0, hosts[i].v4);
        ck_assert_int_eq(v6 >= 0, hosts[i].v6);
        close(v4);
        close(v6);
        close(fd);
    }
    int port = 0;
    close(listen_on("localhost", &port));
    close(listen_on("127.0.0.1", &port)); /* at once again on the same port */
}
END_TEST

START_TEST(failures)
{
    int port = 0;
    int fd = listen_on("127.0.0.1", &port);
    struct addr a = {.host = "127.0.0.1", .port = port};
    int other = -1;
    int other_port = -1;
    const char *why = NULL;
    ck_assert_int_eq(listen_tcp(&a, &other, &other_port, &why), ERR_IO);
    ck_assert_str_eq(why, "Address already in use");
    strcpy(a.host, "192.0.2.1");
    ck_assert_int_eq(listen_tcp(&a, &other, &other_port, &why), ERR_IO);
    ck_assert_str_eq(why, "Cannot assign requested address");
    strcpy(a.host, "not a host");
    ck_assert_int_eq(listen_tcp(&a, &other, &other_port, &why), ERR_IO);
    ck_assert_ptr_nonnull(why);
    ck_assert_int_eq(other, -1);
    ck_assert_int_eq(other_port, -1);
    close(fd);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("listen");
    TCase *t = tcase_create("listen");
    tcase_set_timeout(t, 10);
    tcase_add_test(t, each_kind_of_host);
    tcase_add_test(t, failures);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
