/*
 * core/pack.h - writing msgpack where every event or record pays for it.
 *
 * A record is written at every checkpoint that its customer is in, a signal at every step that
 * gives one; msgpack-c's packer, one call-back a token, costs several times as much. These write
 * the same bytes (test_pack.c compares), always the shortest form, and return the place behind.
 * The caller has made room: PACK_NUMBER_MAX bytes for a number, PACK_HEAD_MAX for a head. Those
 * with `add` in their name append to a buffer and make room themselves.
 */
#ifndef CORE_PACK_H
#define CORE_PACK_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/buf.h"
#include "core/slice.h"

#define PACK_NUMBER_MAX 9
#define PACK_HEAD_MAX   5

static inline char *pack_byte(char *p, unsigned value)
{
    *p = (char)(unsigned char)value;
    return p + 1;
}

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the numbers below are swapped");

/* The greatest byte first. */
static inline char *pack_8(char *p, uint64_t value)
{
    return pack_byte(p, (unsigned)(value & 0xff));
}

static inline char *pack_16(char *p, uint64_t value)
{
    uint16_t swapped = __builtin_bswap16((uint16_t)value);
    memcpy(p, &swapped, sizeof(swapped));
    return p + sizeof(swapped);
}

static inline char *pack_32(char *p, uint64_t value)
{
    uint32_t swapped = __builtin_bswap32((uint32_t)value);
    memcpy(p, &swapped, sizeof(swapped));
    return p + sizeof(swapped);
}

static inline char *pack_64(char *p, uint64_t value)
{
    uint64_t swapped = __builtin_bswap64(value);
    memcpy(p, &swapped, sizeof(swapped));
    return p + sizeof(swapped);
}

static inline char *pack_nil(char *p)
{
    return pack_byte(p, 0xc0);
}

static inline char *pack_bool(char *p, bool value)
{
    return pack_byte(p, value ? 0xc3 : 0xc2);
}

static inline char *pack_uint(char *p, uint64_t value)
{
    if (value < 0x80)
        return pack_byte(p, (unsigned)value);
    if (value <= UINT8_MAX)
        return pack_8(pack_byte(p, 0xcc), value);
    if (value <= UINT16_MAX)
        return pack_16(pack_byte(p, 0xcd), value);
    if (value <= UINT32_MAX)
        return pack_32(pack_byte(p, 0xce), value);
    return pack_64(pack_byte(p, 0xcf), value);
}

static inline char *pack_int(char *p, int64_t value)
{
    if (value >= 0)
        return pack_uint(p, (uint64_t)value);
    if (value >= -32)
        return pack_byte(p, (unsigned)(value & 0xff));
    if (value >= INT8_MIN)
        return pack_8(pack_byte(p, 0xd0), (uint64_t)value);
    if (value >= INT16_MIN)
        return pack_16(pack_byte(p, 0xd1), (uint64_t)value);
    if (value >= INT32_MIN)
        return pack_32(pack_byte(p, 0xd2), (uint64_t)value);
    return pack_64(pack_byte(p, 0xd3), (uint64_t)value);
}

static inline char *pack_double(char *p, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return pack_64(pack_byte(p, 0xcb), bits);
}

/* Heads of arrays (0x90, 0xdc) and maps (0x80, 0xde). */
static inline char *pack_head(char *p, unsigned fix, unsigned code16, uint32_t count)
{
    if (count < 16)
        return pack_byte(p, fix | count);
    if (count <= UINT16_MAX)
        return pack_16(pack_byte(p, code16), count);
    return pack_32(pack_byte(p, code16 + 1), count);
}

static inline char *pack_array(char *p, uint32_t count)
{
    return pack_head(p, 0x90, 0xdc, count);
}

static inline char *pack_map(char *p, uint32_t count)
{
    return pack_head(p, 0x80, 0xde, count);
}

static inline char *pack_bin_head(char *p, uint32_t size)
{
    if (size <= UINT8_MAX)
        return pack_8(pack_byte(p, 0xc4), size);
    if (size <= UINT16_MAX)
        return pack_16(pack_byte(p, 0xc5), size);
    return pack_32(pack_byte(p, 0xc6), size);
}

static inline char *pack_text_head(char *p, uint32_t size)
{
    if (size < 32)
        return pack_byte(p, 0xa0 | size);
    if (size <= UINT8_MAX)
        return pack_8(pack_byte(p, 0xd9), size);
    if (size <= UINT16_MAX)
        return pack_16(pack_byte(p, 0xda), size);
    return pack_32(pack_byte(p, 0xdb), size);
}

/* Room for PACK_HEAD_MAX + text.size. */
static inline char *pack_text(char *p, struct slice text)
{
    p = pack_text_head(p, (uint32_t)text.size);
    if (text.size)
        memcpy(p, text.data, text.size);
    return p + text.size;
}

static inline void pack_add_nil(struct buf *out)
{
    buf_end_at(out, pack_nil(buf_reserve(out, 1)));
}

static inline void pack_add_bool(struct buf *out, bool value)
{
    buf_end_at(out, pack_bool(buf_reserve(out, 1), value));
}

static inline void pack_add_uint(struct buf *out, uint64_t value)
{
    buf_end_at(out, pack_uint(buf_reserve(out, PACK_NUMBER_MAX), value));
}

static inline void pack_add_int(struct buf *out, int64_t value)
{
    buf_end_at(out, pack_int(buf_reserve(out, PACK_NUMBER_MAX), value));
}

static inline void pack_add_double(struct buf *out, double value)
{
    buf_end_at(out, pack_double(buf_reserve(out, PACK_NUMBER_MAX), value));
}

static inline void pack_add_array(struct buf *out, uint32_t count)
{
    buf_end_at(out, pack_array(buf_reserve(out, PACK_HEAD_MAX), count));
}

static inline void pack_add_map(struct buf *out, uint32_t count)
{
    buf_end_at(out, pack_map(buf_reserve(out, PACK_HEAD_MAX), count));
}

static inline void pack_add_text(struct buf *out, struct slice text)
{
    buf_end_at(out, pack_text(buf_reserve(out, PACK_HEAD_MAX + text.size), text));
}

static inline void pack_add_bin(struct buf *out, struct slice bytes)
{
    buf_end_at(out, pack_bin_head(buf_reserve(out, PACK_HEAD_MAX), (uint32_t)bytes.size));
    buf_add_slice(out, bytes);
}
#endif
