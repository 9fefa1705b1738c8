#include "rules/cel_lex.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex_digit(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name_part(char c)
{
    return is_name_start(c) || is_digit(c);
}

/* The character at `pos`, or NUL behind the end. A NUL in the text is no valid token either. */
static char peek(const struct cel_lexer *lexer, uint32_t pos)
{
    return pos < lexer->text.size ? lexer->text.data[pos] : '\0';
}

static void skip_space(struct cel_lexer *lexer)
{
    for (;;) {
        char c = peek(lexer, lexer->pos);
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f') {
            lexer->pos++;
        } else if (c == '/' && peek(lexer, lexer->pos + 1) == '/') {
            while (lexer->pos < lexer->text.size && peek(lexer, lexer->pos) != '\n')
                lexer->pos++;
        } else {
            return;
        }
    }
}

/* The token from lexer->pos to `end`. */
static struct cel_token take(struct cel_lexer *lexer, enum cel_token_kind kind, uint32_t end)
{
    struct cel_token token = {kind, lexer->pos, {lexer->text.data + lexer->pos, end - lexer->pos}};
    lexer->pos = end;
    return token;
}

static struct cel_token take_bad(struct cel_lexer *lexer)
{
    return take(lexer, TOKEN_BAD, lexer->pos);
}

static uint32_t skip_digits(const struct cel_lexer *lexer, uint32_t pos)
{
    while (is_digit(peek(lexer, pos)))
        pos++;
    return pos;
}

/* Behind an exponent at `pos`, or `pos` where there is none. */
static uint32_t skip_exponent(const struct cel_lexer *lexer, uint32_t pos)
{
    if (peek(lexer, pos) != 'e' && peek(lexer, pos) != 'E')
        return pos;
    uint32_t digits = pos + 1;
    if (peek(lexer, digits) == '+' || peek(lexer, digits) == '-')
        digits++;
    return is_digit(peek(lexer, digits)) ? skip_digits(lexer, digits) : pos;
}

static struct cel_token number_end(struct cel_lexer *lexer, enum cel_token_kind kind, uint32_t end)
{
    if (is_name_part(peek(lexer, end))) {
        cel_report(lexer->report, end, "'%c' does not belong to a number", peek(lexer, end));
        return take_bad(lexer);
    }
    return take(lexer, kind, end);
}

static struct cel_token whole_number(struct cel_lexer *lexer, uint32_t end)
{
    if (peek(lexer, end) == 'u' || peek(lexer, end) == 'U')
        return number_end(lexer, TOKEN_UINT, end + 1);
    return number_end(lexer, TOKEN_INT, end);
}

static struct cel_token lex_hex(struct cel_lexer *lexer)
{
    uint32_t end = lexer->pos + 2;
    while (is_hex_digit(peek(lexer, end)))
        end++;
    if (end == lexer->pos + 2) {
        cel_report(lexer->report, lexer->pos, "a hexadecimal number needs digits, such as 0x1F");
        return take_bad(lexer);
    }
    return whole_number(lexer, end);
}

/* `1.size()` is a call on 1: a point belongs to the number only where a digit follows. */
static struct cel_token lex_number(struct cel_lexer *lexer)
{
    if (peek(lexer, lexer->pos) == '0' &&
        (peek(lexer, lexer->pos + 1) == 'x' || peek(lexer, lexer->pos + 1) == 'X'))
        return lex_hex(lexer);
    uint32_t digits_end = skip_digits(lexer, lexer->pos);
    uint32_t end = digits_end;
    if (peek(lexer, end) == '.' && is_digit(peek(lexer, end + 1)))
        end = skip_digits(lexer, end + 1);
    end = skip_exponent(lexer, end);
    return end == digits_end ? whole_number(lexer, end) : number_end(lexer, TOKEN_DOUBLE, end);
}

static bool is_triple(const struct cel_lexer *lexer, uint32_t pos, char quote)
{
    return peek(lexer, pos) == quote && peek(lexer, pos + 1) == quote &&
           peek(lexer, pos + 2) == quote;
}

static struct cel_token unclosed(struct cel_lexer *lexer, const char *quotes)
{
    cel_report(lexer->report, lexer->pos, "the text that begins here is not closed with %s",
               quotes);
    return take_bad(lexer);
}

static struct cel_token lex_triple(struct cel_lexer *lexer, enum cel_token_kind kind, bool raw,
                                   uint32_t pos, char quote)
{
    for (; pos < lexer->text.size; pos++) {
        if (is_triple(lexer, pos, quote))
            return take(lexer, kind, pos + 3);
        if (!raw && peek(lexer, pos) == '\\')
            pos++;
    }
    return unclosed(lexer, quote == '"' ? "\"\"\"" : "'''");
}

/* `pos` is at the first quote. */
static struct cel_token lex_string(struct cel_lexer *lexer, enum cel_token_kind kind, bool raw,
                                   uint32_t pos)
{
    char quote = peek(lexer, pos);
    if (is_triple(lexer, pos, quote))
        return lex_triple(lexer, kind, raw, pos + 3, quote);
    for (pos++; pos < lexer->text.size; pos++) {
        char c = peek(lexer, pos);
        if (c == quote)
            return take(lexer, kind, pos + 1);
        if (c == '\n' || c == '\r')
            break;
        if (!raw && c == '\\')
            pos++;
    }
    return unclosed(lexer, quote == '"' ? "\"" : "'");
}

/* r'', b'', br'' and their capitals; false where a plain name begins here. */
static bool lex_prefixed_string(struct cel_lexer *lexer, struct cel_token *token)
{
    uint32_t pos = lexer->pos;
    bool bytes = peek(lexer, pos) == 'b' || peek(lexer, pos) == 'B';
    pos += bytes;
    bool raw = peek(lexer, pos) == 'r' || peek(lexer, pos) == 'R';
    pos += raw;
    if (peek(lexer, pos) != '"' && peek(lexer, pos) != '\'')
        return false;
    *token = lex_string(lexer, bytes ? TOKEN_BYTES : TOKEN_STRING, raw, pos);
    return true;
}

static struct cel_token lex_name(struct cel_lexer *lexer)
{
    uint32_t end = lexer->pos;
    while (is_name_part(peek(lexer, end)))
        end++;
    return take(lexer, TOKEN_NAME, end);
}

static struct cel_token lex_quoted_name(struct cel_lexer *lexer)
{
    uint32_t end = lexer->pos + 1;
    while (end < lexer->text.size && peek(lexer, end) != '`' && peek(lexer, end) != '\n')
        end++;
    if (peek(lexer, end) != '`' || end == lexer->pos + 1) {
        cel_report(lexer->report, lexer->pos, "a field's name between ` and ` is expected here");
        return take_bad(lexer);
    }
    struct cel_token token = take(lexer, TOKEN_QUOTED_NAME, end + 1);
    token.text.data++;
    token.text.size -= 2;
    return token;
}

/* What people write who come from another language. */
static const char *sign_advice(char c, char next)
{
    if (c == '=' && next != '=')
        return "'=' is not an operator of CEL; to compare write '=='";
    if (c == '&')
        return "'&' is not an operator of CEL; for 'and' write '&&'";
    if (c == '|')
        return "'|' is not an operator of CEL; for 'or' write '||'";
    if (c == ';')
        return "an expression has no ';'";
    return NULL;
}

static struct cel_token bad_sign(struct cel_lexer *lexer, char c)
{
    const char *advice = sign_advice(c, peek(lexer, lexer->pos + 1));
    if (advice)
        cel_report(lexer->report, lexer->pos, "%s", advice);
    else if (c > ' ' && c < 0x7f)
        cel_report(lexer->report, lexer->pos, "'%c' can't stand here", c);
    else
        cel_report(lexer->report, lexer->pos,
                   "a character that can't stand here; text goes between quotes");
    return take_bad(lexer);
}

static struct cel_token lex_sign(struct cel_lexer *lexer)
{
    static const char *const twos[] = {"<=", ">=", "==", "!=", "&&", "||"};
    char c = peek(lexer, lexer->pos);
    char next = peek(lexer, lexer->pos + 1);
    for (size_t i = 0; i < sizeof(twos) / sizeof(twos[0]); i++)
        if (c == twos[i][0] && next == twos[i][1])
            return take(lexer, TOKEN_SIGN, lexer->pos + 2);
    if (c == '\0' || !strchr("()[]{},.:?!-+*/%<>", c))
        return bad_sign(lexer, c);
    return take(lexer, TOKEN_SIGN, lexer->pos + 1);
}

struct cel_token cel_lex_next(struct cel_lexer *lexer)
{
    struct cel_token token;
    skip_space(lexer);
    if (lexer->pos >= lexer->text.size) {
        lexer->pos = (uint32_t)lexer->text.size;
        return take(lexer, TOKEN_END, lexer->pos);
    }
    char c = peek(lexer, lexer->pos);
    if (is_digit(c) || (c == '.' && is_digit(peek(lexer, lexer->pos + 1))))
        return lex_number(lexer);
    if (lex_prefixed_string(lexer, &token))
        return token;
    if (is_name_start(c))
        return lex_name(lexer);
    if (c == '`')
        return lex_quoted_name(lexer);
    return lex_sign(lexer);
}
