/** A benchmark and its flags. */
export type Step = readonly [name: string, ...flags: string[]];

/**
 * What docs/measured.md is made of: about an hour on two cores that nothing else uses, when the databases
 * are filled. Sizes are such that a slow peer takes minutes, not hours.
 */
export const everything: readonly Step[] = [
  ['idle'],
  ['idle', '--proof=header', '--title=idle, certificate in a header'],
  ['cycle', '--devices=500'],
  ['cycle', '--devices=500', '--proof=header', '--title=cycle, certificate in a header'],
  ['check-in-storm', '--devices=5000', '--warm-up=4000'],
  ['big-result'],
  ['enqueue', '--shapes=10000:0'],
  ['enqueue', '--shapes=100000:0', '--alone', '--title=enqueue to 100,000'],
  ['bloat', '--title=bloat', '--alone', '--shapes=1000:0,1000000:7500000,1000000:7500000:1000'],
  [
    'bloat',
    '--title=bloat, beside NanoMDM',
    '--rounds=1',
    '--requests=3000',
    '--warm-up=500',
    '--shapes=1000:0,1000:1330000,1000000:7500000',
  ],
  ['live', '--shapes=1000000:7500000', '--polls=800', '--per-second=200'],
  ['live', '--processes=2', '--warm-up=45', '--seconds=30'],
  ['fan-out', '--alone', '--shapes=100000:0'],
  ['workers', '--rounds=2'],
  ['restart'],
  ['embedded', '--rounds=2'],
  ['steady', '--alone'],
];
