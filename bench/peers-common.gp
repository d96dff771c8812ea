# SPDX-License-Identifier: Apache-2.0
# What the figures of `make peers` share. bench/analyse wrote OUT/figures/peers.dat, a line for each run made: scenario,
# peer, mean, p50, p99, p99.9, max (us), useful work (%), fair; and cdf-RUN.dat.
wide = 1500
if (!exists('high')) high = 640
load 'bench/common.gp'
scenarios = 'S1 S2 S2rt S3 player'
peers = 'bare xen-credit2 xen-credit xen-credit-1ms xen-rtds xen-rtds-1ms kvm-default kvm-fifo kvm-deadline kvm-rt '. \
    'ontime-bvt ontime-credit ontime-sedf ontime-rr ontime-wake ontime-snoop ontime-call ontime-page'
array titles[5] = ['S1: sleeper; hog', 'S2: sleeper, hog; hog', 'S2rt: as S2, SCHED\_FIFO', 'S3: as S2, two hogs more', \
    'player: MPlayer; hog']
data = out.'/figures/peers.dat'

index(list, name) = int(sum [i = 1:words(list)] (word(list, i) eq name) * i)
family(peer) = peer[1:3] eq 'xen' ? '#d1603d' : peer[1:3] eq 'kvm' ? '#e3a93a' : peer[1:3] eq 'ont' ? '#2b5c8a' : '#707880'
colour(peer) = int('0x'.substr(family(peer), 2, 7))
# The first peer stands at the top.
row(peer) = words(peers) + 1 - index(peers, peer)
of(scenario) = strcol(1) eq scenario ? row(strcol(2)) : NaN
set yrange [0.3:words(peers) + 0.7]

# Panels side by side: where the i-th of five begins and ends.
left(i) = 0.11 + 0.177 * (i - 1)
right(i) = left(i) + 0.165
