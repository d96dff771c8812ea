/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest is shown of an ID register, from id_registers.def. */
#ifndef ARM64_ID_REGISTERS_H
#define ARM64_ID_REGISTERS_H

#include <stdint.h>
#include "register_bits.h"

#define ID_FIELD_BITS 4

/*
 * The greatest value that a guest is shown in each field, at the field's place. Zero for a register that is
 * not listed.
 */
static inline uint64_t id_register_most(unsigned crm, unsigned op2)
{
#define MACHINE                                    UINT64_C(15)
#define UP_TO(n)                                   UINT64_C(n)
#define ABSENT                                     UINT64_C(0)
#define ID_REGISTER(name, crm, op2)                [(crm) << 3 | (op2)] = 0
#define ID_REGISTER_FIELD(name, shift, shown, why) | (shown) << (shift)
#define ID_REGISTER_END                            ,

    static const uint64_t most[8 << 3] = {
#include "id_registers.def"
    };

#undef MACHINE
#undef UP_TO
#undef ABSENT
#undef ID_REGISTER
#undef ID_REGISTER_FIELD
#undef ID_REGISTER_END

    return crm < 8 && op2 < 8 ? most[crm << 3 | op2] : 0;
}

/* The machine's value, with each field that is greater than in `most` cut to that. */
static inline uint64_t id_register_shown(uint64_t value, uint64_t most)
{
    uint64_t shown = 0;

    for (unsigned shift = 0; shift < 64; shift += ID_FIELD_BITS) {
        uint64_t field = REGISTER_FIELD(15, shift);

        shown |= (value & field) < (most & field) ? value & field : most & field;
    }
    return shown;
}

#endif
