/** What a service manager is told (sd_notify(3)), where there is one: ready, stopping, and that the event loop turns. */

export interface Service {
  /** `status`: a line about what is watched. */
  ready(status: string): void;
  stopping(): void;
}

/** `send` gives a text to the socket; it may fail, about which nothing can be done. */
export function createService(
  env: NodeJS.ProcessEnv,
  send: (socket: string, text: string) => boolean,
): Service | undefined {
  const socket = env.NOTIFY_SOCKET;
  if (!socket) return undefined;
  const interval = watchdogInterval(env);
  let timer: NodeJS.Timeout | undefined;
  return {
    ready(status) {
      send(socket, `READY=1\nSTATUS=${status.replaceAll('\n', ' ')}\n`);
      if (interval !== undefined) timer = setInterval(() => send(socket, 'WATCHDOG=1\n'), interval).unref();
    },
    stopping() {
      clearInterval(timer);
      send(socket, 'STOPPING=1\n');
    },
  };
}

/** Milliseconds: half of what is allowed, so that one that comes late does no harm. */
function watchdogInterval({ WATCHDOG_USEC, WATCHDOG_PID }: NodeJS.ProcessEnv): number | undefined {
  const allowed = Number(WATCHDOG_USEC);
  const isOurs = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === process.pid;
  return isOurs && allowed > 0 ? allowed / 2_000 : undefined;
}
