/* All of <string.h> that emitted C uses, for compilers that come without a C library. */
#ifndef CODEGEN_STRING_H
#define CODEGEN_STRING_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

void *memcpy(void *destination, const void *source, size_t size);
void *memset(void *destination, int value, size_t size);

#ifdef __cplusplus
}
#endif

/* Freestanding compilers do not know these names; the built-in ones become loads and stores. */
#define memcpy(destination, source, size) __builtin_memcpy(destination, source, size)
#define memset(destination, value, size) __builtin_memset(destination, value, size)

#endif
