/*
 * cli/case_junit.h - the outcome of tests as JUnit XML, which CI servers read: a suite a file, a
 * test case a case.
 */
#ifndef CLI_CASE_JUNIT_H
#define CLI_CASE_JUNIT_H

#include <stddef.h>

#include "cli/case_file.h"
#include "core/buf.h"
#include "core/err.h"

/* What became of one case. */
struct case_outcome {
    bool passed;
    int64_t duration_ns;
    struct buf diff; /* owned; empty where it passed */
};

/* What became of one file's cases: as many outcomes as file->test_count, in their order. */
struct case_suite {
    const struct case_file *file;
    const struct case_outcome *outcomes;
};

enum err case_junit_write(const char *path, const struct case_suite *suites, size_t count,
                          struct errinfo *info);
#endif
