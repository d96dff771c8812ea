# SPDX-License-Identifier: Apache-2.0
# The guests' shares of the core on top of each other, the sleeper's guest at the bottom.
set output name('shares')
set xrange [0.4:4.6]
set yrange [0:100]
eval scenario_tics
set ylabel 'share of the core, %'
set arrow from 1.5, 50 to 3.5, 50 nohead front dashtype 2
set arrow from 3.5, 25 to 4.5, 25 nohead front dashtype 2
set key outside top center horizontal samplen 1
place = 'at(group(strcol(1)), strcol(2))'
plot for [n = 4:1:-1] costs using (@place):(sum [k = 1:n] column(1 + 2 * k)):(n == 1 ? colour(strcol(2)) : \
        0xaab2ba + 0x101010 * (n - 3)) with boxes linecolor rgb variable notitle, \
    for [i = 2:6] NaN with boxes linecolor rgb colours[i] title word(modes, i), \
    NaN with boxes linecolor rgb other_colour title 'the others'
set output
