/** Files of --geoip that were cut off, damaged, or are something else. */

import { openGeoip } from '../../../src/enrich/geoip.ts';
import { StartError } from '../../../src/errors.ts';
import { mmdb as makeFile } from '../../../test/support/mmdb.ts';
import { damagedBytes } from '../lib/bytes.ts';
import { seedsOf } from '../lib/corpus.ts';
import { inputFile } from '../lib/files.ts';
import type { Random } from '../lib/random.ts';
import { expect, refusing, type Target } from '../lib/target.ts';

const place = {
  country: { iso_code: 'DE' },
  subdivisions: [{ iso_code: 'BE' }],
  city: { names: { en: 'Berlin' } },
  autonomous_system_number: 64496,
  autonomous_system_organization: 'Example',
};
const addresses = ['1.1.1.1', '8.8.8.8', '81.2.69.142', '223.255.255.1', '2a00::1'];

export const mmdb: Target = {
  name: 'mmdb',
  reads: 'files of --geoip',
  few: 1_000,
  longest: 50,
  open() {
    const file = inputFile('x.mmdb');
    const seeds = seedsOf(
      'mmdb',
      makeFile({ '1.1.1.0/24': place, '81.2.69.0/24': place, '2a00::/12': { country: { iso_code: 'FR' } } }),
    );
    return {
      make: (random: Random) => damagedBytes(seeds, random),
      judge(input) {
        file.put(input);
        const geoip = refusing(
          () => openGeoip({ files: [file.path], warn: () => undefined, onChange: () => undefined }),
          StartError,
        );
        if (!geoip) return false;
        // Damage inside is an error of each look-up, which its caller counts.
        for (const address of addresses) check(refusing(() => geoip.locate(address), Error));
        return true;
      },
      close: () => file.remove(),
    };
  },
};

function check(found: object | undefined): void {
  for (const [name, value] of Object.entries(found ?? {}))
    expect(typeof value === (name === 'asNumber' ? 'number' : 'string'), `${name} ${value}`);
}
