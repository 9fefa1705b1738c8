/*
 * rules/cel.h - the Common Expression Language: text -> tree -> checked tree -> program -> value.
 *
 * Names are resolved once, at compile time, by the host (struct cel_host): a machine binds
 * `event.properties.value` to a slot, `context.items` to a variable, and its own functions. What is
 * not resolved there and then is an error with a place, or, for `eval`, bound late.
 *
 * Programs are immutable and shared by all threads. Evaluation allocates from the activation's
 * arena only where an expression makes new lists, maps or text; a guard over slots and constants
 * makes none.
 *
 * Bounds, so that no expression can hang a worker: CEL_TEXT_SIZE_MAX bytes, CEL_DEPTH_MAX levels,
 * CEL_STEPS_MAX steps of one evaluation, CEL_LIST_MAX elements of a list or map made by one. A
 * bound that is hit is an error of that expression.
 */
#ifndef RULES_CEL_H
#define RULES_CEL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/slice.h"
#include "core/value.h"

#define CEL_TEXT_SIZE_MAX (64u << 10)
#define CEL_DEPTH_MAX     128
#define CEL_STEPS_MAX     1000000u
#define CEL_LIST_MAX      100000u
#define CEL_STRING_MAX    (1u << 20) /* bytes of a text made by one */
#define CEL_OUTPUT_MAX    (4u << 20) /* bytes of a value as JSON or msgpack */
#define CEL_SEGMENTS_MAX  16 /* of a path given to the host; the rest is selected at run time */

/* Static types: what the checker knows. DYN where only the value will tell. */
enum cel_type {
    CEL_DYN = 0,
    CEL_NULL,
    CEL_BOOL,
    CEL_INT,
    CEL_UINT,
    CEL_DOUBLE,
    CEL_STRING,
    CEL_BYTES,
    CEL_TIMESTAMP,
    CEL_DURATION,
    CEL_LIST,
    CEL_MAP,
    CEL_TYPE,
};

/*
 * A static type and what is known of its inside: what a list or map holds, that null may come
 * instead. Where it is not known what is inside, no shape is needed: the type says it all.
 */
struct cel_shape {
    enum cel_type type;
    enum cel_type key; /* of a map's keys, CEL_DYN: of any */
    bool or_null;
    const struct cel_shape *element;      /* of a list, or a map's values; NULL: anything */
    const struct cel_shape_field *fields; /* of a map that has just these keys, or NULL */
    uint32_t field_count;                 /* at most 16 */
    const char *what;                     /* such a map is: "a line item" */
};

struct cel_shape_field {
    const char *name;
    const struct cel_shape *shape;
};

/* What a host binds a name to. */
struct cel_binding {
    uint32_t slot;      /* the host's number, given back to cel_activation.load */
    uint32_t consumed;  /* how many of the segments it stands for; the rest is selected later */
    enum cel_type type; /* CEL_DYN where `shape` may be null */
    const struct cel_shape *shape; /* or NULL; outlives the compilation */
    bool is_constant;              /* `constant` is its value, folded; it outlives the program */
    struct value constant;
};

struct buf;
struct cel_activation;

#define CEL_REFERENCE 1 /* `aux` of a VALUE_INT that is a slot and no number */

/*
 * A function of the host's own. Arguments are values, but for `by_reference`; none of them is an
 * error, and one that the table gives a type has it (a null is refused too). An error: cel_error().
 */
typedef struct value (*cel_function_fn)(struct cel_activation *activation,
                                        const struct value *arguments, uint32_t count);

struct cel_function {
    const char *name;
    uint32_t argument_count;
    cel_function_fn call;
    enum cel_type result;
    enum cel_type arguments[4];
    /*
     * The first argument must be a name that the host binds as a whole (`touched(context.items)`,
     * `get(event.properties.x, 0)`); it is not loaded: the function gets a reference, a VALUE_INT
     * with the slot and CEL_REFERENCE as `aux`, and may load it itself by cel_argument(), so that
     * absence is no error. Where the host binds only a beginning of the path (or an index, or a
     * select on a macro's variable stands in it), it is evaluated, and what is absent or an error
     * arrives as VALUE_ABSENT: only where `or_path`, else that is a problem. cel_argument() hides
     * the difference.
     */
    bool by_reference;
    bool or_path;
    const struct cel_shape *shape; /* of the result, where there is more to say than `result` */
    bool gives_default;            /* the result has the type of the last argument, unless null */
    /*
     * Looks at what is known of an argument at load: a literal or constant, also one of two between
     * which `?:` chooses; then each element of such a list and key of such a map, `is_element`.
     * False: the call will fail; `message` (256 bytes) says why and what would be right.
     */
    bool (*check)(uint32_t index, struct value known, bool is_element, char *message);
};

struct cel_host {
    void *self;
    /*
     * Resolves a name: `segments[0]` is the identifier, the rest the fields selected from it
     * (constant text indexes count as fields; at most CEL_SEGMENTS_MAX are given). False: there is
     * no such name; `message` (256 bytes, empty before) may then say what is wrong and what would
     * be right, and binding->consumed (0 before) how many segments were right.
     */
    bool (*resolve)(void *self, const struct slice *segments, uint32_t count,
                    struct cel_binding *binding, char *message);
    const struct cel_function *functions;
    uint32_t function_count;
    /* `eval`: only syntax is a problem of the text; wrong names and types fail when evaluated. */
    bool bind_late;
};

struct cel_program;

/* What is wrong with a text, and where: byte offset into it. */
struct cel_problem {
    uint32_t offset;
    char message[256];
};

/*
 * Compiles. NULL on error: up to `problem_max` problems, in order, in `problems`, their number in
 * *problem_count. The text is not kept. `expect` (CEL_DYN: anything): an expression known to have
 * another type is a problem ("must be bool, is int"). Constant parts are folded; constant errors
 * outside of short-circuits are problems.
 */
struct cel_program *cel_compile(struct slice text, const struct cel_host *host,
                                enum cel_type expect, struct cel_problem *problems,
                                uint32_t problem_max, uint32_t *problem_count);
void cel_free(struct cel_program *program);

/* Null aside: a value of that type may be null instead where names or functions say so. */
enum cel_type cel_program_type(const struct cel_program *program);

/* Does it read this slot of the host's? What is only passed to a function by reference is not read. */
bool cel_program_loads(const struct cel_program *program, uint32_t slot);

/* True where the whole program folded to a constant: its value. */
bool cel_program_constant(const struct cel_program *program, struct value *value);

struct cel_activation {
    /* The value of a slot; VALUE_ABSENT where there is none. Containers may be built in `arena`. */
    struct value (*load)(struct cel_activation *activation, uint32_t slot);
    /*
     * A key of a RAW map with aliases (aux other than VALUE_RAW_PLAIN): event_select(), or NULL
     * where there are none.
     */
    struct value (*select)(struct cel_activation *activation, struct value map, struct slice key);
    void *self;
    struct arena *arena;
    uint32_t steps_left; /* set by cel_eval() */
};

/*
 * The value, or a VALUE_ERROR with its message. What it borrows lives as long as arena, record and
 * event, and the program. Never VALUE_ABSENT (that is the error "no such key").
 */
struct value cel_eval(const struct cel_program *program, struct cel_activation *activation);

struct value cel_load(struct cel_activation *activation, uint32_t slot);

/*
 * A `by_reference` argument as a value: the slot loaded, or what was evaluated; VALUE_ABSENT where
 * there is none.
 */
struct value cel_argument(struct cel_activation *activation, struct value argument);
struct value cel_error(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Lists and maps of whatever rep. */
uint32_t cel_size(struct value list_or_map);
struct value cel_at(struct cel_activation *activation, struct value list, uint32_t index);
void cel_entry(struct cel_activation *activation, struct value map, uint32_t index,
               struct value *key, struct value *value);

/* VALUE_ABSENT where there is none. */
struct value cel_find(struct cel_activation *activation, struct value map, struct value key);

/* With a bound of its own, CEL_STEPS_MAX: false where that is hit. */
bool cel_equal(struct cel_activation *activation, struct value a, struct value b);

/*
 * As JSON, as `eval` prints it: timestamp and duration as text, uint as digits, NaN and infinities
 * as text, bytes as base64, a type as its name. False (and null written) where a value in it is an
 * error, or where it would be longer than CEL_OUTPUT_MAX.
 */
bool cel_to_json(struct cel_activation *activation, struct value value, struct buf *out);

/*
 * As msgpack, for a signal's data: timestamps and durations as integer ms, uint as uint, bytes as
 * bin, a type as its name. False (and nil written) where a value in it is an error, deeper than 31
 * levels (the data themselves are one), or where it would be longer than CEL_OUTPUT_MAX.
 */
bool cel_to_msgpack(struct cel_activation *activation, struct value value, struct buf *out);

/* As the JSON that mp_to_json() (core/mp.h) makes of that msgpack, without the way there and back. */
bool cel_to_data_json(struct cel_activation *activation, struct value value, struct buf *out);
#endif
