/* next_date(after, dates, zone): when a date of the calendar comes next, by the clock on somebody's wall. */
#include "rules/functions_date.h"

#include <stdio.h>

#include "core/datetime.h"
#include "rules/cel_functions.h"
#include "rules/cel_time.h"
#include "rules/cel_zone.h"
#include "rules/step.h"

#define YEAR_MIN  1
#define YEAR_MAX  9999
#define DATES_MAX 1000 /* of a list: an event could bring any number */

/* A date as written. */
struct date {
    int year; /* 0: every year */
    int month, day, hour, minute;
};

static bool read_digits(struct slice *text, size_t count, int *number)
{
    *number = 0;
    if (text->size < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        char c = text->data[i];
        if (c < '0' || c > '9')
            return false;
        *number = *number * 10 + (c - '0');
    }
    *text = (struct slice){text->data + count, text->size - count};
    return true;
}

static bool read_char(struct slice *text, char c)
{
    if (text->size == 0 || text->data[0] != c)
        return false;
    *text = (struct slice){text->data + 1, text->size - 1};
    return true;
}

static int days_of_month(int month)
{
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1];
}

/* `MM-DD` or `YYYY-MM-DD`, with `Thh:mm` or without. */
static bool read_date(struct slice text, struct date *date)
{
    *date = (struct date){0};
    bool has_year = text.size > 4 && text.data[4] == '-';
    if (has_year &&
        (!read_digits(&text, 4, &date->year) || date->year < YEAR_MIN || !read_char(&text, '-')))
        return false;
    if (!read_digits(&text, 2, &date->month) || !read_char(&text, '-') ||
        !read_digits(&text, 2, &date->day))
        return false;
    if (text.size > 0 && (!read_char(&text, 'T') || !read_digits(&text, 2, &date->hour) ||
                          !read_char(&text, ':') || !read_digits(&text, 2, &date->minute)))
        return false;
    return text.size == 0 && date->month >= 1 && date->month <= 12 && date->day >= 1 &&
           date->day <= days_of_month(date->month) && date->hour <= 23 && date->minute <= 59;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* When it is in that year; 29 February is the 28th in other years. */
static int64_t moment_in(const struct date *date, int year, struct cel_zone_ref zone)
{
    int day = date->month == 2 && date->day == 29 && !is_leap(year) ? 28 : date->day;
    int64_t local_s = datetime_days_from_civil(year, date->month, day) * 86400 + date->hour * 3600 +
                      date->minute * 60;
    return cel_zone_to_utc(zone, local_s);
}

static void take_earlier(int64_t moment_s, int64_t after_s, int64_t *next_s)
{
    bool in_range = moment_s >= DATETIME_MIN_SECONDS && moment_s <= DATETIME_MAX_SECONDS;
    if (in_range && moment_s > after_s && moment_s < *next_s)
        *next_s = moment_s;
}

/* The first time after `after_s` that the date comes, if that is before *next_s. */
static void find_next(const struct date *date, int64_t after_s, struct cel_zone_ref zone,
                      int64_t *next_s)
{
    if (date->year) {
        take_earlier(moment_in(date, date->year, zone), after_s, next_s);
        return;
    }
    /* The year before, since it may still be that one elsewhere. */
    int year = datetime_civil_from_seconds(after_s).year;
    for (int y = year - 1; y <= year + 2; y++)
        if (y >= YEAR_MIN && y <= YEAR_MAX)
            take_earlier(moment_in(date, y, zone), after_s, next_s);
}

/* Each has 256 bytes for its message. */
static bool check_count(uint32_t count, char *message)
{
    if (count > DATES_MAX)
        snprintf(message, 256, "next_date(): at most %d dates, not %u", DATES_MAX, count);
    return count <= DATES_MAX;
}

static bool check_date(struct value text, struct date *date, char *message)
{
    if (text.kind == VALUE_STRING && read_date(value_text(text), date))
        return true;
    if (text.kind != VALUE_STRING)
        snprintf(message, 256, "next_date(): a date is a text such as '04-13T09:00', not %s",
                 cel_type_name((enum cel_type)text.kind));
    else
        snprintf(message, 256,
                 "next_date(): '%.*s' is no date: MM-DD or YYYY-MM-DD, with Thh:mm or without",
                 (int)(text.size < 64 ? text.size : 64), text.s);
    return false;
}

static bool is_many(struct value dates)
{
    return dates.kind == VALUE_LIST || dates.kind == VALUE_MAP;
}

bool step_check_next_date(uint32_t index, struct value known, bool is_element, char *message)
{
    struct cel_zone_ref zone;
    struct date date;
    if (index == 2 && known.kind == VALUE_STRING && !cel_zone_find(value_text(known), &zone)) {
        cel_zone_explain(value_text(known), message);
        return false;
    }
    if (index != 1)
        return true; /* their types have been looked at */
    if (is_many(known) && !is_element)
        return check_count(cel_size(known), message);
    return check_date(known, &date, message);
}

struct value step_next_date(struct cel_activation *activation, const struct value *arguments,
                            uint32_t count)
{
    struct value dates = arguments[1], text, ignored;
    struct cel_zone_ref zone;
    struct date date;
    char message[256];
    int64_t none = INT64_MAX, next_s = none;
    (void)count;
    if (!cel_zone_find(value_text(arguments[2]), &zone))
        return cel_error(activation->arena, "next_date(): there is no time zone '%.*s'",
                         (int)(arguments[2].size < 64 ? arguments[2].size : 64), arguments[2].s);
    uint32_t size = is_many(dates) ? cel_size(dates) : 1;
    if (!check_count(size, message))
        return cel_error(activation->arena, "%s", message);
    for (uint32_t i = 0; i < size; i++) {
        if (dates.kind == VALUE_MAP)
            cel_entry(activation, dates, i, &text, &ignored);
        else
            text = is_many(dates) ? cel_at(activation, dates, i) : dates;
        if (!check_date(text, &date, message))
            return cel_error(activation->arena, "%s", message);
        find_next(&date, arguments[0].i, zone, &next_s);
    }
    return next_s == none ? value_null() : cel_timestamp(next_s, 0);
}
