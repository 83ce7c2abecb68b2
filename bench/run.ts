/**
 * What the agent costs and tells, beside what others do, as ratios to a bare run in the same minutes. Slots alternate: alone,
 * beside one, alone, beside the next …; the row "(nothing)" treats a bare slot as a subject: that is the noise, and no figure
 * is finer than it. What each of the others is run with, and does not do, is in lib/peers.
 *
 *   npm run bench -- [--rounds 7] [--n 20000] [--only sockflow,tcplife] [--loads storm,requests]
 */
import { canPin, type Load, loads } from './lib/loads.ts';
import { readOptions, refuse, wholeNumber } from './lib/options.ts';
import { type Findings, nameOf, report } from './lib/report.ts';
import { bareRate, runSlot, type Slot } from './lib/slot.ts';
import type { Subject } from './lib/subject.ts';
import { subjects } from './lib/subjects.ts';

const { values } = readOptions({
  options: {
    rounds: { type: 'string', default: '7' },
    n: { type: 'string', default: '20000' },
    only: { type: 'string', default: '' },
    loads: { type: 'string', default: '' },
  },
});
const rounds = wholeNumber('--rounds', values.rounds);
const connections = wholeNumber('--n', values.n);

/** Those whose names contain one of the words, which may be a whole name with its commas; all without words. */
function chosen<T extends { name: string }>(option: string, list: readonly T[], words: string): T[] {
  const isName = list.some(({ name }) => name === words);
  const wanted = isName ? [words] : words.split(',').filter((word) => word !== '');
  const unknown = wanted.find((word) => !list.some(({ name }) => name.includes(word)));
  const names = list.map(({ name }) => `"${name}"`).join(', ');
  if (unknown) refuse(`${option}: expected parts of names, got ${JSON.stringify(unknown)}; there are ${names}`);
  return list.filter(({ name }) => wanted.length === 0 || wanted.some((word) => name.includes(word)));
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function rotated<T>(list: readonly T[], by: number): T[] {
  const start = list.length === 0 ? 0 : by % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}

function findingsOf(subject: Subject | undefined): Findings {
  const note = subject?.missing() ?? '';
  return { subject, ratios: new Map(), storms: [], bpf: [], failed: note !== '', note };
}

async function measure(findings: Findings, load: Load, operations: number): Promise<number> {
  const { subject } = findings;
  if (!subject) return bareRate(load, operations);
  const slot: Slot = await runSlot(subject, load, operations);
  if (load.kind === 'connections') findings.storms.push(slot);
  if (slot.losses?.count) say(slot.summary);
  if (slot.load.failed > 0) findings.note = `${slot.load.failed} operations failed`;
  return slot.rate;
}

/** Bare before, beside, bare after: the ratio is to the mean of both. Who fails is left out from then on. */
async function compare(all: readonly Findings[], load: Load): Promise<void> {
  const operations = connections * load.factor;
  await bareRate(load, operations); // warms up
  let before = await bareRate(load, operations);
  for (let round = 0; round < rounds; round++) {
    for (const findings of rotated(all, round).filter(({ failed }) => !failed)) {
      const rate = await measure(findings, load, operations).catch((error) => leaveOut(findings, error));
      const after = await bareRate(load, operations);
      if (rate !== undefined) {
        const ratio = (2 * rate) / (before + after);
        findings.ratios.set(load.name, [...(findings.ratios.get(load.name) ?? []), ratio]);
        say(`${load.name}, round ${round + 1}/${rounds}, ${nameOf(findings)}: ${ratio.toFixed(3)}`);
      }
      before = after;
    }
  }
}

function leaveOut(findings: Findings, error: Error): undefined {
  findings.failed = true;
  findings.note = `left out from here on: ${error.message}`;
  say(`${nameOf(findings)}: ${findings.note}`);
}

/** Rounds of their own, since measuring the BPF programs slows them. */
async function measureBpf(all: readonly Findings[], load: Load): Promise<void> {
  for (const findings of all) {
    const { subject, failed } = findings;
    if (!subject?.bpf || failed) continue;
    say(`run time of BPF programs: ${subject.name}`);
    try {
      findings.bpf.push(await runSlot(subject, load, connections * load.factor, true));
    } catch (error) {
      findings.note = `BPF run time unknown: ${(error as Error).message}`;
    }
  }
}

process.setMaxListeners(0); // one for each scratch directory
// So that what exit removes goes away after Ctrl-C, too.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const wantedLoads = chosen('--loads', loads, values.loads);
const all = [undefined, ...chosen('--only', subjects, values.only)].map(findingsOf);
const present = all.filter(({ failed }) => !failed);
if (!canPin()) say('only one CPU: nothing is pinned, ratios say little');
for (const load of wantedLoads) await compare(present, load);
const storm = wantedLoads.find(({ kind }) => kind === 'connections');
if (storm) await measureBpf(present, storm);
console.log(report(all, wantedLoads));
