#ifndef TOY_WEIGHTS_H
#define TOY_WEIGHTS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

extern const int8_t toy_dense_weights[256];

#ifdef __cplusplus
}
#endif

#endif
