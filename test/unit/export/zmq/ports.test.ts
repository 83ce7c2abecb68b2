import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createPorts } from '../../../../src/export/zmq/ports.ts';
import { temporaryDirectory } from '../../../support/temporary.ts';

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';

function line(number: number, port: number, state: string, inode: number, remote = '00000000:0000'): string {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return `${`${number}`.padStart(4)}: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0000000000000000 100 0 0 10 0\n`;
}

interface FakeHost {
  readonly proc: string;
  readonly network: string;
  /** Of one of the files, without its head. */
  put(file: string, ...lines: readonly string[]): void;
  run(pid: number, exe: string, ...inodes: readonly number[]): void;
}

function fakeHost(t: ExecutionContext): FakeHost {
  const proc = temporaryDirectory(t);
  const network = join(proc, 'net');
  mkdirSync(network);
  return {
    proc,
    network,
    put: (file, ...lines) => writeFileSync(join(network, file), HEAD + lines.join('')),
    run(pid, exe, ...inodes) {
      mkdirSync(join(proc, `${pid}`, 'fd'), { recursive: true });
      symlinkSync(exe, join(proc, `${pid}`, 'exe'));
      symlinkSync('/dev/null', join(proc, `${pid}`, 'fd', '0'));
      for (const [index, inode] of inodes.entries())
        symlinkSync(`socket:[${inode}]`, join(proc, `${pid}`, 'fd', `${index + 3}`));
    },
  };
}

function readerOf({ proc, network }: FakeHost, addresses: readonly string[] = ['192.0.2.1']) {
  const read = createPorts({ proc, network, addresses: () => addresses });
  return async () => JSON.parse((await read())?.toString() ?? 'null');
}

test('ports and their programs, by protocol', async (t) => {
  const host = fakeHost(t);
  host.put('tcp', line(0, 22, '0A', 100), line(1, 8080, '0A', 101), line(2, 22, '01', 102, '0A00000A:D431'));
  host.put('tcp6', line(0, 443, '0A', 103));
  host.put('udp', line(7, 53, '07', 104), line(9, 40_000, '01', 105, '0808080A:0035'));
  host.run(10, '/usr/sbin/sshd', 100, 102);
  host.run(11, '/opt/web (deleted)', 103, 101);
  t.deepEqual(await readerOf(host)(), {
    'ip-addresses': ['192.0.2.1'],
    'listening-ports': {
      tcp4: [
        { port: 22, proc: '/usr/sbin/sshd', pkg: '' },
        { port: 8080, proc: '/opt/web', pkg: '' },
      ],
      tcp6: [{ port: 443, proc: '/opt/web', pkg: '' }],
      udp4: [{ port: 53, proc: '', pkg: '' }],
      udp6: [],
    },
  });
});

test("a port that is new is found, one that has gone is not told again, and its number is another one's", async (t) => {
  const host = fakeHost(t);
  const read = readerOf(host);
  host.put('tcp', line(0, 22, '0A', 100));
  host.run(10, '/usr/sbin/sshd', 100);
  t.is((await read())['listening-ports'].tcp4[0].proc, '/usr/sbin/sshd');
  host.put('tcp', line(0, 23, '0A', 200));
  host.run(11, '/usr/sbin/telnetd', 200);
  t.deepEqual((await read())['listening-ports'].tcp4, [{ port: 23, proc: '/usr/sbin/telnetd', pkg: '' }]);
});

test('connections behind the listeners are not read', async (t) => {
  const host = fakeHost(t);
  const connections = Array.from({ length: 5_000 }, (_, n) => line(n + 1, 22, '01', 1_000 + n, '0A00000A:D431'));
  host.put('tcp', line(0, 22, '0A', 100), ...connections, line(9_999, 9_999, '0A', 9));
  t.deepEqual((await readerOf(host)())['listening-ports'].tcp4, [{ port: 22, proc: '', pkg: '' }]);
});

test('more listeners than a read brings are all found', async (t) => {
  const host = fakeHost(t);
  host.put('tcp', ...Array.from({ length: 600 }, (_, n) => line(n, n + 1, '0A', n + 1)));
  t.is((await readerOf(host)())['listening-ports'].tcp4.length, 600);
});

test('more than a message can hold: the lowest ports', async (t) => {
  const host = fakeHost(t);
  host.put('udp', ...Array.from({ length: 20_000 }, (_, n) => line(n, 65_000 - n, '07', n + 1)));
  host.put('tcp', line(0, 22, '0A', 100_000));
  const read = createPorts({ ...host, addresses: () => ['192.0.2.1'] });
  const message = (await read()) as Buffer;
  t.true(message.length <= 30 * 1024);
  t.deepEqual(JSON.parse(message.toString())['listening-ports'].tcp4, [{ port: 22, proc: '', pkg: '' }]);
});

test('a host without an address has nothing to tell', async (t) => {
  t.is(await readerOf(fakeHost(t), [])(), null);
});
