#include "core/allocator.h"

#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

void allocator_tune(void)
{
#ifdef __GLIBC__
    mallopt(M_MXFAST, 0); /* what is freed is merged with its neighbours at once */
#endif
}
