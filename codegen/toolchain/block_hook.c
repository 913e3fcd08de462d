/* Counts instructions and cycles at each block that unicorn executes.
 *
 * Built at run time and registered as the block hook itself, for a Python callback takes a
 * microsecond a block. counting.py holds the same structures and the same steps in Python.
 */
#include <stdint.h>

#define MAX_DEPTH 64

typedef struct {
    uint32_t size; /* bytes; 0: not seen yet */
    uint32_t instructions;
    uint32_t cycles;   /* with all branches falling through */
    uint32_t function; /* index of the function it lies in */
    uint32_t is_entry; /* it is the first of its function */
} block_t;

typedef struct {
    uint64_t calls;
    uint64_t instructions; /* from entry to return, callees included */
    uint64_t cycles;
    uint64_t own; /* instructions without those of callees */
} function_t;

typedef struct {
    uint64_t return_to;
    uint64_t instructions; /* of the whole run, at entry */
    uint64_t cycles;
    uint32_t function;
} frame_t;

typedef struct {
    uint64_t instructions;
    uint64_t cycles;
    uint64_t next;         /* address after the block executed last; 0: none yet */
    uint64_t base;         /* address of blocks[0]; a block starts at each even address */
    uint64_t limit;        /* number of blocks */
    uint64_t branch_taken; /* cycles */
    block_t *blocks;
    function_t *functions;
    int (*read_register)(void *engine, int name, void *value);
    void (*describe)(uint64_t address, uint32_t size);
    int return_register;
    uint32_t depth;
    frame_t frames[MAX_DEPTH];
} state_t;

static void leave(state_t *state, uint64_t address)
{
    while ((state->depth > 0) && (state->frames[state->depth - 1].return_to == address)) {
        const frame_t *frame = &state->frames[--state->depth];
        function_t *function = &state->functions[frame->function];

        function->calls += 1;
        function->instructions += state->instructions - frame->instructions;
        function->cycles += state->cycles - frame->cycles;
    }
}

static void enter(state_t *state, uint32_t function, void *engine)
{
    uint32_t return_to = 0;
    frame_t *frame = &state->frames[state->depth];

    state->read_register(engine, state->return_register, &return_to);
    return_to &= ~(uint32_t)1;
    if ((state->depth > 0) && (frame[-1].function == function) &&
        (frame[-1].return_to == return_to)) {
        return; /* a loop back to the first block, not a call */
    }
    if (state->depth == MAX_DEPTH) {
        return;
    }
    frame->return_to = return_to;
    frame->instructions = state->instructions;
    frame->cycles = state->cycles;
    frame->function = function;
    state->depth += 1;
}

void on_block(void *engine, uint64_t address, uint32_t size, state_t *state);

void on_block(void *engine, uint64_t address, uint32_t size, state_t *state)
{
    const uint64_t index = (address - state->base) / 2;
    block_t *block;

    if ((state->next != 0) && (address != state->next)) {
        state->cycles += state->branch_taken;
    }
    leave(state, address);
    state->next = address + size;
    if (index >= state->limit) {
        return; /* the return address of the whole run */
    }
    block = &state->blocks[index];
    if (block->size != size) {
        state->describe(address, size);
    }
    if (block->is_entry) {
        enter(state, block->function, engine);
    }
    state->instructions += block->instructions;
    state->cycles += block->cycles;
    state->functions[block->function].own += block->instructions;
}
