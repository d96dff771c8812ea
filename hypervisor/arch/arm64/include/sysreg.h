/* SPDX-License-Identifier: Apache-2.0 */
/* Access to system registers and barriers. */
#ifndef ARM64_SYSREG_H
#define ARM64_SYSREG_H

#include <stdint.h>

#define read_sysreg(name)                                                                                    \
    __extension__({                                                                                          \
        uint64_t value_;                                                                                     \
        __asm__ volatile("mrs %0, " #name : "=r"(value_));                                                   \
        value_;                                                                                              \
    })
#define write_sysreg(name, value)                                                                            \
    do {                                                                                                     \
        uint64_t written_ = (value);                                                                         \
        __asm__ volatile("msr " #name ", %x0" : : "rZ"(written_));                                           \
    } while (0)

/* A later instruction sees the effect of earlier writes to system registers. */
static inline void isb(void)
{
    __asm__ volatile("isb" : : : "memory");
}

#define dsb(domain) __asm__ volatile("dsb " #domain : : : "memory")

/* The same with a macro's value as the name. */
#define read_sysreg_(name)         read_sysreg(name)
#define write_sysreg_(name, value) write_sysreg(name, value)

#endif
