#include "core/err.h"

#include <stdarg.h>
#include <stdio.h>

enum err err_set(struct errinfo *info, enum err code, const char *format, ...)
{
    if (info) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(info->text, sizeof(info->text), format, arguments);
        va_end(arguments);
    }
    return code;
}
