# SPDX-License-Identifier: Apache-2.0
# Fig. 1: a sleep of median error before and one after, on one scale. The last panel enlarges what follows the expiry.
# Lanes: the task's sleep (asked for, then late), and who has the core, from 4 ms before the sleep to 4 ms after it.
set output name('fig1')
array begin[2]
array handled[2]
array told[2]
load out.'/figures/fig1-before.gp'
begin[1] = start; handled[1] = handle; told[1] = end
load out.'/figures/fig1-after.gp'
begin[2] = start; handled[2] = handle; told[2] = end
data(run) = out.'/figures/fig1-'.(run == 1 ? 'before' : 'after').'.dat'
left = floor((begin[1] < begin[2] ? begin[1] : begin[2]) - 4)
latest = told[1] > told[2] ? told[1] : told[2]
right = ceil(latest + (latest - left) / 5) # room for the label

set samples 2 # each bar of the sleep is drawn from '+', twice over itself
set multiplot
set lmargin at screen 0.12
set rmargin at screen 0.96
set yrange [-0.6:3.5]
set ytics scale 0 ('the sleep' 2, 'player' 1)
set ytics add (other 0) noenhanced
set border 1
do for [panel = 1:3] {
    run = panel == 1 ? 1 : 2
    scale = panel == 3 ? 1000.0 : 1.0 # ms, or us
    set tmargin at screen 1.27 - 0.33 * panel
    set bmargin at screen 1.11 - 0.33 * panel
    set title panel == 1 ? 'Before: timers served at a tick of 10 ms' : \
        panel == 2 ? 'After: precise timers' : 'After, the moment of expiry enlarged' offset 0, -0.3
    set xlabel 'time since T_{expire}, '.(panel == 3 ? 'us' : 'ms') offset 0, 0.5
    if (panel == 3) { set xrange [-400 * told[2]:1400 * told[2]] } else { set xrange [left:right] }
    set arrow 1 from 0, -0.6 to 0, 3.4 nohead front linecolor 'black'
    set arrow 2 from scale * handled[run], -0.6 to scale * handled[run], 3.4 nohead front \
        linecolor '#404040' dashtype 2
    set label 1 'T_{expire}' at 0, 3 right offset -0.6, 0 front
    set label 2 'T_{handle}' at scale * handled[run], 3 left offset 0.6, 0 front
    set label 3 'T_{err} = '.length(told[run]) at scale * told[run], 2 left offset 0.6, 0 front \
        textcolor rgb late_colour
    plot '+' using (0):(2):(scale * begin[run]):(0):(1.7):(2.3) with boxxyerror linecolor rgb asked_colour, \
        '+' using (0):(2):(0):(scale * told[run]):(1.7):(2.3) with boxxyerror linecolor rgb late_colour, \
        data(run) using (0):($1 == 0 ? 1 : NaN):(scale * $2):(scale * $3):(0.7):(1.3) with boxxyerror \
            linecolor rgb player_colour, \
        data(run) using (0):($1 == 1 ? 0 : NaN):(scale * $2):(scale * $3):(-0.3):(0.3) with boxxyerror \
            linecolor rgb other_colour
}
unset multiplot
set output
