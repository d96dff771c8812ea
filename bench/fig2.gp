# SPDX-License-Identifier: Apache-2.0
# Fig. 2: sleeps of 2, 4 and 6 ms, one after the other, each ended by the first tick after its expiry.
set output name('fig2')
data = out.'/figures/fig2.dat'
stats data using 4 name 'ended' nooutput
last = 10 * ceil(ended_max / 10 - 0.1)

set lmargin 14
set tmargin 4
set xrange [-1:last + 7]
set yrange [ended_records - 0.4:-0.8] # the first sleep at the top
set xtics 0, 10, last
set mxtics 5
set xlabel 'time since a tick, ms'
set ytics scale 0
set border 1
do for [tick = 0:last:10] {
    set arrow from tick, graph 0 to tick, graph 1 nohead back linecolor 'black' dashtype 2
    set label 'tick' at tick, graph 1.03 center
}
set key at graph 0.02, graph 0.16 left bottom Left reverse samplen 2
plot data using 2:0:2:3:($0 - 0.22):($0 + 0.22):ytic(sprintf('%g ms', $1)) with boxxyerror linecolor rgb asked_colour \
        title 'asked for', \
    data using 2:0:3:4:($0 - 0.22):($0 + 0.22) with boxxyerror linecolor rgb late_colour title 'late', \
    data using 4:0:(sprintf('took %.2f ms', $4 - $2)) with labels left offset 0.6, 0 notitle
set output
