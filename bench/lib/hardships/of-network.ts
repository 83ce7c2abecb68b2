/** What comes over the network: SYNs of nobody, and datagrams to everybody. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { built } from '../../../test/support/compile.ts';
import { memoryOf } from '../../../test/support/crowd.ts';
import { difference, readCounters } from '../../../test/support/kernel-counters.ts';
import { shell } from '../../../test/support/lab.ts';
import { type Namespace, withNamespace } from '../../../test/support/netns.ts';
import { joinByCable } from '../../../test/support/router.ts';
import { books } from '../../../test/support/summary.ts';
import { type Load, runLoad } from '../loads.ts';
import { cpuOf, peakMemory, subtract, sumOf, untilIdle } from '../measure.ts';
import { runLives } from './lives.ts';
import { bare, type Hardship, judged, RECORDS, type Row, type Scene, untilNormal, withScene } from './rig.ts';

const SYNS = 300_000;
const HONEST = 1000;
const PORT = 7777;
const VICTIM = '10.0.3.2';

interface Flood {
  readonly name: string;
  readonly port: number;
  /** Of net.ipv4.tcp_syncookies: when the queue is full, or always. */
  readonly cookies: 1 | 2;
  readonly events: string;
}

const ENDS = 'close,failed';

const floods: readonly Flood[] = [
  { name: 'SYN flood, open port', port: PORT, cookies: 1, events: ENDS },
  { name: 'SYN flood, always cookies', port: PORT, cookies: 2, events: ENDS },
  { name: 'SYN flood, closed port', port: PORT + 1, cookies: 1, events: ENDS },
  { name: 'SYN flood, closed port, resets told', port: PORT + 1, cookies: 1, events: `${ENDS},reset` },
];

async function flood({ name, port, cookies, events }: Flood): Promise<Row> {
  return withScene({ args: ['--events', events] }, (scene) =>
    withNamespace(async (peer) => {
      await joinByCable(peer, scene.namespace);
      await shell(
        scene.namespace,
        `sysctl -q net.ipv4.tcp_syncookies=${cookies}; ip route add 10.200.0.0/16 via 10.0.3.1`,
      );
      const honest = runLives(scene.namespace, 'connections', HONEST, ['--rate', '100', '--port', `${PORT}`]);
      const paid = await flooded(scene, peer, port);
      const { failed } = await honest;
      const { account, summary, ...found } = await judged(scene);
      const resets = events === ENDS ? undefined : await told(scene, summary);
      const isExact = found.isExact && failed === 0 && (resets?.isExact ?? true);
      const all = [account, paid, resets?.account, `${failed} honest ones failed`].filter((text) => text !== undefined);
      return { name, ratio: undefined, ...found, isExact, account: all.join('; ') };
    }),
  );
}

/** Each reset that the kernel sent was told, or is among what had no room. */
async function told({ namespace, directory }: Scene, summary: string) {
  const kernel = (await readCounters(namespace))['Tcp.OutRsts'] ?? 0;
  const lines = linesOf(directory, /"sockflow\.connection\.reset".*"network\.io\.direction":"transmit"/);
  const sum = totalOf(lines, /"sockflow\.tcp\.reset\.segments":(\d+)/);
  const dropped = Number(/dropped (\d+) events/.exec(summary)?.[1] ?? 0);
  const account = `kernel ${kernel} resets: ${sum} told in ${lines.length} records, ${dropped} dropped`;
  return { account, isExact: kernel === sum + dropped };
}

function linesOf(directory: string, pattern: RegExp): string[] {
  const all = readFileSync(join(directory, RECORDS), 'utf8').split('\n');
  return all.filter((line) => pattern.test(line));
}

/** Of the numbers that `pattern` captures. */
function totalOf(lines: readonly string[], pattern: RegExp): number {
  return lines.reduce((sum, line) => sum + Number(pattern.exec(line)?.[1]), 0);
}

/** What was sent, and what the agent paid for it. */
async function flooded({ namespace, agent }: Scene, peer: Namespace, port: number): Promise<string> {
  const before = { cpu: cpuOf(agent.pid), memory: memoryOf(agent.pid).now, kernel: await readCounters(namespace) };
  const program = built('test/workloads/syn-flood.c');
  const { sent, seconds } = JSON.parse(await peer.run(program, [VICTIM, `${port}`, `${SYNS}`]));
  await untilIdle([agent.pid], 5000);
  const kernel = difference(before.kernel, await readCounters(namespace));
  if (kernel['Tcp.InCsumErrors'] || !(kernel['TcpExt.SyncookiesSent'] || (kernel['Tcp.OutRsts'] ?? 0) > SYNS / 2))
    throw new Error(`no flood: ${JSON.stringify(kernel)}`);
  const cpu = sumOf(subtract(cpuOf(agent.pid), before.cpu)) / 1e9;
  const answered = `${kernel['TcpExt.SyncookiesSent'] ?? 0} cookies, ${kernel['Tcp.OutRsts'] ?? 0} resets`;
  const paid = `agent ${((100 * cpu) / seconds).toFixed(1)} % of a CPU, ${memoryOf(agent.pid).now - before.memory} MiB more`;
  return `${sent} SYNs at ${Math.round(sent / seconds)}/s (${answered}): ${paid}`;
}

/** 65,535 ports of ten hosts, by one socket: a scan of more takes longer than a load may. */
const PEERS = 65_535 * 10;
const scanLoad: Load = { name: 'scan', unit: 'peers', kind: 'scan', pinned: false, factor: 1 };
const runScan = (namespace: Namespace) => runLoad(namespace, scanLoad, PEERS);

async function scan(name: string): Promise<Row> {
  const before = await bare(runScan);
  const { rate, ...found } = await withScene({ args: ['--events', 'close'] }, scanned);
  const after = await bare(runScan);
  return { name, ...found, ratio: (2 * rate) / (before + after) };
}

async function scanned(scene: Scene) {
  const { namespace, agent, directory } = scene;
  const before = await readCounters(namespace);
  const { operations, seconds } = await runScan(namespace);
  const kernel = difference(before, await readCounters(namespace))['Udp.OutDatagrams'] ?? 0;
  const recovery = await untilNormal(scene);
  const memory = peakMemory(agent.pid);
  const { summary } = await agent.stop();
  const { lost } = books(summary);
  const flows = linesOf(directory, /"sockflow\.flow\.close"/);
  const sent = totalOf(flows, /"sockflow\.connection\.sent\.packets":(\d+)/);
  const folded = /folded \d+/.exec(summary)?.[0] ?? 'folded 0';
  const account = `kernel ${kernel} datagrams: ${sent} in ${flows.length} conversations, ${folded}, lost ${JSON.stringify(lost)}`;
  return {
    rate: operations / seconds,
    recovery,
    memory,
    account,
    isExact: kernel === sent && Object.keys(lost).length === 0,
  };
}

export const ofNetwork: readonly Hardship[] = [
  ...floods.map((each) => ({ name: each.name, run: () => flood(each) })),
  { name: 'UDP scan', run: () => scan('UDP scan') },
];
