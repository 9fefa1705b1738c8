/*
 * CEL's functions, macros and conversions, as tables of what is true and of what is an error: what
 * the conformance vectors leave out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "rules/cel.h"

static bool resolve(void *self, const struct slice *segments, uint32_t count,
                    struct cel_binding *binding, char *message)
{
    (void)self;
    (void)segments;
    (void)count;
    (void)binding;
    (void)message;
    return false;
}

static struct value load(struct cel_activation *activation, uint32_t slot)
{
    (void)activation;
    (void)slot;
    return (struct value){0};
}

/* Bound late, as `eval` does: what is wrong is an error of the evaluation. */
static struct value eval(const char *text, struct arena *arena)
{
    const struct cel_host host = {.resolve = resolve, .bind_late = true};
    struct cel_activation activation = {.load = load, .arena = arena};
    struct cel_problem problem = {0};
    uint32_t count;
    struct cel_program *program = cel_compile(slice_of(text), &host, CEL_DYN, &problem, 1, &count);
    if (!program)
        fail_msg("%s: at %u: %s", text, problem.offset, problem.message);
    struct value value = cel_eval(program, &activation);
    if (value.kind == VALUE_ERROR)
        value = cel_error(arena, "%.*s", (int)value.size, value.s);
    cel_free(program);
    return value;
}

static void check_truths(const char *const *truths, size_t count)
{
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < count; i++) {
        struct value value = eval(truths[i], &arena);
        if (value.kind != VALUE_BOOL || !value.b)
            fail_msg("%s: kind %u: %.*s", truths[i], value.kind,
                     value.kind == VALUE_ERROR ? (int)value.size : 0,
                     value.kind == VALUE_ERROR ? value.s : "");
    }
    arena_fini(&arena);
}

static void check_errors(const char *const *errors, size_t count)
{
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < count; i++)
        if (eval(errors[i], &arena).kind != VALUE_ERROR)
            fail_msg("%s is no error", errors[i]);
    arena_fini(&arena);
}

#define CHECK_TRUE(table)   check_truths(table, sizeof(table) / sizeof((table)[0]))
#define CHECK_ERRORS(table) check_errors(table, sizeof(table) / sizeof((table)[0]))

static void test_strings(void **state)
{
    static const char *const truths[] = {
        "'tacocat'.charAt(3) == 'o' && 'ไทย'.charAt(2) == 'ย'",
        "'tacocat'.indexOf('') == 0 && 'tacocat'.indexOf('', 3) == 3",
        "'tacocat'.indexOf('ac') == 1 && 'tacocat'.indexOf('a', 7) == -1",
        "'tacocat'.lastIndexOf('') == 7 && 'tacocat'.lastIndexOf('', 3) == 3",
        "'tacocat'.lastIndexOf('at') == 5 && 'tacocat'.lastIndexOf('t', 0) == 0",
        "'ไทยไทย'.lastIndexOf('ไ') == 3 && 'ไทย'.indexOf('ย') == 2",
        "'tacocat'.substring(4) == 'cat' && 'tacocat'.substring(7) == ''",
        "'ไทย'.substring(1, 2) == 'ท'",
        "'hello'.replace('l', '') == 'heo' && 'hello'.replace('l', 'L', 1) == 'heLlo'",
        "'hello'.replace('', '_') == '_h_e_l_l_o_' && 'hello'.replace('', '_', 2) == '_h_ello'",
        "'hello'.replace('l', '', -9223372036854775808) == 'heo'",
        "[].join().substring(0).endsWith('') && 'a'.startsWith([].join())",
        "'hello'.replace('x', 'y') == 'hello' && 'hello'.replace('l', 'y', 0) == 'hello'",
        "'a,b,c'.split(',') == ['a', 'b', 'c'] && 'a,b,c'.split(',', 2) == ['a', 'b,c']",
        "'a,b'.split(',', 1) == ['a,b'] && ',a,'.split(',') == ['', 'a', '']",
        "'ไทย'.split('') == ['ไ', 'ท', 'ย'] && 'ab'.split('', 1) == ['ab'] && ''.split(',') == "
        "['']",
        "['a', 'b'].join() == 'ab' && ['a'].join(', ') == 'a' && [].join('x') == ''",
        "'  x y\\t\\n'.trim() == 'x y' && '   '.trim() == '' && ''.trim() == ''",
        "'ÀbC'.lowerAscii() == 'Àbc' && 'àbC'.upperAscii() == 'àBC'",
        "'ไทย'.reverse() == 'ยทไ' && ''.reverse() == ''",
        "strings.quote('a\"b\\\\c\\n') == '\"a\\\\\"b\\\\\\\\c\\\\n\"'",
        "'abc'.matches('^b') == false && matches('abc', 'b+') && 'a\\nb'.matches('a.b') == false",
        "'%s|%s|%s|%s'.format([true, b'x', [1.0, 'a'], {'b': 1, 'a': null}]) == "
        "'true|x|[1, a]|{a: null, b: 1}'",
        "'%d %b %o %x %X'.format([-5, 10, 8, 255, 255u]) == '-5 1010 10 ff FF'",
        "'%x %X %b'.format(['az', b'\\xab', true]) == '617a AB 1'",
        "'%.0f %.2f %f %.1e'.format([2.5, 1, 0.5, 12345.0]) == '2 1.00 0.500000 1.2e+04'",
        "'%s %s'.format([type(1), duration('1h')]) == 'int 3600s'",
        "'%x'.format([-255]) == '-ff' && '%b'.format([-9223372036854775808]).size() == 65",
    };
    static const char *const errors[] = {
        "'abc'.charAt(4)",           "'abc'.charAt(-1)",
        "'abc'.substring(2, 1)",     "'abc'.substring(0, 4)",
        "'abc'.substring(-1)",       "'abc'.indexOf('a', -1)",
        "'abc'.lastIndexOf('a', 4)", "['a', 1].join(',')",
        "'%s'.format([])",           "'%'.format([1])",
        "'%.s'.format([1])",         "'%.101f'.format([1.0])",
        "'%d'.format([1.5])",        "'%d'.format(['1'])",
        "'%s'.format([b'\\xff'])",   "'x'.format(1)",
        "'a'.matches('(')",          "'a'.repeat(2)",
    };
    (void)state;
    CHECK_TRUE(truths);
    CHECK_ERRORS(errors);
}

static void test_math(void **state)
{
    static const char *const truths[] = {
        "math.greatest(1, 2.5, 2u) == 2.5 && math.least([3, 1u, 2.0]) == 1u",
        "type(math.greatest(2, 2.0)) == int && type(math.least(1u, 1.0)) == uint",
        "math.ceil(-1.2) == -1.0 && math.floor(-1.2) == -2.0 && math.trunc(-1.7) == -1.0",
        "math.round(2.5) == 3.0 && math.round(-2.5) == -3.0 && math.round(0.49) == 0.0",
        "math.sqrt(9) == 3.0 && math.sqrt(2u) == 1.4142135623730951 && math.isNaN(math.sqrt(-1.0))",
        "math.abs(-5) == 5 && math.abs(-0.5) == 0.5 && math.abs(5u) == 5u",
        "math.sign(-3) == -1 && math.sign(0.0) == 0.0 && math.sign(7u) == 1u",
        "math.isInf(1.0 / 0.0) && math.isFinite(1.5) && !math.isFinite(0.0 / 0.0)",
        "math.bitAnd(6, 3) == 2 && math.bitOr(6u, 1u) == 7u && math.bitXor(6, 3) == 5",
        "math.bitNot(0u) == 18446744073709551615u",
        "math.bitShiftLeft(1, 63) == -9223372036854775808 && math.bitShiftLeft(1, 64) == 0",
        "math.bitShiftRight(-1, 63) == 1 && math.bitShiftRight(8u, 2) == 2u",
    };
    static const char *const errors[] = {
        "math.greatest()",
        "math.greatest([])",
        "math.greatest('a')",
        "math.greatest([1, 'a'])",
        "math.greatest([1], 2)",
        "math.abs(-9223372036854775808)",
        "math.round(1)",
        "math.isNaN(1)",
        "math.bitAnd(1, 1u)",
        "math.bitOr(1.0, 2.0)",
        "math.bitShiftLeft(1, -1)",
        "math.bitShiftLeft(1, 1u)",
        "math.pow(2, 3)",
    };
    (void)state;
    CHECK_TRUE(truths);
    CHECK_ERRORS(errors);
}

static void test_macros(void **state)
{
    static const char *const truths[] = {
        "{'a': 1, 'b': 2}.all(k, k in ['a', 'b']) && {'a': 1}.exists(k, v, v == 1)",
        "{'b': 1, 'a': 2}.map(k, k) == ['b', 'a'] && {1: 2}.filter(k, k == 1) == [1]",
        "[1, 2, 3].map(x, x > 1, x * x) == [4, 9]",
        "[[1, 2], [3]].map(l, l.map(x, x + l.size())) == [[3, 4], [4]]",
        "[1, 2].map(x, [10, 20].filter(y, y / x == 10)) == [[10], [20]]",
        "[1, 2, 3].exists_one(x, x == 2) && ![1, 1].existsOne(x, x == 1)",
        "[3, 4].transformList(i, v, i * v) == [0, 4]",
        "[3, 4].transformList(i, v, v > 3, i) == [1]",
        "{'a': 1}.transformList(k, v, k) == ['a']",
        "{'a': 1, 'b': 2}.transformMap(k, v, v > 1, v * 2) == {'b': 4}",
        "['x', 'y'].transformMap(i, v, v) == {0: 'x', 1: 'y'}",
        "{'a': 'b'}.transformMapEntry(k, v, {v: k, k + k: v}) == {'b': 'a', 'aa': 'b'}",
        "[1].transformMapEntry(i, v, {}) == {}",
        "[1, 2].exists(x, [x].exists(x, x == 2))", /* the inner one hides the outer */
        "has({'a': null}.a) && !has({'a': 1}.b) && has({'a': {'b': 1}}.a.b)",
        "[].all(x, 1 / 0 > 1) && ![].exists(x, 1 / 0 > 1) && [].map(x, 1 / 0) == []",
    };
    static const char *const errors[] = {
        "1.all(x, true)",
        "'abc'.map(c, c)",
        "[1].exists(x, x)",
        "[1, 2].exists_one(x, 1 / (x - 2) > 0)",
        "[1].map(x, x / 0)",
        "[1, 2].transformMapEntry(i, v, {'a': v})",
        "[1].transformMapEntry(i, v, v)",
        "[1.5].transformMapEntry(i, v, {v: i})",
        "has({'a': 1}.b.c)",
        "[1].reduce(x, y, 0)",
        "[1].map(x, y)",
    };
    (void)state;
    CHECK_TRUE(truths);
    CHECK_ERRORS(errors);
}

static void test_conversions(void **state)
{
    static const char *const truths[] = {
        "int('-9223372036854775808') == -9223372036854775808 && int('+5') == 5 && int('007') == 7",
        "int(9.99e17) == 999000000000000000 && int(-0.9) == 0 && int(timestamp(-1)) == -1",
        "uint('18446744073709551615') == 18446744073709551615u && uint(1.9) == 1u",
        "double('.5') == 0.5 && double('1e3') == 1000.0 && double('-Infinity') == -1.0 / 0.0",
        "string(1.0) == '1' && string(1e100) == '1e+100' && string(true) == 'true'",
        "string(b'\\xe0\\xb8\\x81') == 'ก' && bytes('ก') == b'\\xe0\\xb8\\x81' && size(b'ก') == 3",
        "string(timestamp('2026-01-05T10:00:00.5+07:00')) == '2026-01-05T03:00:00.500Z'",
        "timestamp('2026-01-05t10:00:00z') == timestamp('2026-01-05 10:00:00Z')",
        "timestamp(timestamp(5)) == timestamp(5) && duration(duration('5s')) == duration('5s')",
        "type(null) == null_type && type([]) == list && type({}) == map && type(b'') == bytes",
        "type(duration('1s')) == google.protobuf.Duration && type(int) == type && type(1u) != int",
        "dyn([1, 'a', null]).size() == 3",
        "1 == 1.0 && 1u == 1 && 1 < 1.5 && 2u > 1.5 && -1 < 0u && 1 in [1.0] && {1: 2}[1.0] == 2",
        "[1, [2u]] == [1.0, [2]] && {'a': [1]} == {'a': [1.0]} && [] != {}",
        "true > false && b'a' < b'b' && 'a' < 'á' && duration('1s') < duration('1m')",
        "1 != 'a' && null != 0 && [] != null && timestamp(0) != duration('0s')",
    };
    static const char *const errors[] = {
        "int('')",
        "int('1.0')",
        "int(' 1')",
        "int('9223372036854775808')",
        "int(1e19)",
        "int(0.0 / 0.0)",
        "int(true)",
        "uint(-1)",
        "uint('-1')",
        "uint(-0.5)",
        "double('')",
        "double('1e')",
        "double('0x10')",
        "double('1e999')",
        "bool('yes')",
        "bool(1)",
        "string(null)",
        "string([1])",
        "string(b'\\xff')",
        "bytes(1)",
        "timestamp('2026-01-05')",
        "timestamp('2026-01-05T10:00:00')",
        "timestamp('2026-02-30T10:00:00Z')",
        "timestamp(253402300800)",
        "duration('1 h')",
        "duration(5)",
        "{1: 1, 1u: 2}",
        "{null: 1}",
        "[1][1]",
        "[1][-1]",
        "[1][0.5]",
        "[1]['0']",
        "{'a': 1}['b']",
        "{'a': 1}[null]",
        "null < null",
        "[1] < [2]",
        "'a' + b'b'",
        "timestamp(0) + timestamp(0)",
        "duration('1s') - timestamp(0)",
        "duration('1s') * 2",
        "-1u",
        "-duration('1s')",
        "!null",
        "1 % 0",
        "-9223372036854775808 / -1",
        "-9223372036854775808 % -1",
        "1.0 % 1.0",
    };
    (void)state;
    CHECK_TRUE(truths);
    CHECK_ERRORS(errors);
}

static void test_literals(void **state)
{
    static const char *const truths[] = {
        "0x10 == 16 && -0x10 == -16 && 0XfFu == 255u && 1e3 == 1000.0 && .5 == 0.5 && 1E-2 == 0.01",
        "'\\x41\\u0e01\\U0001F600\\101' == 'Aก😀A' && '\\a\\b\\f\\n\\r\\t\\v'.size() == 7",
        "r'\\n' == '\\\\n' && R\"a'b\" == \"a'b\" && '''a'b''' == \"a'b\"",
        "\"\"\"a\"b\"\"\" == 'a\"b'",
        "b'\\xff\\377'.size() == 2 && br'\\xff'.size() == 4 && B'a' == b'a'",
        "[1, 2,].size() == 2 && {'a': 1,}.size() == 1 && [[]].size() == 1",
        "true // the rest is not read",
        "{'in': 1, 'a-b': 2}['in'] == 1 && {'a-b': 2}.`a-b` == 2 && {'if': 3}.if == 3",
        "!false && !!true && --1 == 1 && -(-1) == 1 && - 1 == -1",
        "1 + 2 * 3 - 4 / 2 % 2 == 7 && (1 + 2) * 3 == 9 && 7 - 2 - 1 == 4",
        "true || false && false && true ? true : false",
        "false ? 1 == 2 : true ? true : false",
        "1 < 2 == true && 1 in [1] == true",
    };
    (void)state;
    CHECK_TRUE(truths);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),  cmocka_unit_test(test_math),
        cmocka_unit_test(test_macros),   cmocka_unit_test(test_conversions),
        cmocka_unit_test(test_literals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
