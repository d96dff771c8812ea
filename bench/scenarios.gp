# SPDX-License-Identifier: Apache-2.0
# What the figures of `make bench` share. bench/analyse wrote OUT/figures/errors.dat and costs.dat, a line for each run
# made, cdf-SCENARIO-MODE.dat, and names.gp: the lists `scenarios` and `ways`, which are the modes, and `labels`.
wide = 1200
if (!exists('high')) high = 800
load 'bench/common.gp'
load out.'/figures/names.gp'
modes = ways
array colours[6] = ['#707880', '#d1603d', '#e3a93a', '#86b3d9', '#2b5c8a', '#3f9159']
errors = out.'/figures/errors.dat'
costs = out.'/figures/costs.dat'

# Bars stand in groups of one unit's width, each mode's at its own place.
index(list, name) = int(sum [i = 1:words(list)] (word(list, i) eq name) * i)
width = 0.14
at(group, mode) = group + width * (index(modes, mode) - 3.5)
colour(mode) = int('0x'.substr(colours[index(modes, mode)], 2, 7))
group(scenario) = index(scenarios, scenario)
set boxwidth 0.9 * width
scenario_tics = ''
do for [i = 1:words(scenarios)] { scenario_tics = scenario_tics.(i > 1 ? ', ' : '')."'".word(scenarios, i)."' ".i }
scenario_tics = 'set xtics scale 0 ('.scenario_tics.')'
