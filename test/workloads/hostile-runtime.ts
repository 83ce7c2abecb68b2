/** hostile-runtime.ts SOCKET WAY: a container runtime of one of several bad kinds. Says `ready` when it listens. */
import { randomBytes } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { startRuntimeServer } from '../support/runtime-server.ts';

export type Way = keyof typeof overHttp | 'events without end over gRPC';

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n';
const [socket = '', way = 'hangs'] = process.argv.slice(2) as [string, Way];

const eventOf = (id: string, name: unknown = 'web') =>
  `${JSON.stringify({ Type: 'container', Action: 'start', Actor: { ID: id, Attributes: { name, image: 'x:1' } } })}\n`;
const events = Buffer.from(Array.from({ length: 500 }, (_, number) => eventOf(`${number}`.padStart(64, '0'))).join(''));
const lies = Buffer.from(
  [
    eventOf('a', { a: 1 }),
    eventOf('', 'x'),
    '{"Actor":null}\n{"Actor":{"ID":7,"Attributes":[]}}\n{}\n',
    eventOf('b'.repeat(70_000), 'n'.repeat(70_000)),
  ].join(''),
);

const overHttp = {
  hangs: () => undefined,
  'drips an event byte by byte': (client: Socket) => {
    client.write(HEAD);
    const text = eventOf('0'.repeat(64));
    let at = 0;
    const timer = setInterval(() => client.write(text[at++ % text.length] as string), 1);
    client.on('close', () => clearInterval(timer));
  },
  'floods with events': (client: Socket) => flood(client, HEAD, events),
  'floods with an answer without an end': (client: Socket) => flood(client, `${HEAD}[`, Buffer.alloc(65_536, '[],')),
  'lies in each event': (client: Socket) => flood(client, HEAD, lies),
  'speaks no HTTP': (client: Socket) => flood(client, '', randomBytes(65_536)),
  'hangs up in the middle': (client: Socket) => client.end(`HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{"Name":`),
} as const;

/** As fast as the other side takes it. */
function flood(client: Socket, head: string, content: Buffer): void {
  client.write(head);
  const more = () => {
    while (!client.destroyed && client.write(content));
    if (!client.destroyed) client.once('drain', more);
  };
  more();
}

if (way === 'events without end over gRPC') {
  const server = await startRuntimeServer(
    socket,
    { Version: () => ({ version: '1', runtime_name: 'x', runtime_version: '1', runtime_api_version: 'v1' }) },
    { own: false, cri: true },
  );
  const statuses = Array.from({ length: 50 }, (_, number) => ({ id: `${number}`, metadata: { name: 'web' } }));
  setInterval(() => {
    for (let count = 0; count < 20; count++)
      server.publishCri({ container_id: '7', container_event_type: 1, containers_statuses: statuses });
  }, 1);
  console.log('ready');
} else {
  const server = createServer((client) => {
    client.on('error', () => undefined);
    client.once('data', () => overHttp[way](client));
  });
  server.listen(socket, () => console.log('ready'));
}
