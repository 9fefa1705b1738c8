#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "core/clock.h"

static void test_the_system_clock_tells_the_time_and_does_not_go_back(void **state)
{
    (void)state;
    struct clock clock = clock_system();
    int64_t before = (int64_t)time(NULL) * 1000;
    int64_t wall = clock_wall_ms(&clock);
    int64_t after = ((int64_t)time(NULL) + 1) * 1000;
    assert_true(wall >= before - 20 && wall <= after); /* time() may lag by a tick */
    int64_t last = clock_monotonic_ms(&clock);
    for (int i = 0; i < 10000; i++) {
        int64_t now = clock_monotonic_ms(&clock);
        assert_true(now >= last);
        last = now;
    }
}

static void test_a_fixed_clock_stands_where_it_is_put(void **state)
{
    (void)state;
    int64_t now_ms = 17;
    struct clock clock = clock_fixed(&now_ms);
    assert_int_equal(clock_wall_ms(&clock), 17);
    now_ms = -5;
    assert_int_equal(clock_wall_ms(&clock), -5);
    assert_int_equal(clock_monotonic_ms(&clock), -5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_system_clock_tells_the_time_and_does_not_go_back),
        cmocka_unit_test(test_a_fixed_clock_stands_where_it_is_put),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
