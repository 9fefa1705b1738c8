/*
 * The way from a text to a program.
 */
#include "core/utf8.h"
#include "rules/cel_check.h"
#include "rules/cel_fold.h"
#include "rules/cel_program.h"
#include "rules/cel_shape.h"

static bool is_readable(struct slice text, struct cel_report *report)
{
    if (text.size > CEL_TEXT_SIZE_MAX)
        cel_report(report, 0, "the expression has %zu bytes; %u are the limit", text.size,
                   CEL_TEXT_SIZE_MAX);
    else if (!utf8_valid(text))
        cel_report(report, 0, "the expression is not valid UTF-8");
    return report->found == 0;
}

/* As a person who writes machines would say it. */
static const char *spoken(enum cel_type type)
{
    if (type == CEL_TIMESTAMP)
        return "a timestamp";
    if (type == CEL_DURATION)
        return "a duration";
    return type == CEL_NULL ? "null" : cel_type_name(type);
}

static void expect_type(const struct cel_node *tree, enum cel_type expected,
                        struct cel_report *report)
{
    /* Of a constant the value tells, whatever dyn() has hidden. */
    enum cel_type type =
        tree->kind == NODE_LITERAL ? (enum cel_type)tree->constant.kind : cel_shape_type(tree);
    if (expected != CEL_DYN && type != CEL_DYN && type != expected && report->found == 0)
        cel_report(report, 0, "must be %s, is %s", spoken(expected), spoken(type));
}

static struct cel_program *compile(struct slice text, const struct cel_host *host,
                                   enum cel_type expected, struct arena *arena,
                                   struct cel_report *report)
{
    struct cel_node *tree = is_readable(text, report) ? cel_parse(text, arena, report) : NULL;
    if (!tree)
        return NULL;
    cel_check(tree, host, arena, report);
    if (report->found == 0)
        cel_fold(tree, arena, host->bind_late ? NULL : report);
    expect_type(tree, expected, report);
    return report->found == 0 ? cel_emit(tree, arena) : NULL;
}

struct cel_program *cel_compile(struct slice text, const struct cel_host *host,
                                enum cel_type expect, struct cel_problem *problems,
                                uint32_t problem_max, uint32_t *problem_count)
{
    struct cel_report report = {.problems = problems, .max = problem_max};
    struct arena arena;
    if (text.size == 0)
        text = SLICE(""); /* it may lie nowhere; the lexer counts from it */
    arena_init(&arena);
    struct cel_program *program = compile(text, host, expect, &arena, &report);
    arena_fini(&arena);
    cel_report_sort(&report);
    *problem_count = report.stored;
    return program;
}

enum cel_type cel_program_type(const struct cel_program *program)
{
    return program->type;
}

bool cel_program_loads(const struct cel_program *program, uint32_t slot)
{
    for (uint32_t i = 0; i < program->load_count; i++)
        if (program->loads[i].slot == slot)
            return true;
    return false;
}

bool cel_program_constant(const struct cel_program *program, struct value *value)
{
    if (program->is_constant)
        *value = program->constants[0];
    return program->is_constant;
}
