#include "core/yaml_place.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/utf8.h"

#define NOTHING UINT32_MAX /* an escape that stands for no character; the end */

/* In the source: what comes next, and its place. */
struct walk {
    struct slice source;
    size_t pos;
    struct diag_pos at;
};

/* A line of YAML 1.1 ends with any of these; so libyaml counts them. */
static bool is_break(uint32_t c)
{
    return c == '\n' || c == '\r' || c == 0x85 || c == 0x2028 || c == 0x2029;
}

static bool is_blank(uint32_t c)
{
    return c == ' ' || c == '\t' || is_break(c);
}

static uint32_t peek(const struct walk *walk)
{
    size_t pos = walk->pos;
    return pos < walk->source.size ? utf8_next(walk->source, &pos) : NOTHING;
}

static uint32_t take(struct walk *walk)
{
    if (walk->pos >= walk->source.size)
        return NOTHING;
    uint32_t c = utf8_next(walk->source, &walk->pos);
    walk->at.column++;
    if (is_break(c) && !(c == '\r' && peek(walk) == '\n')) {
        walk->at.line++;
        walk->at.column = 1;
    }
    return c;
}

static void skip_blanks(struct walk *walk)
{
    while (is_blank(peek(walk)))
        take(walk);
}

static void skip_line(struct walk *walk)
{
    for (uint32_t c = take(walk); c != NOTHING && !is_break(c);)
        c = take(walk);
}

/* Anchor and tag, and what separates them from the text. */
static void skip_properties(struct walk *walk)
{
    while (peek(walk) == '&' || peek(walk) == '!') {
        while (peek(walk) != NOTHING && !is_blank(peek(walk)))
            take(walk);
        skip_blanks(walk);
        while (peek(walk) == '#') {
            skip_line(walk);
            skip_blanks(walk);
        }
    }
}

static int digits_of(uint32_t escape)
{
    return escape == 'x' ? 2 : escape == 'u' ? 4 : escape == 'U' ? 8 : 0;
}

static uint32_t take_hex(struct walk *walk, int digits)
{
    uint32_t value = 0;
    for (; digits > 0; digits--) {
        uint32_t c = take(walk);
        value = value * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

/* Behind the backslash. What matters is only whether the character that it stands for is blank. */
static uint32_t take_escape(struct walk *walk)
{
    uint32_t c = take(walk);
    if (digits_of(c) > 0)
        return take_hex(walk, digits_of(c));
    bool is_nothing = is_break(c);
    if (c == '\r' && peek(walk) == '\n')
        take(walk);
    if (is_nothing)
        return NOTHING;
    return c != NOTHING && strchr(" tnrNLP\t", (int)c) ? ' ' : 'x';
}

/* The next character of the value that is not blank; `*at` is where it begins. False at the source's end. */
static bool take_character(struct walk *walk, uint32_t quote, struct diag_pos *at)
{
    for (;;) {
        *at = walk->at;
        uint32_t c = take(walk);
        if (c == NOTHING)
            return false;
        if (quote == '"' && c == '\\') {
            c = take_escape(walk);
            if (c == NOTHING)
                continue;
        } else if (quote == '\'' && c == '\'' && peek(walk) == '\'') {
            take(walk);
        }
        if (!is_blank(c))
            return true;
    }
}

/* To the first character of the text; the quote, 0 where there is none. */
static uint32_t take_mark(struct walk *walk)
{
    skip_properties(walk);
    uint32_t mark = peek(walk);
    if (mark == '|' || mark == '>')
        skip_line(walk);
    if (mark == '"' || mark == '\'')
        return take(walk);
    return 0;
}

struct diag_pos yaml_place(struct slice source, struct diag_pos at, struct slice value,
                           size_t offset)
{
    struct walk walk = {.source = source, .at = at};
    uint32_t quote = take_mark(&walk);
    struct diag_pos place = walk.at;
    bool is_found = false;
    for (size_t pos = 0; pos < value.size && !is_found;) {
        bool is_here = pos >= offset;
        if (is_blank(utf8_next(value, &pos))) {
            is_found = is_here;
            continue;
        }
        struct diag_pos begin;
        if (!take_character(&walk, quote, &begin))
            return at;
        place = is_here ? begin : walk.at;
        is_found = is_here;
    }
    return place;
}
