/* Text from a Cortex-M to the console of the debugger or emulator. */
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

void semihosting_print(const char *text);

#endif
