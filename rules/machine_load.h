/*
 * rules/machine_load.h - reading machine files: what the readers of its parts share. Private to rules/.
 *
 * All mistakes of all files are found in one run. So a reader that meets one reports it, leaves its part out and goes on;
 * whoever asks whether it went well asks the diag. Three passes: the heads of all files (names of machines, states and
 * variables, so that expressions may look forward), the bodies, the checks over the whole.
 */
#ifndef RULES_MACHINE_LOAD_H
#define RULES_MACHINE_LOAD_H

#include "rules/machine.h"

struct loader {
    struct rules *rules;
    struct diag *diag;
    const struct yaml_node *constants;
    struct machine *machine; /* whose file is read */
    struct cel_host host;    /* its self is the loader */
};

/* ---- machine_yaml.c: YAML's pieces, each with its complaint */

/* "a mapping", "a text", "a list": what a node is, for messages. */
const char *load_kind(const struct yaml_node *node);

/* False, reported, where `node` is not a mapping. `what` it is: "the states". */
bool load_mapping(struct loader *loader, const struct yaml_node *node, const char *what);

/* Reports each key that is not in the NULL-terminated list, with the nearest that is. */
void load_keys(struct loader *loader, const struct yaml_node *mapping, const char *what,
               const char *const *known);

/* A name of letters, digits, _ and what `also` has, at most MACHINE_NAME_SIZE_MAX; reported where it is not. */
bool load_is_name(struct loader *loader, const struct yaml_node *node, const char *what,
                  const char *also);

/* A duration of at least 1 s; `what` it is for. */
bool load_duration(struct loader *loader, const struct yaml_node *node, const char *what,
                   int64_t *ms);

/* A whole number between the bounds. */
bool load_number(struct loader *loader, const struct yaml_node *node, const char *what,
                 uint32_t least, uint32_t most, uint32_t *number);

/* An expression, compiled for the machine at hand. `expect` as in cel_compile(). */
struct expression load_expression(struct loader *loader, const struct yaml_node *node,
                                  const char *what, enum cel_type expect);

/* A guard: bool. */
struct expression load_guard(struct loader *loader, const struct yaml_node *node);

/* Names separated by commas. Calls back with each, trimmed; empty ones are reported. */
struct load_names {
    const struct yaml_node *node;
    size_t pos;
};
bool load_next_name(struct loader *loader, struct load_names *names, struct slice *name,
                    struct diag_pos *at);

/* Checks the form of an event's or signal's name. */
bool load_is_event_name(struct loader *loader, struct slice name, struct diag_pos at);

/* The variable of that name, -1 and reported where there is none. */
int32_t load_variable(struct loader *loader, const struct yaml_node *node);

/* The same by text, without a report. */
int32_t load_find_variable(const struct machine *machine, struct slice name);
int32_t load_find_state(const struct machine *machine, struct slice name);

/* A number for what stands there and can fail at run time. */
uint32_t load_rule(struct loader *loader, struct diag_pos at);

/* "slice" as printf wants it. */
#define SLICE_ARGS(slice) (int)(slice).size, (slice).data

/* ---- machine_calls.c: our own functions, given what they can't take */
void load_check_calls(struct loader *loader, const struct yaml_node *node);

/* ---- machine_context.c */
void load_context(struct loader *loader);
const char *load_type_name(enum layout_type type);

/* A hidden timestamp of this name: made once. */
int32_t load_hidden_variable(struct loader *loader, struct slice name);

/* ---- machine_actions.c */
/* The machine's own data, for every emit read later. */
void load_data(struct loader *loader, const struct yaml_node *node);
const struct emit *load_emit(struct loader *loader, const struct yaml_node *node);
struct actions load_actions(struct loader *loader, const struct yaml_node *node);
const struct emit *load_emit_transitions(struct loader *loader, const struct yaml_node *node);

/* Once all are read: who must remember when a type was sent. */
void load_cooldowns(struct loader *loader);

/* ---- machine_states.c */
void load_state_names(struct loader *loader);
void load_states(struct loader *loader);

/* ---- machine_check.c: what can be said of the whole */
/* It has no guard, or one that is the constant true. */
bool load_always_holds(const struct transition *transition);
void load_check_windows(struct loader *loader);
void load_check_machine(struct loader *loader);
void load_check_signals(struct loader *loader);

/* ---- machine_dispatch.c */
void load_dispatch(struct loader *loader);

/* ---- context_bind.c: the names that an expression may use */
void load_bind_host(struct loader *loader);

/* The configuration's constants as a map, or NULL. */
const struct value *load_constants(struct loader *loader, const struct yaml_node *node);

#endif
