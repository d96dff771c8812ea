# SPDX-License-Identifier: Apache-2.0
# Exits to Ontime for each sleep: those of the sleeper's guest, and above them the others'.
set output name('exits')
set xrange [0.4:4.6]
set yrange [0:*]
eval scenario_tics
set ylabel 'exits a sleep'
set grid ytics linecolor rgb faint_colour linetype 1
set key outside top center horizontal samplen 1
place = 'at(group(strcol(1)), strcol(2))'
all = '(column(4) + column(6) + column(8) + column(10))'
plot costs using (@place):@all with boxes linecolor rgb other_colour notitle, \
    costs using (@place):4:(colour(strcol(2))) with boxes linecolor rgb variable notitle, \
    for [i = 2:6] NaN with boxes linecolor rgb colours[i] title word(modes, i), \
    NaN with boxes linecolor rgb other_colour title 'the others', \
    0 with lines linecolor '#606060' notitle
set output
