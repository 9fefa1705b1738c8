#include "core/json.h"

#include <math.h>

#include "core/number.h"
#include "core/utf8.h"

static void add_escape(struct buf *out, unsigned char c)
{
    switch (c) {
    case '"':
        buf_add_text(out, "\\\"");
        break;
    case '\\':
        buf_add_text(out, "\\\\");
        break;
    case '\b':
        buf_add_text(out, "\\b");
        break;
    case '\f':
        buf_add_text(out, "\\f");
        break;
    case '\n':
        buf_add_text(out, "\\n");
        break;
    case '\r':
        buf_add_text(out, "\\r");
        break;
    case '\t':
        buf_add_text(out, "\\t");
        break;
    default:
        buf_printf(out, "\\u%04x", c);
        break;
    }
}

static bool needs_escape(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

/* The end of the run from `pos` that can be copied as it is. */
static size_t plain_run(struct slice text, size_t pos)
{
    while (pos < text.size) {
        unsigned char c = (unsigned char)text.data[pos];
        if (needs_escape(c))
            break;
        size_t length = c < 0x80 ? 1 : utf8_sequence(text.data + pos, text.size - pos);
        if (length == 0)
            break;
        pos += length;
    }
    return pos;
}

/* From `pos` on, whatever is there; with the closing quote. */
static void add_rest(struct buf *out, struct slice text, size_t pos)
{
    while (pos < text.size) {
        size_t end = plain_run(text, pos);
        buf_add(out, text.data + pos, end - pos);
        pos = end;
        if (pos == text.size)
            break;
        unsigned char c = (unsigned char)text.data[pos++];
        if (needs_escape(c))
            add_escape(out, c);
        else
            buf_add_text(out, "\xEF\xBF\xBD"); /* U+FFFD */
    }
    buf_add_char(out, '"');
}

#define EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

/* Not 0 where one of the eight bytes is not printable ASCII, or is to be escaped. */
static uint64_t specials(uint64_t word)
{
    uint64_t controls = word - EACH_BYTE(0x20);
    uint64_t quotes = (word ^ EACH_BYTE('"')) - EACH_BYTE(1);
    uint64_t backslashes = (word ^ EACH_BYTE('\\')) - EACH_BYTE(1);
    return (controls | quotes | backslashes | word) & EACH_BYTE(0x80);
}

/* Copies what is plain ASCII, eight bytes at a time. Returns how far it came. */
static size_t copy_plain(char *room, struct slice text)
{
    size_t pos = 0;
    uint64_t word;
    for (; text.size - pos >= sizeof(word); pos += sizeof(word)) {
        memcpy(&word, text.data + pos, sizeof(word));
        if (specials(word))
            return pos;
        memcpy(room + pos, &word, sizeof(word));
    }
    if (pos > 0 && pos < text.size) { /* the last eight, some of them again */
        memcpy(&word, text.data + text.size - sizeof(word), sizeof(word));
        if (specials(word))
            return pos;
        memcpy(room + text.size - sizeof(word), &word, sizeof(word));
        return text.size;
    }
    for (; pos < text.size; pos++) {
        unsigned char c = (unsigned char)text.data[pos];
        if (c >= 0x80 || needs_escape(c))
            return pos;
        room[pos] = (char)c;
    }
    return pos;
}

/* Most text is plain ASCII: looked at and copied in one go, between its quotes. */
void json_add_string(struct buf *out, struct slice text)
{
    char *room = buf_reserve(out, text.size + 2);
    *room++ = '"';
    size_t plain = copy_plain(room, text);
    out->size += 1 + plain;
    if (plain < text.size) {
        add_rest(out, text, plain);
        return;
    }
    room[plain] = '"';
    out->size++;
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
