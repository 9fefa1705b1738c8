#include "cli/case_diff.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/check.h"
#include "core/datetime.h"
#include "core/json.h"
#include "core/mp.h"
#include "core/number.h"

#define FRACTION_TOLERANCE 1e-12

/* Signals of a case that are aligned at best; more are held against each other in their order. */
#define ALIGNED_MAX 1000

/* ---- values, as a file of tests has them ---- */

static bool is_plain_byte(char c, bool is_inner)
{
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  (unsigned char)c >= 0x80;
    return letter || c == '_' || c == '/' || c == '.' ||
           (is_inner && (c == '-' || c == ' ' || c == ':' || c == '+'));
}

/* Whether YAML reads it as this text without quotes. */
static bool is_plain(struct slice text)
{
    struct number number;
    if (text.size == 0 || number_parse(text, &number) || slice_is(text, "null") ||
        slice_is(text, "true") || slice_is(text, "false"))
        return false;
    for (size_t i = 0; i < text.size; i++)
        if (!is_plain_byte(text.data[i], i > 0 && i + 1 < text.size) ||
            (text.data[i] == ':' && text.data[i + 1] == ' '))
            return false;
    return true;
}

static void write_text(struct slice text, struct buf *out)
{
    if (is_plain(text))
        buf_add_slice(out, text);
    else
        json_add_string(out, text);
}

static void write_value(struct slice value, struct buf *out);

static void write_container(struct mp *mp, struct mp_token token, struct buf *out)
{
    struct slice key, value;
    bool is_map = token.kind == MP_MAP;
    if (token.count == 0) {
        buf_add_text(out, is_map ? "{}" : "[]");
        return;
    }
    buf_add_text(out, is_map ? "{ " : "[ ");
    for (uint32_t i = 0; i < token.count; i++) {
        if (i > 0)
            buf_add_text(out, ", ");
        if (is_map) {
            CHECK(mp_value(mp, &key)); /* an expression's map may have keys of other types */
            write_value(key, out);
            buf_add_text(out, ": ");
        }
        CHECK(mp_value(mp, &value));
        write_value(value, out);
    }
    buf_add_text(out, is_map ? " }" : " ]");
}

static void write_value(struct slice value, struct buf *out)
{
    struct mp mp = mp_of(value);
    struct mp_token token;
    CHECK(mp_read(&mp, &token));
    if (token.kind == MP_STR)
        write_text(token.bytes, out);
    else if (token.kind == MP_MAP || token.kind == MP_ARRAY)
        write_container(&mp, token, out);
    else
        mp_to_json(value, out);
}

/* From the start where it is not before that. */
static void write_time(const struct case_file *file, int64_t time_ms, struct buf *out)
{
    char text[32];
    int size = time_ms >= file->start_ms ? duration_format_ms(time_ms - file->start_ms, text)
                                         : datetime_format_ms(time_ms, text);
    buf_add(out, text, (size_t)size);
}

/* ---- equality ---- */

static bool is_number(const struct mp_token *token)
{
    return token->kind == MP_INT || token->kind == MP_UINT || token->kind == MP_DOUBLE;
}

static double as_double(const struct mp_token *token)
{
    if (token->kind == MP_DOUBLE)
        return token->d;
    return token->kind == MP_INT ? (double)token->i : (double)token->u;
}

/*
 * By value. Of fractions the last digits are let go: 9.9 * 1.5 is 14.850000000000001 as a double,
 * and nobody would write that as what is expected. Whole numbers are compared exactly.
 */
static bool same_number(const struct mp_token *a, const struct mp_token *b)
{
    if (a->kind == b->kind && a->kind != MP_DOUBLE)
        return a->kind == MP_INT ? a->i == b->i : a->u == b->u;
    double x = as_double(a), y = as_double(b);
    bool whole = floor(x) >= x && floor(y) >= y;
    return whole ? !(x < y) && !(x > y) : fabs(x - y) <= FRACTION_TOLERANCE * fabs(x);
}

/* No containers. */
static bool same_scalar(const struct mp_token *a, const struct mp_token *b)
{
    if (is_number(a) && is_number(b))
        return same_number(a, b);
    if (a->kind != b->kind)
        return false;
    if (a->kind == MP_BOOL)
        return a->b == b->b;
    return a->kind == MP_NIL ||
           ((a->kind == MP_STR || a->kind == MP_BIN) && slice_equal(a->bytes, b->bytes));
}

/* ---- one value against another, with the lines that tell the difference ---- */

struct comparison {
    struct buf path;
    struct buf *out; /* NULL: only whether there is a difference */
    bool same;
};

static void add_line(struct comparison *comparison, char side, struct slice value)
{
    comparison->same = false;
    if (!comparison->out)
        return;
    buf_printf(comparison->out, "%c     %.*s: ", side, (int)comparison->path.size,
               comparison->path.data);
    write_value(value, comparison->out);
    buf_add_char(comparison->out, '\n');
}

static void compare(struct comparison *comparison, struct slice expected, struct slice got);

static void compare_maps(struct comparison *comparison, struct mp mp, uint32_t count,
                         struct slice got)
{
    struct mp_token key;
    struct slice expected, value;
    size_t size = comparison->path.size;
    for (uint32_t i = 0; i < count; i++) {
        CHECK(mp_read(&mp, &key) && mp_value(&mp, &expected));
        buf_add_char(&comparison->path, '.');
        write_text(key.bytes, &comparison->path);
        if (mp_map_find(got, key.bytes, &value))
            compare(comparison, expected, value);
        else
            add_line(comparison, '-', expected);
        comparison->path.size = size;
    }
}

static void compare_lists(struct comparison *comparison, struct mp expected,
                          uint32_t expected_count, struct mp got, uint32_t got_count)
{
    struct slice one = {0}, other = {0};
    size_t size = comparison->path.size;
    for (uint32_t i = 0; i < expected_count || i < got_count; i++) {
        CHECK(i >= expected_count || mp_value(&expected, &one));
        CHECK(i >= got_count || mp_value(&got, &other));
        buf_printf(&comparison->path, "[%u]", i);
        if (i < expected_count && i < got_count)
            compare(comparison, one, other);
        else
            add_line(comparison, i < expected_count ? '-' : '+', i < expected_count ? one : other);
        comparison->path.size = size;
    }
}

static void compare(struct comparison *comparison, struct slice expected, struct slice got)
{
    struct mp left = mp_of(expected), right = mp_of(got);
    struct mp_token a, b;
    CHECK(mp_read(&left, &a) && mp_read(&right, &b));
    if (a.kind == MP_MAP && b.kind == MP_MAP) {
        compare_maps(comparison, left, a.count, got);
    } else if (a.kind == MP_ARRAY && b.kind == MP_ARRAY) {
        compare_lists(comparison, left, a.count, right, b.count);
    } else if (!same_scalar(&a, &b)) {
        add_line(comparison, '-', expected);
        add_line(comparison, '+', got);
    }
}

/* ---- signals ---- */

static void add_pair(struct buf *out, const char *name, struct slice expected, struct slice got)
{
    buf_printf(out, "-     %s: ", name);
    write_text(expected, out);
    buf_printf(out, "\n+     %s: ", name);
    write_text(got, out);
    buf_add_char(out, '\n');
}

static void add_times(const struct case_file *file, int64_t expected_ms, int64_t got_ms,
                      struct buf *out)
{
    buf_add_text(out, "-     at: ");
    write_time(file, expected_ms, out);
    buf_add_text(out, "\n+     at: ");
    write_time(file, got_ms, out);
    buf_add_char(out, '\n');
}

/*
 * True where the signal is as expected; the fields that differ go to `out`, where that is not
 * NULL.
 */
static bool compare_signals(const struct case_file *file, const struct case_signal *expected,
                            const struct case_signal *got, struct buf *out)
{
    struct comparison comparison = {.out = out, .same = true};
    if (expected->has_time && expected->time_ms != got->time_ms) {
        comparison.same = false;
        if (out)
            add_times(file, expected->time_ms, got->time_ms, out);
    }
    for (size_t i = 0; i < CASE_FIELD_COUNT; i++) {
        if (!expected->fields[i].data || slice_equal(expected->fields[i], got->fields[i]))
            continue;
        comparison.same = false;
        if (out)
            add_pair(out, case_field_names[i], expected->fields[i], got->fields[i]);
    }
    if (expected->data.size > 0 && (comparison.same || out)) {
        buf_init(&comparison.path);
        buf_add_text(&comparison.path, "data");
        compare(&comparison, expected->data, got->data);
        buf_fini(&comparison.path);
    }
    return comparison.same;
}

/* `{ at: 35m, type: cart.abandoned }`: what is known of a signal. */
static void write_signal(const struct case_file *file, const struct case_signal *signal,
                         struct buf *out)
{
    const char *separator = "{ ";
    if (signal->has_time) {
        buf_add_text(out, "{ at: ");
        write_time(file, signal->time_ms, out);
        separator = ", ";
    }
    for (size_t i = 0; i < CASE_FIELD_COUNT; i++) {
        if (!signal->fields[i].data)
            continue;
        buf_printf(out, "%s%s: ", separator, case_field_names[i]);
        write_text(signal->fields[i], out);
        separator = ", ";
    }
    if (signal->data.size > 0) {
        buf_printf(out, "%sdata: ", separator);
        write_value(signal->data, out);
    }
    buf_add_text(out, " }");
}

static void add_signal(const struct case_file *file, char side, const struct case_signal *signal,
                       struct buf *out)
{
    buf_printf(out, "%c ", side);
    write_signal(file, signal, out);
    buf_add_char(out, '\n');
}

/* The one that came in place of another: which it is, and what differs. */
static void add_changed(const struct case_file *file, const struct case_signal *expected,
                        const struct case_signal *got, struct buf *out)
{
    struct case_signal head = {.has_time = true,
                               .time_ms = got->time_ms,
                               .fields = {[CASE_TYPE] = got->fields[CASE_TYPE]}};
    buf_add_text(out, "  ");
    write_signal(file, &head, out);
    buf_add_text(out, ", but:\n");
    compare_signals(file, expected, got, out);
}

/* ---- alignment: the longest run of expected signals that came in their order ---- */

struct alignment {
    const struct case_file *file;
    const struct case_signal *expected, *got;
    size_t expected_count, got_count;
    struct buf *out;
};

static bool same_at(const struct alignment *alignment, size_t e, size_t g)
{
    return compare_signals(alignment->file, &alignment->expected[e], &alignment->got[g], NULL);
}

/* Those of one type are held against each other, in order. */
static bool is_pair(const struct case_signal *expected, const struct case_signal *got)
{
    return !expected->fields[CASE_TYPE].data ||
           slice_equal(expected->fields[CASE_TYPE], got->fields[CASE_TYPE]);
}

/* A stretch in which nothing is as expected. */
static void add_stretch(const struct alignment *alignment, size_t e, size_t e_end, size_t g,
                        size_t g_end)
{
    for (; e < e_end; e++) {
        size_t pair = g;
        while (pair < g_end && !is_pair(&alignment->expected[e], &alignment->got[pair]))
            pair++;
        if (pair == g_end) {
            add_signal(alignment->file, '-', &alignment->expected[e], alignment->out);
            continue;
        }
        while (g < pair)
            add_signal(alignment->file, '+', &alignment->got[g++], alignment->out);
        add_changed(alignment->file, &alignment->expected[e], &alignment->got[g++], alignment->out);
    }
    while (g < g_end)
        add_signal(alignment->file, '+', &alignment->got[g++], alignment->out);
}

/* length[e][g]: how many agree from there on, at best. Rows of `width`. */
static uint16_t *measure(const struct alignment *alignment, size_t width)
{
    uint16_t *length = calloc((alignment->expected_count + 1) * width, sizeof *length);
    CHECK(length);
    for (size_t e = alignment->expected_count; e-- > 0;)
        for (size_t g = alignment->got_count; g-- > 0;) {
            uint16_t below = length[(e + 1) * width + g], right = length[e * width + g + 1];
            uint16_t best = below > right ? below : right;
            if (same_at(alignment, e, g) && length[(e + 1) * width + g + 1] >= best)
                best = (uint16_t)(length[(e + 1) * width + g + 1] + 1);
            length[e * width + g] = best;
        }
    return length;
}

static void align(const struct alignment *alignment)
{
    size_t width = alignment->got_count + 1, e = 0, g = 0, e_from = 0, g_from = 0;
    if (alignment->expected_count > ALIGNED_MAX || alignment->got_count > ALIGNED_MAX) {
        add_stretch(alignment, 0, alignment->expected_count, 0, alignment->got_count);
        return;
    }
    uint16_t *length = measure(alignment, width);
    while (e < alignment->expected_count && g < alignment->got_count) {
        if (same_at(alignment, e, g) &&
            length[e * width + g] == length[(e + 1) * width + g + 1] + 1) {
            add_stretch(alignment, e_from, e, g_from, g);
            add_signal(alignment->file, ' ', &alignment->expected[e], alignment->out);
            e_from = ++e;
            g_from = ++g;
        } else if (length[(e + 1) * width + g] >= length[e * width + g + 1]) {
            e++;
        } else {
            g++;
        }
    }
    add_stretch(alignment, e_from, alignment->expected_count, g_from, alignment->got_count);
    free(length);
}

/* ---- the order of different customers at one time is not defined ---- */

static bool is_first_of_its_customer(const struct case_signal *got, size_t from, size_t index)
{
    for (size_t i = from; i < index; i++)
        if (slice_equal(got[i].fields[CASE_CUSTOMER_FIELD], got[index].fields[CASE_CUSTOMER_FIELD]))
            return false;
    return true;
}

static void move_forward(struct case_signal *got, size_t from, size_t to)
{
    struct case_signal moved = got[from];
    for (; from > to; from--)
        got[from] = got[from - 1];
    got[to] = moved;
}

/* Takes, of the signals of one time, those that are expected next. */
static void settle_ties(const struct case_file *file, const struct case_test *test,
                        const struct case_result *result)
{
    struct case_signal *got = result->signals;
    for (size_t i = 0; i < test->signal_count && i < result->signal_count; i++)
        for (size_t j = i; j < result->signal_count && got[j].time_ms == got[i].time_ms; j++)
            if (is_first_of_its_customer(got, i, j) &&
                compare_signals(file, &test->signals[i], &got[j], NULL)) {
                move_forward(got, j, i);
                break;
            }
}

static bool diff_signals(const struct case_file *file, const struct case_test *test,
                         const struct case_result *result, struct buf *out)
{
    struct alignment alignment = {
        file, test->signals, result->signals, test->signal_count, result->signal_count, out};
    bool same = test->signal_count == result->signal_count;
    settle_ties(file, test, result);
    for (size_t i = 0; same && i < test->signal_count; i++)
        same = same_at(&alignment, i, i);
    if (!same)
        align(&alignment);
    return same;
}

static bool diff_states(const struct case_file *file, const struct case_test *test,
                        const struct case_result *result, struct buf *out)
{
    const struct layout *layout = rules_layout(file->rules);
    bool same = true;
    for (size_t i = 0; i < test->state_count; i++) {
        const struct case_state *state = &test->states[i];
        struct slice got = result->states[state->machine],
                     name = layout->machines[state->machine].name;
        if (slice_equal(state->state, got))
            continue;
        if (same)
            buf_add_text(out, "  state:\n");
        buf_printf(out, "-     %.*s: %.*s\n+     %.*s: %.*s\n", (int)name.size, name.data,
                   (int)state->state.size, state->state.data, (int)name.size, name.data,
                   (int)got.size, got.data);
        same = false;
    }
    return same;
}

bool case_diff(const struct case_file *file, const struct case_test *test,
               const struct case_result *result, struct buf *out)
{
    bool same = !test->expects_signals || diff_signals(file, test, result, out);
    same &= diff_states(file, test, result, out);
    if (result->refused.size > 0) {
        buf_printf(out, "  %.*s\n", (int)result->refused.size, result->refused.data);
        same = false;
    }
    if (!same && result->trouble.size > 0)
        buf_printf(out, "  %.*s\n", (int)result->trouble.size, result->trouble.data);
    return same;
}
