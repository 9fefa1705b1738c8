#include "core/allocator.h"

#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

void allocator_tune(void)
{
#ifdef __GLIBC__
    mallopt(M_MXFAST, 0); /* what is freed is merged with its neighbours at once */
    mallopt(M_MMAP_THRESHOLD,
            32 << 20); /* glibc's greatest: blocks of fetches come from the heap */
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
    mallopt(M_TOP_PAD, 64 << 20); /* a thread's heap is mapped whole, not page by page */
#endif
}
