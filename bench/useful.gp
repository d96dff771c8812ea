# SPDX-License-Identifier: Apache-2.0
# The work that hogs, sleeper and player did, as a part of what they do without a hypervisor. Hollow: some guest did not
# have its share.
set output name('useful')
set multiplot
set xrange [80:101]
set format x '%g%%'
set xtics (85, 90, 95, 100) scale 0
set grid xtics linecolor rgb faint_colour linetype 1
set tmargin at screen 0.92
set bmargin at screen 0.08
set ytics scale 0
do for [i = 1:words(peers)] { set ytics add (word(peers, i) row(word(peers, i))) }
bar = 0.35
fair(flag) = strcol(9) eq flag ? $8 : NaN
do for [s = 1:words(scenarios)] {
    set lmargin at screen left(s)
    set rmargin at screen right(s)
    set title labels[s] noenhanced
    if (s > 1) { do for [i = 1:words(peers)] { set ytics add ('' row(word(peers, i))) } }
    plot data using (column(9) == 1 ? $8 : NaN):(of(word(scenarios, s))):(80):($8):(row(strcol(2)) - bar): \
            (row(strcol(2)) + bar):(colour(strcol(2))) with boxxyerror fill solid noborder linecolor rgb variable, \
        data using (column(9) == 0 ? $8 : NaN):(of(word(scenarios, s))):(80):($8):(row(strcol(2)) - bar): \
            (row(strcol(2)) + bar):(colour(strcol(2))) with boxxyerror fill empty linecolor rgb variable
}
unset multiplot
set output
