/**
 * A program that looks names up and dials addresses, one after the other as its stdin says: a JSON array a line, what came
 * of it as JSON on stdout. Run by node in the test's namespace.
 */
import { promises as dns } from 'node:dns';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const resolver = new dns.Resolver({ timeout: 3000, tries: 1 });

const calls: Readonly<Record<string, (...words: string[]) => unknown>> = {
  servers: (...servers) => resolver.setServers(servers),
  /** Addresses, or the error's code. */
  resolve: (name = '', type = 'A') => resolver.resolve(name, type).catch((error: { code: string }) => error.code),
  /** As programs do that know nothing of DNS: by the C library, which asks whom /etc/resolv.conf says. */
  lookup: (name = '') =>
    dns.lookup(name, { family: 4 }).then(
      ({ address }) => address,
      (error: { code: string }) => error.code,
    ),
  /** The local port of a connection that was made and closed. */
  dial: (address = '', port = '') => dial(address, Number(port)),
};

function dial(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port }, () => {
      const { localPort = 0 } = socket;
      socket.once('close', () => resolve(localPort));
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  const [call = '', ...words] = JSON.parse(line) as string[];
  console.log(JSON.stringify((await calls[call]?.(...words)) ?? null));
}
