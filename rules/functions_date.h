/* rules/functions_date.h - next_date(), for the table of functions. Private to rules/. */
#ifndef RULES_FUNCTIONS_DATE_H
#define RULES_FUNCTIONS_DATE_H

#include "rules/cel.h"

/* Arguments: a timestamp; a text, a list of texts or a map; a zone's name. Null where no date is left. */
struct value step_next_date(struct cel_activation *activation, const struct value *arguments,
                            uint32_t count);

/* As cel_function.check: dates and zones that are known at load. */
bool step_check_next_date(uint32_t index, struct value known, bool is_element, char *message);
#endif
