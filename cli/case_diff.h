/*
 * cli/case_diff.h - what was expected against what came, for a person: line by line, `-` expected,
 * `+` got.
 *
 *       { at: 35m, type: cart.abandoned, data: { value: 20 } }      as expected
 *       { at: 1d, type: cart.recovered }, but:                      in part
 *     -     data.abandoned_for: 84300001
 *     +     data.abandoned_for: 84300000
 *     - { at: 2d, type: cart.resumed }                              did not come
 *     + { at: 3d, type: cart.expired, machine: cart, ... }          nobody expected
 *       state:
 *     -     cart: active
 *     +     cart: empty
 *
 * Values are written as the file of tests has them, so that a line can be taken over into it.
 * Numbers compare by value (20 is 20.0), lists element by element, of maps the keys that are named.
 */
#ifndef CLI_CASE_DIFF_H
#define CLI_CASE_DIFF_H

#include <stdbool.h>

#include "cli/case_file.h"
#include "cli/case_run.h"
#include "core/buf.h"

/*
 * True where all is as expected; otherwise the differences are appended to `out`. Of one time,
 * signals of different customers may come in any order.
 */
bool case_diff(const struct case_file *file, const struct case_test *test,
               const struct case_result *result, struct buf *out);
#endif
