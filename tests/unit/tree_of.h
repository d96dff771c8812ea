/* SPDX-License-Identifier: Apache-2.0 */
/* Device trees for tests, from source in the test: dtc compiles it as the test runs. */
#ifndef TESTS_TREE_OF_H
#define TESTS_TREE_OF_H

/* The tree of what follows "/dts-v1/;"; it stays until the next call. */
const void *tree_of(const char *source);

#endif
