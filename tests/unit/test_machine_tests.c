/*
 * The tests that lie beside the shipped machines, as `stagecoach test config/machines/...` runs
 * them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glob.h>

#include "cli/cli.h"
#include "command_run.h"

#define MACHINES STAGECOACH_SOURCE_DIR "/config/machines/"

static struct command_output output;

static const char *const shipped[] = {
    "cart",    "browse",       "lifecycle", "buyer",       "experience",
    "loyalty", "relationship", "friction",  "touchpoints",
};
#define SHIPPED_COUNT (sizeof shipped / sizeof *shipped)

static void test_all_cases_pass(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHIPPED_COUNT; i++) {
        char path[4096];
        snprintf(path, sizeof path, MACHINES "%s.test.yaml", shipped[i]);
        command_run(cmd_test, (const char *const[]){"test", path, NULL}, &output);
        if (output.code != 0)
            print_error("%s%s", output.out, output.err);
        assert_int_equal(output.code, 0);
        assert_non_null(strstr(output.out, " passed, 0 failed\n"));
    }
}

/* Nobody ships a machine without tests beside it. */
static void test_every_shipped_machine_has_tests(void **state)
{
    glob_t machines, tests;
    (void)state;
    assert_int_equal(glob(MACHINES "*.yaml", 0, NULL, &machines), 0);
    assert_int_equal(glob(MACHINES "*.test.yaml", 0, NULL, &tests), 0);
    assert_int_equal(tests.gl_pathc, SHIPPED_COUNT);
    assert_int_equal(machines.gl_pathc, 2 * SHIPPED_COUNT);
    globfree(&machines);
    globfree(&tests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_cases_pass),
        cmocka_unit_test(test_every_shipped_machine_has_tests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
