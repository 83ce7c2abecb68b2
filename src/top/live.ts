/** The live view: draws the table at the end of each interval and at each key. */
import { type Item, itemsOf } from './items.ts';
import { createKeyReader, type Key } from './keys.ts';
import { press, settle } from './press.ts';
import { openScreen } from './screen.ts';
import type { Snapshot, State } from './state.ts';
import { formatScreen, tableHeight, type ViewStyle } from './view.ts';

export interface Live {
  show(snapshot: Snapshot): void;
  /** For the line at the bottom, until a key is pressed. */
  say(line: string): void;
  /** The terminal is as it was. Idempotent. */
  close(): void;
}

export interface LiveOptions {
  readonly first: Snapshot;
  readonly state: State;
  readonly style: ViewStyle;
  readonly onQuit: () => void;
  readonly onLost: () => void;
}

export function openLiveView({ first, state: given, style, onQuit, onLost }: LiveOptions): Live {
  let state = given;
  let latest = first;
  /** What is seen; not the latest one while it is paused. */
  let seen = first;
  let message: string | undefined;

  const itemsNow = (): readonly Item[] => itemsOf(seen.rows, state);
  const draw = (): void => {
    const size = screen.size();
    const items = itemsNow();
    state = settle(state, { items, height: tableHeight(size) });
    screen.draw(formatScreen(seen, items, state, size, style, message));
  };
  /** False: what is seen is not to be drawn any more. */
  const take = (key: Key): boolean => {
    const size = screen.size();
    const height = tableHeight(size);
    const result = press(state, key, { items: itemsNow(), height, columns: size.columns });
    if (result === 'quit') onQuit();
    if (result === 'suspend') screen.suspend(true);
    if (typeof result === 'string') return false;
    state = result;
    if (!state.isPaused) seen = latest;
    // The next key may have come with this one, and means the lines as they stand by then.
    state = settle(state, { items: itemsNow(), height });
    return true;
  };
  const onText = createKeyReader((keys) => {
    message = undefined;
    if (keys.every(take)) draw();
  });
  const screen = openScreen({ onText, onResize: draw, onLost });
  draw();
  return {
    show(snapshot) {
      latest = snapshot;
      if (state.isPaused) return;
      seen = snapshot;
      draw();
    },
    say(line) {
      message = line;
      draw();
    },
    close: screen.close,
  };
}
