/** Ends of connections in docs/outcomes.md: orderly ones and resets. */
import { difference, readCounters } from '../support/kernel-counters.ts';
import { both, cause, errno, nothingElse, theEnd } from '../support/outcomes.ts';
import { connected, READABLE } from '../support/sockets.ts';

const { ECONNRESET, EPIPE } = errno;
const SHUT_WR = 1;

// ---------------------------------------------------------------- orderly ends

cause(
  'the client closes first: fin_local for it, fin_remote for the server',
  async ({ client, server }, address) => {
    const pair = await connected(client, server, address);
    await client.do('send', pair.client, 10);
    await client.do('close', pair.client);
    await server.do('drain', pair.server);
    await server.do('close', pair.server);
    return ['client close fin_local - 10/0', 'server close fin_remote - 0/10'];
  },
  both,
);

cause(
  'the server closes first: fin_local for it, fin_remote for the client',
  async ({ client, server }, address) => {
    const pair = await connected(client, server, address);
    await server.do('send', pair.server, 10);
    await server.do('close', pair.server);
    await client.do('drain', pair.client);
    await client.do('close', pair.client);
    return ['client close fin_remote - 0/10', 'server close fin_local - 10/0'];
  },
  both,
);

cause('both close at once, their FINs crossing: fin_local for both', async (lab) => {
  const pair = await connected(lab.client, lab.server);
  await lab.drop();
  await lab.client.do('shutdown', pair.client, SHUT_WR);
  await lab.server.do('shutdown', pair.server, SHUT_WR);
  await lab.pass();
  await lab.client.do('drain', pair.client);
  await lab.server.do('drain', pair.server);
  return ['client close fin_local - 0/0', 'server close fin_local - 0/0'];
});

cause('one direction is closed and the other goes on: later data counts', async ({ client, server }) => {
  const pair = await connected(client, server);
  await client.do('send', pair.client, 100);
  await client.do('shutdown', pair.client, SHUT_WR);
  await server.do('drain', pair.server);
  await server.do('send', pair.server, 300_000);
  await server.do('close', pair.server);
  await client.do('drain', pair.client);
  await client.do('close', pair.client);
  return ['client close fin_local - 100/300000', 'server close fin_remote - 300000/100'];
});

cause('a process is killed with an open connection: its kernel closes for it', async ({ client, server }) => {
  const pair = await connected(client, server);
  await client.do('send', pair.client, 10);
  await client.kill();
  await server.do('drain', pair.server);
  await server.do('close', pair.server);
  return ['client close fin_local - 10/0', 'server close fin_remote - 0/10'];
});

cause('a server is killed before it used what it accepted: it is named all the same', async ({ client, server }) => {
  const pair = await connected(client, server);
  await server.kill();
  await client.do('drain', pair.client);
  await client.do('close', pair.client);
  return ['client close fin_remote - 0/0', 'server close fin_local - 0/0'];
});

// ---------------------------------------------------------------- resets

cause(
  'SO_LINGER 0: reset_local for who closes, reset_remote for its peer',
  async ({ client, server }, address, t) => {
    const pair = await connected(client, server, address);
    await client.do('send', pair.client, 700);
    await server.do('receive', pair.server, 700);
    await client.do('linger', pair.client, 0);
    await client.do('close', pair.client);
    t.is(await server.errno('receive', pair.server, 1), ECONNRESET);
    return ['client close reset_local connection_reset 700/0', 'server close reset_remote connection_reset 0/700'];
  },
  both,
);

cause('closed with unread data: reset_local for who closes, reset_remote for its peer', async (lab, _, t) => {
  const { client, server } = lab;
  const pair = await connected(client, server);
  await client.do('send', pair.client, 40);
  await server.do('receive', pair.server, 40);
  await server.do('send', pair.server, 3000);
  t.is((await client.do('poll', pair.client, READABLE)) & READABLE, READABLE);
  await client.do('close', pair.client);
  t.is(await server.errno('receive', pair.server, 1), ECONNRESET);
  return ['client close reset_local connection_reset 40/3000', 'server close reset_remote connection_reset 3000/40'];
});

cause('a process is killed with unread data: the same', async ({ client, server }) => {
  const pair = await connected(client, server);
  await server.do('send', pair.server, 30);
  await client.do('poll', pair.client, READABLE);
  await client.kill();
  return ['client close reset_local connection_reset 0/30', 'server close reset_remote connection_reset 30/0'];
});

cause('the peer answers with a reset after its FIN: reset_remote', async ({ client, server }, _, t) => {
  const pair = await connected(client, server);
  await client.do('close', pair.client);
  await server.do('send', pair.server, 10);
  t.is((await server.ask('send', pair.server, 1)).error, EPIPE);
  return ['client close fin_local - 0/0', 'server close reset_remote connection_reset 10/0'];
});

cause("dropped after the peer's FIN: reset_local, and nobody is hurt by it", async ({ client, server }) => {
  const pair = await connected(client, server);
  await client.do('send', pair.client, 20);
  await client.do('close', pair.client);
  await theEnd(); // of the client, once its FIN is acknowledged
  await server.do('close', pair.server); // 20 bytes are unread
  return ['client close fin_local - 20/0', 'server close reset_local - 0/20'];
});

cause('a listener closes with connections that nobody accepted: reset_local', async ({ client, server }, _, t) => {
  const listener = await server.listen();
  const fd = await client.connect('127.0.0.1', listener.port);
  await client.do('send', fd, 5);
  await server.do('close', listener.fd);
  t.is(await client.errno('receive', fd, 1), ECONNRESET);
  return ['client close reset_remote connection_reset 5/0', 'server close reset_local connection_reset 0/5'];
});

cause('disconnected by connect(AF_UNSPEC), then connected again: two connections', async ({ client, server }) => {
  const pair = await connected(client, server);
  await client.do('send', pair.client, 11);
  await server.do('receive', pair.server, 11);
  await client.do('disconnect', pair.client);
  await client.do('connect', pair.client, '127.0.0.1', pair.port);
  const second = await server.do('accept', pair.listener);
  await client.do('send', pair.client, 22);
  await client.do('close', pair.client);
  await server.do('drain', second);
  await server.do('close', second);
  return [
    'client close reset_local connection_reset 11/0',
    'server close reset_remote connection_reset 0/11',
    'client close fin_local - 22/0',
    'server close fin_remote - 0/22',
  ];
});

cause('a full queue that aborts on overflow: the client is reset, the server never knew', async (lab, _, t) => {
  const { client, server } = lab;
  await lab.sh('sysctl -q net.ipv4.tcp_abort_on_overflow=1');
  const { fd: listener, port } = await server.listen('127.0.0.1', 1);
  // The last ACK of this handshake comes when two others have taken the room.
  const late = await client.socket();
  await client.do('bind', late, '127.0.0.1', 0);
  await lab.drop(`tcp sport ${await client.do('local-port', late)} tcp flags '& (syn|ack) == ack'`);
  await client.do('connect', late, '127.0.0.1', port);
  const others = [await client.connect('127.0.0.1', port), await client.connect('127.0.0.1', port)];
  await lab.pass();
  const before = await readCounters(lab.namespace);
  await client.do('send', late, 2);
  t.is(await client.errno('receive', late, 1), ECONNRESET);
  t.is(difference(before, await readCounters(lab.namespace))['TcpExt.ListenOverflows'], 1);
  for (const fd of others) {
    await client.do('close', fd);
    await server.do('close', await server.do('accept', listener));
  }
  return [
    'client close reset_remote connection_reset 2/0',
    ...others.flatMap(() => ['client close fin_local - 0/0', 'server close fin_remote - 0/0']),
  ];
});

nothingElse();
