/* Runs a network whose inputs and outputs stand in the arena on many samples.
 *
 * Built into the library of the network, for calls from Python take longer than a small network
 * does. host_loop.py holds the same structures; host.py makes one inference in every mode.
 */
#include <stdint.h>
#include <string.h>

typedef struct {
    uint8_t *memory;         /* the arena, or a part of it, between guards */
    const uint8_t *pristine; /* what all of that holds before each sample */
    uint64_t before;         /* bytes of the guard below */
    uint64_t size;
    uint64_t after;
} block_t;

typedef struct {
    uint8_t *place; /* in the arena */
    uint8_t *data;  /* of all samples */
    uint64_t bytes; /* of one */
} port_t;

typedef struct {
    void (*invoke)(void *arena);
    void *arena;
    const block_t *blocks;
    const port_t *inputs;
    const port_t *outputs;
    uint32_t block_count;
    uint32_t input_count;
    uint32_t output_count;
} loop_t;

static int is_intact(const block_t *block)
{
    const uint64_t end = block->before + block->size;

    return (memcmp(block->memory, block->pristine, block->before) == 0) &&
           (memcmp(block->memory + end, block->pristine + end, block->after) == 0);
}

uint64_t codegen_run_samples(const loop_t *loop, uint64_t first, uint64_t end);

/* Run samples from `first` to `end`; return the one that wrote to a guard, else `end`. */
uint64_t codegen_run_samples(const loop_t *loop, uint64_t first, uint64_t end)
{
    for (uint64_t sample = first; sample < end; ++sample) {
        for (uint32_t i = 0; i < loop->block_count; ++i) {
            const block_t *block = &loop->blocks[i];

            memcpy(block->memory, block->pristine, block->before + block->size + block->after);
        }
        for (uint32_t i = 0; i < loop->input_count; ++i) {
            const port_t *port = &loop->inputs[i];

            memcpy(port->place, port->data + (sample * port->bytes), port->bytes);
        }
        loop->invoke(loop->arena);
        for (uint32_t i = 0; i < loop->output_count; ++i) {
            const port_t *port = &loop->outputs[i];

            memcpy(port->data + (sample * port->bytes), port->place, port->bytes);
        }
        for (uint32_t i = 0; i < loop->block_count; ++i) {
            if (!is_intact(&loop->blocks[i])) {
                return sample;
            }
        }
    }
    return end;
}
