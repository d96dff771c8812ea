# SPDX-License-Identifier: Apache-2.0
# Ontime's own CPU time: work that was not done, and, as a line across the bar, what Ontime counts as its own.
set output name('cost')
set xrange [0.4:4.6]
set yrange [*<0:*]
set xtics scale 0 ('S1' 1, 'S2' 2, 'S2rt' 3, 'S3' 4)
set ylabel 'products lost against bare metal, %'
set grid ytics linecolor rgb faint_colour linetype 1
set key outside top center horizontal samplen 1
place = 'at(group(strcol(1)), strcol(2))'
set arrow from 0.4, 1 to 4.6, 1 nohead front dashtype 2
set label 'the target: 1%' at 4.55, 1 right offset 0, 0.5 front
plot costs using (@place):11:(colour(strcol(2))) with boxes linecolor rgb variable notitle, \
    costs using (@place):12:(0.45 * width) with xerrorbars linecolor 'black' pointsize 0 notitle, \
    for [i = 2:6] NaN with boxes linecolor rgb colours[i] title word(modes, i)
set output
