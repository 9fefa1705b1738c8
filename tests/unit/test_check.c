#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/check.h"

/* The exit status of a child that makes the check; its stderr goes to `out`. */
static int status_of_check(int holds, char *out, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        signal(SIGABRT, SIG_DFL);
        CHECK(holds == 1);
        _exit(3);
    }
    close(ends[1]);
    size_t used = 0;
    ssize_t got;
    while (used < size - 1 && (got = read(ends[0], out + used, size - 1 - used)) > 0)
        used += (size_t)got;
    out[used] = '\0';
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void test_a_kept_promise_costs_nothing(void **state)
{
    (void)state;
    char text[256];
    int status = status_of_check(1, text, sizeof(text));
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    assert_string_equal(text, "");
}

static void test_a_broken_promise_stops_the_process_and_says_where(void **state)
{
    (void)state;
    char text[256];
    int status = status_of_check(0, text, sizeof(text));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "test_check.c"));
    assert_non_null(strstr(text, "holds == 1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_kept_promise_costs_nothing),
        cmocka_unit_test(test_a_broken_promise_stops_the_process_and_says_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
