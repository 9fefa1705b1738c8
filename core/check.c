#include "core/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "stagecoach: broken promise at %s:%d: %s\n", file, line, condition);
    abort();
}
