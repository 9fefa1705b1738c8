/*
 * rules/cel_zone_file.h - one TZif file (RFC 8536): the moments when a zone's clock is changed, and
 * the rule for those after the last of them.
 */
#ifndef RULES_CEL_ZONE_FILE_H
#define RULES_CEL_ZONE_FILE_H

#include <stdint.h>

#include "core/slice.h"

struct cel_zone;

/* NULL where it is none, or not a sound one. Nothing in it is trusted. */
struct cel_zone *cel_zone_parse(struct slice bytes);
void cel_zone_free(struct cel_zone *zone);

int32_t cel_zone_file_offset(const struct cel_zone *zone, int64_t utc_s);
#endif
