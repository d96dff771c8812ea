# SPDX-License-Identifier: Apache-2.0
# Mean, percentiles and maximum of the sleep errors, for each scenario and mode.
set output name('errors')
set multiplot layout 2, 2
set logscale y
set xrange [0.4:5.6]
set yrange [3:1000000] # room for the key
set xtics scale 0 ('mean' 1, 'p50' 2, 'p99' 3, 'p99.9' 4, 'max' 5)
set ytics ('10 us' 10, '100 us' 100, '1 ms' 1000, '10 ms' 10000, '100 ms' 100000)
set grid ytics linecolor rgb faint_colour linetype 1
set key top left samplen 1 maxrows 3
do for [s = 1:words(scenarios)] {
    set title labels[s] noenhanced
    plot for [i = 1:5] errors using (strcol(1) eq word(scenarios, s) ? at(i, strcol(2)) : NaN):(column(2 + i)): \
            (colour(strcol(2))) with boxes linecolor rgb variable notitle, \
        for [mode in modes] NaN with boxes linecolor rgb colour(mode) title s == 1 ? mode : ''
}
unset multiplot
set output
