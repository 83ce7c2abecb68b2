import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { NamedNetwork } from '../../../src/enrich/networks.ts';
import { createPlaces } from '../../../src/enrich/place.ts';
import { StartError } from '../../../src/errors.ts';
import { Ledger } from '../../../src/ledger.ts';
import type { Place } from '../../../src/model.ts';
import { mmdb, type Networks } from '../../support/mmdb.ts';
import { makeRecord } from '../../support/otlp-records.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const cities: Networks = {
  '81.2.69.0/24': {
    continent: { code: 'EU' },
    country: { iso_code: 'GB', names: { en: 'United Kingdom' } },
    subdivisions: [{ iso_code: 'ENG' }],
    city: { names: { en: 'London', de: 'London' } },
  },
  '89.160.20.0/24': { continent: { code: 'EU' }, country: { iso_code: 'SE' } },
  '10.0.0.0/8': { country: { iso_code: 'XX' } },
  '2001:218::/32': { country: { iso_code: 'JP' } },
};
const systems: Networks = {
  '81.2.69.0/24': { autonomous_system_number: 20712, autonomous_system_organization: 'Andrews & Arnold Ltd' },
  '2001:218::/32': { autonomous_system_number: 4_200_000_000 },
};

interface Setting {
  geoip?: readonly string[];
  networks?: readonly NamedNetwork[];
  warnings?: string[];
  ledger?: Ledger;
  now?: () => number;
}

function places({ geoip = [], networks = [], warnings = [], ledger = new Ledger(), now = Date.now }: Setting) {
  const complete = createPlaces({ geoip, networks, ledger, now, warn: (message) => warnings.push(message) });
  return (peerAddress: string): Place | undefined => {
    const record = makeRecord(0, { peerAddress, networkType: peerAddress.includes(':') ? 'ipv6' : 'ipv4' });
    complete(record);
    return record.place;
  };
}

function file(t: ExecutionContext, name: string, bytes: Buffer): string {
  const path = join(temporaryDirectory(t), name);
  writeFileSync(path, bytes);
  return path;
}

const london = { continent: 'EU', country: 'GB', region: 'GB-ENG', city: 'London' };

test('a public peer has the place and the network that the files know', (t) => {
  const place = places({
    geoip: [file(t, 'city.mmdb', mmdb(cities)), file(t, 'asn.mmdb', mmdb(systems, 'GeoLite2-ASN'))],
  });
  const arnold = { asNumber: 20712, asOrganization: 'Andrews & Arnold Ltd' };
  t.deepEqual(place('81.2.69.142'), { network: undefined, ...london, ...arnold });
  t.deepEqual(place('89.160.20.1'), { network: undefined, continent: 'EU', country: 'SE' });
  t.deepEqual(place('2001:218::9'), { network: undefined, country: 'JP', asNumber: 4_200_000_000 });
  t.is(place('192.0.43.8'), undefined, 'in no file');
});

test('a private peer has no place, whatever a file says', (t) => {
  const place = places({ geoip: [file(t, 'city.mmdb', mmdb(cities))] });
  for (const address of ['10.1.2.3', '127.0.0.1', '::1', 'fe80::1', '169.254.0.1', '100.64.0.1', '224.0.0.1'])
    t.is(place(address), undefined, address);
});

test('names of networks and places go together', (t) => {
  const networks: NamedNetwork[] = [{ family: 'ipv4', address: '81.2.0.0', length: 16, name: 'branch' }];
  const place = places({ networks, geoip: [file(t, 'city.mmdb', mmdb(cities))] });
  t.deepEqual(place('81.2.69.1'), { network: 'branch', ...london });
  t.deepEqual(places({ networks })('81.2.69.1'), { network: 'branch' });
  t.is(places({})('81.2.69.1'), undefined);
});

test('a file that is no database stops the start, and says which and why', (t) => {
  const whole = mmdb(cities);
  const cases: [name: string, path: string, what: RegExp][] = [
    ['absent', join(temporaryDirectory(t), 'absent.mmdb'), /absent\.mmdb: there is no such file$/],
    ['other', file(t, 'other.mmdb', Buffer.from('not a database')), /other\.mmdb: it is not in the MaxMind format$/],
    ['empty', file(t, 'empty.mmdb', Buffer.alloc(0)), /empty\.mmdb: it is not in the MaxMind format$/],
    ['cut', file(t, 'cut.mmdb', whole.subarray(0, 500)), /cut\.mmdb: it is not in the MaxMind format$/],
    ['beginning lost', file(t, 'tail.mmdb', whole.subarray(-300)), /tail\.mmdb: it is incomplete$/],
  ];
  for (const [name, path, what] of cases) {
    const error = t.throws(() => places({ geoip: [path] }), { instanceOf: StartError, message: what }, name);
    t.regex(error.remedy, /\.mmdb/);
  }
});

test('a database of something else is used, with a warning', (t) => {
  const warnings: string[] = [];
  places({ geoip: [file(t, 'x.mmdb', mmdb(cities, 'Anonymous-IP'))], warnings });
  t.regex(warnings.join(), /x\.mmdb says that it is Anonymous-IP/);
});

async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500 && !isSo(); tries++) await wait(10);
}

test('a file that was replaced is read again; a broken one leaves the old content in use', async (t) => {
  const path = file(t, 'city.mmdb', mmdb(cities));
  const replace = (bytes: Buffer) => {
    writeFileSync(`${path}.new`, bytes);
    renameSync(`${path}.new`, path);
  };
  const warnings: string[] = [];
  let time = 0;
  const place = places({ geoip: [path], warnings, now: () => (time += 10_000) });
  t.is(place('81.2.69.1')?.city, 'London');

  replace(mmdb({ '81.2.69.0/24': { city: { names: { en: 'Leeds' } } } }));
  await until(() => place('81.2.69.1')?.city === 'Leeds');
  t.deepEqual(place('81.2.69.1'), { network: undefined, city: 'Leeds' });

  replace(Buffer.from('broken'));
  await until(() => {
    place('81.2.69.1');
    return warnings.length > 0;
  });
  t.regex(
    warnings.join(),
    /city\.mmdb was replaced and cannot be used, the old content stays: it is not in the MaxMind/,
  );
  t.is(place('81.2.69.1')?.city, 'Leeds');

  replace(mmdb(cities));
  await until(() => place('81.2.69.1')?.city === 'London');
  t.is(place('81.2.69.1')?.city, 'London');
});

test('damage inside a file costs the place of the addresses that it hits, and is counted', (t) => {
  const bytes = mmdb({ ...cities, '93.184.216.0/24': { country: { iso_code: 'US' } } });
  // The map of the last network claims to be a pointer far behind the end of the file.
  const at = bytes.lastIndexOf(Buffer.from('country')) - 2;
  bytes.set([0x38, 0xff, 0xff, 0xff], at);
  const ledger = new Ledger();
  const place = places({ geoip: [file(t, 'city.mmdb', bytes)], ledger });
  t.is(place('93.184.216.34'), undefined);
  t.is(place('81.2.69.1')?.city, 'London');
  t.true((ledger.faults.get('enrich/geoip') ?? 0) > 0);
});
