/** The command lines of libebpfflow's tool, ebpflowexport, select what they selected there. (`-z`: ntopng.test.ts.) */
import test from 'ava';
import { type Agent, attribute, type JsonRecord, spawnAgent, startAgent } from '../support/agent.ts';
import { boundDatagramSocket, datagramSocket } from '../support/flows.ts';
import { type Lab, watching, withLab } from '../support/lab.ts';
import { result } from '../support/processes.ts';
import { connected } from '../support/sockets.ts';

const accepted = ['tcp server open'];
const connects = ['tcp client open', 'tcp client failed'];
const closes = ['tcp client close', 'tcp server close'];
const sentAgain = ['tcp client retransmit'];
const tcp = [...accepted, ...connects, ...closes, ...sentAgain];
const udpIn = ['udp server close'];
const udpOut = ['udp client close'];
const all = [...tcp, ...udpIn, ...udpOut];

const lines: Readonly<Record<string, readonly string[]>> = {
  '': all,
  '-t': tcp,
  '-u': [...udpIn, ...udpOut],
  '-i': [...accepted, ...udpIn],
  '-o': [...connects, ...udpOut],
  '-r': sentAgain,
  '-c': [...closes, ...udpIn, ...udpOut],
  '-d': all,
  '-v': all,
  '-tio': [...accepted, ...connects],
  '--tcp --retr --tcpclose': [...closes, ...sentAgain],
  '--udp --in --on': [...udpIn, ...udpOut],
  '--tcp --udp --in --on --retr --tcpclose --docker --verbose': all,
};

/** Each kind of event that the tool knew; a SYN is lost, and sent again. */
async function makeTraffic({ client, server, drop, pass }: Lab, seesAll: Agent): Promise<void> {
  const pair = await connected(client, server);
  await client.do('close', pair.client);
  await server.do('drain', pair.server);
  await server.do('close', pair.server);
  const echo = await boundDatagramSocket(server);
  const fd = await datagramSocket(client);
  await client.do('send-datagram', fd, 11, '127.0.0.1', echo.port);
  await server.do('take-datagrams', echo.fd, 1, 22);
  await client.do('take-datagrams', fd, 1);
  await client.errno('connect', await client.socket('127.0.0.1'), '127.0.0.1', 9);
  await drop();
  const lost = await client.socket('127.0.0.1', { nonblocking: true });
  await client.errno('connect', lost, '127.0.0.1', 9);
  await seesAll.waitFor('a retransmission', (records) => records.some((record) => kindOf(record) === sentAgain[0]));
  await client.do('close', lost);
  await pass();
  await client.exit();
  await server.exit();
}

function kindOf(record: JsonRecord): string {
  const of = (name: string) => attribute(record, name);
  return `${of('network.transport')} ${of('sockflow.connection.role')} ${record.event_name.replace(/.*\./, '')}`;
}

test.serial('each line selects what it selected', async (t) => {
  await withLab(t, async (lab) => {
    const agents = new Map<string, Agent>();
    t.teardown(() => Promise.all([...agents.values()].map((agent) => agent.kill9())));
    for (const line of Object.keys(lines))
      agents.set(line, await startAgent(watching(lab.namespace, ...line.split(' ').filter(Boolean))));
    await makeTraffic(lab, agents.get('') as Agent);
    const seen = new Map<string, string[]>();
    for (const [line, agent] of agents) {
      const { code, records } = await agent.stop();
      t.is(code, 0);
      seen.set(line, [...new Set(records.map(kindOf))].toSorted());
    }
    const expected = Object.entries(lines).map(([line, kinds]) => [line, kinds.toSorted()] as const);
    t.deepEqual(seen, new Map(expected));
  });
});

for (const line of ['-h', '--help'])
  test(`${line} shows the options, the ancestor's among them, and 0`, async (t) => {
    const { code, stdout, stderr } = await result(spawnAgent([line]));
    t.is(code, 0);
    t.is(stderr, '');
    for (const option of [
      '-t, --tcp',
      '-u, --udp',
      '-i, --in',
      '-o, --out',
      '-r, --retransmits',
      '-c, --close',
      '-z, --zmq',
    ])
      t.true(stdout.includes(option), option);
  });
