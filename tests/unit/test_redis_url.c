#include "state/redis_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_urls_are_read(void **state)
{
    static const struct {
        const char *text, *host, *path;
        int port;
        const char *user, *password;
        int db, timeout_ms;
        const char *name;
    } cases[] = {
        {"redis://localhost", "localhost", "", 6379, "", "", 0, 5000, "localhost:6379"},
        {"redis://localhost:6380/3", "localhost", "", 6380, "", "", 3, 5000, "localhost:6380"},
        {"redis://h/", "h", "", 6379, "", "", 0, 5000, "h:6379"},
        {"redis://h?db=2", "h", "", 6379, "", "", 2, 5000, "h:6379"},
        {"redis://h/1?timeout_ms=50", "h", "", 6379, "", "", 1, 50, "h:6379"},
        {"redis://:secret@h", "h", "", 6379, "", "secret", 0, 5000, "h:6379"},
        {"redis://me:a%40b%3A%2f@h:1", "h", "", 1, "me", "a@b:/", 0, 5000, "h:1"},
        {"redis://me:a@b@h:1", "h", "", 1, "me", "a@b", 0, 5000, "h:1"},
        {"redis://[::1]:7000", "::1", "", 7000, "", "", 0, 5000, "[::1]:7000"},
        {"unix:///run/redis.sock", "", "/run/redis.sock", 6379, "", "", 0, 5000, "/run/redis.sock"},
        {"unix:///a@b/r.sock?db=4&timeout_ms=7", "", "/a@b/r.sock", 6379, "", "", 4, 7,
         "/a@b/r.sock"},
        {"unix://u:p@/r.sock", "", "/r.sock", 6379, "u", "p", 0, 5000, "/r.sock"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct redis_url url;
        struct errinfo info = {""};
        assert_int_equal(redis_url_parse(cases[i].text, &url, &info), ERR_NONE);
        assert_string_equal(url.host, cases[i].host);
        assert_string_equal(url.path, cases[i].path);
        assert_int_equal(url.port, cases[i].port);
        assert_string_equal(url.user, cases[i].user);
        assert_string_equal(url.password, cases[i].password);
        assert_int_equal(url.db, cases[i].db);
        assert_int_equal(url.timeout_ms, cases[i].timeout_ms);
        assert_string_equal(url.name, cases[i].name);
    }
}

static void test_what_is_no_url_is_refused_without_its_secret(void **state)
{
    static char long_path[200] = "unix:///";
    memset(long_path + 8, 'x', 107); /* with the slash before it one more than fits */
    static const char *const cases[] = {
        "",
        "localhost:6379",
        "http://h",
        "redis://",
        "redis://:6379",
        "redis://h:0",
        "redis://h:65536",
        "redis://h:x",
        "redis://h:",
        "redis://h/x",
        "redis://h/-1",
        "redis://h?x=1",
        "redis://h?timeout_ms=0",
        "redis://secret@h",
        "redis://u:@h",
        "redis://u:secret%4@h",
        "redis://u:secret%zz@h",
        "redis://u:secret%00@h",
        "redis://u:secret@",
        "redis://[::1",
        "redis://[::1]x",
        "unix://r.sock",
        "unix://",
        "unix:///r.sock?db=x",
        long_path,
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct redis_url url;
        struct errinfo info = {""};
        assert_int_equal(redis_url_parse(cases[i], &url, &info), ERR_CONFIG);
        assert_non_null(strstr(info.text, "redis://"));
        assert_null(strstr(info.text, "secret"));
    }
}

static void test_tls_is_refused_by_name(void **state)
{
    (void)state;
    struct redis_url url;
    struct errinfo info = {""};
    assert_int_equal(redis_url_parse("rediss://:secret@h", &url, &info), ERR_CONFIG);
    assert_non_null(strstr(info.text, "TLS"));
    assert_null(strstr(info.text, "secret"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls_are_read),
        cmocka_unit_test(test_what_is_no_url_is_refused_without_its_secret),
        cmocka_unit_test(test_tls_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
