/**
 * What a kernel hides from programs (docs/decisions/0005), as agents tell of it. Benches read what agents say, too, so nothing of
 * the test runner is here.
 */
let hidden = 0;

/** How many lines have told of ends that were hidden. */
export function hiddenSoFar(): number {
  return hidden;
}

/** Every line that an agent says, on either output: it counts when it tells of ends that were hidden. */
export function noteHidden(line: string): void {
  if (/kernel missed_event|, late ends |"sockflow\.connection\.close\.late":true/.test(line)) hidden++;
}
