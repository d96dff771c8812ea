/* SPDX-License-Identifier: Apache-2.0 */
/* What Ontime's console is split into, kept as, and tells of the run's end. */
#ifndef TOOLS_CONSOLES_H
#define TOOLS_CONSOLES_H

#include "vm/config.h"

enum consoles_kind {
    CONSOLES_SHARED, /* all on this terminal, as it comes */
    CONSOLES_PTYS,   /* a pseudo-terminal for each VM, whose name is printed */
    CONSOLES_PANES   /* a pane for each VM, in the tmux that this runs in */
};

/*
 * Runs the command, whose standard input and output are Ontime's UART, until it ends, or SIGINT or SIGTERM
 * ends it. In terminals and panes is what the VMs write, without their names; what is no VM's goes to
 * standard output. `log` names a file for all that comes from the UART, or is NULL. Returns the run's exit
 * status: the command's, if that is not 0; else 1, if Ontime stopped by itself; else the largest that a VM
 * has named in a line of its own, "ontime-exit-status=N", with N from 0 to 255; else 0.
 */
int consoles_run(char *const *words, const struct system_config *config, enum consoles_kind kind,
                 const char *log);

#endif
