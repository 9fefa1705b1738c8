#include "rules/cel_report.h"

#include <stdarg.h>
#include <stdio.h>

void cel_report(struct cel_report *report, uint32_t offset, const char *format, ...)
{
    report->found++;
    if (report->stored == report->max)
        return;
    struct cel_problem *problem = &report->problems[report->stored++];
    va_list arguments;
    va_start(arguments, format);
    problem->offset = offset;
    vsnprintf(problem->message, sizeof(problem->message), format, arguments);
    va_end(arguments);
}

/* A handful at most, and stable: by insertion. */
void cel_report_sort(struct cel_report *report)
{
    for (uint32_t i = 1; i < report->stored; i++) {
        struct cel_problem problem = report->problems[i];
        uint32_t at = i;
        for (; at > 0 && report->problems[at - 1].offset > problem.offset; at--)
            report->problems[at] = report->problems[at - 1];
        report->problems[at] = problem;
    }
}
