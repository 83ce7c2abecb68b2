/** `sockflow top`: the table on a terminal, or printed once. */
import { isatty } from 'node:tty';
import pc from 'picocolors';
import type { Options } from '../cli/options.ts';
import { UsageError } from '../errors.ts';
import { createStdout } from '../export/stdout.ts';
import { isUtf8Locale } from '../export/text/layout.ts';
import { watchColumns } from '../export/text.ts';
import { parseFilter } from '../filter/parse.ts';
import { Ledger } from '../ledger.ts';
import type { Callbacks, CreateOutputs } from '../pipeline.ts';
import { createTopExporter, type TopExporter } from './exporter.ts';
import { createHeld } from './held.ts';
import { itemsOf } from './items.ts';
import { type Live, openLiveView } from './live.ts';
import { firstState, type Snapshot } from './state.ts';
import { topSymbols } from './symbols.ts';
import { formatOnce, type ViewStyle } from './view.ts';

export interface Top {
  /** For the lines that the agent says about itself. */
  readonly write: (line: string) => void;
  readonly outputs: CreateOutputs;
  /** Everything is attached. */
  begin(callbacks: Callbacks): void;
  /** The terminal is as it was. Idempotent. */
  close(): void;
}

/** Throws a UsageError where there is no terminal to draw on. `filter`: as it was typed. */
export function createTop(options: Options, filter: string, writeLine: (line: string) => void): Top {
  if (!options.once) checkTerminal();
  const held = createHeld(writeLine);
  const given = {
    grouping: options.group,
    order: { by: options.sort, isReversed: false },
    filterText: filter,
    filter: filter === '' ? undefined : parseFilter(filter),
  };
  let exporter: TopExporter | undefined;
  let style: ViewStyle | undefined;
  let live: Live | undefined;
  let onSnapshot: (snapshot: Snapshot) => void = () => {};
  const close = (): void => {
    live?.close();
    held.release();
  };

  const openLive = (first: Snapshot, shown: ViewStyle, { onEnd, onOutputLost }: Callbacks): Live => {
    const opened = openLiveView({
      first,
      state: firstState(given),
      style: shown,
      onQuit: () => {
        // The end may take a while; the terminal is its owner's at once.
        close();
        onEnd();
      },
      onLost: () => onOutputLost('stdout_closed'),
    });
    if (isatty(2)) held.hold((line) => opened.say(line.replace(/^sockflow: /, '')));
    return opened;
  };
  return {
    write: held.write,
    outputs: (context) => {
      style = styleFor(context.host.name, options.interval);
      exporter = createTopExporter(context, (snapshot) => onSnapshot(snapshot), close);
      return [exporter];
    },
    begin(callbacks) {
      if (!exporter || !style) return;
      const shown = style;
      const first = exporter.start();
      if (options.once) {
        onSnapshot = (snapshot) => void printOnce(snapshot, given, shown, callbacks);
      } else {
        live = openLive(first, shown, callbacks);
        onSnapshot = live.show;
      }
    },
    close,
  };
}

function checkTerminal(): void {
  const missing = [...(isatty(0) ? [] : ['stdin']), ...(isatty(1) ? [] : ['stdout'])];
  if (missing.length > 0) throw noTerminal(`${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} none`);
  const { TERM = '' } = process.env;
  if (TERM === '' || TERM === 'dumb') throw noTerminal(`TERM is ${TERM || 'not set'}, on which nothing can be drawn`);
}

function noTerminal(why: string): UsageError {
  return new UsageError(`top expects a terminal to draw on and to read keys from; ${why}: add --once for one table`);
}

function styleFor(hostName: string, interval: number): ViewStyle {
  const { env } = process;
  const colors = pc.createColors(isatty(1) && !env.NO_COLOR && env.TERM !== 'dumb');
  return { symbols: topSymbols(isUtf8Locale(env)), colors, hostName, interval };
}

async function printOnce(
  snapshot: Snapshot,
  given: Parameters<typeof firstState>[0],
  style: ViewStyle,
  { onEnd, onOutputLost }: Callbacks,
): Promise<void> {
  const state = firstState(given);
  const lines = formatOnce(snapshot, itemsOf(snapshot.rows, state), state, watchColumns()(), style);
  // Lines of a table are no records.
  const stdout = createStdout({ ledger: new Ledger(), onLost: onOutputLost });
  stdout.write(lines.map((line) => `${line}\n`));
  await stdout.shutdown(performance.now() + 10_000);
  onEnd();
}
