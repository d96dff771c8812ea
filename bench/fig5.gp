# SPDX-License-Identifier: Apache-2.0
# Fig. 5: the same with the paper's mechanism, and with Ontime's defaults.
load out.'/figures/range.gp'
set output name('fig5')
set multiplot layout 1, 2
run = 'published'
heading = 'As published: a hypercall a sleep, BVT'
mean = published_mean
colour = other_colour
load 'bench/requests.gp'
run = 'precise'
heading = 'After: Ontime with its defaults'
mean = after_mean
colour = player_colour
load 'bench/requests.gp'
unset multiplot
set output
