/*
 * cli/case_file.h - a file of tests for machines, `cart.test.yaml` beside `cart.yaml`, read and
 * checked.
 *
 * Its form is shown by docs/machines.md: which machines, and cases of events that are given and
 * signals that are expected. Every mistake is reported with its place; what could be read is there
 * all the same, so that one run finds all of them.
 *
 * What is expected is kept as msgpack, as signals carry it, so that one comparison and one way of
 * writing do for both sides.
 */
#ifndef CLI_CASE_FILE_H
#define CLI_CASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumer/schema.h"
#include "core/arena.h"
#include "core/diag.h"
#include "core/slice.h"
#include "core/yaml.h"
#include "rules/rules.h"

#define CASE_CUSTOMER "customer" /* of an event that names none */

/* One event: a Segment message. */
struct case_event {
    struct diag_pos at;
    int64_t time_ms;
    struct slice message;
};

/* The fields of a signal, in the order in which they are shown. */
enum case_field {
    CASE_TYPE,
    CASE_MACHINE,
    CASE_FROM,
    CASE_TO,
    CASE_CAUSE,
    CASE_CUSTOMER_FIELD,
    CASE_FIELD_COUNT
};
extern const char *const case_field_names[CASE_FIELD_COUNT];

/* What is expected of a signal, or what one had. A field without data is not looked at. */
struct case_signal {
    bool has_time;
    int64_t time_ms;
    struct slice fields[CASE_FIELD_COUNT];
    struct slice data; /* a msgpack map */
};

/* Where a machine is expected to stand at the end. */
struct case_state {
    uint32_t machine; /* its number in the rules' layout */
    struct slice state;
};

struct case_test {
    struct diag_pos at;
    const char *name;
    struct case_event *events;
    size_t event_count;
    bool expects_signals; /* false: only states are looked at */
    struct case_signal *signals;
    size_t signal_count;
    struct case_state *states;
    size_t state_count;
    int64_t until_ms; /* BACKTEST_NO_UNTIL: the greatest event time */
};

struct case_file {
    const char *path; /* borrowed */
    int64_t start_ms;
    struct case_test *tests;
    size_t test_count;
    struct rules *rules; /* NULL where its machines have errors */

    /* private: all above lies in these */
    struct yaml_file *yaml, *constants;
    struct arena arena;
};

/*
 * False where there is a mistake; they are in `diag`. Give back with case_file_fini() in either
 * case. `path` outlives it. `segment` is the schema in which events are written.
 */
bool case_file_read(struct case_file *file, const char *path, const struct schema *segment,
                    struct diag *diag);
void case_file_fini(struct case_file *file);
#endif
