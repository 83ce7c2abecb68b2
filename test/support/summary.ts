/** The agent's last line, as numbers. */

export interface Books {
  records: number;
  opened: number;
  closed: number;
  live: number;
  sent: number;
  unsent: number;
  /** By `stage reason`. */
  lost: Readonly<Record<string, number>>;
}

const LINE =
  /^sockflow: (\d+) records \(opened (\d+), closed (\d+), live (\d+)\), sent (\d+), unsent (\d+), lost (\d+)(?: \((.+?)\))?(?:, lost \d+ (?:spans|metric points) \(.+?\))*(?:, dropped [^,]+)?(?:, late ends \d+)?(?:, folded [^,]+)?(?:, \d+ without their container's name)?(?:, faults \d+ \(.+?\))?$/;

export function books(summary: string): Books {
  const [, ...parts] = LINE.exec(summary) ?? [];
  if (parts.length === 0) throw new Error(`not a summary line: ${summary}`);
  const [records = 0, opened = 0, closed = 0, live = 0, sent = 0, unsent = 0] = parts.slice(0, 6).map(Number);
  const reasons = parts[7]?.split(', ') ?? [];
  const lost = Object.fromEntries(
    reasons.map((reason) => {
      const at = reason.lastIndexOf(' ');
      return [reason.slice(0, at), Number(reason.slice(at + 1))];
    }),
  );
  return { records, opened, closed, live, sent, unsent, lost };
}
