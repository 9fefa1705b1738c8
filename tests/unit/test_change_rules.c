/*
 * Rules that change under customers whose timers are half through: what has fired does not fire
 * again, what has not still does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <msgpack.h>

#include "config/config.h"
#include "engine/backtest.h"

#define BEGIN_MS  INT64_C(1767225600000)
#define MINUTE_MS INT64_C(60000)

static const char config_text[] =
    "kafka: { topics: [shop.events] }\nmachines: [ " STAGECOACH_SOURCE_DIR
    "/config/machines/cart.yaml ]\n"
    "signals: { topics: { '*': shop.signals } }\n"
    "events: { schema: " STAGECOACH_SOURCE_DIR "/config/schemas/segment.yaml }\n"
    "watermark: { lateness: 1s }\n";

/* A machine whose state `waiting` has these timers. */
static struct ruleset *rules_with(const struct config *config, const char *timers)
{
    char text[1024];
    const char *file = "m.yaml";
    struct diag diag;
    diag_init(&diag);
    snprintf(text, sizeof text,
             "machine: m\ncontext: { due: timestamp }\n"
             "observe: { set: { assign: { due: timestamp(event.properties.due) } } }\n"
             "initial: waiting\nstates:\n  waiting:\n%s",
             timers);
    struct slice source = slice_of(text);
    struct rules_options options = {.files = &file, .file_count = 1, .texts = &source};
    struct rules *rules = rules_load(&options, &diag);
    struct schema *schema = schema_load(config->schema_path, &diag);
    diag_print(&diag, stderr);
    diag_fini(&diag);
    assert_non_null(rules);
    assert_non_null(schema);
    return ruleset_new(config, rules, schema);
}

struct story {
    const char *name;
    const char *before, *after; /* the timers */
    int64_t change_minute;
    int64_t due_minute; /* what `due` is set to; 0: it is not */
    const char *expect; /* MINUTE TYPE, ... */
};

static void take_signal(void *self, const struct signal *signal, struct slice id)
{
    (void)id;
    buf_printf(self, "%lld %.*s, ", (long long)((signal->time_ms - BEGIN_MS) / MINUTE_MS),
               (int)signal->type.size, signal->type.data);
}

static void pack_text(msgpack_packer *packer, const char *text)
{
    msgpack_pack_str(packer, strlen(text));
    msgpack_pack_str_body(packer, text, strlen(text));
}

static void send_event(struct backtest *backtest, const char *name, int64_t minute,
                       int64_t due_minute)
{
    struct buf message;
    msgpack_packer packer;
    struct decoded decoded;
    char due[40];
    buf_init(&message);
    msgpack_packer_init(&packer, &message, buf_pack_write);
    msgpack_pack_map(&packer, 4);
    pack_text(&packer, "userId"), pack_text(&packer, "u42");
    pack_text(&packer, "event"), pack_text(&packer, name);
    pack_text(&packer, "timestamp"), msgpack_pack_int64(&packer, BEGIN_MS + minute * MINUTE_MS);
    pack_text(&packer, "properties"), msgpack_pack_map(&packer, 1);
    snprintf(due, sizeof due, "2026-01-01T%02d:%02d:00Z", (int)(due_minute / 60),
             (int)(due_minute % 60));
    pack_text(&packer, "due"), pack_text(&packer, due);
    backtest_message(backtest, 0, buf_slice(&message), &decoded);
    assert_int_equal(decoded.dead, EVENT_DEAD_NONE);
    buf_fini(&message);
}

static int tell(const struct config *config, const struct story *story)
{
    struct ruleset *before = rules_with(config, story->before);
    struct ruleset *after = rules_with(config, story->after);
    struct buf said;
    struct backtest_options options = {.rules = before->rules,
                                       .schema = before->schema,
                                       .lateness_ms = before->lateness_ms,
                                       .until_ms = BEGIN_MS + 600 * MINUTE_MS,
                                       .self = &said,
                                       .signal = take_signal};
    buf_init(&said);
    struct backtest *backtest = backtest_new(&options);
    backtest_begin_file(backtest, "story");
    send_event(backtest, story->due_minute ? "set" : "hello", 0, story->due_minute);
    backtest_move_watermark(backtest, BEGIN_MS + story->change_minute * MINUTE_MS);
    buf_add_text(&said, "| ");
    backtest_change_rules(backtest, after);
    backtest_finish(backtest);
    bool same = slice_is(buf_slice(&said), story->expect);
    if (!same)
        print_error("%s\n  expected: %s\n  got:      %.*s\n", story->name, story->expect,
                    (int)said.size, said.data);
    backtest_free(backtest);
    buf_fini(&said);
    ruleset_free(before);
    ruleset_free(after);
    return !same;
}

/* clang-format off */
#define ONE  "1h: { emit: m.one }"
#define TWO  "2h: { emit: m.two }"
#define HALF "30m: { emit: m.half }"

static const struct story stories[] = {
    {"in another order", "    after: { " ONE ", " TWO " }\n", "    after: { " TWO ", " ONE " }\n",
     90, 0, "60 m.one, | 120 m.two, "},
    {"one before them: it is new, and fires late", "    after: { " ONE ", " TWO " }\n", "    after: { " HALF ", " ONE ", " TWO " }\n",
     90, 0, "60 m.one, | 30 m.half, 120 m.two, "},
    {"the first is gone", "    after: { " HALF ", " ONE ", " TWO " }\n", "    after: { " ONE ", " TWO " }\n",
     45, 0, "30 m.half, | 60 m.one, 120 m.two, "},
    {"another kind in its place", "    after: { " ONE " }\n    idle: { " TWO " }\n", "    idle: { " TWO " }\n    after: { " ONE " }\n",
     90, 0, "60 m.one, | 120 m.two, "},
    {"the same duration in other words", "    after: { " ONE ", " TWO " }\n", "    after: { 120m: { emit: m.two }, 60m: { emit: m.one } }\n",
     90, 0, "60 m.one, | 120 m.two, "},
    {"a time that has come", "    at: { due: { emit: m.due } }\n    after: { " TWO " }\n", "    after: { " TWO " }\n    at: { due: { emit: m.due } }\n",
     90, 60, "60 m.due, | 120 m.two, "},
    {"a time that is to come", "    at: { due: { emit: m.due } }\n    after: { " ONE " }\n", "    after: { " ONE " }\n    at: { due: { emit: m.due } }\n",
     90, 300, "60 m.one, | 300 m.due, "},
    {"an `at` that is new, and past: not armed", "    after: { " ONE " }\n", "    at: { due: { emit: m.due } }\n    after: { " ONE " }\n",
     90, 30, "60 m.one, | "},
};
/* clang-format on */

static void test_timers_stay_what_they_are_when_rules_change(void **state)
{
    int failed = 0;
    struct diag diag;
    (void)state;
    diag_init(&diag);
    struct config *config = config_parse("stories.yaml", slice_of(config_text), &diag);
    diag_print(&diag, stderr);
    diag_fini(&diag);
    assert_non_null(config);
    for (size_t i = 0; i < sizeof stories / sizeof *stories; i++)
        failed += tell(config, &stories[i]);
    config_free(config);
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers_stay_what_they_are_when_rules_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
