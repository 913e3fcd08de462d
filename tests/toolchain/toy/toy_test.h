#ifndef TOY_TEST_H
#define TOY_TEST_H

#include "toy.h"

#include <string.h>

static const int8_t toy_test_input[TOY_INPUT_SIZE] = {
    -16, -9, -2, 5,   12, 19, 26, 33, 40, 47, -10, -3, 4,   11, 18, 25,
    32,  39, 46, -11, -4, 3,  10, 17, 24, 31, 38,  45, -12, -5, 2,  9,
};
static const int8_t toy_test_output[TOY_OUTPUT_SIZE] = { 15, -11, 6, 14, -4, 19, 38, -25 };

static inline int toy_self_test(void *arena)
{
    memcpy(toy_input(arena), toy_test_input, TOY_INPUT_SIZE);
    toy_invoke(arena);
    for (int32_t i = 0; i < TOY_OUTPUT_SIZE; ++i) {
        if (toy_output(arena)[i] != toy_test_output[i]) {
            return 1;
        }
    }
    return 0;
}

#endif
