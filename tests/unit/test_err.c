#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/err.h"

#include <string.h>

static void test_fills_the_text_and_returns_the_code(void **state)
{
    (void)state;
    struct errinfo info = {.text = "before"};
    assert_int_equal(err_set(&info, ERR_FENCED, "partition %d", 7), ERR_FENCED);
    assert_string_equal(info.text, "partition 7");
}

static void test_needs_no_text(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, ERR_RETRY, "%s", "unheard"), ERR_RETRY);
}

static void test_cuts_what_does_not_fit(void **state)
{
    (void)state;
    struct errinfo info;
    char longer[2000];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    err_set(&info, ERR_FATAL, "%s", longer);
    assert_int_equal(strlen(info.text), sizeof(info.text) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fills_the_text_and_returns_the_code),
        cmocka_unit_test(test_needs_no_text),
        cmocka_unit_test(test_cuts_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
