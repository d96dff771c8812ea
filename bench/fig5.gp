# SPDX-License-Identifier: Apache-2.0
# Fig. 5: each sleep of the player after, requested against actual, on the axes of Fig. 4.
figure = 'fig5'
load 'bench/fig4.gp'
