/** Waits for what a test wants to hold, looked at when something has changed and at no other time. */
export interface Conditions {
  /** Something is not as it was. */
  changed(): void;
  /** Resolves when `holds`, now or after some change. */
  until(holds: () => boolean): Promise<void>;
}

export function createConditions(): Conditions {
  const waiting = new Set<() => void>();
  return {
    changed() {
      for (const check of waiting) check();
    },
    until: (holds) =>
      new Promise<void>((resolve) => {
        const check = () => {
          if (!holds()) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
  };
}
