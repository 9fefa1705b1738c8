#include "rules/functions_free.h"

#include <string.h>

#include "core/check.h"
#include "rules/step.h"

static struct cel_function find(const char *name)
{
    uint32_t i = 0;
    while (i < step_function_count && strcmp(step_functions[i].name, name) != 0)
        i++;
    CHECK(i < step_function_count);
    return step_functions[i];
}

void functions_free(struct cel_function functions[FUNCTIONS_FREE_COUNT])
{
    functions[0] = find("get");
    functions[1] = find("next_date");
}
