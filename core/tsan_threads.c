/*
 * Only in builds with the thread sanitizer: librdkafka starts its threads by C11's thrd_create(),
 * which that sanitizer (gcc 12's and clang 14's) does not know. Such a thread crashes in the first
 * malloc(). So the program has its own thrd_create(), by way of pthread_create(), which it does know.
 * cmake/build_flags.cmake has it linked in.
 */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define BUILT_WITH_TSAN
#endif
#elif defined(__SANITIZE_THREAD__)
#define BUILT_WITH_TSAN
#endif

#ifdef BUILT_WITH_TSAN

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

struct start {
    thrd_start_t run;
    void *argument;
};

static void *begin(void *self)
{
    struct start start = *(struct start *)self;
    free(self);
    return (void *)(intptr_t)start.run(start.argument);
}

int thrd_create(thrd_t *thread, thrd_start_t run, void *argument)
{
    struct start *start = malloc(sizeof *start);
    if (!start)
        return thrd_nomem;
    *start = (struct start){run, argument};
    if (pthread_create(thread, NULL, begin, start) == 0)
        return thrd_success;
    free(start);
    return thrd_error;
}

int thrd_join(thrd_t thread, int *result)
{
    void *returned;
    if (pthread_join(thread, &returned) != 0)
        return thrd_error;
    if (result)
        *result = (int)(intptr_t)returned;
    return thrd_success;
}

#else
typedef int no_file_is_empty; /* ISO C wants something in it */
#endif
