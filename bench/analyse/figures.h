/* SPDX-License-Identifier: Apache-2.0 */
/* Data files for gnuplot (bench/fig?.gp), in OUT/figures. */
#ifndef ANALYSE_FIGURES_H
#define ANALYSE_FIGURES_H

void figures_write(const char *out);

#endif
