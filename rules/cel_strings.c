/*
 * The `strings` extension. Positions count characters, not bytes.
 */
#include "core/buf.h"
#include "core/utf8.h"
#include "rules/cel_format.h"
#include "rules/cel_functions.h"
#include "rules/cel_value.h"

static struct value out_of_range(struct cel_activation *activation, int64_t index)
{
    return cel_fail(activation, "index out of range: %lld", (long long)index);
}

/* What has been made in vain is paid for too. */
static struct value too_long(struct cel_activation *activation)
{
    cel_spend(activation, CEL_STRING_MAX >> 6);
    return cel_fail(activation, "a text of more than %u bytes", CEL_STRING_MAX);
}

/* ---- positions ---- */

/*
 * The byte where character `index` begins; the size for the one behind the last. False: beyond
 * that.
 */
static bool byte_of(struct slice text, int64_t index, size_t *byte)
{
    *byte = 0;
    if (index < 0)
        return false;
    for (; index > 0; index--) {
        if (*byte == text.size)
            return false;
        utf8_next(text, byte);
    }
    return true;
}

static int64_t index_of_byte(struct slice text, size_t byte)
{
    return (int64_t)utf8_count((struct slice){text.data, byte});
}

static struct slice between(struct slice text, size_t start, size_t end)
{
    return (struct slice){text.data + start, end - start};
}

static struct value char_at(struct cel_activation *activation, const struct value *arguments,
                            uint32_t count)
{
    (void)count;
    struct slice text = value_text(arguments[0]);
    size_t start, end;
    if (!byte_of(text, arguments[1].i, &start))
        return out_of_range(activation, arguments[1].i);
    end = start;
    if (start < text.size)
        utf8_next(text, &end);
    return value_string(between(text, start, end));
}

static struct value substring(struct cel_activation *activation, const struct value *arguments,
                              uint32_t count)
{
    struct slice text = value_text(arguments[0]);
    size_t start, end = text.size;
    if (!byte_of(text, arguments[1].i, &start))
        return out_of_range(activation, arguments[1].i);
    if (count == 3 && !byte_of(text, arguments[2].i, &end))
        return out_of_range(activation, arguments[2].i);
    if (end < start)
        return cel_error_literal("the end lies before the start");
    return value_string(between(text, start, end));
}

/* ---- searching ---- */

static struct value index_of(struct cel_activation *activation, const struct value *arguments,
                             uint32_t count)
{
    struct slice text = value_text(arguments[0]), part = value_text(arguments[1]);
    size_t start = 0;
    if (count == 3 && !byte_of(text, arguments[2].i, &start))
        return out_of_range(activation, arguments[2].i);
    if (part.size == 0)
        return value_int(count == 3 ? arguments[2].i : 0);
    const char *found = memmem(text.data + start, text.size - start, part.data, part.size);
    return value_int(found ? index_of_byte(text, (size_t)(found - text.data)) : -1);
}

static bool is_at(struct slice text, size_t pos, struct slice part)
{
    return text.size - pos >= part.size && memcmp(text.data + pos, part.data, part.size) == 0;
}

/* The last one that begins at or before `from`. */
static struct value last_index_before(struct slice text, struct slice part, size_t from)
{
    for (size_t pos = from + 1; pos-- > 0;)
        if (is_at(text, pos, part))
            return value_int(index_of_byte(text, pos));
    return value_int(-1);
}

/* Compared at each place, so it is paid by the product. */
static struct value last_index_of(struct cel_activation *activation, const struct value *arguments,
                                  uint32_t count)
{
    struct slice text = value_text(arguments[0]), part = value_text(arguments[1]);
    size_t from = text.size;
    if (!cel_spend(activation, (uint64_t)text.size * (1 + part.size / 16) >> 6))
        return cel_too_many_steps();
    if (count == 3 && !byte_of(text, arguments[2].i, &from))
        return out_of_range(activation, arguments[2].i);
    return last_index_before(text, part, from);
}

/* ---- new texts ---- */

static struct value map_ascii(struct cel_activation *activation, struct value text, char first,
                              char last, int distance)
{
    char *out = arena_alloc(activation->arena, text.size);
    for (uint32_t i = 0; i < text.size; i++) {
        char c = text.s[i];
        out[i] = c >= first && c <= last ? (char)(c + distance) : c;
    }
    return value_string((struct slice){out, text.size});
}

static struct value lower_ascii(struct cel_activation *activation, const struct value *arguments,
                                uint32_t count)
{
    (void)count;
    return map_ascii(activation, arguments[0], 'A', 'Z', 'a' - 'A');
}

static struct value upper_ascii(struct cel_activation *activation, const struct value *arguments,
                                uint32_t count)
{
    (void)count;
    return map_ascii(activation, arguments[0], 'a', 'z', 'A' - 'a');
}

static struct value reverse(struct cel_activation *activation, const struct value *arguments,
                            uint32_t count)
{
    (void)count;
    struct slice text = value_text(arguments[0]);
    char *out = arena_alloc(activation->arena, text.size);
    for (size_t start = 0, end = 0; start < text.size; start = end) {
        utf8_next(text, &end);
        memcpy(out + (text.size - end), text.data + start, end - start);
    }
    return value_string((struct slice){out, text.size});
}

/* Unicode's White_Space. */
static bool is_space(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

static struct value trim(struct cel_activation *activation, const struct value *arguments,
                         uint32_t count)
{
    (void)activation;
    (void)count;
    struct slice text = value_text(arguments[0]);
    size_t first = text.size, last = 0, next;
    for (size_t pos = 0; pos < text.size; pos = next) {
        next = pos;
        if (is_space(utf8_next(text, &next)))
            continue;
        if (first == text.size)
            first = pos;
        last = next;
    }
    return value_string(first < last ? between(text, first, last) : (struct slice){text.data, 0});
}

/* ---- replace, split, join ---- */

/*
 * Where `part` is found from `pos` on; an empty one is found before each character and at the end.
 * False: nowhere.
 */
static bool find_from(struct slice text, struct slice part, size_t pos, size_t *found)
{
    if (part.size == 0) {
        *found = pos;
        return true;
    }
    const char *at = memmem(text.data + pos, text.size - pos, part.data, part.size);
    *found = at ? (size_t)(at - text.data) : text.size;
    return at != NULL;
}

/* A result that grows in the arena, up to CEL_STRING_MAX. */
struct text {
    struct arena *arena;
    char *data;
    size_t size, capacity;
};

static bool text_add(struct text *text, struct slice part)
{
    if (text->size + part.size > CEL_STRING_MAX)
        return false;
    if (text->size + part.size > text->capacity) {
        size_t capacity = 2 * (text->size + part.size) + 32;
        char *data = arena_alloc(text->arena, capacity);
        if (text->size)
            memcpy(data, text->data, text->size);
        text->data = data;
        text->capacity = capacity;
    }
    if (part.size)
        memcpy(text->data + text->size, part.data, part.size);
    text->size += part.size;
    return true;
}

static struct value text_value(struct cel_activation *activation, const struct text *text)
{
    if (!cel_spend(activation, text->size >> 4))
        return cel_too_many_steps();
    return value_string((struct slice){text->data, text->size});
}

static struct value replace(struct cel_activation *activation, const struct value *arguments,
                            uint32_t count)
{
    struct slice text = value_text(arguments[0]), part = value_text(arguments[1]);
    struct text out = {.arena = activation->arena};
    int64_t left =
        count == 4 && arguments[3].i >= 0 ? arguments[3].i : INT64_MAX; /* negative: all */
    size_t pos = 0, found;
    for (; left > 0 && find_from(text, part, pos, &found); left--) {
        if (!text_add(&out, between(text, pos, found)) || !text_add(&out, value_text(arguments[2])))
            return too_long(activation);
        pos = found + part.size;
        if (part.size > 0)
            continue;
        if (pos == text.size)
            return text_value(activation, &out);
        utf8_next(text, &pos);
        if (!text_add(&out, between(text, found, pos)))
            return too_long(activation);
    }
    if (!text_add(&out, between(text, pos, text.size)))
        return too_long(activation);
    return text_value(activation, &out);
}

/*
 * The end of the piece that begins at `pos`, and where the next one begins; false: it is the last
 * one.
 */
static bool next_piece(struct slice text, struct slice separator, size_t pos, size_t *end,
                       size_t *next)
{
    if (separator.size > 0) {
        bool found = find_from(text, separator, pos, end);
        *next = *end + separator.size;
        return found;
    }
    *end = pos;
    if (pos < text.size)
        utf8_next(text, end);
    *next = *end;
    return *end < text.size;
}

/* As many pieces as there will be: no text has more than its size + 1. */
static uint32_t count_pieces(struct slice text, struct slice separator, int64_t limit)
{
    uint32_t pieces = 1;
    size_t pos = 0, end;
    while ((int64_t)pieces != limit && next_piece(text, separator, pos, &end, &pos))
        pieces++;
    return pieces;
}

static struct value split(struct cel_activation *activation, const struct value *arguments,
                          uint32_t count)
{
    struct slice text = value_text(arguments[0]), separator = value_text(arguments[1]);
    int64_t limit = count == 3 ? arguments[2].i : -1;
    if (limit == 0 || (text.size == 0 && separator.size == 0))
        return cel_list_of(NULL, 0);
    if (!cel_spend(activation, text.size >> 4))
        return cel_too_many_steps();
    uint32_t pieces = count_pieces(text, separator, limit);
    if (pieces > CEL_LIST_MAX)
        return cel_fail(activation, "a list of more than %u elements", CEL_LIST_MAX);
    if (!cel_spend(activation, pieces))
        return cel_too_many_steps();
    struct value *items = cel_new_items(activation, pieces);
    size_t pos = 0, end, next;
    for (uint32_t i = 0; i + 1 < pieces; i++, pos = next) {
        next_piece(text, separator, pos, &end, &next);
        items[i] = value_string(between(text, pos, end));
    }
    items[pieces - 1] = value_string(between(text, pos, text.size));
    return cel_list_of(items, pieces);
}

static struct value not_a_text(struct cel_activation *activation, const struct text *made_in_vain)
{
    if (!cel_spend(activation, made_in_vain->size >> 4))
        return cel_too_many_steps();
    return cel_error_literal("join() is for lists of texts; convert by string(...)");
}

static struct value join(struct cel_activation *activation, const struct value *arguments,
                         uint32_t count)
{
    struct slice separator = count == 2 ? value_text(arguments[1]) : (struct slice){0};
    struct text out = {.arena = activation->arena};
    struct cel_iter iter;
    struct value index, element;
    cel_iter_open(&iter, activation, arguments[0]);
    if (!cel_spend(activation, iter.count))
        return cel_too_many_steps();
    while (cel_iter_next(&iter, activation, &index, &element)) {
        if (element.kind != VALUE_STRING)
            return not_a_text(activation, &out);
        if ((index.i > 0 && !text_add(&out, separator)) || !text_add(&out, value_text(element)))
            return too_long(activation);
    }
    return text_value(activation, &out);
}

/* ---- quote ---- */

static struct slice escape_of(char c)
{
    switch (c) {
    case '\a':
        return SLICE("\\a");
    case '\b':
        return SLICE("\\b");
    case '\f':
        return SLICE("\\f");
    case '\n':
        return SLICE("\\n");
    case '\r':
        return SLICE("\\r");
    case '\t':
        return SLICE("\\t");
    case '\v':
        return SLICE("\\v");
    case '\\':
        return SLICE("\\\\");
    case '"':
        return SLICE("\\\"");
    default:
        return (struct slice){0};
    }
}

static struct value quote(struct cel_activation *activation, const struct value *arguments,
                          uint32_t count)
{
    (void)count;
    struct slice text = value_text(arguments[0]);
    struct text out = {.arena = activation->arena};
    size_t plain = 0;
    bool fits = text_add(&out, SLICE("\""));
    for (size_t i = 0; fits && i < text.size; i++) {
        struct slice escape = escape_of(text.data[i]);
        if (escape.size == 0)
            continue;
        fits = text_add(&out, between(text, plain, i)) && text_add(&out, escape);
        plain = i + 1;
    }
    if (!fits || !text_add(&out, between(text, plain, text.size)) || !text_add(&out, SLICE("\"")))
        return too_long(activation);
    return text_value(activation, &out);
}

static struct value format(struct cel_activation *activation, const struct value *arguments,
                           uint32_t count)
{
    struct buf out;
    (void)count;
    buf_init(&out);
    struct value result = cel_format(activation, value_text(arguments[0]), arguments[1], &out);
    if (result.kind != VALUE_ERROR)
        result = value_string(arena_copy(activation->arena, buf_slice(&out)));
    buf_fini(&out);
    return result;
}

#define TEXT CEL_BIT(CEL_STRING)
#define INT  CEL_BIT(CEL_INT)
#define LIST CEL_BIT(CEL_LIST)

static const struct cel_builtin items[] = {
    {"charAt", CEL_METHOD, 2, 2, CEL_STRING, {TEXT, INT}, char_at},
    {"indexOf", CEL_METHOD, 2, 3, CEL_INT, {TEXT, TEXT, INT}, index_of},
    {"lastIndexOf", CEL_METHOD, 2, 3, CEL_INT, {TEXT, TEXT, INT}, last_index_of},
    {"lowerAscii", CEL_METHOD, 1, 1, CEL_STRING, {TEXT}, lower_ascii},
    {"upperAscii", CEL_METHOD, 1, 1, CEL_STRING, {TEXT}, upper_ascii},
    {"replace", CEL_METHOD, 3, 4, CEL_STRING, {TEXT, TEXT, TEXT, INT}, replace},
    {"split", CEL_METHOD, 2, 3, CEL_LIST, {TEXT, TEXT, INT}, split},
    {"join", CEL_METHOD, 1, 2, CEL_STRING, {LIST, TEXT}, join},
    {"substring", CEL_METHOD, 2, 3, CEL_STRING, {TEXT, INT, INT}, substring},
    {"trim", CEL_METHOD, 1, 1, CEL_STRING, {TEXT}, trim},
    {"reverse", CEL_METHOD, 1, 1, CEL_STRING, {TEXT}, reverse},
    {"format", CEL_METHOD, 2, 2, CEL_STRING, {TEXT, LIST}, format},
    {"strings.quote", CEL_GLOBAL, 1, 1, CEL_STRING, {TEXT}, quote},
};

const struct cel_builtins cel_string_builtins = {items, sizeof(items) / sizeof(items[0])};
