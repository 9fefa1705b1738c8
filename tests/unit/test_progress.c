#include "cli/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *text_at(struct progress *progress, uint64_t events, int64_t now_ms)
{
    static char text[1024];
    struct engine_totals totals = {.events = events, .signals = 2, .future = 3, .rule_errors = 4};
    struct buf out;
    totals.timers_left = 5;
    totals.left_out = 6;
    totals.suppressed = 7;
    totals.state_gone = 8;
    totals.rebuilds = 9;
    totals.log_too_short = 10;
    buf_init(&out);
    progress_text(progress, &totals, now_ms, &out);
    assert_true(out.size < sizeof text);
    memcpy(text, out.data, out.size);
    text[out.size] = '\0';
    buf_fini(&out);
    return text;
}

/* Also of the last line, which comes when the process is told to end and not after ten seconds. */
static void test_the_rate_is_of_the_time_that_has_passed(void **state)
{
    struct progress progress = {.since_ms = 5000};
    (void)state;
    assert_non_null(strstr(text_at(&progress, 1000, 15000), "events=1000 events_per_s=100 "));
    assert_non_null(strstr(text_at(&progress, 1100, 15250), "events=1100 events_per_s=400 "));
    assert_non_null(strstr(text_at(&progress, 1200, 15250), "events=1200 events_per_s=0 "));
    assert_non_null(strstr(text_at(&progress, 1200, 16250), "events=1200 events_per_s=0 "));
}

static void test_all_that_is_counted_is_shown(void **state)
{
    struct progress progress = {0};
    (void)state;
    assert_string_equal(text_at(&progress, 1, 1000),
                        "events=1 events_per_s=1 signals=2 customers=0 partitions=0 dead_letters=0 "
                        "duplicates=0 late=0 future=3 replayed=0 doubts=0 rebuilds=9 "
                        "log_too_short=10 rule_errors=4 "
                        "timers_left=5 left_out=6 suppressed=7 state_gone=8");
}

static void test_the_rules_that_are_not_named_are_one_line(void **state)
{
    struct failed_rule items[PROGRESS_FAILURES_MAX + 2];
    struct failures_list list = {.items = items, .count = PROGRESS_FAILURES_MAX};
    struct buf out;
    (void)state;
    for (size_t i = 0; i < PROGRESS_FAILURES_MAX + 2; i++)
        items[i] = (struct failed_rule){.place = "m.yaml:1:1", .count = 20 - i};
    buf_init(&out);
    assert_false(progress_rest(&list, &out));
    list.count += 2;
    assert_true(progress_rest(&list, &out));
    assert_true(slice_is(buf_slice(&out), "others=2 count=23"));
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_rate_is_of_the_time_that_has_passed),
        cmocka_unit_test(test_all_that_is_counted_is_shown),
        cmocka_unit_test(test_the_rules_that_are_not_named_are_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
