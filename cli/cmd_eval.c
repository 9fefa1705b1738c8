#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/eval_event.h"
#include "consumer/event.h"
#include "consumer/schema.h"
#include "core/buf.h"
#include "core/diag.h"
#include "core/mp.h"
#include "core/utf8.h"
#include "rules/cel.h"
#include "rules/functions_free.h"

static const char help[] =
    "Usage: stagecoach eval [--event JSON] [--] EXPRESSION\n"
    "\n"
    "Evaluates an expression (CEL, as in guards and data of machines) and prints the value as "
    "JSON: a timestamp or duration as its\n"
    "text, a uint as its digits, NaN and infinities as text. An error goes to stderr.\n"
    "\n"
    "  -e, --event JSON    the variable `event`: an object with name, time (RFC 3339, or ms since "
    "1970), id, customer, late and\n"
    "                      properties, each as far as the expression needs it; `now` is its time\n"
    "      --              what follows is the expression, also where it begins with `-`\n"
    "  -h, --help          this text\n"
    "\n"
    "  stagecoach eval '[1, 2, 3].map(n, n * n)'\n"
    "  stagecoach eval --event '{\"properties\": {\"price\": \"9.90\"}}' "
    "'get(event.properties.price, 0.0) >= 5.0'\n"
    "\n"
    "Of the machines' own functions there are get() and next_date(); the others need a machine and "
    "its customer.\n"
    "\n"
    "Exit codes: 0 done, 1 the expression has an error, 2 wrong usage.\n";

#define PROBLEMS_MAX 16

enum { SLOT_OF_EVENT, SLOT_OF_NOW };

/* What an expression can see. */
struct scope {
    struct value event; /* VALUE_ABSENT: none was given */
    struct value now;   /* likewise */
    struct schema *segment;
};

static int say_error(const char *text, size_t size)
{
    fprintf(stderr, "error: %.*s\n", (int)size, text);
    return 1;
}

static bool resolve(void *self, const struct slice *segments, uint32_t count,
                    struct cel_binding *binding, char *message)
{
    const struct scope *scope = self;
    (void)count;
    (void)message;
    bool is_event = slice_is(segments[0], "event") && scope->event.kind != VALUE_ABSENT;
    bool is_now = slice_is(segments[0], "now") && scope->now.kind != VALUE_ABSENT;
    if (!is_event && !is_now)
        return false;
    *binding = (struct cel_binding){.slot = is_event ? SLOT_OF_EVENT : SLOT_OF_NOW,
                                    .consumed = 1,
                                    .type = is_event ? CEL_MAP : CEL_TIMESTAMP};
    return true;
}

static struct value load(struct cel_activation *activation, uint32_t slot)
{
    const struct scope *scope = activation->self;
    return slot == SLOT_OF_EVENT ? scope->event : scope->now;
}

/*
 * By the schema's names; what Segment has outside of the properties (`timezone`, `birthday`) by
 * its own.
 */
static struct value select_property(struct cel_activation *activation, struct value map,
                                    struct slice key)
{
    const struct scope *scope = activation->self;
    struct slice own;
    struct value value = event_select(scope->segment, map, key, activation->arena);
    if (value.kind == VALUE_ABSENT && mp_map_find(value_text(map), key, &own))
        return value_of_msgpack(own, VALUE_RAW_PLAIN);
    return value;
}

/* The column counts characters. */
static void say_problems(struct slice text, const struct cel_problem *problems, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct slice before = {text.data,
                               problems[i].offset < text.size ? problems[i].offset : text.size};
        fprintf(stderr, "error: %s, at column %zu\n", problems[i].message, utf8_count(before) + 1);
    }
}

static int print_value(struct cel_activation *activation, struct value value)
{
    struct buf json;
    if (value.kind == VALUE_ERROR)
        return say_error(value.s, value.size);
    buf_init(&json);
    bool written = cel_to_json(activation, value, &json);
    if (written)
        printf("%.*s\n", (int)json.size, json.data);
    buf_fini(&json);
    static const char refused[] = "the value has an error in it, or is longer than 4 MiB";
    return written ? 0 : say_error(refused, sizeof refused - 1);
}

static int evaluate(struct scope *scope, struct slice text, struct arena *arena)
{
    struct cel_function functions[FUNCTIONS_FREE_COUNT];
    struct cel_problem problems[PROBLEMS_MAX];
    uint32_t count;
    functions_free(functions);
    const struct cel_host host = {.self = scope,
                                  .resolve = resolve,
                                  .functions = functions,
                                  .function_count = FUNCTIONS_FREE_COUNT,
                                  .bind_late = true};
    struct cel_activation activation = {
        .load = load, .select = select_property, .self = scope, .arena = arena};

    struct cel_program *program = cel_compile(text, &host, CEL_DYN, problems, PROBLEMS_MAX, &count);
    if (!program) {
        say_problems(text, problems, count);
        return 1;
    }
    int rc = print_value(&activation, cel_eval(program, &activation));
    cel_free(program);
    return rc;
}

/* The schema is needed only for an event's properties. */
static bool read_event(struct scope *scope, const char *json, struct arena *arena)
{
    static const char installed[] = STAGECOACH_DATA_DIR "/schemas/segment.yaml";
    struct errinfo info = {""};
    struct diag diag;
    if (!eval_event_read(slice_of(json), arena, &scope->event, &info)) {
        fprintf(stderr, "error: --event: %s\n", info.text);
        return false;
    }
    for (uint32_t i = 0; i < scope->event.size; i++)
        if (slice_is(value_text(scope->event.items[2 * i]), "time"))
            scope->now = scope->event.items[2 * i + 1];
    diag_init(&diag);
    scope->segment = schema_load(access(installed, R_OK) == 0 ? installed
                                                              : STAGECOACH_SOURCE_DIR
                                     "/config/schemas/segment.yaml",
                                 &diag);
    diag_print(&diag, stderr);
    diag_fini(&diag);
    return scope->segment != NULL;
}

int cmd_eval(int argc, char **argv)
{
    const char *event = NULL;
    struct cli_list expressions = {0};
    const struct cli_option options[] = {{"event", 'e', CLI_TEXT, &event}, {0}};
    struct scope scope = {0};
    struct arena arena;
    int rc = cli_parse(argc, argv, options, help, &expressions);

    arena_init(&arena);
    if (rc == CLI_GO_ON && expressions.count != 1)
        rc = cli_wrong(argv[0], "one EXPRESSION is needed, in quotes; there are %zu",
                       expressions.count);
    if (rc == CLI_GO_ON && event && !read_event(&scope, event, &arena))
        rc = 1;
    if (rc == CLI_GO_ON)
        rc = evaluate(&scope, slice_of(expressions.items[0]), &arena);
    schema_free(scope.segment);
    arena_fini(&arena);
    cli_list_free(&expressions);
    return rc;
}
