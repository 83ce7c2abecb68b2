/** Rows of docs/outcomes.md where nobody answers any more, or nobody waits for the answer. */
import type { Lab } from '../support/lab.ts';
import { cause, errno, nothingElse, theEnd } from '../support/outcomes.ts';
import { connected, option, READABLE } from '../support/sockets.ts';

const { ETIMEDOUT } = errno;
const SHUT_RDWR = 2;

// ---------------------------------------------------------------- nobody answers any more

/** The end that still believes in the connection learns of its end by a reset. */
async function awaken(lab: Lab, fd: number): Promise<void> {
  await lab.pass();
  await lab.server.do('send', fd, 1);
  await lab.server.do('poll', fd, READABLE);
  await lab.server.do('close', fd);
}

cause('keepalive finds nobody: timeout', async (lab, _, t) => {
  const pair = await connected(lab.client, lab.server);
  await lab.client.do('option', pair.client, ...option.keepIdle, 1);
  await lab.client.do('option', pair.client, ...option.keepInterval, 1);
  await lab.client.do('option', pair.client, ...option.keepCount, 1);
  await lab.client.do('option', pair.client, ...option.keepalive, 1);
  await lab.drop();
  t.is(await lab.client.errno('receive', pair.client, 1), ETIMEDOUT);
  await awaken(lab, pair.server);
  return ['client close timeout timed_out 0/0', 'server close reset_remote connection_reset 1/0'];
});

cause('data is not acknowledged within TCP_USER_TIMEOUT: timeout', async (lab, _, t) => {
  const pair = await connected(lab.client, lab.server);
  await lab.client.do('option', pair.client, ...option.userTimeout, 300);
  await lab.drop();
  await lab.client.do('send', pair.client, 40);
  t.is(await lab.client.errno('receive', pair.client, 1), ETIMEDOUT);
  await awaken(lab, pair.server);
  return ['client close timeout timed_out 40/0', 'server close reset_remote connection_reset 1/0'];
});

cause('an orphaned socket gives up: timeout, of the process that has gone', async (lab) => {
  await lab.sh('sysctl -q net.ipv4.tcp_orphan_retries=1');
  const pair = await connected(lab.client, lab.server);
  await lab.drop();
  await lab.client.do('send', pair.client, 40);
  await lab.client.exit();
  await theEnd();
  await awaken(lab, pair.server);
  return ['client close timeout timed_out 40/0', 'server close reset_remote connection_reset 1/0'];
});

cause('an orphaned socket whose peer resets it: reset_remote, of the process that has gone', async (lab) => {
  const pair = await connected(lab.client, lab.server);
  await lab.client.do('send', pair.client, 40);
  await lab.drop();
  await lab.client.exit(); // its FIN gets lost
  await lab.server.do('linger', pair.server, 0);
  await lab.server.do('close', pair.server); // its reset, too
  await lab.pass(); // the FIN comes again, to nobody
  return ['client close reset_remote connection_reset 40/0', 'server close reset_local connection_reset 0/40'];
});

cause('no answer to the SYN: failed by timeout', async (lab, _, t) => {
  await lab.drop();
  const fd = await lab.client.socket();
  await lab.client.do('option', fd, ...option.synCount, 1);
  t.is(await lab.client.errno('connect', fd, '127.0.0.1', 9), ETIMEDOUT);
  return ['client failed timeout timed_out 0/0'];
});

cause('the listener has no room: failed by timeout, and no server end', async ({ client, server }, _, t) => {
  const listener = await server.listen('127.0.0.1', 0);
  const first = await client.connect('127.0.0.1', listener.port);
  const second = await client.socket();
  await client.do('option', second, ...option.userTimeout, 100);
  t.is(await client.errno('connect', second, '127.0.0.1', listener.port), ETIMEDOUT);
  await client.do('close', first);
  await theEnd(2); // of both, before the listener drops what it has not accepted
  await server.do('close', listener.fd);
  return ['client close fin_local - 0/0', 'client failed timeout timed_out 0/0', 'server close reset_local - 0/0'];
});

// ---------------------------------------------------------------- cancelled

/** A connect that goes on for as long as the test wants. */
async function connecting(lab: Lab): Promise<number> {
  await lab.drop();
  const fd = await lab.client.socket('127.0.0.1', { nonblocking: true });
  await lab.client.errno('connect', fd, '127.0.0.1', 9);
  return fd;
}

cause('a connect is given up by close: cancelled', async (lab) => {
  await lab.client.do('close', await connecting(lab));
  return ['client close cancelled - 0/0'];
});

cause('a connect is given up because the process is killed: cancelled', async (lab) => {
  await connecting(lab);
  await lab.client.kill();
  return ['client close cancelled - 0/0'];
});

cause('a connect is given up by shutdown: cancelled', async (lab) => {
  await lab.client.do('shutdown', await connecting(lab), SHUT_RDWR);
  return ['client close cancelled - 0/0'];
});

cause('a connect is given up by connect(AF_UNSPEC): cancelled', async (lab) => {
  await lab.client.do('disconnect', await connecting(lab));
  return ['client close cancelled - 0/0'];
});

cause('a fast-open connect is given up before it sends anything: cancelled', async (lab, address, t) => {
  await lab.sh('sysctl -q net.ipv4.tcp_fastopen=5'); // no cookie has to be asked for
  const listener = await lab.server.listen(address);
  const fd = await lab.client.socket(address);
  await lab.client.do('option', fd, ...option.fastOpenConnect, 1);
  await lab.client.do('connect', fd, address, listener.port);
  t.is(await lab.sh('ss -Htn state syn-sent | wc -l'), '1\n');
  await lab.client.do('close', fd);
  return ['client close cancelled - 0/0'];
});

nothingElse();
