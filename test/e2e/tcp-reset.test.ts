/** Reset events: as many as the kernel counts, those that belong to no connection included. */
import test from 'ava';
import { type Agent, attribute, type JsonRecord, withAgent } from '../support/agent.ts';
import { built } from '../support/compile.ts';
import { difference, readCounters } from '../support/kernel-counters.ts';
import { allEnded, type Lab, shell, watching, withLab } from '../support/lab.ts';
import { withNamespace } from '../support/netns.ts';
import { joinByCable } from '../support/router.ts';
import { connected } from '../support/sockets.ts';

/** `transmit no_socket 9 -`: direction, reason, local port and owner. */
function told(record: JsonRecord): string {
  const of = (name: string) => attribute(record, name) ?? '-';
  return [
    of('network.io.direction'),
    of('sockflow.tcp.reset.reason'),
    of('network.local.port'),
    of('process.pid'),
  ].join(' ');
}

async function resets(agent: Agent, lab: Lab, sent: number): Promise<string[]> {
  const before = (await readCounters(lab.namespace))['Tcp.OutRsts'];
  await agent.waitFor('the resets', (all) => all.filter((r) => told(r).startsWith('transmit')).length >= sent);
  return [before === sent ? '' : `OutRsts is ${before}`, ...agent.records().map(told)].filter((line) => line !== '');
}

for (const [family, address] of [
  ['IPv4', '127.0.0.1'],
  ['IPv6', '::1'],
] as const) {
  test.serial(`a connect to a closed port: a reset of nobody, and one that the client got (${family})`, async (t) => {
    await withLab(t, async (lab) => {
      await withAgent(watching(lab.namespace, '--events', 'reset'), async (agent) => {
        const fd = await lab.client.socket(address);
        t.is(await lab.client.errno('connect', fd, address, 9), 111);
        const [sent, received = '', ...more] = await resets(agent, lab, 1);
        t.is(sent, 'transmit no_socket 9 -');
        t.regex(received, new RegExp(`^receive - \\d+ ${lab.client.pid}$`));
        t.deepEqual(more, []);
      });
    });
  });

  test.serial(`a segment for a connection that has gone: a reset of nobody (${family})`, async (t) => {
    await withLab(t, async (lab) => {
      await withAgent(watching(lab.namespace, '--events', 'reset'), async (agent) => {
        const before = await readCounters(lab.namespace);
        const pair = await connected(lab.client, lab.server, address);
        await lab.server.do('close', pair.listener);
        await lab.client.do('linger', pair.client, 0);
        await lab.drop(`tcp dport ${pair.port}`); // nor does its reset arrive
        await lab.client.do('close', pair.client);
        await lab.pass();
        await lab.server.do('send', pair.server, 10);
        await agent.waitFor('the resets', (all) => all.length >= 3);
        t.is(await allEnded(lab.namespace), '');
        const kernel = difference(before, await readCounters(lab.namespace));
        const { records } = await agent.stop();
        const lines = records.map((record) => told(record).replace(/ \d+ (?=-$)/, ' port '));
        t.is(lines.filter((line) => line.startsWith('transmit')).length, kernel['Tcp.OutRsts'] ?? -1);
        const [first = '', ...others] = lines;
        t.regex(first, new RegExp(`^transmit \\S+ \\d+ ${lab.client.pid}$`));
        t.deepEqual(others, ['transmit no_socket port -', `receive - ${pair.port} ${lab.server.pid}`]);
      });
    });
  });
}

const SYNS = 20_000;
const VICTIM = '10.0.3.2';
const PORT = 9;

test.serial(
  'a flood of SYNs at a closed port: as many resets as the kernel counts, most of them in few records',
  async (t) => {
    await withNamespace(async (namespace) => {
      await withNamespace(async (attacker) => {
        await joinByCable(attacker, namespace);
        await shell(namespace, 'ip route add 10.200.0.0/16 via 10.0.3.1');
        await withAgent(watching(namespace, '--events', 'reset'), async (agent) => {
          const before = await readCounters(namespace);
          // Two, so that several CPUs count at once.
          const flood = () => attacker.run(built('test/workloads/syn-flood.c'), [VICTIM, `${PORT}`, `${SYNS / 2}`]);
          await Promise.all([flood(), flood()]);
          const { records } = await agent.stop();
          const sent = difference(before, await readCounters(namespace))['Tcp.OutRsts'] ?? 0;
          const segments = (record: JsonRecord) => Number(attribute(record, 'sockflow.tcp.reset.segments'));
          const many = records.filter((record) => segments(record) > 1);
          t.true(sent > SYNS / 2, `no flood: ${sent}`);
          t.is(
            records.reduce((sum, record) => sum + segments(record), 0),
            sent,
          );
          t.true(many.length > 0 && records.length < sent / 10, `${records.length} records of ${sent} resets`);
          for (const record of many) {
            t.is(told(record), `transmit no_socket ${PORT} -`);
            t.is(attribute(record, 'network.local.address'), VICTIM);
            t.is(attribute(record, 'network.peer.address'), undefined);
          }
        });
      });
    });
  },
);
