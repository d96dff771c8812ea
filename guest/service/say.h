/* SPDX-License-Identifier: Apache-2.0 */
/* What ontime-service says: lines on standard error, with the device's name. */
#ifndef SERVICE_SAY_H
#define SERVICE_SAY_H

/* The device that this process serves; NULL in the process that starts the others. */
extern const char *say_device;

__attribute__((format(printf, 1, 2))) void say(const char *format, ...);
__attribute__((format(printf, 1, 2), noreturn)) void fail(const char *format, ...);

#endif
