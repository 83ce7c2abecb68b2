/**
 * What a scan of 100,000 peers over UDP costs the host and the agent: memory of the kernel's tables and of the process before
 * it, when the tables are full, and when all has ended; what was folded; and the scan's own rate beside the agent and alone.
 *
 *   npm run bench:scan -- [--peers 100000] [--sockets 1] [--rounds 5]
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { type Agent, startAgent } from '../test/support/agent.ts';
import { objectsOf } from '../test/support/bpf.ts';
import { built } from '../test/support/compile.ts';
import { withNamespace } from '../test/support/netns.ts';
import { finished, settled } from '../test/support/processes.ts';
import { books } from '../test/support/summary.ts';
import { type LoadResult, pinWatcher } from './lib/loads.ts';
import { readOptions, wholeNumber } from './lib/options.ts';
import { median } from './lib/statistics.ts';

const { values } = readOptions({
  options: {
    peers: { type: 'string', default: '100000' },
    sockets: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '5' },
  },
});
const rounds = wholeNumber('--rounds', values.rounds);
for (const name of ['peers', 'sockets'] as const) wholeNumber(`--${name}`, values[name]);

const command = ['-c', '0', built('bench/storm.c'), 'scan', values.peers, '--sockets', values.sockets];

/** CPU microseconds a datagram. `look` is called when all were sent and the sockets are still open. */
async function scan(look: () => Promise<void> = async () => {}): Promise<number> {
  return withNamespace(async (namespace) => {
    const child = namespace.spawn('taskset', [...command, '--hold', '1'], { stdio: ['pipe', 'pipe', 'inherit'] });
    if (!child.stdout) throw new Error('no stdout');
    const [line] = await once(createInterface({ input: child.stdout }), 'line');
    const done: LoadResult = JSON.parse(line);
    if (done.failed > 0) throw new Error(`${done.failed} datagrams were not sent`);
    await look();
    child.stdin?.end();
    await finished(child);
    return (done.cpuSeconds / done.operations) * 1e6;
  });
}

interface Tables {
  entries: number;
  kibibytes: number;
}

/** As the kernel accounts for them. */
function tables(pid: number): Tables {
  const ids = objectsOf(pid).map;
  const maps: { id: number; name: string; bytes_memlock: number }[] = JSON.parse(
    execFileSync('bpftool', ['-j', 'map', 'show'], { encoding: 'utf8' }),
  );
  const ours = maps.filter(({ id, name }) => ids.has(id) && (name === 'flows' || name === 'flow_sockets'));
  const entries = ours
    .filter(({ name }) => name === 'flows')
    .map(({ id }) => execFileSync('bpftool', ['map', 'dump', 'id', `${id}`], { encoding: 'utf8', maxBuffer: 1 << 30 }))
    .map((text) => Number(/Found (\d+) element/.exec(text)?.[1] ?? (text.match(/"key"/g) ?? []).length));
  return {
    entries: entries.reduce((all, one) => all + one, 0),
    kibibytes: ours.reduce((all, { bytes_memlock }) => all + bytes_memlock / 1024, 0),
  };
}

function residentMebibytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

function line(when: string, { pid }: Agent): void {
  const { entries, kibibytes } = tables(pid);
  const mebibytes = (kibibytes / 1024).toFixed(1);
  console.log(
    `${when}: ${entries} conversations, tables ${mebibytes} MiB, RSS ${residentMebibytes(pid).toFixed(0)} MiB`,
  );
}

async function memory(): Promise<void> {
  const agent = await startAgent(['--format', 'json', '--events', 'close', '--flow-idle', '5s'], { stdout: 'ignore' });
  line('before', agent);
  for (let time = 1; time <= 3; time++)
    await scan(async () => {
      line(`scan ${time}, full`, agent);
      await settled(
        () => tables(agent.pid).entries,
        (entries) => entries < 100,
        60_000,
      );
      line(`scan ${time}, when all were idle`, agent);
    });
  const { summary } = await agent.stop();
  console.log(`${books(summary).records} records; ${/folded [^,]+/.exec(summary)?.[0] ?? 'nothing folded'}`);
}

async function rate(): Promise<void> {
  const ratios: number[] = [];
  let before = await scan();
  for (let round = 0; round < rounds; round++) {
    const agent = await startAgent(['--format', 'json', '--events', 'close'], { stdout: 'ignore' });
    pinWatcher(agent.pid);
    const beside = await scan();
    await agent.stop();
    const after = await scan();
    ratios.push((before + after) / 2 / beside);
    console.log(`CPU a datagram: alone ${after.toFixed(2)} µs, beside the agent ${beside.toFixed(2)} µs`);
    before = after;
  }
  console.log(`datagrams for the same CPU, on/off: ${median(ratios)?.toFixed(3)}`);
}

await memory();
await rate();
