/*
 * The machines as Graphviz draws them: each a cluster, its states with their labels, an arrow a transition with event or
 * timer, guard and signal. What stays in its state is dashed; what a machine says for every state starts at "any state".
 */
#include <string.h>

#include "rules/machine.h"

#define LABEL_SIZE_MAX 60 /* of a guard: longer ones are cut */

/* Inside of a quoted string, in which Graphviz reads HTML's character references too. */
static void put(FILE *out, struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '"' || c == '\\')
            fputc('\\', out);
        if (c == '&')
            fputs("&amp;", out);
        else
            fputc(c == '\n' || c == '\r' || c == '\t' ? ' ' : c, out);
    }
}

static void put_text(FILE *out, const char *text)
{
    put(out, slice_of(text));
}

/* All languages, one a line; the name where there is none. */
static void put_description(FILE *out, const struct yaml_node *description, struct slice name)
{
    if (!description) {
        put(out, name);
        return;
    }
    if (description->kind == YAML_SCALAR) {
        put(out, description->text);
        return;
    }
    for (size_t i = 0; i < description->count; i++) {
        if (i)
            fputs("\\n", out);
        put(out, description->items[i]->text);
    }
}

static void put_guard(FILE *out, struct slice guard)
{
    if (guard.size == 0)
        return;
    fputs("\\n[", out);
    if (guard.size <= LABEL_SIZE_MAX) {
        put(out, guard);
    } else {
        struct slice cut = {guard.data, LABEL_SIZE_MAX};
        while (cut.size > 0 && ((unsigned char)cut.data[cut.size] & 0xc0) == 0x80)
            cut.size--; /* not within a character */
        put(out, cut);
        fputs(" …", out);
    }
    fputc(']', out);
}

static void put_emits(FILE *out, const struct emit *emit)
{
    if (!emit)
        return;
    fputs("\\n» ", out);
    put(out, emit->type);
}

/* An arrow from a node to the state that the transition leads to, or back. */
struct arrow {
    uint32_t machine;
    const char *from; /* the node */
    const char *what; /* "idle ", or "" */
    struct slice name;
};

static void put_transition(FILE *out, const struct arrow *arrow,
                           const struct transition *transition)
{
    if (transition->has_target)
        fprintf(out, "    %s -> m%u_s%u [label=\"", arrow->from, arrow->machine,
                transition->target);
    else
        fprintf(out, "    %s -> %s [style=dashed, label=\"", arrow->from, arrow->from);
    put_text(out, arrow->what);
    put(out, arrow->name);
    put_guard(out, transition->guard.text);
    put_emits(out, transition->emit);
    fputs("\"];\n", out);
}

static bool does_nothing(const struct transition *transition)
{
    return !transition->has_target && !transition->emit && transition->actions.block_count == 0;
}

static void put_transitions(FILE *out, const struct arrow *arrow, struct transitions transitions)
{
    for (uint32_t i = 0; i < transitions.count; i++)
        if (!does_nothing(&transitions.items[i]))
            put_transition(out, arrow, &transitions.items[i]);
}

static const char *timer_word(enum timer_kind kind)
{
    switch (kind) {
    case TIMER_AFTER:
        return "after ";
    case TIMER_IDLE:
        return "idle ";
    case TIMER_AT:
        break;
    }
    return "at ";
}

static void put_state(FILE *out, const struct machine *machine, uint32_t m, uint32_t s)
{
    const struct state *state = &machine->states[s];
    fprintf(out, "    m%u_s%u [shape=box, style=\"rounded%s\"%s, label=\"", m, s,
            state->is_goal ? ",bold" : "", s == machine->initial ? ", penwidth=2" : "");
    put(out, state->name);
    if (state->description) {
        fputs("\\n", out);
        put_description(out, state->description, state->name);
    }
    fputs("\"];\n", out);
}

static void put_arrows(FILE *out, const struct machine *machine, uint32_t m, uint32_t s)
{
    const struct state *state = &machine->states[s];
    char from[32];
    snprintf(from, sizeof(from), "m%u_s%u", m, s);
    for (uint32_t i = 0; i < state->reaction_count; i++) {
        struct arrow arrow = {m, from, "", state->reactions[i].name};
        put_transitions(out, &arrow, state->reactions[i].transitions);
    }
    for (uint32_t i = 0; i < state->timer_count; i++) {
        struct arrow arrow = {m, from, timer_word(state->timers[i].kind), state->timers[i].text};
        put_transitions(out, &arrow, state->timers[i].transitions);
    }
    struct arrow always = {m, from, "", SLICE("always")};
    put_transitions(out, &always, state->always);
}

static void put_machine(FILE *out, const struct machine *machine, uint32_t m)
{
    fprintf(out, "  subgraph cluster_%u {\n    label=\"", m);
    put(out, machine->name);
    if (machine->description) {
        fputs("\\n", out);
        put_description(out, machine->description, machine->name);
    }
    fputs("\";\n", out);
    fprintf(out, "    m%u_begin [shape=point];\n", m);
    for (uint32_t s = 0; s < machine->state_count; s++)
        put_state(out, machine, m, s);
    fprintf(out, "    m%u_begin -> m%u_s%u;\n", m, m, machine->initial);
    for (uint32_t s = 0; s < machine->state_count; s++)
        put_arrows(out, machine, m, s);
    if (machine->reaction_count) {
        char from[32];
        snprintf(from, sizeof(from), "m%u_any", m);
        fprintf(out, "    %s [shape=plaintext, label=\"any state\"];\n", from);
        for (uint32_t i = 0; i < machine->reaction_count; i++) {
            struct arrow arrow = {m, from, "", machine->reactions[i].name};
            put_transitions(out, &arrow, machine->reactions[i].transitions);
        }
    }
    fputs("  }\n", out);
}

void rules_dot(const struct rules *rules, FILE *out)
{
    fputs("digraph stagecoach {\n  charset=\"UTF-8\";\n  compound=true;\n"
          "  node [fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n",
          out);
    for (uint32_t m = 0; m < rules->machine_count; m++)
        put_machine(out, &rules->machines[m], m);
    fputs("}\n", out);
}
