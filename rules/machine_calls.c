/*
 * Calls whose argument has to be a variable of a certain type, or the event. The compiler of expressions knows lists and maps;
 * that total() wants line items and not a set is known here. What is written is looked at: a name stands in these places as
 * it is, or the compiler has refused it.
 */
#include <string.h>

#include "rules/machine_load.h"

enum wanted { WANT_VARIABLE, WANT_LINE_ITEMS, WANT_COUNTER, WANT_EVENT };

static const struct call {
    const char *function;
    enum wanted wanted;
} calls[] = {
    {"touched", WANT_VARIABLE},    {"removed", WANT_VARIABLE}, {"total", WANT_LINE_ITEMS},
    {"currency", WANT_LINE_ITEMS}, {"top", WANT_COUNTER},      {"product_ids", WANT_EVENT},
    {"new_order", WANT_EVENT},
};

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static size_t skip_blanks(struct slice text, size_t pos)
{
    while (pos < text.size && strchr(" \t\r\n", text.data[pos]) && text.data[pos])
        pos++;
    return pos;
}

/* Behind a text that begins at `pos`. Triple quotes are three texts, two of them empty: what lies between is skipped too. */
static size_t skip_text(struct slice text, size_t pos)
{
    bool is_raw = pos > 0 && (text.data[pos - 1] == 'r' || text.data[pos - 1] == 'R');
    char quote = text.data[pos++];
    while (pos < text.size && text.data[pos] != quote)
        pos += text.data[pos] == '\\' && !is_raw ? 2 : 1;
    return pos < text.size ? pos + 1 : text.size;
}

static const struct call *find_call(struct slice word)
{
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (slice_is(word, calls[i].function))
            return &calls[i];
    return NULL;
}

static const char *wanted_text(enum wanted wanted)
{
    switch (wanted) {
    case WANT_VARIABLE:
        return "a variable, such as context.items";
    case WANT_LINE_ITEMS:
        return "a variable of type line_items";
    case WANT_COUNTER:
        return "a variable of type counter";
    case WANT_EVENT:
        break;
    }
    return "the event: write 'event'";
}

static bool fits(const struct machine *machine, enum wanted wanted, struct slice argument)
{
    static const char prefix[] = "context.";
    size_t size = sizeof(prefix) - 1;
    if (wanted == WANT_EVENT)
        return slice_is(argument, "event");
    if (argument.size <= size || memcmp(argument.data, prefix, size) != 0)
        return false;
    int32_t variable =
        load_find_variable(machine, (struct slice){argument.data + size, argument.size - size});
    if (variable < 0)
        return false;
    enum layout_type type = machine->layout_variables[variable].type;
    return wanted == WANT_VARIABLE || (wanted == WANT_LINE_ITEMS && type == LAYOUT_LINE_ITEMS) ||
           (wanted == WANT_COUNTER && type == LAYOUT_COUNTER);
}

/* The path behind `pos`: `context.items`. What else is written there is left to the run. */
static void check_argument(struct loader *loader, const struct yaml_node *node,
                           const struct call *call, size_t pos)
{
    struct slice text = node->text;
    size_t begin = skip_blanks(text, pos), end = begin;
    while (end < text.size && (is_word(text.data[end]) || text.data[end] == '.'))
        end++;
    size_t behind = skip_blanks(text, end);
    if (end == begin || behind >= text.size || text.data[behind] != ')')
        return;
    struct slice argument = {text.data + begin, end - begin};
    if (!fits(loader->machine, call->wanted, argument))
        diag_error(loader->diag, yaml_pos_in(node, begin), "%s() takes %s", call->function,
                   wanted_text(call->wanted));
}

/* What a text says with YAML's escapes the look at the whole file has not seen. */
static void note_call(struct machine *machine, const struct call *call)
{
    machine->asks_touched |= strcmp(call->function, "touched") == 0;
    machine->asks_removed |= strcmp(call->function, "removed") == 0;
}

void load_check_calls(struct loader *loader, const struct yaml_node *node)
{
    struct slice text = node->text;
    size_t pos = 0;
    while (pos < text.size) {
        char c = text.data[pos];
        if (c == '"' || c == '\'') {
            pos = skip_text(text, pos);
            continue;
        }
        if (c == '/' && pos + 1 < text.size && text.data[pos + 1] == '/') {
            while (pos < text.size && text.data[pos] != '\n')
                pos++;
            continue;
        }
        if (!is_word(c)) {
            pos++;
            continue;
        }
        size_t begin = pos;
        while (pos < text.size && is_word(text.data[pos]))
            pos++;
        const struct call *call = find_call((struct slice){text.data + begin, pos - begin});
        size_t open = skip_blanks(text, pos);
        bool is_method = begin > 0 && text.data[begin - 1] == '.';
        if (!call || is_method || open >= text.size || text.data[open] != '(')
            continue;
        note_call(loader->machine, call);
        check_argument(loader, node, call, open + 1);
    }
}
