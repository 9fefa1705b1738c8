#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/datetime.h"
#include "core/log.h"

static char text[1 << 20];
static int saved_stderr;
static FILE *captured;

static void capture(void)
{
    captured = tmpfile();
    assert_non_null(captured);
    fflush(stderr);
    saved_stderr = dup(STDERR_FILENO);
    assert_true(dup2(fileno(captured), STDERR_FILENO) >= 0);
}

/* What was written since capture(). */
static const char *captured_text(void)
{
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    rewind(captured);
    size_t size = fread(text, 1, sizeof(text) - 1, captured);
    text[size] = '\0';
    fclose(captured);
    return text;
}

static int teardown(void **state)
{
    (void)state;
    log_set_level(LOG_INFO);
    return 0;
}

static void test_a_record_is_a_line_of_time_level_event_and_fields(void **state)
{
    (void)state;
    capture();
    log_warn("partition.recovered", "topic=%s partition=%d", "shop.events", 3);
    const char *line = captured_text();
    int64_t ms;
    assert_true(
        datetime_parse_ms((struct slice){line, 24}, &ms)); /* always with ms, so that lines align */
    assert_string_equal(line + 24, " warn partition.recovered topic=shop.events partition=3\n");
}

static void test_a_text_in_quotes_can_be_told_from_what_follows(void **state)
{
    char long_text[3000];
    (void)state;
    assert_string_equal(log_quote("it says \"no\" to C:\\x").text,
                        "\"it says \\\"no\\\" to C:\\\\x\"");
    assert_string_equal(log_quote("").text, "\"\"");
    memset(long_text, '"', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    struct log_quoted quoted = log_quote(long_text);
    size_t size = strlen(quoted.text);
    assert_in_range(size, sizeof quoted.text - 3, sizeof quoted.text - 1);
    assert_int_equal(size % 2, 0); /* no half of an escape: "..." with whole \" in it */
    assert_int_equal(quoted.text[size - 1], '"');
}

static void test_lines_below_the_level_are_not_written(void **state)
{
    (void)state;
    capture();
    log_debug("a", "x=%d", 1);
    log_set_level(LOG_ERROR);
    log_warn("b", "x=%d", 2);
    log_error("c", "x=%d", 3);
    log_set_level(LOG_DEBUG);
    log_debug("d", "x=%d", 4);
    log_set_level(LOG_OFF);
    log_error("e", "x=%d", 5);
    const char *lines = captured_text();
    assert_null(strstr(lines, " a "));
    assert_null(strstr(lines, " b "));
    assert_non_null(strstr(lines, " error c x=3\n"));
    assert_non_null(strstr(lines, " debug d x=4\n"));
    assert_null(strstr(lines, " e "));
}

static size_t count_lines(const char *lines)
{
    size_t count = 0;
    for (; *lines; lines++)
        count += *lines == '\n';
    return count;
}

static void test_foreign_text_can_not_forge_a_line(void **state)
{
    (void)state;
    capture();
    log_info("customer", "id=%s", "a\nerror forged\r\x1b[2J");
    const char *line = captured_text();
    assert_int_equal(count_lines(line), 1);
    assert_null(strchr(line, '\x1b'));
    assert_non_null(strstr(line, "id=a error forged"));
}

static void test_a_line_that_is_too_long_is_cut_and_still_ends(void **state)
{
    (void)state;
    char *longer = malloc(20000);
    assert_non_null(longer);
    memset(longer, 'x', 19999);
    longer[19999] = '\0';
    capture();
    log_info("long", "text=%s", longer);
    log_info(longer, "text=%s", "y");
    log_info("next", "a=%d", 1);
    const char *lines = captured_text();
    free(longer);
    assert_int_equal(count_lines(lines), 3);
    assert_non_null(strstr(lines, " info next a=1\n"));
}

static void *write_lines(void *name)
{
    for (int i = 0; i < 500; i++)
        log_info("thread", "name=%s %s", (const char *)name,
                 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    return NULL;
}

static void test_lines_of_several_threads_do_not_mix(void **state)
{
    (void)state;
    pthread_t threads[4];
    static char names[4][2] = {"a", "b", "c", "d"};
    capture();
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, write_lines, names[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    const char *lines = captured_text();
    assert_int_equal(count_lines(lines), 2000);
    for (const char *line = lines; *line; line = strchr(line, '\n') + 1)
        assert_int_equal(strcspn(line, "\n"), 24 + strlen(" info thread name=a ") + 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_a_record_is_a_line_of_time_level_event_and_fields, teardown),
        cmocka_unit_test(test_a_text_in_quotes_can_be_told_from_what_follows),
        cmocka_unit_test_teardown(test_lines_below_the_level_are_not_written, teardown),
        cmocka_unit_test_teardown(test_foreign_text_can_not_forge_a_line, teardown),
        cmocka_unit_test_teardown(test_a_line_that_is_too_long_is_cut_and_still_ends, teardown),
        cmocka_unit_test_teardown(test_lines_of_several_threads_do_not_mix, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
