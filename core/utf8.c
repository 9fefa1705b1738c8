#include "core/utf8.h"

#include <assert.h>
#include <string.h>

#define ASCII_MASK UINT64_C(0x8080808080808080)

static bool is_continuation(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/*
 * The second byte is what tells overlong forms, surrogates and too large code points (RFC 3629,
 * section 4).
 */
static bool second_is_valid(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xE0:
        return second >= 0xA0 && second <= 0xBF;
    case 0xED:
        return second >= 0x80 && second <= 0x9F;
    case 0xF0:
        return second >= 0x90 && second <= 0xBF;
    case 0xF4:
        return second >= 0x80 && second <= 0x8F;
    default:
        return is_continuation(second);
    }
}

static size_t length_of_first(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first < 0xC2)
        return 0; /* a continuation, or overlong */
    if (first < 0xE0)
        return 2;
    if (first < 0xF0)
        return 3;
    return first < 0xF5 ? 4 : 0;
}

size_t utf8_sequence(const char *data, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)data;
    if (size == 0)
        return 0;
    size_t length = length_of_first(bytes[0]);
    if (length <= 1)
        return length;
    if (size < length || !second_is_valid(bytes[0], bytes[1]))
        return 0;
    for (size_t i = 2; i < length; i++) {
        if (!is_continuation(bytes[i]))
            return 0;
    }
    return length;
}

/* How many bytes from `pos` are ASCII, eight at a time. Most text is nothing else. */
static size_t skip_ascii(struct slice text, size_t pos)
{
    while (text.size - pos >= 8) {
        uint64_t word;
        memcpy(&word, text.data + pos, 8);
        if (word & ASCII_MASK)
            break;
        pos += 8;
    }
    while (pos < text.size && (unsigned char)text.data[pos] < 0x80)
        pos++;
    return pos;
}

/* Six bytes of a word as a pattern: the same three twice, the first of them lowest; the last two bytes are 0. */
#define TWO_THREES(a, b, c)                                                                        \
    ((((uint64_t)(c) << 16) | ((uint64_t)(b) << 8) | (uint64_t)(a)) * UINT64_C(0x1000001))
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a word's first byte is its lowest");

/* Both first bytes: true where neither ends in the four bits `low`, for what is not 0 carries over. */
static inline bool lacks(uint64_t word, unsigned low)
{
    uint64_t others = (word ^ TWO_THREES(low, 0, 0)) & TWO_THREES(0x0F, 0, 0);
    return ((others + TWO_THREES(0x0F, 0, 0)) & TWO_THREES(0x10, 0, 0)) == TWO_THREES(0x10, 0, 0);
}

/*
 * True of two sequences of three bytes, of the usual kinds: both of E0 with a second byte that makes no overlong form
 * (Thai, Devanagari and their neighbours); or neither of E0 nor of ED, after which any second byte is good (Chinese,
 * Japanese and most others). False says nothing.
 */
static inline bool are_two_threes(uint64_t word)
{
    if ((word & TWO_THREES(0xFF, 0xE0, 0xC0)) == TWO_THREES(0xE0, 0xA0, 0x80))
        return true;
    return (word & TWO_THREES(0xF0, 0xC0, 0xC0)) == TWO_THREES(0xE0, 0x80, 0x80) &&
           lacks(word, 0x0) && lacks(word, 0xD);
}

/* The same for sequences of three bytes, two at a time: most scripts but the European ones are runs of these. */
static size_t skip_threes(struct slice text, size_t pos)
{
    while (text.size - pos >= 8) {
        uint64_t word;
        memcpy(&word, text.data + pos, 8);
        if (!are_two_threes(word))
            break;
        pos += 6;
    }
    while (text.size - pos >= 3) {
        const unsigned char *b = (const unsigned char *)text.data + pos;
        if ((b[0] & 0xF0) != 0xE0 || !is_continuation(b[1]) || !is_continuation(b[2]) ||
            (b[0] == 0xE0 && b[1] < 0xA0) || (b[0] == 0xED && b[1] > 0x9F))
            break;
        pos += 3;
    }
    return pos;
}

bool utf8_valid(struct slice text)
{
    size_t pos = skip_ascii(text, 0);
    while (pos < text.size) {
        size_t threes = skip_threes(text, pos);
        if (threes != pos) {
            pos = skip_ascii(text, threes);
            continue;
        }
        size_t length = utf8_sequence(text.data + pos, text.size - pos);
        if (length == 0)
            return false;
        pos = skip_ascii(text, pos + length);
    }
    return true;
}

struct slice utf8_cut(struct slice text, size_t size_max)
{
    if (text.size <= size_max)
        return text;
    size_t size = size_max;
    while (size > 0 && is_continuation((unsigned char)text.data[size]))
        size--;
    return (struct slice){text.data, size};
}

uint32_t utf8_next(struct slice text, size_t *pos)
{
    const unsigned char *bytes = (const unsigned char *)text.data + *pos;
    size_t length = length_of_first(bytes[0]);
    if (length <= 1) {
        *pos += 1;
        return bytes[0];
    }
    uint32_t codepoint = bytes[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++)
        codepoint = codepoint << 6 | (bytes[i] & 0x3Fu);
    *pos += length;
    return codepoint;
}

int utf8_encode(uint32_t codepoint, char out[4])
{
    if (codepoint < 0x80) {
        out[0] = (char)codepoint;
        return 1;
    }
    int length = codepoint < 0x800 ? 2 : codepoint < 0x10000 ? 3 : 4;
    for (int i = length - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (codepoint & 0x3F));
        codepoint >>= 6;
    }
    static const unsigned char marks[] = {0, 0, 0xC0, 0xE0, 0xF0};
    out[0] = (char)(marks[length] | codepoint);
    return length;
}

size_t utf8_count(struct slice text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++)
        count += !is_continuation((unsigned char)text.data[i]);
    return count;
}
