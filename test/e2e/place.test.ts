/** Names of networks and places of public peers, from what the user gave. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { attribute, type JsonRecord, spawnAgent, withAgent, within } from '../support/agent.ts';
import { type Lab, ofEnd, watching, withLab } from '../support/lab.ts';
import { mmdb } from '../support/mmdb.ts';
import { result } from '../support/processes.ts';
import { connected } from '../support/sockets.ts';
import { temporaryDirectory } from '../support/temporary.ts';

async function exchangeAt(lab: Lab, address: string): Promise<number> {
  const pair = await connected(lab.client, lab.server, address);
  await lab.client.do('close', pair.client);
  await lab.server.do('drain', pair.server);
  await lab.server.do('close', pair.server);
  return pair.port;
}

const names = [
  'sockflow.peer.network.name',
  'network.peer.as.number',
  'network.peer.as.organization',
  'geo.country.iso_code',
  'geo.locality.name',
];

function placeOf(record: JsonRecord | undefined): unknown[] {
  return names.map((name) => record && attribute(record, name));
}

test.serial('a peer has the name of its network, and a public one the place that the files know', async (t) => {
  const directory = temporaryDirectory(t);
  const [cities, systems] = [join(directory, 'city.mmdb'), join(directory, 'asn.mmdb')];
  writeFileSync(
    cities,
    mmdb({ '81.2.69.0/24': { country: { iso_code: 'GB' }, city: { names: { en: 'London' } } }, '127.0.0.0/8': {} }),
  );
  const arnold = { autonomous_system_number: 20712, autonomous_system_organization: 'Andrews & Arnold' };
  writeFileSync(systems, mmdb({ '81.2.69.0/24': arnold }, 'GeoLite2-ASN'));
  await withLab(t, async (lab) => {
    await lab.sh('ip address add 81.2.69.142/32 dev lo; ip address add 2001:db8::7/128 dev lo');
    const options = ['--cidr-name', '81.0.0.0/8=world', '--cidr-name', '81.2.69.142=branch', '--cidr-name', '::/0=six'];
    const files = ['--geoip', cities, '--geoip', systems];
    await withAgent(watching(lab.namespace, '--events', 'close', ...options, ...files), async (agent) => {
      const ports = [
        await exchangeAt(lab, '81.2.69.142'),
        await exchangeAt(lab, '2001:db8::7'),
        await exchangeAt(lab, '127.0.0.1'),
      ];
      await agent.waitForEnds(lab.namespace, 6);
      const records = within(lab.namespace, (await agent.stop()).records);
      const [branch, six, local] = ports.map((port) => placeOf(ofEnd(records, 'client', port)[0]));
      t.deepEqual(branch, ['branch', 20712, 'Andrews & Arnold', 'GB', 'London']);
      t.deepEqual(six, ['six', undefined, undefined, undefined, undefined]);
      t.deepEqual(local, [undefined, undefined, undefined, undefined, undefined]);
    });
  });
});

test.serial('a file that cannot be used is one clear line and exit code 1', async (t) => {
  const { code, stdout, stderr } = await result(spawnAgent(['--geoip', '/etc/hostname']));
  t.is(code, 1);
  t.is(stdout, '');
  t.regex(
    stderr,
    /^sockflow: cannot start: --geoip \/etc\/hostname: it is not in the MaxMind format; give a \.mmdb file.*\n$/,
  );
});
