#include "cli/case_junit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * XML 1.0 knows no control characters but three. Texts of YAML files and of signals are valid
 * UTF-8.
 */
static void write_char(char c, FILE *out)
{
    if (c >= 0 && c < 0x20 && c != '\t' && c != '\n' && c != '\r')
        fputs("\xEF\xBF\xBD", out);
    else if (c == '&')
        fputs("&amp;", out);
    else if (c == '<')
        fputs("&lt;", out);
    else if (c == '>')
        fputs("&gt;", out);
    else if (c == '"')
        fputs("&quot;", out);
    else if (c == '\n')
        fputs("&#10;", out);
    else
        fputc(c, out);
}

static void write_escaped(struct slice text, FILE *out)
{
    for (size_t i = 0; i < text.size; i++)
        write_char(text.data[i], out);
}

static size_t failures_of(const struct case_suite *suite)
{
    size_t count = 0;
    for (size_t i = 0; i < suite->file->test_count; i++)
        count += !suite->outcomes[i].passed;
    return count;
}

static double seconds_of(const struct case_suite *suite)
{
    int64_t duration_ns = 0;
    for (size_t i = 0; i < suite->file->test_count; i++)
        duration_ns += suite->outcomes[i].duration_ns;
    return (double)duration_ns / 1e9;
}

static void write_test(const struct case_suite *suite, size_t index, FILE *out)
{
    const struct case_test *test = &suite->file->tests[index];
    const struct case_outcome *outcome = &suite->outcomes[index];
    fputs("    <testcase classname=\"", out);
    write_escaped(slice_of(suite->file->path), out);
    fputs("\" name=\"", out);
    write_escaped(slice_of(test->name), out);
    fputs("\" file=\"", out);
    write_escaped(slice_of(suite->file->path), out);
    fprintf(out, "\" line=\"%d\" time=\"%.6f\"", test->at.line, (double)outcome->duration_ns / 1e9);
    if (outcome->passed) {
        fputs("/>\n", out);
        return;
    }
    fputs(">\n      <failure message=\"not as expected\">", out);
    write_escaped(buf_slice(&outcome->diff), out);
    fputs("</failure>\n    </testcase>\n", out);
}

static void write_suite(const struct case_suite *suite, FILE *out)
{
    fputs("  <testsuite name=\"", out);
    write_escaped(slice_of(suite->file->path), out);
    fprintf(out, "\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"0\" time=\"%.6f\">\n",
            suite->file->test_count, failures_of(suite), seconds_of(suite));
    for (size_t i = 0; i < suite->file->test_count; i++)
        write_test(suite, i, out);
    fputs("  </testsuite>\n", out);
}

static void write_all(const struct case_suite *suites, size_t count, FILE *out)
{
    size_t tests = 0, failures = 0;
    double seconds = 0;
    for (size_t i = 0; i < count; i++) {
        tests += suites[i].file->test_count;
        failures += failures_of(&suites[i]);
        seconds += seconds_of(&suites[i]);
    }
    fprintf(out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"stagecoach test\" "
            "tests=\"%zu\" failures=\"%zu\" time=\"%.6f\">\n",
            tests, failures, seconds);
    for (size_t i = 0; i < count; i++)
        write_suite(&suites[i], out);
    fputs("</testsuites>\n", out);
}

enum err case_junit_write(const char *path, const struct case_suite *suites, size_t count,
                          struct errinfo *info)
{
    FILE *out = fopen(path, "w");
    if (!out)
        return err_set(info, ERR_FATAL, "%s can't be written: %s", path, strerror(errno));
    write_all(suites, count, out);
    bool failed = ferror(out) != 0;
    failed |= fclose(out) != 0;
    return failed ? err_set(info, ERR_FATAL, "%s can't be written: %s", path, strerror(errno))
                  : ERR_NONE;
}
