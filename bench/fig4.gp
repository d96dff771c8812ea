# SPDX-License-Identifier: Apache-2.0
# Fig. 4: each sleep of the player before, requested against actual.
load out.'/figures/range.gp'
set output name('fig4')
run = 'tick'
heading = 'Before: timers served at a tick of 10 ms'
mean = before_mean
colour = late_colour
load 'bench/requests.gp'
set output
