/* SPDX-License-Identifier: Apache-2.0 */
/* io_uring's ways to wait for a time, by its system calls themselves. */
#ifndef URING_H
#define URING_H

#include <stdint.h>

/* Each waits for `ns`. */
void uring_timeout(int64_t ns);      /* IORING_OP_TIMEOUT */
void uring_link_timeout(int64_t ns); /* IORING_OP_LINK_TIMEOUT, of a read that nothing comes for */
void uring_wait(int64_t ns);         /* io_uring_enter with a timeout */

#endif
