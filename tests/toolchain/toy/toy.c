/* Arena: the input at 0, its positive part at 32, the output at 64. */
#include "toy.h"

#include <stddef.h>
#include <string.h>

#include "toy_weights.h"

static int8_t *at(void *arena, size_t offset)
{
    return (int8_t *)arena + offset;
}

static __attribute__((noinline)) void layer_000(void *arena)
{
    const int8_t *x = at(arena, 0);
    int8_t *y = at(arena, 32);

    for (int32_t i = 0; i < 32; ++i) {
        y[i] = (x[i] > 0) ? x[i] : (int8_t)0;
    }
}

static int32_t __attribute__((noinline)) dot(const int8_t *x, const int8_t *w)
{
    int32_t sum = 1000;

    for (int32_t i = 0; i < 32; ++i) {
        sum += x[i] * w[i];
    }
    return sum;
}

static __attribute__((noinline)) void layer_001(void *arena)
{
    const int8_t *x = at(arena, 32);
    int8_t *y = at(arena, 64);

    for (int32_t i = 0; i < 8; ++i) {
        const int64_t product = (int64_t)dot(x, &toy_dense_weights[i * 32]) * 20000000;
        const int32_t scaled = (int32_t)((product + 2147483648) >> 32);

        y[i] = (int8_t)((scaled > 127) ? 127 : ((scaled < -128) ? -128 : scaled));
    }
}

int8_t *toy_input(void *arena)
{
    return at(arena, 0);
}

const int8_t *toy_output(const void *arena)
{
    return (const int8_t *)arena + 64;
}

void toy_invoke(void *arena)
{
    layer_000(arena);
    layer_001(arena);
}

void toy_run(void *arena, const int8_t *input, int8_t *output)
{
    memcpy(toy_input(arena), input, TOY_INPUT_SIZE);
    toy_invoke(arena);
    memcpy(output, toy_output(arena), TOY_OUTPUT_SIZE);
}
