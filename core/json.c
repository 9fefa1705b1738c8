#include "core/json.h"

#include <math.h>

#include "core/number.h"
#include "core/utf8.h"

#define EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

static bool needs_escape(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

/* Bit 7 of a byte is set where it is to be escaped, and of some that are not ASCII. */
static inline uint64_t suspects(uint64_t word)
{
    uint64_t controls = word - EACH_BYTE(0x20);
    uint64_t quotes = (word ^ EACH_BYTE('"')) - EACH_BYTE(1);
    uint64_t backslashes = (word ^ EACH_BYTE('\\')) - EACH_BYTE(1);
    return controls | quotes | backslashes;
}

/* Up to seven bytes as a word, with spaces behind them. */
static inline uint64_t short_word(const char *data, size_t size)
{
    uint64_t word = EACH_BYTE(' ') << (8 * size);
    if (size >= 4) { /* the first four and the last four: some may be both */
        uint32_t first, last;
        memcpy(&first, data, sizeof(first));
        memcpy(&last, data + size - sizeof(last), sizeof(last));
        return word | first | (uint64_t)last << (8 * (size - sizeof(last)));
    }
    for (size_t i = 0; i < size; i++)
        word |= (uint64_t)(unsigned char)data[i] << (8 * i);
    return word;
}

static inline uint64_t copy_word(char *to, const char *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof(word));
    memcpy(to, &word, sizeof(word));
    return suspects(word) | word;
}

/*
 * Eight bytes at a time, the last eight maybe some of them again; eight also of a shorter text.
 * False where it is not all ASCII that stays as it is: what was copied is then of no use.
 */
static inline bool copy_plain(char *room, struct slice text)
{
    uint64_t seen;
    if (text.size < sizeof(seen)) {
        uint64_t word = short_word(text.data, text.size);
        memcpy(room, &word, sizeof(word));
        seen = suspects(word) | word;
    } else {
        size_t last = text.size - sizeof(seen);
        seen = copy_word(room, text.data);
        for (size_t pos = sizeof(seen); pos < last; pos += sizeof(seen))
            seen |= copy_word(room + pos, text.data + pos);
        seen |= copy_word(room + last, text.data + last);
    }
    return (seen & EACH_BYTE(0x80)) == 0;
}

static bool has_escape(struct slice text)
{
    size_t pos = 0;
    uint64_t word;
    for (; text.size - pos >= sizeof(word); pos += sizeof(word)) {
        memcpy(&word, text.data + pos, sizeof(word));
        if (suspects(word) & ~word & EACH_BYTE(0x80))
            return true;
    }
    word = short_word(text.data + pos, text.size - pos);
    return (suspects(word) & ~word & EACH_BYTE(0x80)) != 0;
}

static char *put_escape(char *p, unsigned char c)
{
    static const char named[] = "\bb\tt\nn\ff\rr\"\"\\\\";
    static const char hex[] = "0123456789abcdef";
    *p++ = '\\';
    for (size_t i = 0; i < sizeof(named) - 1; i += 2) {
        if ((unsigned char)named[i] == c) {
            *p = named[i + 1];
            return p + 1;
        }
    }
    *p++ = 'u';
    *p++ = '0';
    *p++ = '0';
    *p++ = hex[c >> 4];
    *p++ = hex[c & 15];
    return p;
}

/* One character, or a byte that is part of none. */
static char *put_character(char *p, struct slice text, size_t *pos)
{
    static const char replacement[] = {'\xEF', '\xBF', '\xBD'}; /* U+FFFD */
    unsigned char c = (unsigned char)text.data[*pos];
    size_t length = utf8_sequence(text.data + *pos, text.size - *pos);
    if (length > 0 && !needs_escape(c)) {
        memcpy(p, text.data + *pos, length);
        *pos += length;
        return p + length;
    }
    ++*pos;
    if (length > 0)
        return put_escape(p, c);
    memcpy(p, replacement, sizeof(replacement));
    return p + sizeof(replacement);
}

/* Apart, so that the common way keeps to registers that need no saving. */
static __attribute__((noinline)) char *put_any(char *p, struct slice text)
{
    *p++ = '"';
    if (utf8_valid(text) && !has_escape(text)) {
        memcpy(p, text.data, text.size);
        p += text.size;
    } else {
        for (size_t pos = 0; pos < text.size;)
            p = put_character(p, text, &pos);
    }
    *p = '"';
    return p + 1;
}

/* Most text is ASCII without an escape: looked at and copied in one go. */
char *json_put_string(char *room, struct slice text)
{
    if (!copy_plain(room + 1, text))
        return put_any(room, text);
    room[0] = '"';
    room[text.size + 1] = '"';
    return room + text.size + 2;
}

void json_add_double(struct buf *out, double value)
{
    if (!isfinite(value)) {
        buf_add_text(out, "null");
        return;
    }
    out->size += (size_t)number_format_double(value, buf_reserve(out, 32));
}

void json_add_int(struct buf *out, int64_t value)
{
    out->size += (size_t)number_format_int(value, buf_reserve(out, 32));
}

void json_add_uint(struct buf *out, uint64_t value)
{
    out->size += (size_t)number_format_uint(value, buf_reserve(out, 32));
}

void json_add_base64(struct buf *out, struct slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *data = (const unsigned char *)bytes.data;
    buf_add_char(out, '"');
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        uint32_t group = (uint32_t)data[i] << 16;
        group |= left > 1 ? (uint32_t)data[i + 1] << 8 : 0;
        group |= left > 2 ? (uint32_t)data[i + 2] : 0;
        buf_add_char(out, digits[group >> 18]);
        buf_add_char(out, digits[group >> 12 & 63]);
        buf_add_char(out, left > 1 ? digits[group >> 6 & 63] : '=');
        buf_add_char(out, left > 2 ? digits[group & 63] : '=');
    }
    buf_add_char(out, '"');
}
