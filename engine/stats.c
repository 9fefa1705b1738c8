#include "engine/stats.h"

#include "core/number.h"

/* Where other rules count the same transition; false where they do not know it. */
static bool find_transition(const struct layout *old, uint32_t machine, uint32_t from, uint32_t to,
                            const struct rules *rules, size_t *index)
{
    const struct layout *layout = rules_layout(rules);
    uint32_t found = layout_find_machine(layout, old->machines[machine].name);
    if (found == LAYOUT_NONE)
        return false;
    const struct layout_machine *there = &layout->machines[found];
    uint32_t from_there = layout_find_state(there, old->machines[machine].states[from]);
    uint32_t to_there = layout_find_state(there, old->machines[machine].states[to]);
    if (from_there == LAYOUT_NONE || to_there == LAYOUT_NONE)
        return false;
    *index = rules_stats_transition(rules, found, from_there, to_there);
    return true;
}

static size_t states_of(const struct rules *rules)
{
    return rules_stats_state(rules, rules_layout(rules)->machine_count, 0);
}

static size_t transitions_of(const struct rules *rules)
{
    return rules_stats_transition(rules, rules_layout(rules)->machine_count, 0, 0);
}

/* ---- to Redis and back ---- */

static void add(struct checkpoint_stat *stats, size_t *count, struct slice field, int64_t value)
{
    stats[(*count)++] = (struct checkpoint_stat){field, value};
}

void stats_add(const struct partition *partition, struct arena *arena,
               struct checkpoint *checkpoint)
{
    const struct rules *rules = partition->setting->rules;
    const struct layout *layout = rules_layout(rules);
    const struct rules_stats *counted = &partition->stats;
    struct checkpoint_stat *stats =
        arena_alloc(arena, (states_of(rules) + transitions_of(rules) + 1) * sizeof *stats);
    size_t count = 0;

    for (uint32_t m = 0; m < layout->machine_count; m++) {
        uint32_t states = layout->machines[m].state_count;
        for (uint32_t from = 0; from < states; from++) {
            add(stats, &count, rules_stats_state_field(rules, m, from),
                counted->states[rules_stats_state(rules, m, from)]);
            for (uint32_t to = 0; to < states; to++) {
                int64_t value = counted->transitions[rules_stats_transition(rules, m, from, to)];
                if (value)
                    add(stats, &count, rules_stats_transition_field(rules, m, from, to), value);
            }
        }
    }
    checkpoint->stats = stats;
    checkpoint->stat_count = count;
}

static void read_one(struct partition *partition, struct slice field, int64_t value)
{
    const struct rules *rules = partition->setting->rules;
    const struct layout *layout = rules_layout(rules);

    for (uint32_t m = 0; m < layout->machine_count; m++) {
        uint32_t states = layout->machines[m].state_count;
        for (uint32_t from = 0; from < states; from++) {
            if (slice_equal(field, rules_stats_state_field(rules, m, from)))
                partition->stats.states[rules_stats_state(rules, m, from)] = value;
            for (uint32_t to = 0; to < states; to++)
                if (slice_equal(field, rules_stats_transition_field(rules, m, from, to)))
                    partition->stats.transitions[rules_stats_transition(rules, m, from, to)] =
                        value;
        }
    }
}

void stats_read(struct partition *partition, const struct store_position *position)
{
    struct number value;
    for (size_t i = 0; i < position->stat_count; i++)
        if (number_parse(position->stats[i].value, &value) && value.is_int)
            read_one(partition, position->stats[i].field, value.i);
}

/* ---- over a change of rules ---- */

void stats_count(struct partition *partition, const struct customer *customer)
{
    const struct rules *rules = partition->setting->rules;
    const struct layout *layout = rules_layout(rules);
    for (uint32_t m = 0; m < layout->machine_count; m++) {
        uint32_t state = customer_machine_now(layout, customer, m).state;
        partition->stats.states[rules_stats_state(rules, m, state)]++;
    }
}

void stats_keep_transitions(const struct partition *before, struct partition *after)
{
    const struct rules *rules = before->setting->rules;
    const struct layout *old = rules_layout(rules);
    size_t index;

    for (uint32_t m = 0; m < old->machine_count; m++)
        for (uint32_t from = 0; from < old->machines[m].state_count; from++)
            for (uint32_t to = 0; to < old->machines[m].state_count; to++)
                if (find_transition(old, m, from, to, after->setting->rules, &index))
                    after->stats.transitions[index] =
                        before->stats.transitions[rules_stats_transition(rules, m, from, to)];
}

/* Else the number would stand there for ever, and be counted on if they come back. */
static void add_gone(const struct partition *before, const struct rules *after,
                     struct checkpoint_stat *stats, size_t *count)
{
    const struct rules *rules = before->setting->rules;
    const struct layout *old = rules_layout(rules);
    size_t index;

    for (uint32_t m = 0; m < old->machine_count; m++)
        for (uint32_t from = 0; from < old->machines[m].state_count; from++) {
            add(stats, count, rules_stats_state_field(rules, m, from), 0);
            for (uint32_t to = 0; to < old->machines[m].state_count; to++)
                if (before->stats.transitions[rules_stats_transition(rules, m, from, to)] &&
                    !find_transition(old, m, from, to, after, &index))
                    add(stats, count, rules_stats_transition_field(rules, m, from, to), 0);
        }
}

void stats_add_change(const struct partition *before, const struct rules *after,
                      struct arena *arena, struct checkpoint *checkpoint)
{
    const struct rules *rules = before->setting->rules;
    const struct layout *new = rules_layout(after);
    struct checkpoint_stat *stats = arena_alloc(
        arena, (states_of(rules) + transitions_of(rules) + states_of(after) + 1) * sizeof *stats);
    size_t count = 0;

    add_gone(before, after, stats, &count);
    for (uint32_t m = 0; m < new->machine_count; m++)
        for (uint32_t state = 0; state < new->machines[m].state_count; state++)
            add(stats, &count, rules_stats_state_field(after, m, state), 0);
    checkpoint->stats = stats;
    checkpoint->stat_count = count;
}
