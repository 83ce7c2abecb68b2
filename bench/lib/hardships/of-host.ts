/** What befalls the host: processes, network namespaces and cgroups by the thousand. */
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { built } from '../../../test/support/compile.ts';
import { books } from '../../../test/support/summary.ts';
import { peakMemory } from '../measure.ts';
import { makeCgroup, runLives } from './lives.ts';
import { endure, type Hardship, hasLines, RECORDS, type Row, type Scene, untilNormal, withScene } from './rig.ts';

const PROCESSES = 20_000;
const NAMESPACES = 1000;
const CGROUPS = 1000;
/** Of each namespace and cgroup. */
const LIFE = ['--parallel', '16', '--life', '50'];

async function cgroups(name: string): Promise<Row> {
  const { directory, remove } = makeCgroup('hardship');
  try {
    const args = [...LIFE, '--directory', directory];
    return await endure({ name, load: (namespace) => runLives(namespace, 'cgroups', CGROUPS, args) });
  } finally {
    remove();
  }
}

/** Others' connections are seen, too, but not printed. */
async function namespaces(name: string): Promise<Row> {
  return withScene({ args: ['--tcp', '--filter', 'proc=*lives'], seesAll: true }, async (scene) => {
    const file = join(scene.directory, 'own-lives');
    copyFileSync(built('test/workloads/lives.c'), file);
    await runLives(scene.namespace, 'namespaces', NAMESPACES, LIFE, file);
    await hasLines(join(scene.directory, RECORDS), new RegExp(file), 2 * NAMESPACES);
    const recovery = await untilNormal(scene);
    return { name, ratio: undefined, recovery, ...(await owned(scene, file)) };
  });
}

/** Both ends of each have the owner, and no two share a namespace; inode numbers come again soon, so they are not counted. */
async function owned({ agent, directory }: Scene, file: string) {
  const memory = peakMemory(agent.pid);
  const { lost } = books((await agent.stop()).summary);
  const lines = readFileSync(join(directory, RECORDS), 'utf8').trim().split('\n');
  const own = lines
    .map((line) => JSON.parse(line))
    .filter(({ resource }) => resource['process.executable.path'] === file);
  const losses = Object.entries(lost).map(([reason, count]) => `${count} ${reason}`);
  const account = `lives ${2 * NAMESPACES}: ${own.length} with their owner; lost of all of the host ${losses.join(', ') || 0}`;
  return { memory, account, isExact: own.length === 2 * NAMESPACES };
}

export const ofHost: readonly Hardship[] = [
  {
    name: `${PROCESSES} processes`,
    run: () =>
      endure({
        name: `${PROCESSES} processes`,
        load: (namespace) => runLives(namespace, 'processes', PROCESSES, ['--parallel', '16']),
      }),
  },
  { name: `${NAMESPACES} network namespaces`, run: () => namespaces(`${NAMESPACES} network namespaces`) },
  { name: `${CGROUPS} cgroups`, run: () => cgroups(`${CGROUPS} cgroups`) },
];
