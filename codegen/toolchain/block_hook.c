/* Counts how often each block that unicorn executes is, within each layer of a network.
 *
 * Built at run time and registered as the block hook itself, for a Python callback takes a
 * microsecond a block. counting.py holds the same structures and the same steps in Python.
 *
 * What a function executes belongs to a layer if it runs one, to none if it is a driver: called
 * from outside, or one that calls layers; else to what its caller belongs to.
 */
#include <stdint.h>

#define NOWHERE 0xFFFFFFFFu
#define DRIVER 0

typedef struct {
    uint32_t size;     /* bytes; 0: not seen yet */
    uint32_t number;   /* blocks are numbered as they are seen */
    uint32_t function; /* index of the function it lies in */
    uint32_t is_entry; /* it is the first of its function */
} block_t;

typedef struct {
    uint64_t executions;
    uint64_t jumps; /* executions that did not follow that of the instruction before it */
} counter_t;

typedef struct {
    uint64_t next;       /* address after the block executed last; 0: none yet */
    uint64_t base;       /* address of blocks[0]; a block starts at each even address */
    uint64_t limit;      /* number of blocks */
    block_t *blocks;
    counter_t *counters; /* one for each block and layer */
    int32_t *roles;      /* of each function: the layer it runs, DRIVER, or less */
    uint64_t *calls;     /* of each layer */
    void (*describe)(uint64_t address, uint32_t size);
    uint32_t layers;
    uint32_t layer;
    uint32_t function; /* that of the block executed last; NOWHERE: called from outside */
} state_t;

static void change_function(state_t *state, const block_t *block)
{
    const uint32_t before = state->function;
    int32_t role = state->roles[block->function];

    state->function = block->function;
    if ((before == NOWHERE) && (role < DRIVER)) {
        role = DRIVER;
        state->roles[block->function] = DRIVER;
    }
    if ((role > DRIVER) && (block->is_entry != 0) &&
        ((before == NOWHERE) || (state->roles[before] != role))) {
        state->calls[role] += 1;
        if (before != NOWHERE) {
            state->roles[before] = DRIVER;
        }
    }
    if (role >= DRIVER) {
        state->layer = (uint32_t)role;
    }
}

void on_block(void *engine, uint64_t address, uint32_t size, state_t *state);

void on_block(void *engine, uint64_t address, uint32_t size, state_t *state)
{
    const uint64_t index = (address - state->base) / 2;
    const uint64_t jumped = (state->next != 0) && (address != state->next);
    const block_t *block;
    counter_t *counter;

    (void)engine;
    state->next = address + size;
    if (index >= state->limit) {
        return; /* what the caller lends */
    }
    if (state->blocks[index].size != size) {
        state->describe(address, size);
    }
    block = &state->blocks[index];
    if (block->function != state->function) {
        change_function(state, block);
    }
    counter = &state->counters[((uint64_t)block->number * state->layers) + state->layer];
    counter->executions += 1;
    counter->jumps += jumped;
}
