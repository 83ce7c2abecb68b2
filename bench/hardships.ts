/**
 * What can befall an agent and its host, one after the other: what the host's load pays, how much memory it takes, whether
 * each end that the kernel counted is a record or a loss, and how soon all is normal. Fails when an account is not exact, or
 * an agent does not recover by itself.
 *
 *   npm run bench:hardships -- [NAME …]     those whose names contain one of the words
 */
import { ofAgent } from './lib/hardships/of-agent.ts';
import { ofHost } from './lib/hardships/of-host.ts';
import { ofNetwork } from './lib/hardships/of-network.ts';
import { type Hardship, type Row, sayRow } from './lib/hardships/rig.ts';

const words = process.argv.slice(2);
const all: readonly Hardship[] = [...ofAgent, ...ofHost, ...ofNetwork];
const chosen = all.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
if (chosen.length === 0) {
  console.error(
    `no hardship named ${words.join(' or ')}: expected a part of ${all.map(({ name }) => name).join(' | ')}`,
  );
  process.exit(2);
}
process.setMaxListeners(0);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const rows: Row[] = [];
for (const hardship of chosen) {
  try {
    rows.push(await hardship.run());
    sayRow(hardship.name, JSON.stringify(rows.at(-1)));
  } catch (error) {
    sayRow(hardship.name, `FAILED: ${(error as Error).stack}`);
    process.exitCode = 1;
  }
}

const cells = ({ name, ratio, memory, account, isExact, recovery }: Row) => [
  name,
  ratio === undefined ? '–' : ratio.toFixed(2),
  memory.toFixed(0),
  account,
  isExact ? 'exact' : 'DIFFERS',
  recovery === undefined ? 'NEVER' : recovery.toFixed(1),
];
const head = ['hardship', 'load on/off', 'peak MiB', 'ends', 'account', 'normal after s'];
for (const line of [head, head.map(() => '---'), ...rows.map(cells)]) console.log(`| ${line.join(' | ')} |`);
if (rows.some(({ isExact, recovery }) => !isExact || recovery === undefined)) process.exitCode = 1;
