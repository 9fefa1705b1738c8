#include "rules/cel_zone_file.h"

#include <stdbool.h>
#include <stdlib.h>

#include "core/check.h"
#include "core/datetime.h"

#define DAY_S        86400
#define HEADER_SIZE  44
#define CHANGES_MAX  10000u
#define OFFSET_MAX_S (26 * 3600) /* RFC 8536: -25 h to 26 h */

/* The day of a year on which the clock is changed, as POSIX's TZ has it. */
enum day_kind {
    DAY_JULIAN,  /* Jn: 1 to 365, 29 February is never counted */
    DAY_OF_YEAR, /* n: 0 to 365 */
    DAY_OF_WEEK, /* Mm.w.d: week 5 is the last one */
};

struct change_rule {
    enum day_kind kind;
    int month, week, day;
    int32_t time_s; /* of local time; may be negative or beyond a day */
};

struct rule {
    bool exists, has_summer;
    int32_t standard_s, summer_s; /* ahead of UTC */
    struct change_rule start, end;
};

struct cel_zone {
    struct rule rule;
    int32_t first_s; /* offset before the first change */
    uint32_t count;
    int64_t *times;   /* when the clock is changed, rising */
    int32_t *offsets; /* after that */
};

/* ---- the rule ---- */

struct reader {
    const char *pos, *end;
};

static char peek(const struct reader *reader)
{
    return reader->pos < reader->end ? *reader->pos : '\0';
}

static bool accept(struct reader *reader, char c)
{
    if (peek(reader) != c)
        return false;
    reader->pos++;
    return true;
}

static bool read_int(struct reader *reader, int min, int max, int *value)
{
    const char *start = reader->pos;
    *value = 0;
    while (peek(reader) >= '0' && peek(reader) <= '9' && reader->pos - start < 6)
        *value = *value * 10 + (*reader->pos++ - '0');
    return reader->pos > start && *value >= min && *value <= max;
}

/* "EST" or "<+07>". */
static bool skip_name(struct reader *reader)
{
    const char *start = reader->pos;
    if (accept(reader, '<')) {
        while (peek(reader) != '>' && peek(reader) != '\0')
            reader->pos++;
        return accept(reader, '>');
    }
    while ((peek(reader) | 0x20) >= 'a' && (peek(reader) | 0x20) <= 'z')
        reader->pos++;
    return reader->pos > start;
}

/* [+-]hh[:mm[:ss]] */
static bool read_time(struct reader *reader, int32_t *seconds)
{
    int hours, minutes = 0, rest = 0;
    bool negative = accept(reader, '-');
    if (!negative)
        accept(reader, '+');
    if (!read_int(reader, 0, 167, &hours))
        return false;
    if (accept(reader, ':') && !read_int(reader, 0, 59, &minutes))
        return false;
    if (accept(reader, ':') && !read_int(reader, 0, 59, &rest))
        return false;
    *seconds = (hours * 3600 + minutes * 60 + rest) * (negative ? -1 : 1);
    return true;
}

static bool read_week_day(struct reader *reader, struct change_rule *change)
{
    change->kind = DAY_OF_WEEK;
    return read_int(reader, 1, 12, &change->month) && accept(reader, '.') &&
           read_int(reader, 1, 5, &change->week) && accept(reader, '.') &&
           read_int(reader, 0, 6, &change->day);
}

static bool read_day(struct reader *reader, struct change_rule *change)
{
    if (accept(reader, 'M'))
        return read_week_day(reader, change);
    change->kind = accept(reader, 'J') ? DAY_JULIAN : DAY_OF_YEAR;
    return read_int(reader, change->kind == DAY_JULIAN, 365, &change->day);
}

static bool read_change(struct reader *reader, struct change_rule *change)
{
    change->time_s = 2 * 3600;
    if (!accept(reader, ',') || !read_day(reader, change))
        return false;
    return !accept(reader, '/') || read_time(reader, &change->time_s);
}

/* In the text offsets count to the west. */
static bool read_west(struct reader *reader, int32_t *ahead_s)
{
    int32_t west_s;
    if (!read_time(reader, &west_s))
        return false;
    *ahead_s = -west_s;
    return true;
}

static bool read_summer(struct reader *reader, struct rule *rule)
{
    rule->summer_s = rule->standard_s + 3600;
    if (!skip_name(reader))
        return false;
    if (peek(reader) != ',' && !read_west(reader, &rule->summer_s))
        return false;
    rule->has_summer = true;
    return read_change(reader, &rule->start) && read_change(reader, &rule->end);
}

/* An empty text is no rule: the last offset stays. */
static bool read_rule(struct slice text, struct rule *rule)
{
    struct reader reader = {text.data, text.data + text.size};
    if (text.size == 0)
        return true;
    rule->exists = true;
    if (!skip_name(&reader) || !read_west(&reader, &rule->standard_s))
        return false;
    if (reader.pos == reader.end)
        return true;
    return read_summer(&reader, rule) && reader.pos == reader.end;
}

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days since 1970. */
static int64_t week_day_of(const struct change_rule *change, int year)
{
    int64_t first = datetime_days_from_civil(year, change->month, 1);
    int64_t next = change->month == 12 ? datetime_days_from_civil(year + 1, 1, 1)
                                       : datetime_days_from_civil(year, change->month + 1, 1);
    int64_t first_weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
    int64_t day = first + (change->day - first_weekday + 7) % 7 + 7 * (int64_t)(change->week - 1);
    return day >= next ? day - 7 : day;
}

/* Seconds since 1970 by the zone's own clock. */
static int64_t change_of(const struct change_rule *change, int year)
{
    int64_t day = 0;
    switch (change->kind) {
    case DAY_JULIAN:
        day = datetime_days_from_civil(year, 1, 1) + change->day - 1 +
              (is_leap(year) && change->day >= 60);
        break;
    case DAY_OF_YEAR:
        day = datetime_days_from_civil(year, 1, 1) + change->day;
        break;
    case DAY_OF_WEEK:
        day = week_day_of(change, year);
        break;
    }
    return day * DAY_S + change->time_s;
}

static int32_t rule_offset(const struct rule *rule, int64_t utc_s)
{
    if (!rule->has_summer)
        return rule->standard_s;
    int year = datetime_civil_from_seconds(utc_s + rule->standard_s).year;
    int64_t start = change_of(&rule->start, year) - rule->standard_s;
    int64_t end = change_of(&rule->end, year) - rule->summer_s;
    bool is_summer = start < end ? utc_s >= start && utc_s < end : utc_s >= start || utc_s < end;
    return is_summer ? rule->summer_s : rule->standard_s;
}

int32_t cel_zone_file_offset(const struct cel_zone *zone, int64_t utc_s)
{
    uint32_t low = 0, high = zone->count; /* the first change after utc_s lies in [low, high] */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (zone->times[middle] <= utc_s)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == zone->count && zone->rule.exists)
        return rule_offset(&zone->rule, utc_s);
    return low == 0 ? zone->first_s : zone->offsets[low - 1];
}

/* ---- the file ---- */

static uint64_t read_bytes(const char *data, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | (uint8_t)data[i];
    return value;
}

static int32_t read_int32(const char *data)
{
    return (int32_t)(uint32_t)read_bytes(data, 4);
}

/* What a header says that follows it. */
struct block {
    char version;
    uint32_t utc_count, standard_count, leap_count, time_count, type_count, name_size;
    size_t size; /* of what follows */
};

static bool read_header(struct slice bytes, size_t pos, size_t time_size, struct block *block)
{
    if (bytes.size < pos + HEADER_SIZE || memcmp(bytes.data + pos, "TZif", 4) != 0)
        return false;
    const char *counts = bytes.data + pos + 20;
    block->version = bytes.data[pos + 4];
    block->utc_count = (uint32_t)read_bytes(counts, 4);
    block->standard_count = (uint32_t)read_bytes(counts + 4, 4);
    block->leap_count = (uint32_t)read_bytes(counts + 8, 4);
    block->time_count = (uint32_t)read_bytes(counts + 12, 4);
    block->type_count = (uint32_t)read_bytes(counts + 16, 4);
    block->name_size = (uint32_t)read_bytes(counts + 20, 4);
    block->size = (size_t)block->time_count * (time_size + 1) + (size_t)block->type_count * 6 +
                  block->name_size + (size_t)block->leap_count * (time_size + 4) +
                  block->standard_count + block->utc_count;
    return block->time_count <= CHANGES_MAX && bytes.size - pos - HEADER_SIZE >= block->size;
}

static bool offset_of_type(const char *types, uint32_t type_count, uint32_t type, int32_t *offset_s)
{
    if (type >= type_count)
        return false;
    *offset_s = read_int32(types + 6 * (size_t)type);
    return *offset_s >= -OFFSET_MAX_S && *offset_s <= OFFSET_MAX_S;
}

static bool read_changes(struct cel_zone *zone, const char *data, const struct block *block,
                         size_t time_size)
{
    const char *indexes = data + block->time_count * time_size;
    const char *types = indexes + block->time_count;
    if (!offset_of_type(types, block->type_count, 0, &zone->first_s))
        return false;
    for (uint32_t i = 0; i < block->time_count; i++) {
        const char *time = data + i * time_size;
        zone->times[i] = time_size == 8 ? (int64_t)read_bytes(time, 8) : read_int32(time);
        if (i > 0 && zone->times[i] <= zone->times[i - 1])
            return false;
        if (!offset_of_type(types, block->type_count, (uint8_t)indexes[i], &zone->offsets[i]))
            return false;
    }
    zone->count = block->time_count;
    return true;
}

/* Behind the second block: the rule between two line ends. */
static bool read_footer(struct cel_zone *zone, struct slice bytes, size_t pos)
{
    if (pos >= bytes.size || bytes.data[pos] != '\n')
        return false;
    const char *text = bytes.data + pos + 1;
    const char *end = memchr(text, '\n', bytes.size - pos - 1);
    return end && read_rule((struct slice){text, (size_t)(end - text)}, &zone->rule);
}

static struct cel_zone *zone_new(uint32_t changes)
{
    struct cel_zone *zone = calloc(1, sizeof(*zone));
    CHECK(zone != NULL);
    zone->times = calloc(changes + 1, sizeof(int64_t));
    zone->offsets = calloc(changes + 1, sizeof(int32_t));
    CHECK(zone->times != NULL && zone->offsets != NULL);
    return zone;
}

void cel_zone_free(struct cel_zone *zone)
{
    if (!zone)
        return;
    free(zone->times);
    free(zone->offsets);
    free(zone);
}

/* Version 1 has only the block of 32-bit times; later ones repeat everything with 64 bits. */
struct cel_zone *cel_zone_parse(struct slice bytes)
{
    struct block block;
    size_t pos = 0, time_size = 4;
    if (!read_header(bytes, pos, time_size, &block))
        return NULL;
    if (block.version != '\0') {
        pos = HEADER_SIZE + block.size;
        time_size = 8;
        if (!read_header(bytes, pos, time_size, &block))
            return NULL;
    }
    struct cel_zone *zone = zone_new(block.time_count);
    size_t data = pos + HEADER_SIZE;
    if (read_changes(zone, bytes.data + data, &block, time_size) &&
        (time_size == 4 || read_footer(zone, bytes, data + block.size)))
        return zone;
    cel_zone_free(zone);
    return NULL;
}
