/*
 * tests/support/state_layouts.h - layouts for tests of state/: what the three shipped machines
 * compile to, and one with a variable of every type.
 */
#ifndef SUPPORT_STATE_LAYOUTS_H
#define SUPPORT_STATE_LAYOUTS_H

#include "core/slice.h"
#include "state/layout.h"

/* clang-format off */
#define NAME(literal) {literal, sizeof(literal) - 1}
/* clang-format on */

#define STATE_LAYOUT_MACHINES 3

/* cart, browse and lifecycle. */
static inline void shipped_layout(struct layout *layout, struct layout_machine *machines)
{
    static const struct slice cart[] = {NAME("empty"), NAME("active"), NAME("checkout"),
                                        NAME("abandoned")};
    static const struct slice browse[] = {NAME("quiet"), NAME("browsing")};
    static const struct slice lifecycle[] = {
        NAME("awareness"),  NAME("evaluation"), NAME("purchase"), NAME("usage"),
        NAME("repurchase"), NAME("advocacy"),   NAME("lapsed")};
    static const struct layout_variable cart_variables[] = {
        {.name = NAME("items"), .type = LAYOUT_LINE_ITEMS, .max = 256}};
    static const struct layout_variable browse_variables[] = {
        {.name = NAME("products"), .type = LAYOUT_SET, .max = 64}};
    static const struct layout_variable lifecycle_variables[] = {
        {.name = NAME("viewed"), .type = LAYOUT_BOOL},
        {.name = NAME("orders"), .type = LAYOUT_INT}};
    static const struct layout_timer half_an_hour[] = {
        {.kind = LAYOUT_IDLE, .duration_ms = 1800000}};
    static const struct layout_timer week[] = {{.kind = LAYOUT_AFTER, .duration_ms = 604800000}};
    static const struct layout_timer fortnight[] = {
        {.kind = LAYOUT_AFTER, .duration_ms = 1209600000}};
    static const struct layout_timer quarter[] = {{.kind = LAYOUT_IDLE, .duration_ms = 7776000000}};
    static const struct layout_timers cart_timers[] = {
        {NULL, 0}, {half_an_hour, 1}, {half_an_hour, 1}, {week, 1}};
    static const struct layout_timers browse_timers[] = {{NULL, 0}, {half_an_hour, 1}};
    static const struct layout_timers lifecycle_timers[] = {
        {NULL, 0}, {NULL, 0}, {fortnight, 1}, {quarter, 1}, {quarter, 1}, {quarter, 1}, {NULL, 0}};
    machines[0] = (struct layout_machine){.name = NAME("cart"),
                                          .states = cart,
                                          .state_count = 4,
                                          .timers = cart_timers,
                                          .variables = cart_variables,
                                          .variable_count = 1};
    machines[1] = (struct layout_machine){.name = NAME("browse"),
                                          .states = browse,
                                          .state_count = 2,
                                          .timers = browse_timers,
                                          .variables = browse_variables,
                                          .variable_count = 1};
    machines[2] = (struct layout_machine){.name = NAME("lifecycle"),
                                          .states = lifecycle,
                                          .state_count = 7,
                                          .timers = lifecycle_timers,
                                          .variables = lifecycle_variables,
                                          .variable_count = 2};
    *layout = (struct layout){.machine_count = 3};
    layout_seal(layout, machines);
}

/* The slots of rich_layout()'s first machine; its second has one text, its third nothing. */
enum rich_slot {
    RICH_BOOL,
    RICH_INT,
    RICH_DOUBLE,
    RICH_STRING,
    RICH_TIMESTAMP,
    RICH_ITEMS,
    RICH_SET,
    RICH_COUNTER,
    RICH_COUNTS,
    RICH_SUMS,
    RICH_SLOTS
};

static inline void rich_layout(struct layout *layout, struct layout_machine *machines)
{
    static const struct slice states[] = {NAME("first"), NAME("second"), NAME("third")};
    static const struct layout_variable variables[RICH_SLOTS] = {
        {.name = NAME("bool"), .type = LAYOUT_BOOL},
        {.name = NAME("int"), .type = LAYOUT_INT},
        {.name = NAME("double"), .type = LAYOUT_DOUBLE},
        {.name = NAME("string"), .type = LAYOUT_STRING, .max = 12},
        {.name = NAME("timestamp"), .type = LAYOUT_TIMESTAMP},
        {.name = NAME("items"), .type = LAYOUT_LINE_ITEMS, .max = 5},
        {.name = NAME("set"), .type = LAYOUT_SET, .max = 6},
        {.name = NAME("counter"), .type = LAYOUT_COUNTER, .max = 7},
        {.name = NAME("counts"), .type = LAYOUT_WINDOW, .max = 8, .bucket_ms = 1000},
        {.name = NAME("sums"),
         .type = LAYOUT_WINDOW,
         .max = 4,
         .bucket_ms = 60000,
         .window_is_sum = true},
    };
    static const struct layout_variable other[] = {
        {.name = NAME("note"), .type = LAYOUT_STRING, .max = 200}};
    machines[0] = (struct layout_machine){.name = NAME("rich"),
                                          .states = states,
                                          .state_count = 3,
                                          .initial = 1,
                                          .timer_words = 2,
                                          .variables = variables,
                                          .variable_count = RICH_SLOTS};
    machines[1] = (struct layout_machine){.name = NAME("other"),
                                          .states = states,
                                          .state_count = 2,
                                          .variables = other,
                                          .variable_count = 1};
    machines[2] = (struct layout_machine){
        .name = NAME("bare"), .states = states, .state_count = 1, .timer_words = 1};
    *layout = (struct layout){.machine_count = 3};
    layout_seal(layout, machines);
}
#endif
