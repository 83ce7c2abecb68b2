/** Paths of cgroups, which anybody who may make one can choose. */
import { parseCgroups } from '../../../src/enrich/cgroup.ts';
import { parseImage } from '../../../src/enrich/runtime/image.ts';
import { cgroupRows } from '../../../test/support/cgroup-paths.ts';
import { seedsOf } from '../lib/corpus.ts';
import type { Random } from '../lib/random.ts';
import { expect, type Target } from '../lib/target.ts';
import { damagedText } from '../lib/text.ts';

const words = [
  ...[
    '/docker/',
    'docker-',
    '.scope',
    '.slice',
    '.service',
    '/payload',
    'lxc.payload.',
    '/lxc/',
    'conmon',
    '\\x2d',
    '\\x',
    '/nomad/',
  ],
  ...[
    'kubepods',
    'pod',
    'crio-',
    'cri-containerd',
    ':',
    'libpod',
    'machine-',
    'systemd-nspawn@',
    'user@1000.service',
    'k8s.io',
    'default',
  ],
  ...[
    '0'.repeat(64),
    'a'.repeat(32),
    '1f0e2d3c-aaaa-4bbb-8ccc-0123456789ab',
    '1f0e2d3c_aaaa_4bbb_8ccc_0123456789ab',
    '-123456',
  ],
];

export const cgroup: Target = {
  name: 'cgroup',
  reads: 'paths of cgroups, and references of images',
  few: 6_000,
  open() {
    const seeds = seedsOf('cgroup', ...cgroupRows.map(([, path]) => path));
    return {
      make: (random: Random) => damagedText(seeds, words, random),
      judge(input) {
        const path = input.toString();
        const place = parseCgroups([path, '/']);
        const { containerId, podUid, systemdUnit } = place;
        expect(containerId !== '' && podUid !== '' && systemdUnit !== '', 'an empty name');
        expect((containerId?.length ?? 0) <= path.length, `container ${containerId}`);
        expect(podUid === undefined || /^[0-9a-f-]{32,36}$/.test(podUid), `pod ${podUid}`);
        expect(
          systemdUnit === undefined || (path.includes(systemdUnit) && systemdUnit.endsWith('.service')),
          `unit ${systemdUnit}`,
        );
        const image = parseImage(path);
        expect(image?.name !== '' || path.startsWith(':'), 'an image without a name');
        return containerId !== undefined || podUid !== undefined || systemdUnit !== undefined;
      },
    };
  },
};
