/** The straight line through points, by least squares. */

export type Point = readonly [x: number, y: number];

export interface Line {
  readonly slope: number;
  /** At zero. */
  readonly offset: number;
  /** How much of what differs it explains: 1 is all. */
  readonly fit: number;
}

export function lineThrough(points: readonly Point[]): Line {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(points.map((point) => point[0])), mean(points.map((point) => point[1]))];
  const sum = (of: (point: Point) => number) => points.reduce((total, point) => total + of(point), 0);
  const slope = sum((point) => (point[0] - x) * (point[1] - y)) / sum((point) => (point[0] - x) ** 2);
  const offset = y - slope * x;
  const rest = sum((point) => (point[1] - offset - slope * point[0]) ** 2);
  return { slope, offset, fit: 1 - rest / sum((point) => (point[1] - y) ** 2) };
}
