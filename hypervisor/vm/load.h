/* SPDX-License-Identifier: Apache-2.0 */
/* Loading a VM's images into its RAM, a piece at a time, see load.c. */
#ifndef VM_LOAD_H
#define VM_LOAD_H

#include "vm/vm.h"

/* The most bytes that one piece copies, and how many one zeroes. A piece is to take 2,000 instructions. */
#define VM_LOAD_STEP 2048
#define VM_LOAD_ZERO 8192

/* Begins to load the VM's images from the pristine copies. None of its vCPUs runs. */
void vm_load_begin(struct vm *vm);

/*
 * Does one piece. DONE: there is none left, the VM's RAM is as a fresh boot needs it. FAILED: a block of the
 * image that another VM has given is not in that one's RAM.
 */
enum vm_load_outcome { VM_LOAD_MORE, VM_LOAD_DONE, VM_LOAD_FAILED };
enum vm_load_outcome vm_load_step(struct vm *vm);

#endif
