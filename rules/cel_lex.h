/*
 * rules/cel_lex.h - the words of an expression.
 *
 * The lexer only finds where a token ends; what a literal means is cel_literal's business.
 */
#ifndef RULES_CEL_LEX_H
#define RULES_CEL_LEX_H

#include <stdbool.h>
#include <stdint.h>

#include "core/slice.h"
#include "rules/cel_report.h"

enum cel_token_kind {
    TOKEN_END,
    TOKEN_BAD, /* reported */
    TOKEN_NAME,
    TOKEN_QUOTED_NAME, /* `in backquotes`, after a dot; text is what is between them */
    TOKEN_INT,
    TOKEN_UINT,
    TOKEN_DOUBLE,
    TOKEN_STRING, /* with prefix and quotes */
    TOKEN_BYTES,
    TOKEN_SIGN, /* text says which: ( ) [ ] { } , . : ? ! - + * / % < <= > >= == != && || */
};

struct cel_token {
    enum cel_token_kind kind;
    uint32_t offset;
    struct slice text;
};

struct cel_lexer {
    struct slice text;
    uint32_t pos;
    struct cel_report *report;
};

struct cel_token cel_lex_next(struct cel_lexer *lexer);
#endif
