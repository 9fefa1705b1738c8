/*
 * rules/cel_report.h - the problems of one text, collected while it is compiled.
 */
#ifndef RULES_CEL_REPORT_H
#define RULES_CEL_REPORT_H

#include <stdint.h>

#include "rules/cel.h"

struct cel_report {
    struct cel_problem *problems; /* the caller's */
    uint32_t max;
    uint32_t stored;
    uint32_t found; /* those that had no room counted too */
};

void cel_report(struct cel_report *report, uint32_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* By their place in the text; the checker finds them in the order of the tree. */
void cel_report_sort(struct cel_report *report);
#endif
