/** The words of `--group` and `--sort`, in the order in which `g` and `s` go through them. */
export const groupings = ['process', 'pod', 'peer', 'port', 'user', 'none'] as const;
export type Grouping = (typeof groupings)[number];

export const sortings = [
  'rate',
  'received',
  'sent',
  'bytes',
  'rtt',
  'retransmits',
  'connections',
  'age',
  'name',
] as const;
export type Sorting = (typeof sortings)[number];
