/* SPDX-License-Identifier: Apache-2.0 */
/* Loading a VM's images into its RAM, a piece at a time, see load.c. */
#ifndef VM_LOAD_H
#define VM_LOAD_H

#include <stdbool.h>
#include "vm/vm.h"

/* What one piece zeroes or copies at most, bytes. */
#define VM_LOAD_STEP 16384

/* Begins to load the VM's images from the pristine copies. Its vCPUs are off, or do not run. */
void vm_load_begin(struct vm *vm);

/* Does one short piece. True when that was the last: the VM's RAM is as a fresh boot needs it. */
bool vm_load_step(struct vm *vm);

#endif
