/** The name that was probably meant. */

/** Undefined when nothing is near enough to be worth a question. */
export function nearest(typed: string, names: readonly string[]): string | undefined {
  const begun = names.filter((name) => typed.length >= 3 && name.startsWith(typed));
  if (begun.length === 1) return begun[0];
  const limit = Math.min(3, Math.max(1, Math.floor(typed.length / 3)));
  const ranked = names.map((name) => ({ name, distance: distance(typed.slice(0, 64), name) }));
  ranked.sort((a, b) => a.distance - b.distance);
  return ranked[0] && ranked[0].distance <= limit ? ranked[0].name : undefined;
}

/** Insertions, deletions, replacements and swaps of neighbours between two words. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) row.push(cheapest(a, b, i, j, row, previous, before));
    before = previous;
    previous = row;
  }
  return previous[b.length] ?? 0;
}

function cheapest(a: string, b: string, i: number, j: number, row: number[], previous: number[], before: number[]) {
  const at = (cells: number[], index: number) => cells[index] ?? Number.POSITIVE_INFINITY;
  const replaced = at(previous, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
  const swapped = i > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(before, j - 2) + 1 : replaced;
  return Math.min(replaced, swapped, at(previous, j) + 1, at(row, j - 1) + 1);
}
