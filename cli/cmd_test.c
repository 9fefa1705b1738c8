#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/case_diff.h"
#include "cli/case_file.h"
#include "cli/case_junit.h"
#include "cli/case_run.h"
#include "cli/cli.h"
#include "consumer/schema.h"
#include "core/check.h"

static const char help[] =
    "Usage: stagecoach test FILE... [--junit FILE]\n"
    "\n"
    "Tests machines: given these events, exactly these signals are expected. The tests stand in "
    "YAML files beside the\n"
    "machines, such as cart.test.yaml beside cart.yaml:\n"
    "\n"
    "  machines: [ cart.yaml ]              # relative to this file\n"
    "  start: 2026-01-05T10:00:00Z          # what 0s is; by default 2026-01-01T00:00:00Z\n"
    "  cases:\n"
    "    - name: abandoned after 30 minutes of silence\n"
    "      given:\n"
    "        - { at: 0s,  event: product_added, properties: { product_id: A, price: 10 } }\n"
    "        - { at: +1h, event: page_viewed }            # + is from the event before\n"
    "      expect:                                        # these signals, in this order; [] is "
    "none\n"
    "        - { at: 30m, type: cart.abandoned, data: { value: 10 } }\n"
    "      until: 2h                                      # without it the clock stops at the "
    "greatest event time\n"
    "      state: { cart: abandoned }                     # where the machines stand at the end\n"
    "\n"
    "Of a signal and of its data only the fields that are named are compared. Plain values are "
    "read as JSON has them, quoted\n"
    "ones are text. `customer` and `id` of an event are optional. `constants` beside `machines` "
    "replaces those of the default\n"
    "configuration, { timezone: Asia/Bangkok, festivals: { 01-01T09:00: new_year, 04-13T09:00: "
    "songkran } }.\n"
    "\n"
    "  -j, --junit FILE    writes the outcome as JUnit XML, for a CI server\n"
    "  -h, --help          this text\n"
    "\n"
    "Exit codes: 0 all passed, 1 some failed, 2 a file is wrong.\n";

struct testing {
    struct schema *segment;
    struct case_file *files;
    struct case_outcome **outcomes; /* by file and test */
    size_t file_count;
    size_t passed, failed;
};

/* Installed, or in the source tree of a build that is not. */
static struct schema *load_segment(struct diag *diag)
{
    static const char installed[] = STAGECOACH_DATA_DIR "/schemas/segment.yaml";
    bool is_installed = access(installed, R_OK) == 0;
    return schema_load(
        is_installed ? installed : STAGECOACH_SOURCE_DIR "/config/schemas/segment.yaml", diag);
}

/* All of them before the first is run: what is wrong in any is said at once. */
static bool read_files(struct testing *testing, const struct cli_list *paths)
{
    struct diag diag;
    diag_init(&diag);
    testing->segment = load_segment(&diag);
    testing->files = calloc(paths->count + 1, sizeof *testing->files);
    testing->outcomes = calloc(paths->count + 1, sizeof *testing->outcomes);
    CHECK(testing->files && testing->outcomes);
    for (; testing->segment && testing->file_count < paths->count; testing->file_count++)
        case_file_read(&testing->files[testing->file_count], paths->items[testing->file_count],
                       testing->segment, &diag);
    bool right = diag.error_count == 0;
    diag_print(&diag, stderr);
    diag_fini(&diag);
    return right;
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void run_test(struct testing *testing, const struct case_file *file,
                     const struct case_test *test, struct case_outcome *outcome)
{
    struct case_result result;
    struct arena arena;
    int64_t start_ns = now_ns();

    arena_init(&arena);
    case_run(file, test, testing->segment, &arena, &result);
    outcome->passed = case_diff(file, test, &result, &outcome->diff);
    outcome->duration_ns = now_ns() - start_ns;
    arena_fini(&arena);
    if (outcome->passed) {
        testing->passed++;
        return;
    }
    testing->failed++;
    printf("FAILED %s:%d: %s\n--- expected\n+++ got\n%.*s\n", file->path, test->at.line, test->name,
           (int)outcome->diff.size, outcome->diff.data);
}

static void run_file(struct testing *testing, size_t index)
{
    const struct case_file *file = &testing->files[index];
    size_t failed_before = testing->failed;
    struct case_outcome *outcomes = calloc(file->test_count + 1, sizeof *outcomes);
    CHECK(outcomes);
    testing->outcomes[index] = outcomes;
    for (size_t i = 0; i < file->test_count; i++) {
        buf_init(&outcomes[i].diff);
        run_test(testing, file, &file->tests[i], &outcomes[i]);
    }
    size_t failed = testing->failed - failed_before;
    if (failed == 0)
        printf("ok     %s: %zu passed\n", file->path, file->test_count);
    else
        printf("FAILED %s: %zu passed, %zu failed\n", file->path, file->test_count - failed,
               failed);
}

static int write_junit(const struct testing *testing, const char *path)
{
    struct errinfo info;
    struct case_suite *suites = calloc(testing->file_count + 1, sizeof *suites);
    CHECK(suites);
    for (size_t i = 0; i < testing->file_count; i++)
        suites[i] = (struct case_suite){&testing->files[i], testing->outcomes[i]};
    enum err rc = case_junit_write(path, suites, testing->file_count, &info);
    if (rc != ERR_NONE)
        fprintf(stderr, "stagecoach test: %s\n", info.text);
    free(suites);
    return rc == ERR_NONE ? 0 : 1;
}

static void testing_fini(struct testing *testing)
{
    for (size_t i = 0; i < testing->file_count; i++) {
        for (size_t t = 0; testing->outcomes[i] && t < testing->files[i].test_count; t++)
            buf_fini(&testing->outcomes[i][t].diff);
        free(testing->outcomes[i]);
        case_file_fini(&testing->files[i]);
    }
    free(testing->outcomes);
    free(testing->files);
    schema_free(testing->segment);
}

static int run_all(struct testing *testing, const char *junit)
{
    for (size_t i = 0; i < testing->file_count; i++)
        run_file(testing, i);
    printf("%zu passed, %zu failed\n", testing->passed, testing->failed);
    fflush(stdout);
    int rc = junit ? write_junit(testing, junit) : 0;
    return testing->failed > 0 ? 1 : rc;
}

int cmd_test(int argc, char **argv)
{
    const char *junit = NULL;
    struct cli_list paths = {0};
    const struct cli_option options[] = {{"junit", 'j', CLI_TEXT, &junit}, {0}};
    struct testing testing = {0};
    int rc = cli_parse(argc, argv, options, help, &paths);

    if (rc == CLI_GO_ON && paths.count == 0)
        rc = cli_wrong(argv[0], "which FILE?");
    if (rc == CLI_GO_ON)
        rc = read_files(&testing, &paths) ? run_all(&testing, junit) : 2;
    testing_fini(&testing);
    cli_list_free(&paths);
    return rc;
}
