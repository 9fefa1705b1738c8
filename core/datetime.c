#include "core/datetime.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/number.h"

#define SECONDS_PER_DAY INT64_C(86400)
#define DAYS_PER_ERA    INT64_C(146097) /* 400 years */
#define DAYS_TO_1970    INT64_C(719468) /* from 1 March of the year 0 */

int64_t datetime_days_from_civil(int year, int month, int day)
{
    int64_t y =
        (int64_t)year - (month <= 2); /* a year begins in March, so that 29 February ends it */
    int64_t era = floor_div(y, 400);
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* A day within an era: nothing is negative, and 32 bits are enough. */
struct era_day {
    uint32_t day_of_year;      /* from 0: 1 March */
    uint32_t year, month, day; /* the era's first year is 0 */
};

static inline struct era_day era_day_of(uint32_t day_of_era)
{
    uint32_t year =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    uint32_t shifted_month = (5 * day_of_year + 2) / 153;
    uint32_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    return (struct era_day){
        .day_of_year = day_of_year,
        .year = year + (month <= 2),
        .month = month,
        .day = day_of_year - (153 * shifted_month + 2) / 5 + 1,
    };
}

struct datetime_civil datetime_civil_from_seconds(int64_t seconds)
{
    int64_t days = floor_div(seconds, SECONDS_PER_DAY);
    uint32_t of_day = (uint32_t)(seconds - days * SECONDS_PER_DAY);
    int64_t shifted = days + DAYS_TO_1970;
    int64_t era = floor_div(shifted, DAYS_PER_ERA);
    struct era_day day = era_day_of((uint32_t)(shifted - era * DAYS_PER_ERA));

    struct datetime_civil civil = {
        .year = (int)(day.year + era * 400),
        .month = (int)day.month,
        .day = (int)day.day,
        .hour = (int)(of_day / 3600),
        .minute = (int)(of_day / 60 % 60),
        .second = (int)(of_day % 60),
        .weekday = (int)((days % 7 + 11) % 7), /* 1970-01-01 was a Thursday */
    };
    /* January and February are the last of a year that begins in March. */
    civil.yearday = day.month <= 2 ? (int)day.day_of_year - 306
                                   : (int)day.day_of_year + 59 + is_leap(civil.year);
    return civil;
}

static int days_in_month(int year, int month)
{
    static const int8_t days[] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month] + (month == 2 && is_leap(year));
}

/* Two digits; any other byte makes the result 256 or more. */
static unsigned two_digits(const char *text)
{
    unsigned tens = (unsigned)(unsigned char)text[0] - '0';
    unsigned ones = (unsigned)(unsigned char)text[1] - '0';
    return tens > 9 || ones > 9 ? 256 : tens * 10 + ones;
}

/*
 * As datetime_days_from_civil(), in 32 bits and without a sign. Years count from March, and 400
 * more of them keep January of the year 0 positive.
 */
static int64_t days_of_date(unsigned year, unsigned month, unsigned day)
{
    static const uint16_t before_month[] = {0,   306, 337, 0,   31,  61, 92,
                                            122, 153, 184, 214, 245, 275};
    unsigned y = year + 400 - (month <= 2);
    unsigned days = 365 * y + y / 4 - y / 100 + y / 400 + before_month[month] + day - 1;
    return (int64_t)days - DAYS_TO_1970 - DAYS_PER_ERA;
}

struct fields {
    unsigned year, month, day, hour, minute, second;
};

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the patterns below are little-endian");

/* Eight bytes of text, read as a number. */
struct pattern {
    uint64_t text; /* `0` where a digit stands, else the byte itself */
    uint64_t mask; /* 0 where any byte may stand */
    uint64_t add;  /* 6 for a digit, 15 for anything else */
};

static const struct pattern year_month = {
    /* "0000-00-" */
    UINT64_C(0x2D30302D30303030),
    UINT64_C(0xFFFFFFFFFFFFFFFF),
    UINT64_C(0x0F06060F06060606),
};
static const struct pattern day_hour_minute = {
    /* "00T00:00", with the T left out */
    UINT64_C(0x30303A3030003030),
    UINT64_C(0xFFFFFFFFFF00FFFF),
    UINT64_C(0x06060F06060F0606),
};

/*
 * Matches all eight bytes at once. Behind the XOR a digit is 0 to 9 and a separator 0, and adding
 * 6 or 15 carries into the upper half of every byte that is more. (A carry into the next byte
 * comes only from one whose own upper half is refused already.) Byte i of *pairs is then the
 * number that bytes i and i + 1 are.
 */
static bool match(const char *text, const struct pattern *pattern, uint64_t *pairs)
{
    uint64_t word;
    memcpy(&word, text, sizeof(word));
    word = (word & pattern->mask) ^ pattern->text;
    *pairs = word * 10 + (word >> 8);
    return ((word | (word + pattern->add)) & UINT64_C(0xF0F0F0F0F0F0F0F0)) == 0;
}

static unsigned byte_of(uint64_t word, unsigned index)
{
    return (unsigned)(word >> (8 * index)) & 0xFF;
}

/* `YYYY-MM-DDThh:mm:ss`, 19 bytes. Positions are fixed, so nothing is searched for. */
static bool read_fields(const char *text, struct fields *fields)
{
    uint64_t front, back;
    if (!match(text, &year_month, &front) || !match(text + 8, &day_hour_minute, &back))
        return false;
    if ((text[10] != 'T' && text[10] != 't' && text[10] != ' ') || text[16] != ':')
        return false;
    *fields = (struct fields){
        .year = byte_of(front, 0) * 100 + byte_of(front, 2),
        .month = byte_of(front, 5),
        .day = byte_of(back, 0),
        .hour = byte_of(back, 3),
        .minute = byte_of(back, 6),
        .second = two_digits(text + 17),
    };
    return fields->month >= 1 && fields->month <= 12 && fields->day >= 1 && fields->hour <= 23 &&
           fields->minute <= 59 && fields->second <= 60;
}

/* Moves *pos behind the digits of a fraction; at least one is required. */
static bool read_fraction(struct slice text, size_t *pos, uint32_t *nanos)
{
    static const uint32_t scales[] = {100000000, 10000000, 1000000, 100000, 10000,
                                      1000,      100,      10,      1};
    uint32_t value = 0;
    size_t count = 0;
    for (; *pos + count < text.size; count++) {
        unsigned digit = (unsigned)(unsigned char)text.data[*pos + count] - '0';
        if (digit > 9)
            break;
        value += count < 9 ? digit * scales[count] : 0;
    }
    *pos += count;
    *nanos = value;
    return count > 0;
}

/* What stands at `pos` must be the offset and the end of the text. */
static bool read_offset(struct slice text, size_t pos, int64_t *offset_s)
{
    if (pos >= text.size)
        return false;
    const char *at = text.data + pos;
    size_t left = text.size - pos;
    if (*at == 'Z' || *at == 'z') {
        *offset_s = 0;
        return left == 1;
    }
    if (left != 6 || (*at != '+' && *at != '-') || at[3] != ':')
        return false;
    unsigned hours = two_digits(at + 1);
    unsigned minutes = two_digits(at + 4);
    if (hours > 23 || minutes > 59)
        return false;
    int64_t distance = (int64_t)hours * 3600 + (int64_t)minutes * 60;
    *offset_s = *at == '-' ? -distance : distance;
    return true;
}

bool datetime_parse(struct slice text, int64_t *seconds, uint32_t *nanos)
{
    struct fields f;
    if (text.size < 20 || !read_fields(text.data, &f))
        return false;
    if (f.day > 28 && (int)f.day > days_in_month((int)f.year, (int)f.month))
        return false;
    size_t pos = 19;
    uint32_t fraction = 0;
    if (text.data[pos] == '.') {
        pos++;
        if (!read_fraction(text, &pos, &fraction))
            return false;
    }
    int64_t offset_s;
    if (!read_offset(text, pos, &offset_s))
        return false;
    int64_t days = days_of_date(f.year, f.month, f.day);
    int64_t result = days * SECONDS_PER_DAY + f.hour * 3600 + f.minute * 60 + f.second - offset_s;
    if (result < DATETIME_MIN_SECONDS || result > DATETIME_MAX_SECONDS)
        return false;
    *seconds = result;
    *nanos = fraction;
    return true;
}

bool datetime_parse_ms(struct slice text, int64_t *ms)
{
    int64_t seconds;
    uint32_t nanos;
    if (!datetime_parse(text, &seconds, &nanos))
        return false;
    *ms = seconds * 1000 + nanos / 1000000;
    return true;
}

/* Of the years 1 to 9999. */
static char *put_date_time(char *out, int64_t seconds)
{
    uint64_t since = (uint64_t)(seconds + DAYS_TO_1970 * SECONDS_PER_DAY);
    uint32_t days = (uint32_t)(since / SECONDS_PER_DAY);
    uint32_t of_day = (uint32_t)(since % SECONDS_PER_DAY);
    uint32_t era = (uint32_t)(days / DAYS_PER_ERA);
    struct era_day day = era_day_of((uint32_t)(days % DAYS_PER_ERA));
    uint32_t year = era * 400 + day.year;
    out = number_put_two(out, year / 100);
    out = number_put_two(out, year % 100);
    *out++ = '-';
    out = number_put_two(out, day.month);
    *out++ = '-';
    out = number_put_two(out, day.day);
    *out++ = 'T';
    out = number_put_two(out, of_day / 3600);
    *out++ = ':';
    out = number_put_two(out, of_day / 60 % 60);
    *out++ = ':';
    return number_put_two(out, of_day % 60);
}

/* Three digits of a fraction. */
static char *put_three(char *out, uint32_t value)
{
    *out = (char)('0' + value / 100);
    return number_put_two(out + 1, value % 100);
}

static int64_t clamp_seconds(int64_t seconds)
{
    if (seconds < DATETIME_MIN_SECONDS)
        return DATETIME_MIN_SECONDS;
    return seconds > DATETIME_MAX_SECONDS ? DATETIME_MAX_SECONDS : seconds;
}

static int format_time(int64_t seconds, uint32_t nanos, char *out)
{
    char *end = put_date_time(out, clamp_seconds(seconds));
    if (nanos != 0) {
        *end++ = '.';
        end = put_three(end, nanos / 1000000);
        if (nanos % 1000000 != 0)
            end = put_three(end, nanos / 1000 % 1000);
        if (nanos % 1000 != 0)
            end = put_three(end, nanos % 1000);
    }
    *end++ = 'Z';
    *end = '\0';
    return (int)(end - out);
}

int datetime_format(int64_t seconds, uint32_t nanos, char out[40])
{
    return format_time(seconds, nanos, out);
}

int datetime_format_ms(int64_t ms, char out[32])
{
    int64_t seconds = floor_div(ms, 1000);
    return format_time(seconds, (uint32_t)(ms - seconds * 1000) * 1000000, out);
}

/* In falling order. */
static const struct {
    const char *name;
    int64_t ms;
} units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1},
};
#define UNIT_COUNT (sizeof(units) / sizeof(units[0]))

static bool read_count(struct slice text, size_t *pos, int64_t *count)
{
    int64_t value = 0;
    size_t start = *pos;
    while (*pos < text.size && text.data[*pos] >= '0' && text.data[*pos] <= '9') {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, text.data[*pos] - '0', &value))
            return false;
        ++*pos;
    }
    *count = value;
    return *pos > start;
}

/* The unit at *pos, or UNIT_COUNT: the letters up to the next digit must be exactly one. */
static size_t read_unit(struct slice text, size_t *pos)
{
    size_t start = *pos;
    while (*pos < text.size && (text.data[*pos] < '0' || text.data[*pos] > '9'))
        ++*pos;
    struct slice name = {text.data + start, *pos - start};
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        if (slice_is(name, units[i].name))
            return i;
    }
    return UNIT_COUNT;
}

bool duration_parse_ms(struct slice text, int64_t *ms)
{
    int64_t total = 0;
    size_t next_unit = 0;
    size_t pos = 0;
    if (text.size == 0)
        return false;
    while (pos < text.size) {
        int64_t count;
        if (!read_count(text, &pos, &count))
            return false;
        size_t unit = read_unit(text, &pos);
        if (unit == UNIT_COUNT || unit < next_unit)
            return false;
        next_unit = unit + 1;
        if (__builtin_mul_overflow(count, units[unit].ms, &count) ||
            __builtin_add_overflow(total, count, &total))
            return false;
    }
    *ms = total;
    return true;
}

int duration_format_ms(int64_t ms, char out[32])
{
    int length = 0;
    if (ms <= 0)
        return snprintf(out, 32, "0s");
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        int64_t count = ms / units[i].ms;
        ms %= units[i].ms;
        if (count > 0) /* at most 107374182400d23h59m59s999ms */
            length += snprintf(out + length, 32 - (size_t)length, "%lld%s", (long long)count,
                               units[i].name);
    }
    return length;
}
