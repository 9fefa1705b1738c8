#define PCRE2_CODE_UNIT_WIDTH 8

#include "rules/cel_regex.h"

#include <pcre2.h>
#include <stdio.h>

#include "core/check.h"
#include "rules/cel_functions.h"

/*
 * What PCRE2 counts is calls of its match(); each may run over the whole text without counting (`[^x]*`). So a
 * match of n bytes pays for its limit of calls, and for as many runs over the text.
 */
#define CALLS_PER_STEP 8
#define BYTES_PER_STEP 1024
#define CALLS_MAX      (1u << 20)
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

static int match_within(const pcre2_code *code, pcre2_match_data *data,
                        pcre2_match_context *context, struct value text, uint32_t limit)
{
    pcre2_set_match_limit(context, limit);
    pcre2_set_heap_limit(context, HEAP_MAX_KIB);
    /* Texts are valid UTF-8 already. */
    return pcre2_match(code, (PCRE2_SPTR)(text.size ? text.s : ""), text.size, 0,
                       PCRE2_NO_UTF_CHECK, data, context);
}

static uint64_t price(uint64_t limit, uint32_t size)
{
    return limit / CALLS_PER_STEP + limit * size / BYTES_PER_STEP;
}

/*
 * PCRE2 does not say how much it did, only that it was too much. So the limit begins small and grows, and each
 * try is paid for: what is paid is at most some ten times what was done.
 */
static int match_paid(const pcre2_code *code, struct cel_activation *activation, struct value text,
                      pcre2_match_data *data, pcre2_match_context *context)
{
    int result = PCRE2_ERROR_MATCHLIMIT;
    for (uint64_t limit = 64 + 2 * (uint64_t)text.size; result == PCRE2_ERROR_MATCHLIMIT;
         limit *= 8) {
        if (limit > CALLS_MAX + 2 * (uint64_t)text.size ||
            !cel_spend(activation, price(limit, text.size)))
            break;
        result = match_within(code, data, context, text, (uint32_t)limit);
    }
    return result;
}

struct value cel_regex_match(const struct cel_regex *regex, struct cel_activation *activation,
                             struct value text)
{
    pcre2_code *code = code_of(regex);
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    CHECK(data != NULL && context != NULL);
    int result = match_paid(code, activation, text, data, context);
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
    if (activation->steps_left == 0 && result == PCRE2_ERROR_MATCHLIMIT)
        return cel_too_many_steps();
    if (result >= 0 || result == PCRE2_ERROR_NOMATCH)
        return value_bool(result >= 0);
    return cel_error_literal("the pattern takes too many steps on this text");
}
