/** Whose connection it is when sockets and programs change hands in ways that servers with workers do not: exec, dup, rings. */
import test, { type ExecutionContext } from 'ava';
import { attribute, ends, type JsonRecord, observe, withAgent } from '../support/agent.ts';
import { allEnded, type Lab, ofEnd, watching, withLab } from '../support/lab.ts';
import { withNamespace } from '../support/netns.ts';
import { connected, named, type Pair } from '../support/sockets.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { serialUnlessHidden } from '../support/unless-hidden.ts';
import { copyOf, runShortLived, startServer } from '../support/workload.ts';

const ENDS = ['--events', 'close,failed'];

/** The record of the server's end of a connection that `body` makes, uses and ends. */
async function servedBy(lab: Lab, body: () => Promise<number>): Promise<JsonRecord> {
  return withAgent(watching(lab.namespace, ...ENDS), async (agent) => {
    const port = await body();
    await lab.client.exit();
    await lab.server.exit();
    await allEnded(lab.namespace);
    const { records } = await agent.stop();
    const [end, ...more] = ofEnd(ends(records), 'server', port);
    if (!end || more.length > 0) throw new Error(`${1 + more.length} ends`);
    return end;
  });
}

/** A request of the client has come. */
async function requested(lab: Lab): Promise<Pair> {
  const pair = await connected(lab.client, lab.server);
  await lab.client.do('send', pair.client, 10);
  return pair;
}

function isOf(t: ExecutionContext, record: JsonRecord, pid: number, path: string): void {
  t.is(attribute(record, 'process.pid'), pid);
  t.is(attribute(record, 'process.executable.path'), path);
}

test.serial('a process accepts and becomes another program, which uses the socket: that program', async (t) => {
  await withLab(t, async (lab) => {
    const successor = named(t, 'sockets', 'lab-successor');
    const record = await servedBy(lab, async () => {
      const pair = await requested(lab);
      await lab.server.do('receive', pair.server, 5);
      await lab.server.do('keep', pair.server);
      await lab.server.do('exec', successor);
      await lab.server.do('receive', pair.server, 5);
      return pair.port;
    });
    isOf(t, record, lab.server.pid, successor);
  });
});

test.serial('the same, and the new program only closes: that one gave it up', async (t) => {
  await withLab(t, async (lab) => {
    const successor = named(t, 'sockets', 'lab-successor');
    const record = await servedBy(lab, async () => {
      const pair = await connected(lab.client, lab.server);
      await lab.server.do('keep', pair.server);
      await lab.server.do('exec', successor);
      await lab.server.do('close', pair.server);
      return pair.port;
    });
    isOf(t, record, lab.server.pid, successor);
  });
});

test.serial('a duplicate is inherited by a child, which uses it; the parent closes last: the child', async (t) => {
  await withLab(t, async (lab) => {
    let child = 0;
    const record = await servedBy(lab, async () => {
      const pair = await requested(lab);
      const duplicate = await lab.server.do('dup', pair.server);
      child = (await lab.server.ask('fork')).pid;
      await lab.server.do('close', pair.server);
      await lab.server.do('receive', duplicate, 10);
      await lab.server.exitChild();
      await lab.server.do('close', duplicate);
      await lab.server.do('close', pair.server);
      return pair.port;
    });
    t.not(child, lab.server.pid);
    isOf(t, record, child, lab.serverFile);
  });
});

test.serial('a thread that lives for one call uses it: its process', async (t) => {
  await withLab(t, async (lab) => {
    const record = await servedBy(lab, async () => {
      const pair = await requested(lab);
      await lab.server.do('thread', 'receive', pair.server, 10);
      await lab.server.do('thread', 'close', pair.server);
      return pair.port;
    });
    isOf(t, record, lab.server.pid, lab.serverFile);
  });
});

test.serial(
  'a child accepts, receives and sends through io_uring on the listener of its parent: the child',
  async (t) => {
    await withLab(t, async (lab) => {
      let child = 0;
      const record = await servedBy(lab, async () => {
        const listener = await lab.server.listen();
        const fd = await lab.client.connect('127.0.0.1', listener.port);
        await lab.client.do('send', fd, 10);
        child = (await lab.server.ask('fork')).pid;
        const accepted = await lab.server.do('ring', 'accept', listener.fd);
        t.is(await lab.server.do('ring', 'recv', accepted, 10), 10);
        t.is(await lab.server.do('ring', 'send', accepted, 10), 10);
        await lab.client.do('receive', fd, 10);
        await lab.server.exitChild();
        return listener.port;
      });
      isOf(t, record, child, lab.serverFile);
    });
  },
);

serialUnlessHidden(
  '5,000 short-lived processes of 25 programs in fast succession: none has the name of another',
  async (t) => {
    const directory = temporaryDirectory(t);
    const file = copyOf('short-lived', directory, 'spawner');
    const each = 200;
    const helpers = Array.from({ length: 25 }, (_, i) => copyOf('short-lived-helper', directory, `mayfly-${i}`));
    await withNamespace(async (namespace) => {
      const wanted = new Map<number, string>();
      const args = ['--network-namespace', `${namespace.inode}`, ...ENDS];
      const { ends: seen } = await observe(namespace, args, async () => {
        const server = await startServer(namespace, { mode: 'threads' });
        const spawn = async (helper: string) => {
          const { processes } = await runShortLived(namespace, { file, helper, port: server.port, processes: each });
          for (const { pid, bytes } of processes) wanted.set(pid, `${helper} ${bytes}`);
        };
        for (let i = 0; i < helpers.length; i += 5) await Promise.all(helpers.slice(i, i + 5).map(spawn));
        await server.stop();
        return 2 * each * helpers.length;
      });
      t.is(wanted.size, each * helpers.length, 'no pid came twice');
      const clients = seen.filter((record) => attribute(record, 'sockflow.connection.role') === 'client');
      t.is(clients.length, wanted.size);
      const wrong = clients.filter((record) => {
        const path = attribute(record, 'process.executable.path');
        const said = `${path} ${attribute(record, 'sockflow.connection.sent.bytes')}`;
        return said !== wanted.get(Number(attribute(record, 'process.pid')));
      });
      t.deepEqual(wrong.slice(0, 5), []);
    });
  },
);
