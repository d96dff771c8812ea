/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hog: multiplies 64x64 matrices of doubles for ever. Once a second by the virtual counter it prints how
 * many products it has made, and when: `matmul COUNT CNTVCT;`.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

#define N 64

static double a[N][N], b[N][N], c[N][N];

static uint64_t counter(void)
{
    uint64_t value;

    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(value)::"memory");
    return value;
}

static uint64_t counter_frequency(void)
{
    uint64_t value;

    __asm__("mrs %0, cntfrq_el0" : "=r"(value));
    return value;
}

static void multiply(void)
{
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double sum = 0;

            for (int k = 0; k < N; k++)
                sum += a[i][k] * b[k][j];
            c[i][j] = sum;
        }
    __asm__ volatile("" ::"r"(c) : "memory"); /* the compiler must not drop a product that nobody reads */
}

int main(void)
{
    uint64_t second = counter_frequency();
    uint64_t report = counter();
    uint64_t count = 0;

    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i][j] = i + j;
            b[i][j] = i - j;
        }
    for (;;) {
        uint64_t now = counter();

        if (now >= report) {
            printf("matmul %" PRIu64 " %" PRIu64 ";\n", count, now);
            (void)fflush(stdout);
            report += second;
        }
        multiply();
        count++;
    }
}
