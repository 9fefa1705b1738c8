/*
 * Recursive descent after CEL's grammar:
 *
 *   expression = or [ "?" or ":" expression ]
 *   or         = and { "||" and }
 *   and        = relation { "&&" relation }
 *   relation   = sum { ("<" | "<=" | ">" | ">=" | "==" | "!=" | "in") sum }
 *   sum        = product { ("+" | "-") product }
 *   product    = unary { ("*" | "/" | "%") unary }
 *   unary      = { "!" } member | { "-" } member
 *   member     = primary { "." name [ "(" arguments ")" ] | "[" expression "]" }
 *   primary    = literal | [ "." ] name [ "(" arguments ")" ] | "(" expression ")"
 *              | "[" elements "]" | "{" entries "}"
 *
 * It stops at the first mistake: what follows one would be guessed.
 */
#include "rules/cel_literal.h"
#include "rules/cel_tree.h"

/* A growing array of nodes. */
struct nodes {
    struct cel_node **items;
    uint32_t count, capacity;
};

struct parser {
    struct cel_lexer lexer;
    struct cel_token token; /* the next one */
    struct arena *arena;
    struct cel_report *report;
    int depth;
};

static struct cel_node *parse_expression(struct parser *parser);

/* ---- tokens ---- */

static void advance(struct parser *parser)
{
    parser->token = cel_lex_next(&parser->lexer);
}

static bool at_sign(const struct parser *parser, const char *sign)
{
    return parser->token.kind == TOKEN_SIGN && slice_is(parser->token.text, sign);
}

static bool at_word(const struct parser *parser, const char *word)
{
    return parser->token.kind == TOKEN_NAME && slice_is(parser->token.text, word);
}

static bool accept(struct parser *parser, const char *sign)
{
    if (!at_sign(parser, sign))
        return false;
    advance(parser);
    return true;
}

static int shown(struct slice text)
{
    return text.size > 40 ? 40 : (int)text.size;
}

/* NULL, for `return unexpected(...)`. What the lexer refused is reported already. */
static void *unexpected(struct parser *parser, const char *wanted)
{
    const struct cel_token *token = &parser->token;
    if (token->kind == TOKEN_END)
        cel_report(parser->report, token->offset, "the expression ends here, but %s is missing",
                   wanted);
    else if (token->kind != TOKEN_BAD)
        cel_report(parser->report, token->offset, "%s is expected here, not '%.*s'", wanted,
                   shown(token->text), token->text.data);
    return NULL;
}

static bool expect(struct parser *parser, const char *sign, const char *wanted)
{
    if (accept(parser, sign))
        return true;
    unexpected(parser, wanted);
    return false;
}

/* ---- nodes ---- */

static struct cel_node *node_new(struct parser *parser, enum cel_node_kind kind, uint32_t offset,
                                 struct slice text)
{
    struct cel_node *node = arena_calloc(parser->arena, 1, sizeof(*node));
    node->kind = (uint8_t)kind;
    node->offset = offset;
    node->text = text;
    return node;
}

static void nodes_add(struct parser *parser, struct nodes *nodes, struct cel_node *node)
{
    if (nodes->count == nodes->capacity) {
        uint32_t capacity = nodes->capacity ? nodes->capacity * 2 : 4;
        struct cel_node **items = arena_alloc(parser->arena, capacity * sizeof(struct cel_node *));
        if (nodes->count)
            memcpy(items, nodes->items, nodes->count * sizeof(struct cel_node *));
        nodes->items = items;
        nodes->capacity = capacity;
    }
    nodes->items[nodes->count++] = node;
}

/* Whoever walks the tree does so by recursion, so its height is bounded here, once. */
static struct cel_node *set_kids(struct parser *parser, struct cel_node *node, struct nodes kids)
{
    node->kids = kids.items;
    node->kid_count = kids.count;
    for (uint32_t i = 0; i < kids.count; i++)
        if (kids.items[i] && kids.items[i]->height >= node->height)
            node->height = (uint16_t)(kids.items[i]->height + 1);
    if (node->height <= CEL_HEIGHT_MAX)
        return node;
    cel_report(parser->report, node->offset, "the expression has more than %d operations in a row",
               CEL_HEIGHT_MAX);
    return NULL;
}

static struct cel_node *node_with(struct parser *parser, enum cel_node_kind kind, uint32_t offset,
                                  struct cel_node *first, struct cel_node *second)
{
    struct nodes kids = {0};
    nodes_add(parser, &kids, first);
    if (second)
        nodes_add(parser, &kids, second);
    return set_kids(parser, node_new(parser, kind, offset, (struct slice){0}), kids);
}

static struct cel_node *node_operator(struct parser *parser, enum cel_operator op, uint32_t offset,
                                      struct cel_node *first, struct cel_node *second)
{
    struct cel_node *node = node_with(parser, NODE_OPERATOR, offset, first, second);
    if (node)
        node->op = (uint8_t)op;
    return node;
}

/* ---- macros ---- */

struct macro {
    const char *name;
    uint8_t arguments; /* without the range */
    bool has_two;
    bool has_predicate; /* before what is computed */
    enum cel_macro macro;
};

static const struct macro macros[] = {
    {"all", 2, false, false, MACRO_ALL},
    {"all", 3, true, false, MACRO_ALL},
    {"exists", 2, false, false, MACRO_EXISTS},
    {"exists", 3, true, false, MACRO_EXISTS},
    {"exists_one", 2, false, false, MACRO_EXISTS_ONE},
    {"exists_one", 3, true, false, MACRO_EXISTS_ONE},
    {"existsOne", 2, false, false, MACRO_EXISTS_ONE},
    {"existsOne", 3, true, false, MACRO_EXISTS_ONE},
    {"filter", 2, false, false, MACRO_FILTER},
    {"map", 2, false, false, MACRO_MAP},
    {"map", 3, false, true, MACRO_MAP},
    {"transformList", 3, true, false, MACRO_MAP},
    {"transformList", 4, true, true, MACRO_MAP},
    {"transformMap", 3, true, false, MACRO_TRANSFORM_MAP},
    {"transformMap", 4, true, true, MACRO_TRANSFORM_MAP},
    {"transformMapEntry", 3, true, false, MACRO_TRANSFORM_ENTRY},
    {"transformMapEntry", 4, true, true, MACRO_TRANSFORM_ENTRY},
};

static const struct macro *macro_find(struct slice name, uint32_t arguments)
{
    for (size_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++)
        if (macros[i].arguments == arguments && slice_is(name, macros[i].name))
            return &macros[i];
    return NULL;
}

static bool macro_variable(struct parser *parser, const struct cel_node *argument,
                           struct slice *variable)
{
    if (argument->kind != NODE_NAME || argument->is_absolute) {
        cel_report(parser->report, argument->offset,
                   "the name of a variable for each element is expected here");
        return false;
    }
    *variable = argument->text;
    return true;
}

static bool macro_variables(struct parser *parser, struct cel_node *node, struct nodes arguments,
                            uint32_t offset)
{
    if (!macro_variable(parser, arguments.items[1], &node->variables[0]))
        return false;
    if (!node->has_two)
        return true;
    if (!macro_variable(parser, arguments.items[2], &node->variables[1]))
        return false;
    if (!slice_equal(node->variables[0], node->variables[1]))
        return true;
    cel_report(parser->report, offset, "the two variables need two names");
    return false;
}

/* `arguments` begin with the range, then the variables. */
static struct cel_node *macro_node(struct parser *parser, const struct macro *macro,
                                   struct nodes arguments, uint32_t offset)
{
    struct cel_node *node = node_new(parser, NODE_LOOP, offset, slice_of(macro->name));
    struct nodes kids = {0};
    node->macro = (uint8_t)macro->macro;
    node->has_two = macro->has_two;
    if (!macro_variables(parser, node, arguments, offset))
        return NULL;
    nodes_add(parser, &kids, arguments.items[0]);
    uint32_t first = macro->has_two ? 3 : 2;
    if (macro->macro >= MACRO_MAP && !macro->has_predicate)
        nodes_add(parser, &kids, NULL);
    for (uint32_t i = first; i < arguments.count; i++)
        nodes_add(parser, &kids, arguments.items[i]);
    return set_kids(parser, node, kids);
}

/* has(a.b): the select is not evaluated. */
static struct cel_node *has_node(struct parser *parser, struct nodes arguments, uint32_t offset)
{
    struct cel_node *argument = arguments.count == 1 ? arguments.items[0] : NULL;
    if (!argument || argument->kind != NODE_SELECT) {
        cel_report(parser->report, offset,
                   "has() takes one field, such as has(event.properties.value)");
        return NULL;
    }
    argument->kind = NODE_HAS;
    return argument;
}

/* ---- primary ---- */

/* Up to `close`; a comma may stand before it where `trailing`. */
static bool parse_list(struct parser *parser, const char *close, bool trailing, struct nodes *nodes)
{
    uint32_t before = nodes->count; /* of a method: its receiver */
    while (!accept(parser, close)) {
        if (nodes->count > before && !expect(parser, ",", "a comma or a closing bracket"))
            return false;
        if (trailing && nodes->count > before && accept(parser, close))
            return true;
        struct cel_node *node = parse_expression(parser);
        if (!node)
            return false;
        nodes_add(parser, nodes, node);
    }
    return true;
}

static bool parse_arguments(struct parser *parser, struct nodes *nodes)
{
    uint32_t offset = parser->token.offset;
    if (!parse_list(parser, ")", false, nodes))
        return false;
    if (nodes->count <= CEL_ARGUMENTS_MAX)
        return true;
    cel_report(parser->report, offset, "more than %d arguments", CEL_ARGUMENTS_MAX);
    return false;
}

static bool parse_entry(struct parser *parser, struct nodes *kids)
{
    struct cel_node *key = parse_expression(parser);
    if (!key || !expect(parser, ":", "':' and a value"))
        return false;
    struct cel_node *value = parse_expression(parser);
    if (!value)
        return false;
    nodes_add(parser, kids, key);
    nodes_add(parser, kids, value);
    return true;
}

static struct cel_node *parse_map(struct parser *parser, uint32_t offset)
{
    struct nodes kids = {0};
    while (!accept(parser, "}")) {
        if (kids.count > 0 && !expect(parser, ",", "a comma or '}'"))
            return NULL;
        if (kids.count > 0 && accept(parser, "}"))
            break;
        if (!parse_entry(parser, &kids))
            return NULL;
    }
    return set_kids(parser, node_new(parser, NODE_MAP, offset, (struct slice){0}), kids);
}

static struct cel_node *parse_list_literal(struct parser *parser, uint32_t offset)
{
    struct nodes kids = {0};
    if (!parse_list(parser, "]", true, &kids))
        return NULL;
    return set_kids(parser, node_new(parser, NODE_LIST, offset, (struct slice){0}), kids);
}

static struct cel_node *parse_brackets(struct parser *parser)
{
    struct cel_node *inner = parse_expression(parser);
    if (!inner || !expect(parser, ")", "')'"))
        return NULL;
    return inner;
}

static struct cel_node *literal_node(struct parser *parser, uint32_t offset, struct value value)
{
    struct cel_node *node = node_new(parser, NODE_LITERAL, offset, (struct slice){0});
    node->constant = value;
    return node;
}

static struct cel_node *parse_literal(struct parser *parser, bool negative)
{
    struct value value;
    struct cel_token token = parser->token;
    if (!cel_literal_read(&token, negative, parser->arena, parser->report, &value))
        return NULL;
    advance(parser);
    return literal_node(parser, token.offset, value);
}

static bool is_reserved(struct slice name)
{
    static const char *const words[] = {
        "as",  "break", "const",   "continue",  "else",   "for", "function", "if",    "import",
        "let", "loop",  "package", "namespace", "return", "var", "void",     "while", "in",
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (slice_is(name, words[i]))
            return true;
    return false;
}

static struct cel_node *parse_call(struct parser *parser, struct cel_token name)
{
    struct nodes arguments = {0};
    advance(parser); /* the bracket */
    if (!parse_arguments(parser, &arguments))
        return NULL;
    if (slice_is(name.text, "has"))
        return has_node(parser, arguments, name.offset);
    return set_kids(parser, node_new(parser, NODE_CALL, name.offset, name.text), arguments);
}

static struct cel_node *parse_name(struct parser *parser, bool is_absolute)
{
    struct cel_token name = parser->token;
    if (is_reserved(name.text)) {
        cel_report(parser->report, name.offset, "'%.*s' is a reserved word and can't be a name",
                   shown(name.text), name.text.data);
        return NULL;
    }
    advance(parser);
    if (at_sign(parser, "("))
        return parse_call(parser, name);
    struct cel_node *node = node_new(parser, NODE_NAME, name.offset, name.text);
    node->is_absolute = is_absolute;
    return node;
}

static struct cel_node *parse_word(struct parser *parser)
{
    uint32_t offset = parser->token.offset;
    struct value value;
    if (at_word(parser, "true") || at_word(parser, "false"))
        value = value_bool(at_word(parser, "true"));
    else if (at_word(parser, "null"))
        value = value_null();
    else
        return parse_name(parser, false);
    advance(parser);
    return literal_node(parser, offset, value);
}

static struct cel_node *parse_primary(struct parser *parser)
{
    uint32_t offset = parser->token.offset;
    enum cel_token_kind kind = parser->token.kind;
    if (kind == TOKEN_NAME)
        return parse_word(parser);
    if (kind >= TOKEN_INT && kind <= TOKEN_BYTES)
        return parse_literal(parser, false);
    if (accept(parser, "("))
        return parse_brackets(parser);
    if (accept(parser, "["))
        return parse_list_literal(parser, offset);
    if (accept(parser, "{"))
        return parse_map(parser, offset);
    if (accept(parser, "."))
        return parser->token.kind == TOKEN_NAME ? parse_name(parser, true)
                                                : unexpected(parser, "a name");
    return unexpected(parser, "a value");
}

/* ---- member ---- */

static struct cel_node *parse_method(struct parser *parser, struct cel_node *receiver,
                                     struct cel_token name)
{
    struct nodes arguments = {0};
    nodes_add(parser, &arguments, receiver);
    advance(parser); /* the bracket */
    if (!parse_arguments(parser, &arguments))
        return NULL;
    const struct macro *macro = macro_find(name.text, arguments.count - 1);
    if (macro)
        return macro_node(parser, macro, arguments, name.offset);
    return set_kids(parser, node_new(parser, NODE_METHOD, name.offset, name.text), arguments);
}

static struct cel_node *parse_field(struct parser *parser, struct cel_node *left)
{
    struct cel_token name = parser->token;
    bool is_word = at_word(parser, "in") || at_word(parser, "true") || at_word(parser, "false") ||
                   at_word(parser, "null");
    if ((name.kind != TOKEN_NAME && name.kind != TOKEN_QUOTED_NAME) || is_word)
        return unexpected(parser, "a field's name");
    advance(parser);
    if (name.kind == TOKEN_NAME && at_sign(parser, "("))
        return parse_method(parser, left, name);
    struct cel_node *node = node_with(parser, NODE_SELECT, name.offset, left, NULL);
    if (node)
        node->text = name.text;
    return node;
}

static struct cel_node *parse_index(struct parser *parser, struct cel_node *left, uint32_t offset)
{
    struct cel_node *index = parse_expression(parser);
    if (!index || !expect(parser, "]", "']'"))
        return NULL;
    return node_with(parser, NODE_INDEX, offset, left, index);
}

static struct cel_node *parse_member_of(struct parser *parser, struct cel_node *node)
{
    while (node) {
        uint32_t offset = parser->token.offset;
        if (accept(parser, "."))
            node = parse_field(parser, node);
        else if (accept(parser, "["))
            node = parse_index(parser, node, offset);
        else
            break;
    }
    if (node && at_sign(parser, "{") && node->kind <= NODE_SELECT && node->kind != NODE_LITERAL)
        return unexpected(parser, "an operator (messages are not supported)");
    return node;
}

/* ---- operators ---- */

/* A minus right before a number is part of it: -9223372036854775808 has no positive counterpart. */
static bool at_signed_number(struct parser *parser)
{
    struct cel_lexer ahead = parser->lexer;
    struct cel_report nowhere = {0};
    if (!at_sign(parser, "-"))
        return false;
    ahead.report = &nowhere;
    enum cel_token_kind next = cel_lex_next(&ahead).kind;
    return next == TOKEN_INT || next == TOKEN_DOUBLE;
}

static struct cel_node *parse_operand(struct parser *parser)
{
    if (!at_signed_number(parser))
        return parse_member_of(parser, parse_primary(parser));
    advance(parser);
    return parse_member_of(parser, parse_literal(parser, true));
}

static struct cel_node *parse_unary(struct parser *parser)
{
    const char *sign = at_sign(parser, "!") ? "!" : "-";
    uint32_t offsets[CEL_DEPTH_MAX];
    int count = 0;
    while (at_sign(parser, sign) && !at_signed_number(parser)) {
        if (count == CEL_DEPTH_MAX) {
            cel_report(parser->report, parser->token.offset, "more than %d '%s' in a row",
                       CEL_DEPTH_MAX, sign);
            return NULL;
        }
        offsets[count++] = parser->token.offset;
        advance(parser);
    }
    struct cel_node *node = parse_operand(parser);
    while (node && count > 0)
        node = node_operator(parser, *sign == '!' ? CEL_NOT : CEL_NEGATE, offsets[--count], node,
                             NULL);
    return node;
}

/*
 * The operator at the next token if it binds as tightly as `level`: 0 relation, 1 sum, 2 product.
 */
static bool at_operator(const struct parser *parser, int level, enum cel_operator *op)
{
    static const int levels[] = {
        [CEL_ADD] = 1,        [CEL_SUBTRACT] = 1, [CEL_MULTIPLY] = 2,      [CEL_DIVIDE] = 2,
        [CEL_MODULO] = 2,     [CEL_EQUAL] = 0,    [CEL_NOT_EQUAL] = 0,     [CEL_LESS] = 0,
        [CEL_LESS_EQUAL] = 0, [CEL_GREATER] = 0,  [CEL_GREATER_EQUAL] = 0, [CEL_IN] = 0,
    };
    if (parser->token.kind != TOKEN_SIGN && !at_word(parser, "in"))
        return false;
    for (enum cel_operator i = CEL_ADD; i <= CEL_IN; i++) {
        if (levels[i] == level && slice_is(parser->token.text, cel_operator_text(i))) {
            *op = i;
            return true;
        }
    }
    return false;
}

static struct cel_node *parse_binary(struct parser *parser, int level)
{
    enum cel_operator op;
    struct cel_node *left = level == 2 ? parse_unary(parser) : parse_binary(parser, level + 1);
    while (left && at_operator(parser, level, &op)) {
        uint32_t offset = parser->token.offset;
        advance(parser);
        struct cel_node *right = level == 2 ? parse_unary(parser) : parse_binary(parser, level + 1);
        left = right ? node_operator(parser, op, offset, left, right) : NULL;
    }
    return left;
}

/*
 * && and || are associative, errors too: a chain becomes a balanced tree, so that it may be long.
 */
static struct cel_node *balance(struct parser *parser, enum cel_node_kind kind, struct nodes *terms,
                                uint32_t first, uint32_t count, const uint32_t *offsets)
{
    if (count == 1)
        return terms->items[first];
    uint32_t half = (count + 1) / 2;
    struct cel_node *left = balance(parser, kind, terms, first, half, offsets);
    struct cel_node *right = balance(parser, kind, terms, first + half, count - half, offsets);
    return left && right ? node_with(parser, kind, offsets[first + half], left, right) : NULL;
}

static struct cel_node *parse_chain(struct parser *parser, enum cel_node_kind kind);

static struct cel_node *parse_term(struct parser *parser, enum cel_node_kind kind)
{
    return kind == NODE_OR ? parse_chain(parser, NODE_AND) : parse_binary(parser, 0);
}

/* `offsets[i]` is that of the sign before term i. */
static struct cel_node *parse_chain_rest(struct parser *parser, enum cel_node_kind kind,
                                         struct cel_node *first)
{
    const char *sign = kind == NODE_OR ? "||" : "&&";
    struct nodes terms = {0}, signs = {0};
    nodes_add(parser, &terms, first);
    nodes_add(parser, &signs, first);
    while (at_sign(parser, sign)) {
        nodes_add(parser, &signs, node_new(parser, kind, parser->token.offset, (struct slice){0}));
        advance(parser);
        struct cel_node *term = parse_term(parser, kind);
        if (!term)
            return NULL;
        nodes_add(parser, &terms, term);
    }
    uint32_t *offsets = arena_alloc(parser->arena, signs.count * sizeof(uint32_t));
    for (uint32_t i = 0; i < signs.count; i++)
        offsets[i] = signs.items[i]->offset;
    return balance(parser, kind, &terms, 0, terms.count, offsets);
}

static struct cel_node *parse_chain(struct parser *parser, enum cel_node_kind kind)
{
    struct cel_node *first = parse_term(parser, kind);
    if (!first || !at_sign(parser, kind == NODE_OR ? "||" : "&&"))
        return first;
    return parse_chain_rest(parser, kind, first);
}

static struct cel_node *parse_ternary(struct parser *parser, struct cel_node *condition,
                                      uint32_t offset)
{
    struct nodes kids = {0};
    struct cel_node *yes = parse_chain(parser, NODE_OR);
    if (!yes || !expect(parser, ":", "':' and what it is otherwise"))
        return NULL;
    struct cel_node *no = parse_expression(parser);
    if (!no)
        return NULL;
    nodes_add(parser, &kids, condition);
    nodes_add(parser, &kids, yes);
    nodes_add(parser, &kids, no);
    return set_kids(parser, node_new(parser, NODE_TERNARY, offset, (struct slice){0}), kids);
}

/* Every recursion passes here. */
static struct cel_node *parse_expression(struct parser *parser)
{
    if (parser->depth == CEL_DEPTH_MAX) {
        cel_report(parser->report, parser->token.offset,
                   "brackets are nested deeper than %d levels", CEL_DEPTH_MAX);
        return NULL;
    }
    parser->depth++;
    struct cel_node *node = parse_chain(parser, NODE_OR);
    uint32_t offset = parser->token.offset;
    if (node && accept(parser, "?"))
        node = parse_ternary(parser, node, offset);
    parser->depth--;
    return node;
}

struct cel_node *cel_parse(struct slice text, struct arena *arena, struct cel_report *report)
{
    struct parser parser = {.lexer = {text, 0, report}, .arena = arena, .report = report};
    advance(&parser);
    if (parser.token.kind == TOKEN_END) {
        cel_report(report, 0, "the expression is empty");
        return NULL;
    }
    struct cel_node *node = parse_expression(&parser);
    if (node && parser.token.kind != TOKEN_END)
        return unexpected(&parser, "an operator");
    return node;
}
