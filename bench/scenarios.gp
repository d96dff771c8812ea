# SPDX-License-Identifier: Apache-2.0
# What the figures of `make bench` share. bench/analyse wrote OUT/figures/errors.dat and costs.dat, a line for each run
# made, and cdf-SCENARIO-MODE.dat.
wide = 1200
if (!exists('high')) high = 800
load 'bench/common.gp'
scenarios = 'S1 S2 S2rt S3'
modes = 'bare wake snoop precise-call precise-page exact'
array colours[6] = ['#707880', '#d1603d', '#e3a93a', '#86b3d9', '#2b5c8a', '#3f9159']
array titles[4] = ['S1: sleeper alone; a hog', 'S2: sleeper and hog; a hog', \
    'S2rt: real-time sleeper and hog; a hog', 'S3: sleeper and hog; three hogs']
errors = out.'/figures/errors.dat'
costs = out.'/figures/costs.dat'

# Bars stand in groups of one unit's width, each mode's at its own place.
index(list, name) = int(sum [i = 1:words(list)] (word(list, i) eq name) * i)
width = 0.14
at(group, mode) = group + width * (index(modes, mode) - 3.5)
colour(mode) = int('0x'.substr(colours[index(modes, mode)], 2, 7))
group(scenario) = index(scenarios, scenario)
set boxwidth 0.9 * width
