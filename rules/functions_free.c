#include "rules/functions_free.h"

#include <string.h>

#include "core/check.h"
#include "rules/step.h"

static struct cel_function find(const char *name)
{
    for (uint32_t i = 0; i < step_function_count; i++)
        if (strcmp(step_functions[i].name, name) == 0)
            return step_functions[i];
    CHECK(!"a function of the table");
    return (struct cel_function){0};
}

void functions_free(struct cel_function functions[FUNCTIONS_FREE_COUNT])
{
    functions[0] = find("get");
    functions[1] = find("next_date");
}
