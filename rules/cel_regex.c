#define PCRE2_CODE_UNIT_WIDTH 8

#include "rules/cel_regex.h"

#include <pcre2.h>
#include <stdio.h>

#include "core/check.h"
#include "rules/cel_functions.h"

/*
 * What PCRE2 counts is calls of its match(); each may run over the whole text without counting
 * (`[^x]*`). So a match of n bytes pays for its limit of calls, and for as many runs over the text.
 */
#define CALLS_PER_STEP   8
#define BYTES_PER_STEP   1024
#define CALLS_MAX        (1u << 20)
#define TRIES_BEFORE_DFA 2
#define DFA_WORKSPACE    1000 /* ints */
#define DFA_DEPTH_MAX    200  /* it goes into lookaround and recursion on the C stack */
#define HEAP_MAX_KIB     (16u << 10)

/* The compiled pattern is PCRE2's own; ours is only a name for it. */
static pcre2_code *code_of(const struct cel_regex *regex)
{
    return (pcre2_code *)(uintptr_t)regex;
}

struct cel_regex *cel_regex_compile(struct slice pattern, char *message)
{
    int error;
    PCRE2_SIZE offset;
    if (pattern.size > CEL_PATTERN_SIZE_MAX) {
        snprintf(message, 256, "a pattern of more than %d bytes", CEL_PATTERN_SIZE_MAX);
        return NULL;
    }
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)(pattern.size ? pattern.data : ""), pattern.size,
                                     PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C,
                                     &error, &offset, NULL);
    if (!code) {
        char reason[160];
        pcre2_get_error_message(error, (PCRE2_UCHAR *)reason, sizeof(reason));
        snprintf(message, 256, "the pattern is wrong at its character %zu: %s", offset + 1, reason);
    }
    return (struct cel_regex *)code;
}

void cel_regex_free(struct cel_regex *regex)
{
    if (regex)
        pcre2_code_free(code_of(regex));
}

/* A match at work. */
struct match {
    const pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *context;
    struct cel_activation *activation;
    PCRE2_SPTR text;
    PCRE2_SIZE size;
};

/* Texts are valid UTF-8 already. */
static int backtrack(struct match *match, uint64_t limit)
{
    uint64_t price = limit / CALLS_PER_STEP + limit * match->size / BYTES_PER_STEP;
    if (limit > CALLS_MAX + 2 * match->size || !cel_spend(match->activation, price))
        return PCRE2_ERROR_MATCHLIMIT;
    pcre2_set_match_limit(match->context, (uint32_t)limit);
    pcre2_set_depth_limit(match->context, (uint32_t)limit);
    return pcre2_match(match->code, match->text, match->size, 0, PCRE2_NO_UTF_CHECK, match->data,
                       match->context);
}

/* Follows all alternatives at once: no backtracking, but from each place in the text anew. */
static int match_dfa(struct match *match)
{
    int workspace[DFA_WORKSPACE];
    size_t pattern_size = 0;
    pcre2_pattern_info(match->code, PCRE2_INFO_SIZE, &pattern_size);
    uint64_t price = (uint64_t)match->size * match->size / BYTES_PER_STEP * (pattern_size / 16 + 1);
    if (price > match->activation->steps_left)
        return PCRE2_ERROR_MATCHLIMIT;
    cel_spend(match->activation, price);
    pcre2_set_match_limit(match->context, CALLS_MAX);
    pcre2_set_depth_limit(match->context, DFA_DEPTH_MAX);
    return pcre2_dfa_match(match->code, match->text, match->size, 0,
                           PCRE2_NO_UTF_CHECK | PCRE2_DFA_SHORTEST, match->data, match->context,
                           workspace, DFA_WORKSPACE);
}

static bool is_answer(int result)
{
    return result >= 0 || result == PCRE2_ERROR_NOMATCH;
}

/*
 * PCRE2 does not say how much it did, only that it was too much. So the limit begins small and
 * grows, and each try is paid for. A pattern that goes on backtracking is given to the other
 * matcher, and only where that can't read it (backreferences) goes on up to the bound.
 */
static int match_paid(struct match *match)
{
    uint64_t limit = 64 + 2 * (uint64_t)match->size;
    int result = PCRE2_ERROR_MATCHLIMIT;
    for (int i = 0; i < TRIES_BEFORE_DFA && result == PCRE2_ERROR_MATCHLIMIT; i++, limit *= 8)
        result = backtrack(match, limit);
    if (result != PCRE2_ERROR_MATCHLIMIT)
        return result;
    result = match_dfa(match);
    if (is_answer(result))
        return result;
    do {
        result = backtrack(match, limit);
        limit *= 8;
    } while (result == PCRE2_ERROR_MATCHLIMIT && limit <= CALLS_MAX + 2 * (uint64_t)match->size);
    return result;
}

struct value cel_regex_match(const struct cel_regex *regex, struct cel_activation *activation,
                             struct value text)
{
    struct match match = {
        .code = code_of(regex),
        .data = pcre2_match_data_create(1, NULL),
        .context = pcre2_match_context_create(NULL),
        .activation = activation,
        .text = (PCRE2_SPTR)(text.size ? text.s : ""),
        .size = text.size,
    };
    CHECK(match.data != NULL && match.context != NULL);
    pcre2_set_heap_limit(match.context, HEAP_MAX_KIB);
    int result = match_paid(&match);
    pcre2_match_context_free(match.context);
    pcre2_match_data_free(match.data);
    if (is_answer(result))
        return value_bool(result >= 0);
    if (activation->steps_left == 0)
        return cel_too_many_steps();
    return cel_error_literal("the pattern takes too many steps on this text");
}
