/** The ZeroMQ library, loaded only when it is asked for, and a socket of it as the bridge needs it. */
import type { XPublisher } from 'zeromq';
import { StartError } from '../../errors.ts';
import type { Endpoint } from './endpoint.ts';

type Library = typeof import('zeromq');

/** Throws StartError where there is no library for this machine. */
export async function loadZeroMq(): Promise<Library> {
  try {
    const { default: library } = await import('zeromq');
    return library;
  } catch (error) {
    throw new StartError(
      `--zmq needs the ZeroMQ library, which cannot be loaded (${firstLine(error)})`,
      'install the npm package zeromq for this machine, or start without --zmq',
      { cause: error },
    );
  }
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n')[0] ?? '';
}

/** Milliseconds: how often a silent subscriber is asked for a sign of life, and after how long it is given up. */
const HEARTBEAT = { interval: 10_000, timeout: 30_000 };
/** Milliseconds between attempts to connect. */
const RECONNECT = { first: 200, longest: 2_000 };

/**
 * A socket that says no when a subscriber has no room, instead of dropping for it, and that tells of each that comes and
 * goes. It keeps one message for each: what waits, waits with us, where it is counted. Throws an Error when it can't be
 * bound.
 */
export async function openSocket(
  { XPublisher, curveKeyPair }: Library,
  { address, connects }: Endpoint,
  serverKey: string | undefined,
): Promise<XPublisher> {
  const socket = new XPublisher({
    noDrop: true,
    verbosity: 'allSubsUnsubs',
    sendHighWaterMark: 1,
    // An attempt is made at once, and succeeds or fails.
    sendTimeout: 0,
    receiveTimeout: 0,
    linger: 0,
    ipv6: true,
    heartbeatInterval: HEARTBEAT.interval,
    heartbeatTimeout: HEARTBEAT.timeout,
    // One that is there and takes nothing, too.
    tcpMaxRetransmitTimeout: HEARTBEAT.timeout,
    reconnectInterval: RECONNECT.first,
    reconnectMaxInterval: RECONNECT.longest,
    ...(serverKey !== undefined && curveOptions(curveKeyPair(), serverKey)),
  });
  try {
    if (connects) socket.connect(address);
    else await socket.bind(address);
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/** ntopng is the server of the encryption, whoever listens; it takes any client. */
function curveOptions({ publicKey, secretKey }: { publicKey: string; secretKey: string }, curveServerKey: string) {
  return { curveServerKey, curvePublicKey: publicKey, curveSecretKey: secretKey };
}
