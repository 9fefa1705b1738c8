/*
 * rules/cel_regex.h - matches(): PCRE2 with its work bounded.
 *
 * Patterns are those of RE2, as far as PCRE2 reads them alike: no match across line ends by `.`,
 * `$` only at the end, any part of the text may match. What PCRE2 can beyond that (backreferences,
 * lookaround) costs steps: a backtracking match is stopped when it has used up what the evaluation
 * has left, so that none can hang a worker.
 *
 * A compiled pattern is immutable: any thread may match with it.
 */
#ifndef RULES_CEL_REGEX_H
#define RULES_CEL_REGEX_H

#include "core/slice.h"
#include "rules/cel.h"

#define CEL_PATTERN_SIZE_MAX 4096

struct cel_regex;

/* NULL: `message` (256 bytes) says what is wrong. */
struct cel_regex *cel_regex_compile(struct slice pattern, char *message);
void cel_regex_free(struct cel_regex *regex);

/* A bool, or an error. */
struct value cel_regex_match(const struct cel_regex *regex, struct cel_activation *activation,
                             struct value text);
#endif
