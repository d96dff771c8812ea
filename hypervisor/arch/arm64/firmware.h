/* SPDX-License-Identifier: Apache-2.0 */
/* What the firmware does for this CPU, see firmware.c. */
#ifndef ARM64_FIRMWARE_H
#define ARM64_FIRMWARE_H

/* Switches on what the firmware has against weaknesses of the calling CPU, and what is not a guest's to say.
 */
void firmware_protect_cpu(void);

#endif
