# SPDX-License-Identifier: Apache-2.0
# Ontime's own CPU time: the work that was not done, and, as a line across the bar, the time that Ontime counts as its own.
set output name('cost')
set xrange [0.4:4.6]
set yrange [*<0:*]
eval scenario_tics
set ylabel 'products lost against bare metal, % (dashed: the target for precise-page)'
set grid ytics linecolor rgb faint_colour linetype 1
set key outside top center horizontal samplen 1
place = 'at(group(strcol(1)), strcol(2))'
plot costs using (@place):11:(colour(strcol(2))) with boxes linecolor rgb variable notitle, \
    costs using (@place):12:(0.45 * width) with xerrorbars linecolor 'black' pointsize 0 notitle, \
    for [i = 2:6] NaN with boxes linecolor rgb colours[i] title word(modes, i), \
    1 with lines linecolor 'black' dashtype 2 notitle
set output
