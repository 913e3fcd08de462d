/* Vector table and reset of a Cortex-M in QEMU; results leave through Arm semihosting. */
#include "semihosting.h"

#include <stdint.h>

#define SYS_WRITE0 0x04u
#define SYS_EXIT 0x18u
#define STOPPED_APPLICATION_EXIT 0x20026u
#define STOPPED_INTERNAL_ERROR 0x20024u

extern uint32_t data_start[];
extern uint32_t data_end[];
extern const uint32_t data_load[];
extern uint32_t bss_start[];
extern uint32_t bss_end[];
extern uint32_t stack_top[];

int main(void);
void reset(void);

static void semihost(uint32_t operation, uintptr_t argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register uintptr_t r1 __asm__("r1") = argument;

    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
}

void semihosting_print(const char *text)
{
    semihost(SYS_WRITE0, (uintptr_t)text);
}

static void stop(int failed)
{
    semihost(SYS_EXIT, failed ? STOPPED_INTERNAL_ERROR : STOPPED_APPLICATION_EXIT);
    for (;;) {
    }
}

#if defined(__ARM_FEATURE_MVE)
#define CPACR ((volatile uint32_t *)0xE000ED88u)
#define VECTORS_AND_FLOATS (0xFu << 20)

/* Nothing before this may use vectors. */
static void enable_vectors(void)
{
    *CPACR |= VECTORS_AND_FLOATS;
    __asm__ volatile("dsb\n\tisb" : : : "memory");
}
#else
static void enable_vectors(void)
{
}
#endif

static void fault(void)
{
    semihosting_print("the processor took a fault\n");
    stop(1);
}

void reset(void)
{
    const uint32_t *from = data_load;

    enable_vectors();
    for (uint32_t *to = data_start; to != data_end; ++to) {
        *to = *from++;
    }
    for (uint32_t *to = bss_start; to != bss_end; ++to) {
        *to = 0;
    }
    stop(main());
}

typedef void (*handler_t)(void);

__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack;
    handler_t handlers[15];
} vectors = {
    stack_top,
    { reset, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault,
      fault, fault },
};
