/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest is shown of the ID registers: id_registers.def, against the same written down a second time,
 * in words. Who changes a row changes the word here too, and says why in the row.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arch/arm64/include/id_registers.h"
#include "random.h"

#define SEED  33
#define STEPS 20000

static const struct word {
    const char *name;
    unsigned crm, op2;
    uint64_t most; /* the greatest value of each field */
} words[] = {
    {"ID_PFR0_EL1", 1, 0, 0x000000000f0fffff},      {"ID_PFR1_EL1", 1, 1, 0x00000000f00f0f0f},
    {"ID_DFR0_EL1", 1, 2, 0x0000000000000fff},      {"ID_MMFR0_EL1", 1, 4, 0x00000000ffffffff},
    {"ID_MMFR1_EL1", 1, 5, 0x00000000ffffffff},     {"ID_MMFR2_EL1", 1, 6, 0x00000000ffffffff},
    {"ID_MMFR3_EL1", 1, 7, 0x00000000ffffffff},     {"ID_ISAR0_EL1", 2, 0, 0x000000000fffffff},
    {"ID_ISAR1_EL1", 2, 1, 0x00000000ffffffff},     {"ID_ISAR2_EL1", 2, 2, 0x00000000ffffffff},
    {"ID_ISAR3_EL1", 2, 3, 0x00000000ffffffff},     {"ID_ISAR4_EL1", 2, 4, 0x00000000ffffffff},
    {"ID_ISAR5_EL1", 2, 5, 0x00000000ff0fffff},     {"ID_MMFR4_EL1", 2, 6, 0x000000000fffffff},
    {"ID_ISAR6_EL1", 2, 7, 0x00000000ffffffff},     {"MVFR0_EL1", 3, 0, 0x00000000ffffffff},
    {"MVFR1_EL1", 3, 1, 0x00000000ffffffff},        {"MVFR2_EL1", 3, 2, 0x00000000000000ff},
    {"ID_PFR2_EL1", 3, 4, 0x00000000000000ff},      {"ID_AA64PFR0_EL1", 4, 0, 0xf10f00000fff001f},
    {"ID_AA64PFR1_EL1", 4, 1, 0x00000000000000ff},  {"ID_AA64DFR0_EL1", 5, 0, 0x000000f0f0f0f00f},
    {"ID_AA64ISAR0_EL1", 6, 0, 0xfffffffff0fffff0}, {"ID_AA64ISAR1_EL1", 6, 1, 0x00ffffff00fff00f},
    {"ID_AA64ISAR2_EL1", 6, 2, 0x00000000000f00f0}, {"ID_AA64MMFR0_EL1", 7, 0, 0x0000fffffffffff2},
    {"ID_AA64MMFR1_EL1", 7, 1, 0x00000000fff0f0ff}, {"ID_AA64MMFR2_EL1", 7, 2, 0xf0ff00fff0ffffff},
};

#define WORDS (sizeof(words) / sizeof(words[0]))

static uint64_t most_by_word(unsigned crm, unsigned op2)
{
    for (unsigned i = 0; i < WORDS; i++)
        if (words[i].crm == crm && words[i].op2 == op2)
            return words[i].most;
    return 0;
}

static void test_each_register_as_written(void **state)
{
    (void)state;
    for (unsigned crm = 0; crm < 16; crm++)
        for (unsigned op2 = 0; op2 < 8; op2++)
            assert_int_equal(id_register_most(crm, op2), most_by_word(crm, op2));
}

/* Each row is a field of its own: 4 bits at their place, with a reason when it is not the machine's. */
struct row {
    const char *name;
    unsigned shift;
    uint64_t shown;
    const char *why;
};

#define MACHINE                                    15
#define UP_TO(n)                                   (n)
#define ABSENT                                     0
#define ID_REGISTER(name, crm, op2)                {#name, 64, 0, ""},
#define ID_REGISTER_FIELD(name, shift, shown, why) {#name, shift, shown, why},
#define ID_REGISTER_END

static const struct row rows[] = {
#include "arch/arm64/include/id_registers.def"
};

static void test_rows_do_not_overlap(void **state)
{
    unsigned next = 64;

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].shift == 64) { /* a register */
            next = 0;
            continue;
        }
        assert_true(rows[i].shift % ID_FIELD_BITS == 0 && rows[i].shift >= next && rows[i].shift < 64);
        assert_true(rows[i].shown == MACHINE || rows[i].why[0] != '\0');
        next = rows[i].shift + ID_FIELD_BITS;
    }
}

static void test_fields_are_cut(void **state)
{
    (void)state;
    assert_int_equal(id_register_shown(0, UINT64_MAX), 0);
    assert_int_equal(id_register_shown(UINT64_MAX, 0), 0);
    assert_int_equal(id_register_shown(UINT64_MAX, 0xF10F00000FFF001F), 0xF10F00000FFF001F);
    assert_int_equal(id_register_shown(0x1201011100110022, 0xF10F00000FFF001F), 0x1101000000110012);
}

static uint64_t random_word(struct random *random)
{
    uint64_t high = random_below(random, UINT64_C(1) << 32);

    return high << 32 | random_below(random, UINT64_C(1) << 32);
}

/* No field is ever greater than the machine's or than the greatest that is shown, and it is one of the two.
 */
static void test_fields_are_least(void **state)
{
    struct random random = {SEED};

    (void)state;
    for (unsigned step = 0; step < STEPS; step++) {
        uint64_t value = random_word(&random), most = random_word(&random);
        uint64_t shown = id_register_shown(value, most);

        for (unsigned shift = 0; shift < 64; shift += ID_FIELD_BITS) {
            uint64_t has = value >> shift & 15, may = most >> shift & 15;

            assert_int_equal(shown >> shift & 15, has < may ? has : may);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_register_as_written),
        cmocka_unit_test(test_rows_do_not_overlap),
        cmocka_unit_test(test_fields_are_cut),
        cmocka_unit_test(test_fields_are_least),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
