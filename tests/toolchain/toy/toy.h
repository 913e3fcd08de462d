/* A network written by hand with the API of emitted ones: relu, then a dense layer. */
#ifndef TOY_H
#define TOY_H

#include <stdint.h>

#define TOY_ARENA_SIZE 80
#define TOY_ARENA_ALIGN 8
#define TOY_INPUT_SIZE 32
#define TOY_OUTPUT_SIZE 8

#ifdef __cplusplus
extern "C" {
#endif

int8_t *toy_input(void *arena);
const int8_t *toy_output(const void *arena);
void toy_invoke(void *arena);
void toy_run(void *arena, const int8_t *input, int8_t *output);

#ifdef __cplusplus
}
#endif

#endif
