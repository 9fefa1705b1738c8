#include "tests/fuzz/expression.h"

#include "core/check.h"
#include "core/slice.h"
#include "tests/fuzz/random_event.h"

#define DEPTH_MAX 24

/*
 * The grammar: forms by the kind of value that they have. In a form `$` and a letter stand for
 *
 *   $b $i $u $d $s $l $m $t $D $y   an expression of the kind bool, int, uint, double, string, list, map,
 *                                   timestamp, duration, bytes
 *   $a $z                           of any kind; a time zone
 *   $k                              a key of the properties
 *   $1 $2                           a macro's variables; behind them, in this form, they can be used
 *   $v                              a variable of a macro around it
 *
 * The first form of each kind has none of the first two lines, so that the end is near when no choices are left.
 */
static const char *const bools[] = {
    "true",
    "false",
    "event.late",
    "event.properties.$k",
    "($b && $b)",
    "($b || $b)",
    "!$b",
    "($a == $a)",
    "($a != $a)",
    "($i < $i)",
    "($d >= $i)",
    "($u <= $i)",
    "($s > $s)",
    "($t <= $t)",
    "($D > $D)",
    "($y < $y)",
    "($a in $l)",
    "($s in $m)",
    "($i in $m)",
    "has(event.properties.$k)",
    "has(event.properties.map.$k)",
    "$l.all($1, $b)",
    "$l.exists($1, $b)",
    "$l.exists_one($1, $b)",
    "$l.exists($1, $v == $a)",
    "$m.all($1, $2, $b)",
    "$m.exists($1, $b)",
    "$s.contains($s)",
    "$s.startsWith($s)",
    "$s.endsWith($s)",
    "$s.matches('^([a-z]+|[0-9]*)(x|y)*$')",
    "$s.matches($s)",
    "bool($s)",
    "($b ? $b : $b)",
    "math.isNaN($d)",
    "get(event.properties.$k, $b)",
};

static const char *const ints[] = {
    "0",
    "1",
    "-1",
    "7",
    "9223372036854775807",
    "-9223372036854775808",
    "event.properties.$k",
    "event.time.getMilliseconds()",
    "size($l)",
    "$s.size()",
    "$m.size()",
    "size($y)",
    "($i + $i)",
    "($i - $i)",
    "($i * $i)",
    "($i / $i)",
    "($i % $i)",
    "-$i",
    "int($a)",
    "int($t)",
    "$t.getHours()",
    "$t.getDayOfWeek($z)",
    "$t.getDayOfYear($z)",
    "$t.getFullYear()",
    "$D.getMinutes()",
    "$s.indexOf($s)",
    "$s.indexOf($s, $i)",
    "$s.lastIndexOf($s, $i)",
    "math.bitShiftLeft($i, $i)",
    "math.bitShiftRight($i, $i)",
    "math.bitXor($i, $i)",
    "math.abs($i)",
    "math.greatest($i, $d, $u)",
    "math.least($l)",
    "($b ? $i : $i)",
    "$l[$i]",
    "get(event.properties.$k, $i)",
};

static const char *const uints[] = {
    "0u",
    "3u",
    "18446744073709551615u",
    "event.properties.$k",
    "uint($a)",
    "($u + $u)",
    "($u - $u)",
    "($u * $u)",
    "($u / $u)",
    "($u % $u)",
    "math.bitNot($u)",
    "math.bitShiftLeft($u, $i)",
};

static const char *const doubles[] = {
    "0.0",
    "2.5",
    "-1e300",
    "event.properties.$k",
    "double('NaN')",
    "double('-Infinity')",
    "double($a)",
    "($d + $d)",
    "($d - $d)",
    "($d * $d)",
    "($d / $d)",
    "-$d",
    "math.floor($d)",
    "math.ceil($d)",
    "math.round($d)",
    "math.trunc($d)",
    "math.sqrt($i)",
    "math.sign($d)",
    "get(event.properties.$k, $d)",
};

static const char *const strings[] = {
    "''",
    "'a'",
    "event.name",
    "event.customer",
    "event.properties.$k",
    "'\\u0e01\\U0001F600'",
    "'2026-01-05T10:00:00Z'",
    "r'%s %d'",
    "string($a)",
    "string($i)",
    "string($d)",
    "string($t)",
    "($s + $s)",
    "$s.charAt($i)",
    "$s.substring($i)",
    "$s.substring($i, $i)",
    "$s.replace($s, $s)",
    "$s.replace($s, $s, $i)",
    "$s.lowerAscii()",
    "$s.upperAscii()",
    "$s.trim()",
    "$s.reverse()",
    "$l.join()",
    "$l.join($s)",
    "$s.format([$a, $a])",
    "'%s|%d|%.2e|%X|%b|%o|%.3f'.format([$a, $i, $d, $s, $i, $i, $d])",
    "'%s'.format([$a])",
    "strings.quote($s)",
    "($b ? $s : $s)",
    "get(event.properties.$k, $s)",
};

static const char *const lists[] = {
    "[]",
    "[1, 2, 3]",
    "['a', 2u, 3.5, null]",
    "event.properties.list",
    "event.properties.$k",
    "[$a]",
    "[$a, $a, $a]",
    "[$i, $d]",
    "($l + $l)",
    "$l.map($1, $a)",
    "$l.map($1, $l)",
    "$l.map($1, $b, $a)",
    "$l.filter($1, $b)",
    "$m.map($1, $a)",
    "$m.filter($1, $b)",
    "$l.transformList($1, $2, $a)",
    "$m.transformList($1, $2, $b, $a)",
    "$s.split($s)",
    "$s.split('', $i)",
    "($b ? $l : $l)",
    "get(event.properties.$k, $l)",
};

static const char *const maps[] = {
    "{}",
    "event.properties",
    "event.properties.map",
    "event.properties.$k",
    "{'a': $a}",
    "{'a': $a, 'b': $a}",
    "{$a: $a}",
    "{$s: $a, $i: $a}",
    "{1: $a, true: $a, 2u: $a}",
    "$m.transformMap($1, $2, $a)",
    "$l.transformMap($1, $2, $b, $a)",
    "$l.transformMapEntry($1, $2, {$2: $1})",
    "$l.transformMapEntry($1, $2, {$a: $a})",
    "$m.transformMapEntry($1, $2, {$s: $2})",
    "($b ? $m : $m)",
};

static const char *const times[] = {
    "event.time",
    "timestamp('2026-01-05T10:00:00+07:00')",
    "timestamp('0001-01-01T00:00:00Z')",
    "timestamp('9999-12-31T23:59:59.999999999Z')",
    "event.properties.at",
    "timestamp($i)",
    "timestamp($s)",
    "($t + $D)",
    "($t - $D)",
};

static const char *const durations[] = {
    "duration('0s')", "duration('1h30m')", "duration('-3ms')", "duration($s)",
    "($t - $t)",      "($D + $D)",         "($D - $D)",        "-$D",
};

static const char *const bytes[] = {
    "b''", "b'\\xff\\x00'", "event.properties.$k", "bytes($s)", "($y + $y)",
};

static const char *const zones[] = {
    "'UTC'", "'Asia/Bangkok'", "'America/New_York'", "'-09:30'", "event.properties.z", "$s",
};

static const char *const anything[] = {
    "null",      "$v",        "$v",       "event.properties.$k",
    "$b",        "$i",        "$u",       "$d",
    "$s",        "$l",        "$m",       "$t",
    "$D",        "$y",        "type($a)", "$m.$k",
    "$m[$a]",    "$m.$k.$k",  "$l[$i]",   "dyn($a)",
    "($a + $a)", "($a - $a)", "-($a)",    "($b ? $a : $a)",
    "$a.size()", "$a.$k",     "$a[$a]",
};

static const struct kind {
    char letter;
    const char *const *forms;
    uint32_t count;
} kinds[] = {
#define KIND(letter, forms)                                                                        \
    {                                                                                              \
        letter, forms, sizeof(forms) / sizeof((forms)[0])                                          \
    }
    KIND('b', bools),   KIND('a', anything),  KIND('i', ints),  KIND('u', uints),
    KIND('d', doubles), KIND('s', strings),   KIND('l', lists), KIND('m', maps),
    KIND('t', times),   KIND('D', durations), KIND('y', bytes), KIND('z', zones),
#undef KIND
};

struct writer {
    struct choices *choices;
    struct buf *out;
    uint32_t variables; /* in force: x0, x1, ... */
};

static void write_kind(struct writer *writer, const struct kind *kind, int depth);

static const struct kind *kind_of(char letter)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (kinds[i].letter == letter)
            return &kinds[i];
    return NULL;
}

/* `outside`: how many variables were in force where the form began. */
static void write_place(struct writer *writer, char letter, uint32_t outside, int depth)
{
    switch (letter) {
    case 'k':
        buf_add_text(writer->out, random_keys[choose(writer->choices, RANDOM_KEY_COUNT)]);
        break;
    case '1':
    case '2':
        buf_printf(writer->out, "x%u", outside + (uint32_t)(letter - '1'));
        if (writer->variables < outside + (uint32_t)(letter - '0'))
            writer->variables = outside + (uint32_t)(letter - '0');
        break;
    case 'v':
        if (writer->variables == 0)
            buf_add_text(writer->out, "null");
        else
            buf_printf(writer->out, "x%u",
                       writer->variables - 1 - choose(writer->choices, writer->variables));
        break;
    default:
        CHECK(kind_of(letter) != NULL);
        write_kind(writer, kind_of(letter), depth + 1);
        break;
    }
}

static void write_kind(struct writer *writer, const struct kind *kind, int depth)
{
    uint32_t outside = writer->variables;
    bool ends = depth >= DEPTH_MAX || writer->out->size > EXPRESSION_SIZE_MAX;
    const char *form = kind->forms[ends ? 0 : choose(writer->choices, kind->count)];
    for (; *form; form++) {
        if (form[0] == '$' && form[1] != '\'')
            write_place(writer, *++form, outside, depth);
        else
            buf_add_char(writer->out, *form);
    }
    writer->variables = outside;
}

void expression_write(struct choices *choices, enum expression_kind kind, struct buf *out)
{
    struct writer writer = {.choices = choices, .out = out};
    write_kind(&writer, kind_of(kind == EXPRESSION_BOOL ? 'b' : 'a'), 0);
}
